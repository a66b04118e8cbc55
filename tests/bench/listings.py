#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""What lists, metrics and small requests cost a hub that carries messages.

A crowd of idle clients, each in a channel of its own, and messages between a caller and a provider. Measured are the time
of each list and of /metrics, and the latency of the messages alone, beside lists, and beside small GETs; alone and
beside take turns, and medians are told, for a machine is never quite quiet. Its own load is told too: figures of a machine
that was busy with something else prove nothing.

    cmake --build build-bench --target commhub bench_tools
    tests/bench/listings.py build-bench/commhub                 10 000 clients, about 4 minutes
    tests/bench/listings.py build-bench/commhub --check         the same, and fails beyond the bounds below
    tests/bench/listings.py build-bench/commhub --clients 2000 --rounds 1 --seconds 2
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "bench-token-of-listings-0123456789"
READY_S = 120.0

# What must hold, of a machine that does nothing else.
LIST_MS = 100.0
METRICS_MS = 50.0
LIST_DELAY_US = 1000.0
GETS_RATIO = 1.10

UNDER_LOAD = 0.4  # of the messages that the hub carries beside nothing; more leaves two cores no room for what measures

LISTS = {
    "clients, first 1000": "/api/v1/clients?limit=1000",
    "clients, the 100 longest queues": "/api/v1/clients?sort=-queued_bytes&limit=100",
    "clients, last 100 by id": "/api/v1/clients?sort=-id&limit=100",
    "clients, by part of the id": "/api/v1/clients?id=zzz&limit=100",
    "channels, first 1000": "/api/v1/channels?limit=1000",
    "channels, the 100 with most members": "/api/v1/channels?sort=-n_members&limit=100",
    "channels, by part of the name": "/api/v1/channels?name=zzz&limit=100",
}
SMALL = ["/api/v1/links", "/api/v1/bridges", "/api/v1/hub", "/api/v1/clients?limit=1", "/api/v1/channels?limit=1"]


@dataclass
class Hub:
    program: Path
    pid: int
    unix: str
    port: int


class Interface:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> bytes:
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body[:300]!r}")
        return body

    def timed_ms(self, path: str) -> float:
        began = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self.connection.close()


# ---- the hub and its crowd ----


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def await_port(hub_log: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        for line in hub_log.read_text(errors="replace").splitlines():
            if "http://" in line:
                return int(line.split("http://", 1)[1].split("/")[0].split()[0].rsplit(":", 1)[1].rstrip(".,)"))
        time.sleep(0.05)
    raise SystemExit(f"the hub did not start:\n{hub_log.read_text(errors='replace')}")


@contextlib.contextmanager
def running_hub(program: Path, folder: Path) -> Iterator[Hub]:
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    unix = f"unix:{folder}/s.sock"
    log = folder / "hub.log"
    command = [program, "serve", "--data-dir", folder / "data", "--listen", unix]
    command += ["--mgmt", "127.0.0.1:0", "--admin-token-file", token]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Hub(program, process.pid, unix, await_port(log, process))
    finally:
        stop(process)


@contextlib.contextmanager
def crowd(hub: Hub, n: int) -> Iterator[None]:
    command = [hub.program, "bench", "idle", "--address", hub.unix, "--clients", str(n), "--open", "own"]
    process = subprocess.Popen(
        [*command, "--duration", "86400"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    interface = Interface(hub.port)
    try:
        until = time.monotonic() + READY_S
        while True:
            counts = json.loads(interface.get("/api/v1/hub"))["counts"]
            if counts["clients"] >= n and counts["channels"] >= n:
                break
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit(f"the crowd did not come: {counts}")
            time.sleep(0.1)
        yield
    finally:
        interface.close()
        stop(process)


# ---- what goes on beside the messages ----


@dataclass
class Asking:
    """What http_load found, once it has ended."""

    answers: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.answers["answers"] / self.answers["seconds"]


@contextlib.contextmanager
def asking(hub: Hub, options: argparse.Namespace, paths: list[str], n_connections: int, rate: int) -> Iterator[Asking]:
    """GETs at an even rate, one after the other on each connection."""
    command = [options.http_load, str(hub.port), TOKEN, str(n_connections), str(rate), *paths]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    found = Asking({})
    try:
        yield found
    finally:
        process.terminate()
        told, _ = process.communicate(timeout=60)
        if process.returncode != 0:
            raise SystemExit("the GETs failed")
        found.answers = json.loads(told)


def messages(hub: Hub, rate: int, seconds: float) -> dict[str, Any]:
    """Calls and answers; rate 0: as many as there come."""
    command = [hub.program, "bench", "rpc", "--address", hub.unix, "--hub-pid", str(hub.pid), "--json", "-"]
    command += ["--duration", str(seconds), "--warmup", "0.5", "--clients", "4", "--inflight", "16"]
    if rate:
        command += ["--rate", str(rate)]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


# ---- measuring ----


def idle_share(before: list[int], after: list[int]) -> float:
    spent = [b - a for a, b in zip(before, after, strict=True)]
    return (spent[3] + spent[4]) / max(1, sum(spent))


def processor_times() -> list[int]:
    with open("/proc/stat") as stat:
        return [int(word) for word in stat.readline().split()[1:9]]


def median_of(runs: list[dict[str, Any]], percentile: str) -> float:
    return statistics.median(run["latency_us"][percentile] for run in runs)


def compare(
    hub: Hub, rounds: int, rate: int, seconds: float, doing: Callable[[], Any]
) -> dict[str, Any]:
    alone, beside_it, asked, idle = [], [], [], []
    for _ in range(rounds):
        alone.append(messages(hub, rate, seconds))
        before = processor_times()
        with doing() as found:
            beside_it.append(messages(hub, rate, seconds))
        asked.append(found)
        idle.append(idle_share(before, processor_times()))
    return {
        "messages_per_second": [round(statistics.median(r["operations_per_second"] for r in runs)) for runs in (alone, beside_it)],
        "p50_us": [median_of(alone, "p50"), median_of(beside_it, "p50")],
        "p99_us": [median_of(alone, "p99"), median_of(beside_it, "p99")],
        "p99_of_each_round_us": [[r["latency_us"]["p99"] for r in runs] for runs in (alone, beside_it)],
        "hub_cores": [round(statistics.median(r["hub"]["cpu_cores"] for r in runs), 3) for runs in (alone, beside_it)],
        "asked_per_second": round(statistics.median(found.per_second for found in asked)),
        "asked_p50_us": round(statistics.median(found.answers["p50_us"] for found in asked)),
        "asked_p99_us": round(statistics.median(found.answers["p99_us"] for found in asked)),
        "idle_processors": round(statistics.median(idle), 3),
    }


def time_each(interface: Interface, rounds: int) -> dict[str, Any]:
    times: dict[str, Any] = {}
    for name, path in [*LISTS.items(), ("metrics", "/metrics")]:
        interface.get(path)
        found = []
        for _ in range(5 * rounds):
            time.sleep(0.12)  # /metrics keeps its figures for a tenth of a second
            found.append(interface.timed_ms(path))
        times[name] = {"median_ms": round(statistics.median(found), 2), "worst_ms": round(max(found), 2)}
    return times


def measure(hub: Hub, options: argparse.Namespace) -> dict[str, Any]:
    def lists() -> Any:
        return asking(hub, options, list(LISTS.values()), 1, options.lists)

    def gets() -> Any:
        return asking(hub, options, SMALL, 4, options.gets)

    interface = Interface(hub.port)
    quiet = time_each(interface, options.rounds)
    interface.close()
    top = statistics.median(messages(hub, 0, options.seconds)["operations_per_second"] for _ in range(3))
    much = round(top * UNDER_LOAD)
    return {
        "clients": options.clients,
        "machine": {"processors": os.cpu_count(), "load": os.getloadavg()},
        "times": quiet,
        "beside_lists": compare(hub, options.rounds, options.rate, options.seconds, lists),
        "beside_gets": compare(hub, options.rounds, options.rate, options.seconds, gets),
        "beside_gets_under_load": compare(hub, options.rounds, much, options.seconds, gets),
        "beside_gets_at_top": compare(hub, options.rounds, 0, options.seconds, gets),
    }


def faults_of(found: dict[str, Any]) -> list[str]:
    faults = []
    for name, took in found["times"].items():
        most = METRICS_MS if name == "metrics" else LIST_MS
        if took["median_ms"] >= most:
            faults.append(f"{name}: {took['median_ms']} ms, not under {most}")
    alone, beside_it = found["beside_lists"]["p99_us"]
    if beside_it - alone >= LIST_DELAY_US:
        faults.append(f"lists delay messages by {beside_it - alone:.0f} us at p99, not under {LIST_DELAY_US:.0f}")
    for load in ("beside_gets", "beside_gets_under_load"):
        alone, beside_it = found[load]["p50_us"]
        if beside_it > GETS_RATIO * alone:
            faults.append(f"{load}: p50 {beside_it:.1f} us, {beside_it / alone:.2f} of {alone:.1f}")
    return faults


def show(found: dict[str, Any]) -> None:
    machine = found["machine"]
    print(f"{found['clients']} clients, as many channels; {machine['processors']} processors, load {machine['load'][0]:.1f}")
    for name, took in found["times"].items():
        print(f"  {name:36} {took['median_ms']:8.2f} ms  worst {took['worst_ms']:8.2f}")
    for load in ("beside_lists", "beside_gets", "beside_gets_under_load", "beside_gets_at_top"):
        it = found[load]
        print(
            f"  {load:22} {it['asked_per_second']:6} a second, p50 {it['asked_p50_us']} p99 {it['asked_p99_us']} us; messages {it['messages_per_second'][0]} -> "
            f"{it['messages_per_second'][1]} a second, p50 {it['p50_us'][0]:.0f} -> {it['p50_us'][1]:.0f} us "
            f"(x{it['p50_us'][1] / it['p50_us'][0]:.2f}), p99 {it['p99_us'][0]:.0f} -> {it['p99_us'][1]:.0f} us; hub "
            f"{it['hub_cores'][0]} -> {it['hub_cores'][1]} cores, {100 * it['idle_processors']:.0f} % of the machine idle"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--rate", type=int, default=10000, help="messages a second where it is not full load")
    parser.add_argument("--lists", type=int, default=10, help="lists a second")
    parser.add_argument("--gets", type=int, default=2000, help="small GETs a second")
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write what was found there too")
    parser.add_argument("--check", action="store_true", help="fail where a bound does not hold")
    parser.add_argument("--http-load", type=Path, help="what asks (default: tests/bench/http_load beside the program)")
    options = parser.parse_args()
    options.http_load = options.http_load or options.program.resolve().parent / "tests/bench/http_load"
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="commhub-listings-") as folder:
        with running_hub(options.program.resolve(), Path(folder)) as hub, crowd(hub, options.clients):
            found = measure(hub, options)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    faults = faults_of(found)
    for fault in faults:
        print(f"  beyond its bound: {fault}")
    return 1 if options.check and faults else 0


if __name__ == "__main__":
    sys.exit(main())
