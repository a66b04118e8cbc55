#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs CommHub, the Python hub, nats-server, redis-server, mosquitto and a bare relay in turn on one work.

Measures the server's processor time for each operation, throughput, the latency of a single call, and memory
of idle connections, and writes the tables into docs/performance.md between its marks.

    deploy/packages.sh build bench
    tests/bench/compare.py --write

Builds the hub and the loads in release mode first, into build-bench/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from systems import System, all_systems  # noqa: E402

DOCUMENT = ROOT / "docs/performance.md"
BEGIN = "<!-- compare.py writes from here -->"
END = "<!-- compare.py writes to here -->"
PYTHON_RELEASE = "0.1.15"
IDLE_CONNECTIONS = 10000
IDLE_CONNECTIONS_SLOW = 1000

Result = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """One line of the tables. `fanout` is pubsub, or broadcast where a server has nothing else."""

    name: str
    mode: str
    arguments: tuple[str, ...]
    target_us: float | None = None
    only_commipc: bool = False


WORKS = [
    Work("call, 16 B", "rpc", ("--payload", "16"), 2.5),
    Work("call, 16 B, lean envelope", "rpc", ("--payload", "16", "--envelope", "lean"), None, True),
    Work("call, 1 KiB", "rpc", ("--payload", "1024"), 4.0),
    Work("delivery to 1, 16 B", "fanout", ("--payload", "16"), 1.3),
    Work("delivery to 1, 1 KiB", "fanout", ("--payload", "1024")),
    Work("delivery to 100, 16 B", "fanout", ("--payload", "16", "--clients", "100"), 0.15),
    Work("delivery to 100, 1 KiB", "fanout", ("--payload", "1024", "--clients", "100"), 0.40),
    Work("broadcast to 100, 16 B", "broadcast", ("--payload", "16", "--clients", "100"), None, True),
    Work("stream chunk, 16 B", "stream", ("--payload", "16"), 1.3),
    Work(
        "stream chunk, 16 B, lean envelope", "stream", ("--payload", "16", "--envelope", "lean"), None, True
    ),
    Work("stream chunk, 1 KiB", "stream", ("--payload", "1024")),
]
SINGLE_CALL = Work("one call at a time, 16 B", "rpc", ("--payload", "16", "--inflight", "1"))
IDLE = Work("idle connection", "idle", ())


def run_load(
    system: System, work: Work, core: int, pid: int, address: str, seconds: float, warmup: float
) -> Result:
    mode = system.fanout if work.mode == "fanout" else work.mode
    command = ["taskset", "-c", str(core), *system.load, mode, "--address", address, *work.arguments]
    command += ["--hub-pid", str(pid), "--duration", str(seconds), "--warmup", str(warmup), "--json", "-"]
    if mode == "broadcast" and work.mode == "fanout":
        command += ["--envelope", "lean"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{system.name}, {work.name}: {done.stderr.strip()}")
    result: Result = json.loads(done.stdout)
    return result


def measure_once(system: System, options: argparse.Namespace, cores: tuple[int, int]) -> dict[str, Result]:
    """One run of each work on one fresh server, by the name of the work."""
    results: dict[str, Result] = {}
    with system.running(cores[0]) as (pid, address):
        for work in WORKS:
            if work.mode in system.lacks or (work.only_commipc and "broadcast" in system.lacks):
                continue
            results[work.name] = run_load(
                system, work, cores[1], pid, address, options.seconds, options.seconds / 4
            )
        if "rpc" not in system.lacks:
            # Server and load on one core, so that no wake-up of another core is measured.
            results[SINGLE_CALL.name] = run_load(
                system, SINGLE_CALL, cores[0], pid, address, options.seconds, options.seconds / 4
            )
    return results


def measure_idle(system: System, cores: tuple[int, int]) -> Result:
    with system.running(cores[0]) as (pid, address):
        count = IDLE_CONNECTIONS_SLOW if system.is_slow else IDLE_CONNECTIONS
        work = Work(IDLE.name, IDLE.mode, ("--clients", str(count)))
        return run_load(system, work, cores[1], pid, address, 1.0, 0.0)


def better(work: str, one: Result | None, other: Result) -> Result:
    """The run that cost the server less, or was quicker, with the higher rate of both.

    What else the machine does can only make a run worse.
    """

    def cost(run: Result) -> float:
        return float(
            run["latency_us"]["p50"] if work == SINGLE_CALL.name else run["hub"]["cpu_us_per_operation"]
        )

    if one is None:
        return other
    rate = max(run["operations_per_second"] for run in (one, other))
    return (other if cost(other) < cost(one) else one) | {"operations_per_second": rate}


def show(results: dict[str, Result]) -> None:
    for name, run in results.items():
        if run["mode"] == "idle":
            print(f"  {name:36} {run['hub']['resident_bytes_per_connection']:9.0f} bytes", flush=True)
            continue
        cost, rate = run["hub"]["cpu_us_per_operation"], run["operations_per_second"]
        print(
            f"  {name:36} {cost:9.3f} us {rate:12.0f} /s  p50 {run['latency_us']['p50']:.1f} us", flush=True
        )


# --- the document ---


def number(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: list[str], lines: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
        *("| " + " | ".join(line) + " |" for line in lines),
    ]


def cost_of(results: dict[str, dict[str, Result]], system: str, work: str) -> float | None:
    result = results.get(system, {}).get(work)
    return None if result is None else float(result["hub"]["cpu_us_per_operation"])


def cost_table(results: dict[str, dict[str, Result]]) -> list[str]:
    lines = []
    for work in WORKS:
        costs = [number(cost_of(results, system, work.name)) for system in results]
        lines.append([work.name, number(work.target_us), *costs])
    return table(["server CPU, µs an operation", "target", *results], lines)


def ratio_table(results: dict[str, dict[str, Result]]) -> list[str]:
    others = [name for name in results if not name.startswith("CommHub")]
    lines = []
    for work in WORKS:
        own = cost_of(results, "CommHub", work.name)
        if own is None:
            continue
        costs = [cost_of(results, other, work.name) for other in others]
        lines.append([work.name, *(number(None if cost is None else cost / own) for cost in costs)])
    return table(["server CPU, CommHub = 1", *others], lines)


def rate_table(results: dict[str, dict[str, Result]]) -> list[str]:
    lines = []
    for work in WORKS:
        found = [results[system].get(work.name) for system in results]
        lines.append(
            [work.name, *("" if run is None else number(run["operations_per_second"] / 1e3) for run in found)]
        )
    return table(["thousand operations a second", *results], lines)


def latency_table(results: dict[str, dict[str, Result]]) -> list[str]:
    measured = [name for name in results if SINGLE_CALL.name in results[name]]
    lines = []
    for percentile in ("p50", "p99"):
        latencies = [results[name][SINGLE_CALL.name]["latency_us"][percentile] for name in measured]
        lines.append([f"{percentile}, µs", *(number(latency) for latency in latencies)])
    ratios = []
    for name in measured:
        floor = results.get("relay, unix" if name.endswith("unix") else "relay", {}).get(SINGLE_CALL.name)
        own = results[name][SINGLE_CALL.name]["latency_us"]["p50"]
        ratios.append("" if floor is None else number(own / floor["latency_us"]["p50"]))
    lines.append(["p50, relay = 1", *ratios])
    return table([SINGLE_CALL.name, *measured], lines)


def memory_table(results: dict[str, dict[str, Result]]) -> list[str]:
    measured = {name: results[name][IDLE.name] for name in results if IDLE.name in results[name]}
    lines = [
        ["connections", *(str(run["connections"]) for run in measured.values())],
        ["bytes each", *(number(run["hub"]["resident_bytes_per_connection"]) for run in measured.values())],
        [
            "of them anonymous",
            *(number(run["hub"]["anonymous_bytes_per_connection"]) for run in measured.values()),
        ],
    ]
    return table(["resident memory, idle connections", *measured], lines)


def machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    kernel = ".".join(platform.release().split(".")[:2])
    virtual = subprocess.run(
        ["systemd-detect-virt", "--vm"], capture_output=True, text=True, check=False
    ).stdout.strip()
    kind = f", virtual machine ({virtual})" if virtual and virtual != "none" else ""
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB{kind}; {system}, Linux {kernel}"


def versions() -> str:
    found = []
    for package in ("nats-server", "redis-server", "mosquitto"):
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            found.append(f"{package} {done.stdout.strip()}")
    return ", ".join([*found, f"comm-ipc {PYTHON_RELEASE} on Python {platform.python_version()}"])


def generator_share(results: dict[str, dict[str, Result]]) -> str:
    shares = [
        result["generator"]["cpu_us_per_operation"] / result["hub"]["cpu_us_per_operation"]
        for result in results.get("CommHub", {}).values()
        if result["mode"] != "idle" and result["hub"]["cpu_us_per_operation"] > 0
    ]
    return f"{statistics.median(shares):.2f}" if shares else "not measured"


def section(run: dict[str, Any]) -> str:
    results: dict[str, dict[str, Result]] = run["results"]
    parts = [
        f"Machine: {machine()}.",
        "",
        f"Compared: {versions()}.",
        "",
        f"Load average of the machine over a quarter of an hour: {run['load_average']:.1f}. The comparison "
        "alone makes at most 2; with more, the figures are worse and less even than on a quiet machine.",
        "",
        f"Each figure is the best of {run['rounds']} runs of {run['seconds']:g} s. The load generator used "
        f"{generator_share(results)} of the processor time that CommHub used (median of the lines).",
        "",
        *cost_table(results),
        "",
        *ratio_table(results),
        "",
        *rate_table(results),
        "",
        *latency_table(results),
        "",
        *memory_table(results),
    ]
    return "\n".join(parts)


def write_document(text: str) -> None:
    document = DOCUMENT.read_text()
    if BEGIN not in document or END not in document:
        raise SystemExit(f"{DOCUMENT} lacks the marks between which the tables stand")
    before = document.partition(BEGIN)[0]
    after = document.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


# --- the run ---


def build(folder: Path) -> None:
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run([*configure, "-DCOMMHUB_WEBUI=OFF"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder), "--target", "commhub", "bench_tools"], check=True)


def reference_python() -> Path:
    """The interpreter of the interop tests' environment, or of one made here."""
    cache = Path.home() / ".cache"
    named = (
        Path(os.environ.get("COMMHUB_VENVS", "") or cache / "commhub-tests") / f"comm-ipc-{PYTHON_RELEASE}"
    )
    if (named / "bin/python").exists():
        return named / "bin/python"
    folder = cache / "commhub-bench" / f"comm-ipc-{PYTHON_RELEASE}"
    if not (folder / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"comm-ipc[fastapi]=={PYTHON_RELEASE}"], check=True)
    return folder / "bin/python"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--json", type=Path, help="all results, as the loads gave them")
    parser.add_argument("--from-json", type=Path, help="only make the tables of what --json stored")
    parser.add_argument("--hub", type=Path, help="the commhub program, instead of building it")
    parser.add_argument("--tools", type=Path, help="the folder of relay and loads, instead of building them")
    parser.add_argument("--build", type=Path, default=ROOT / "build-bench")
    parser.add_argument(
        "--only", action="append", default=[], help="systems whose name begins so; repeatable"
    )
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()

    # Ended like this, the server that runs just now is stopped too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if options.from_json:
        run = json.loads(options.from_json.read_text())
    else:
        run = {"results": compare(options), "seconds": options.seconds, "rounds": options.repeat}
        run["load_average"] = os.getloadavg()[2]
    if options.json:
        options.json.write_text(json.dumps(run, indent=1))
    text = section(run)
    if options.write:
        write_document(text)
    else:
        print(text)
    return 0


def compare(options: argparse.Namespace) -> dict[str, dict[str, Result]]:
    if not options.hub or not options.tools:
        build(options.build)
    hub = (options.hub or options.build / "commhub").resolve()
    tools = (options.tools or options.build / "tests/bench").resolve()
    usable = sorted(os.sched_getaffinity(0))
    cores = (usable[0], usable[-1])
    systems = [
        system
        for system in all_systems(hub, tools, reference_python())
        if not options.only or any(system.name.startswith(name) for name in options.only)
    ]
    for system in systems:
        if not system.is_installed():
            raise SystemExit(f"{system.name} is not installed: run deploy/packages.sh build bench")
    results: dict[str, dict[str, Result]] = {system.name: {} for system in systems}
    # Round by round, not system by system: a busy minute of the machine then spoils one run of each.
    for round_number in range(1, options.repeat + 1):
        for system in systems:
            print(f"round {round_number}: {system.name}", flush=True)
            found = results[system.name]
            for name, run in measure_once(system, options, cores).items():
                found[name] = better(name, found.get(name), run)
            if round_number == 1 and "idle" not in system.lacks:
                found[IDLE.name] = measure_idle(system, cores)
            if round_number == options.repeat:
                show(found)
    return results


if __name__ == "__main__":
    sys.exit(main())
