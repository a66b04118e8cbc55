#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""What one more hub costs a message, what a link carries, and what durable topics cost.

Three hubs in a row. The callers and publishers of `commhub bench` are at the first; their providers and subscribers at the
first too (a local delivery), at the second (one hop) or at the third (two). Told is the processor time of all these hubs,
for each operation that arrived, as medians of rounds in which the three take turns: what the machine does besides hits them
alike. "A hop" is what one more hub adds, divided by what the local delivery costs its hub.

The hubs share one core and the load has another one; for the rates of a link its two hubs have a core each.

    tests/bench/hops.py build/commhub                       over TCP on loopback, about 3 minutes
    tests/bench/hops.py build/commhub --transport unix
    tests/bench/hops.py build/commhub --check               the same, and fails beyond the bound below
    tests/bench/hops.py build/commhub --rounds 1 --count 200 --backlog 100        every load once, and no figures worth the name
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_S = 60.0
N_HUBS = 3

# What must hold: one more hub costs no more than so many local deliveries.
HOP_RATIO = 1.5

TOPIC = "ticks"  # the bench's

BACKLOG_PER_S = 10_000  # so many are on disk after a second, whatever the machine does besides


@dataclass(frozen=True)
class Load:
    name: str
    mode: str
    payload: int

    def arguments(self) -> list[str]:
        return [self.mode, "--payload", str(self.payload)]


LOADS = [
    Load(f"{what}, {size}", mode, payload)
    for what, mode in (("call", "rpc"), ("stream chunk", "stream"), ("publish", "pubsub"), ("broadcast", "broadcast"))
    for size, payload in (("100 B", 100), ("4 KiB", 4096))
]
LINK_LOADS = [load for load in LOADS if load.payload == 100 and load.mode != "rpc"]


@dataclass
class Hub:
    process: subprocess.Popen[bytes]
    address: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def place(self, cores: set[int]) -> None:
        """All of its threads."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), cores)


# ---- hubs in a row ----


def ready_address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        ready = re.search(r"^ready (\S+)\n", (folder / "out").read_text(), re.MULTILINE)
        if ready:
            return ready[1]
        time.sleep(0.02)
    raise SystemExit(f"a hub did not start:\n{(folder / 'log').read_text(errors='replace')}")


def start_hub(options: argparse.Namespace, folder: Path, onward: dict[str, Any] | None) -> Hub:
    folder.mkdir()
    secret = folder / "link-secret"
    secret.write_text("the secret of a bench's links")
    secret.chmod(0o600)
    definitions = folder / "definitions.json"
    bridges = {"onward": onward | {"secret": {"file": str(secret)}}} if onward else {}
    definitions.write_text(json.dumps({"version": 1, "bridges": bridges}))
    listen = f"unix:{folder}/s.sock" if options.transport == "unix" else "tcp://127.0.0.1:0"
    command = [options.program, "serve", "--data-dir", folder / "data", "--listen", listen, "--mgmt", "off"]
    command += ["--server-id", folder.name, "--link-secret-file", secret, "--definitions", definitions]
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
    try:
        return Hub(process, ready_address(folder, process))
    except BaseException:
        process.kill()
        raise


@contextlib.contextmanager
def row_of_hubs(options: argparse.Namespace, folder: Path, n: int, bridge: dict[str, Any]) -> Iterator[list[Hub]]:
    """Each dials the next one."""
    hubs: list[Hub] = []
    try:
        onward = None
        for i in reversed(range(n)):
            hubs.insert(0, start_hub(options, folder / f"hub-{i + 1}", onward))
            onward = {"address": hubs[0].address} | bridge
        yield hubs
    finally:
        for hub in hubs:
            hub.process.terminate()
        for hub in hubs:
            try:
                hub.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                hub.process.kill()
                hub.process.wait()


# ---- measuring ----


def run(options: argparse.Namespace, load: Load, hubs: list[Hub], cores: set[int], inflight: int) -> dict[str, Any]:
    """From the first of the hubs to the last."""
    command = [options.program, "bench", *load.arguments(), "--address", hubs[0].address, "--inflight", str(inflight)]
    if len(hubs) > 1:
        command += ["--far-address", hubs[-1].address]
    for hub in hubs:
        command += ["--hub-pid", str(hub.pid)]
    command += ["--json", "-", "--warmup", str(0 if options.count else options.seconds / 4)]
    command += ["--count", str(options.count)] if options.count else ["--duration", str(options.seconds)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if done.returncode != 0:
        raise SystemExit(f"{load.name} over {len(hubs) - 1} links: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    each = zip(*([hub["cpu_us_per_operation"] for hub in one["each_hub"]] for one in runs), strict=True)
    return {
        "cpu_us": round(statistics.median(one["hub"]["cpu_us_per_operation"] for one in runs), 3),
        "each_cpu_us": [round(statistics.median(of_hub), 3) for of_hub in each],
        "per_second": round(statistics.median(one["operations_per_second"] for one in runs)),
        "p50_us": round(statistics.median(one["latency_us"]["p50"] for one in runs), 1),
        "p99_us": round(statistics.median(one["latency_us"]["p99"] for one in runs), 1),
    }


def ratio_of(paths: list[dict[str, Any]], n_hops: int) -> float:
    """What the last hub of so many hops adds, in local deliveries."""
    added = paths[n_hops]["cpu_us"] - paths[n_hops - 1]["cpu_us"]
    return round(added / paths[0]["cpu_us"], 2)


def measure_hops(options: argparse.Namespace, hubs: list[Hub], hub_core: int, load_core: int) -> dict[str, Any]:
    for hub in hubs:
        hub.place({hub_core})
    found: dict[str, list[list[dict[str, Any]]]] = {load.name: [[] for _ in hubs] for load in LOADS}
    for _ in range(options.rounds):
        for load in LOADS:
            for n_hops in range(len(hubs)):
                found[load.name][n_hops].append(
                    run(options, load, hubs[: n_hops + 1], {load_core}, options.inflight)
                )
    hops = {}
    for name, runs in found.items():
        paths = [medians(of_path) for of_path in runs]
        hops[name] = {"paths": paths, "ratios": [ratio_of(paths, n) for n in range(1, len(paths))]}
    return hops


def measure_link(options: argparse.Namespace, hubs: list[Hub], cores: list[int]) -> dict[str, Any]:
    """The first two hubs have a core each, and the load what is left of both."""
    for i, hub in enumerate(hubs):
        hub.place({cores[i % 2]})
    found: dict[str, list[dict[str, Any]]] = {load.name: [] for load in LINK_LOADS}
    for _ in range(options.rounds):
        for load in LINK_LOADS:
            found[load.name].append(run(options, load, hubs[:2], set(cores), options.link_inflight))
    return {name: medians(runs) for name, runs in found.items()}


def measure_durable(options: argparse.Namespace, folder: Path, cores: list[int]) -> dict[str, Any]:
    load = Load("publish, 100 B", "pubsub", 100)
    live, durable = [], []
    with (
        row_of_hubs(options, folder / "live", 2, {}) as plain,
        row_of_hubs(options, folder / "durable", 2, {"durable": {"topics": [TOPIC]}}) as spooling,
    ):
        for _ in range(options.rounds):
            live.append(run(options, load, plain, set(cores), options.durable_inflight))
            durable.append(run(options, load, spooling, set(cores), options.durable_inflight))
    return {"live": medians(live), "durable": medians(durable)}


class Talker:
    """A client of strings alone, for what the bench program has no load for."""

    def __init__(self, hub: Hub, name: str) -> None:
        scheme, _, place = hub.address.partition(":")
        host, _, port = place.lstrip("/").partition(":")
        self.socket = socket.socket(socket.AF_UNIX if scheme == "unix" else socket.AF_INET)
        self.socket.connect(place if scheme == "unix" else (host, int(port)))
        self.rest = b""
        self.say({"type": "identify", "client_id": name})

    @staticmethod
    def frame(message: dict[str, str]) -> bytes:
        texts = [text.encode() for pair in message.items() for text in pair]
        body = bytes([0x80 | len(message)]) + b"".join(bytes([0xD9, len(text)]) + text for text in texts)
        return len(body).to_bytes(4, "big") + body

    def say(self, message: dict[str, str]) -> None:
        """And waits until the hub has worked it off."""
        self.socket.sendall(self.frame(message) + self.frame({"type": "ping"}))
        while not any(b"pong" in body for body in self.hear()):
            pass

    def hear(self) -> list[bytes]:
        """The bodies of the frames that have come, at least a part of one."""
        more = self.socket.recv(1 << 20)
        if not more:
            raise SystemExit("a hub has ended a connection")
        self.rest += more
        bodies, at = [], 0
        while len(self.rest) >= at + 4 and len(self.rest) >= (end := at + 4 + int.from_bytes(self.rest[at : at + 4], "big")):
            bodies.append(self.rest[at + 4 : end])
            at = end
        self.rest = self.rest[at:]
        return bodies

    def has_news(self, timeout_s: float) -> bool:
        return bool(select.select([self.socket], [], [], timeout_s)[0])


def measure_backlog(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """How quickly a spool empties: the far hub stands still while messages of 100 B are stored for it."""
    n = options.backlog
    topic = {"channel": "bench", "sub_name": TOPIC}
    with row_of_hubs(options, folder, 2, {"durable": {"topics": [TOPIC]}}) as (near, far):
        subscriber, publisher = Talker(far, "subscriber"), Talker(near, "publisher")
        subscriber.say({"type": "subscribe"} | topic)
        publisher.say({"type": "add_subscription"} | topic)
        publish = {"type": "publish"} | topic | {"data": "x" * 100}
        while not subscriber.has_news(0.1):
            publisher.say(publish)
        while subscriber.has_news(0.3):
            subscriber.hear()
        far.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        publisher.socket.sendall(publisher.frame(publish) * (n - 1))
        publisher.say(publish)
        told_s = time.monotonic() - began
        time.sleep(n / BACKLOG_PER_S)
        far.process.send_signal(signal.SIGCONT)
        resumed, first, heard = time.monotonic(), 0.0, 0
        while heard < n:
            heard += sum(b"xxx" in body for body in subscriber.hear())
            first = first or time.monotonic()
        last = time.monotonic()
    return {
        "messages": n,
        "told_s": round(told_s, 2),
        "first_after_s": round(first - resumed, 2),
        "all_after_s": round(last - resumed, 2),
        "per_second": round(n / (last - first)),
    }


# ---- telling ----


def show_hops(hops: dict[str, Any]) -> None:
    print("\n| hub CPU, µs an operation | local | one hop | two hops | hub between | first hop | second hop |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, it in hops.items():
        costs = [f"{path['cpu_us']:.2f}" for path in it["paths"]]
        ratios = [f"{ratio:.2f}" for ratio in it["ratios"]]
        print("| " + " | ".join([name, *costs, f"{it['paths'][2]['each_cpu_us'][1]:.2f}", *ratios]) + " |")


def show_rates(title: str, rates: dict[str, Any]) -> None:
    print(f"\n| {title} | thousand a second | first hub, µs | second hub, µs | a core's worth, thousand a second |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, it in rates.items():
        first, second = it["each_cpu_us"]
        print(
            f"| {name} | {it['per_second'] / 1000:.0f} | {first:.2f} | {second:.2f} | {1000 / max(first, second):.0f} |"
        )


def show_backlog(it: dict[str, Any]) -> None:
    print(
        f"\nan outage: {it['messages']} messages brought in {it['told_s']} s; when it is over, the first is there "
        f"after {it['first_after_s']} s and all after {it['all_after_s']} s: {it['per_second'] / 1000:.0f} thousand a second"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--transport", choices=["tcp", "unix"], default="tcp")
    parser.add_argument("--only", choices=["hops", "link", "durable"], help="one of the three parts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each run")
    parser.add_argument("--count", type=int, help="operations of each run, in place of seconds")
    parser.add_argument("--inflight", type=int, default=64, help="operations under way at once")
    parser.add_argument("--link-inflight", type=int, default=1024, help="the same where a link's rate is measured")
    parser.add_argument("--durable-inflight", type=int, default=4096, help="the same with durable topics")
    parser.add_argument("--backlog", type=int, default=100_000, help="messages that wait for the end of an outage")
    parser.add_argument("--json", type=Path, help="write what was found there too")
    parser.add_argument("--check", action="store_true", help="fail where the bound does not hold")
    options = parser.parse_args()
    options.program = options.program.resolve()
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, Any] = {"transport": options.transport, "processors": len(cores)}
    with tempfile.TemporaryDirectory(prefix="commhub-hops-") as name:
        folder = Path(name)
        for part in ("row", "live", "durable", "backlog"):
            (folder / part).mkdir()
        if options.only != "durable":
            with row_of_hubs(options, folder / "row", N_HUBS, {}) as hubs:
                if options.only != "link":
                    found["hops"] = measure_hops(options, hubs, cores[0], cores[-1])
                if options.only != "hops":
                    found["link"] = measure_link(options, hubs, [cores[0], cores[-1]])
        if options.only in (None, "durable"):
            found["durable"] = measure_durable(options, folder, [cores[0], cores[-1]])
            found["backlog"] = measure_backlog(options, folder / "backlog")
    found["load"] = os.getloadavg()[0]
    print(f"{options.transport}, {len(cores)} processors, load {found['load']:.1f}, medians of {options.rounds} rounds")
    if "hops" in found:
        show_hops(found["hops"])
    if "link" in found:
        show_rates("a link, a core for each hub", found["link"])
    if "durable" in found:
        show_rates("a topic over a link", found["durable"])
        show_backlog(found["backlog"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    faults = [
        f"{name}: hop {n + 1} costs {ratio} local deliveries, not at most {HOP_RATIO}"
        for name, it in found.get("hops", {}).items()
        for n, ratio in enumerate(it["ratios"])
        if ratio > HOP_RATIO
    ]
    for fault in faults:
        print(f"  beyond its bound: {fault}")
    return 1 if options.check and faults else 0


if __name__ == "__main__":
    sys.exit(main())
