#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tries deploy/quickstart.sh as a user would: starts it, asks the hubs who they are, stops it, looks what is left.

With --tree it builds in that (fresh) tree, starts one hub and runs the README's example with each --python; with --binary it starts that program and goes through
a mesh of three, a second start on the same data, a taken port and a hub that dies.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 60
STOP_S = 10
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """What a user would complain about."""


def expect(holds: object, complaint: str) -> None:
    if not holds:
        raise Failure(complaint)


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports that nobody listens on."""
    for first in range(21000 + os.getpid() % 5000, 32000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, candidate in enumerate(sockets):
                candidate.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for candidate in sockets:
                candidate.close()
    raise Failure("no free ports")


class Quickstart:
    """One run of the script in a session of its own, so that its signals reach nobody else."""

    def __init__(self, tree: Path, folder: Path, *options: str, hubs: int = 1) -> None:
        self.hubs = hubs
        self.port = free_ports(2 * hubs)
        self.hub_port = self.port + hubs
        self.output = folder / "quickstart.out"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COMMHUB_")}
        command = [str(tree / "deploy/quickstart.sh"), "--port", str(self.port), "--hub-port", str(self.hub_port)]
        command += ["--data-dir", str(folder / "data"), "--mesh", str(hubs), *options]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=environment
            )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def await_running(self, timeout_s: float) -> float:
        started = time.monotonic()
        while "Running." not in self.said():
            expect(self.process.poll() is None, f"quickstart ended early with {self.process.returncode}")
            expect(time.monotonic() - started < timeout_s, f"quickstart was not ready after {timeout_s} s")
            time.sleep(0.05)
        return time.monotonic() - started

    def tokens(self) -> list[str]:
        return re.findall(r"^  token +(\S+)$", self.said(), re.MULTILINE)

    def get(self, hub: int, path: str, token: str | None) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port + hub}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with OPENER.open(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()

    def members(self) -> list[int]:
        """Processes of this run's session that still run."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(entry.name))
        return found

    def stop(self, number: signal.Signals) -> None:
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired as slow:
            raise Failure(f"still running {STOP_S} s after {number.name}") from slow
        expect(status == 0, f"{number.name} ended it with {status} after {time.monotonic() - started:.1f} s")
        expect(not self.members(), f"processes are left running: {self.members()}")
        for offset in range(self.hubs):
            for port in (self.port + offset, self.hub_port + offset):
                with socket.socket() as probe:
                    expect(probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} is still served")

    def clean_up(self) -> None:
        for pid in self.members():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def check_hub(run: Quickstart, hub: int, token: str) -> None:
    status, body = run.get(hub, "/api/v1/hub", token)
    expect(status == 200, f"GET /api/v1/hub: {status} {body[:200]!r}")
    expect(json.loads(body)["server_id"] == f"hub{hub + 1}", f"GET /api/v1/hub answered {body[:200]!r}")
    status, _ = run.get(hub, "/api/v1/hub", None)
    expect(status == 401, f"GET /api/v1/hub without a token: {status}, not 401")
    status, body = run.get(hub, "/", None)
    expect(status == 200 and b"<html" in body.lower(), f"the page: {status} {body[:80]!r}")
    with socket.create_connection(("127.0.0.1", run.hub_port + hub), 5):
        pass


def new_user(tree: Path, folder: Path) -> None:
    run = Quickstart(tree, folder)
    try:
        took = run.await_running(600)
        print(f"     from the clone to a running hub: {took:.0f} s")
        expect(len(run.tokens()) == 1, "no token was printed")
        check_hub(run, 0, run.tokens()[0])
        run.stop(signal.SIGINT)
    except Failure:
        print(run.said()[-4000:])
        raise
    finally:
        run.clean_up()


def example_of(readme: Path) -> str:
    examples = re.findall(r"^```python\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    expect(len(examples) == 1, f"the README has {len(examples)} Python examples, not 1")
    expect("7411" in examples[0], "the README's example does not use the default port")
    return examples[0]


def readme_example(tree: Path, folder: Path, python: Path) -> None:
    """As the README has it, but for the port, which may be taken on this machine."""
    run = Quickstart(tree, folder)
    try:
        run.await_running(START_S)
        example = example_of(tree / "README.md").replace("7411", str(run.hub_port))
        result = subprocess.run([python, "-c", example], capture_output=True, text=True, timeout=START_S)
        expect(
            result.returncode == 0 and result.stdout == "Hello, world!\n" and not result.stderr,
            f"exit {result.returncode}, {result.stdout!r}, {result.stderr!r}",
        )
        run.stop(signal.SIGINT)
    except Failure:
        print(run.said()[-4000:])
        raise
    finally:
        run.clean_up()


def second_start_is_quick(tree: Path, folder: Path) -> None:
    run = Quickstart(tree, folder)
    try:
        took = run.await_running(START_S)
        print(f"     the second start: {took:.1f} s")
        expect(took < 15, f"the second start took {took:.1f} s")
        check_hub(run, 0, run.tokens()[0])
        run.stop(signal.SIGTERM)
    except Failure:
        print(run.said()[-4000:])
        raise
    finally:
        run.clean_up()


def mesh_of_three(binary: Path, folder: Path) -> None:
    """Twice on the same data: bridges and tokens of the first run still hold in the second."""
    tokens: list[str] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        run = Quickstart(ROOT, folder, "--binary", str(binary), hubs=3)
        try:
            run.await_running(START_S)
            expect(len(run.tokens()) == 3, f"{len(run.tokens())} tokens were printed, not 3")
            expect(not tokens or tokens == run.tokens(), "the second start printed other tokens")
            tokens = run.tokens()
            for hub, token in enumerate(tokens):
                check_hub(run, hub, token)
                status, body = run.get(hub, f"/api/v1/bridges/to-hub{(hub + 1) % 3 + 1}", token)
                expect(status == 200 and json.loads(body)["state"] == "up", f"bridge: {status} {body[:300]!r}")
            run.stop(number)
        except Failure:
            print(run.said()[-4000:])
            raise
        finally:
            run.clean_up()


def taken_port(binary: Path, folder: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        result = subprocess.run(
            [ROOT / "deploy/quickstart.sh", "--binary", binary, "--data-dir", folder / "data", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=START_S,
        )
    expect(result.returncode == 1, f"exit {result.returncode}")
    expect(f"port {port} is taken" in result.stderr and "--port" in result.stderr, result.stderr)
    expect(not (folder / "data").exists(), "it touched the data directory")


def hub_that_dies(binary: Path, folder: Path) -> None:
    run = Quickstart(ROOT, folder, "--binary", str(binary), hubs=2)
    try:
        run.await_running(START_S)
        hubs = [pid for pid in run.members() if b"--server-id\0hub2" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        expect(len(hubs) == 1, f"hub2 runs {len(hubs)} times")
        os.kill(hubs[0], signal.SIGKILL)
        expect(run.process.wait(STOP_S + 5) == 1, f"exit {run.process.returncode}")
        expect("hub2 ended by itself" in run.said(), "it did not say which hub ended")
        expect(not run.members(), "the other hub is left running")
        # What was killed keeps nothing from starting again.
        again = Quickstart(ROOT, folder, "--binary", str(binary), hubs=2)
        try:
            again.await_running(START_S)
            again.stop(signal.SIGTERM)
        except Failure:
            print(again.said()[-4000:])
            raise
        finally:
            again.clean_up()
    finally:
        run.clean_up()


def wrong_options(binary: Path, folder: Path) -> None:
    for options in (["--mesh", "0"], ["--mesh", "ten"], ["--port", "70000"], ["--mesh"], ["--what"]):
        result = subprocess.run([ROOT / "deploy/quickstart.sh", *options], capture_output=True, text=True)
        expect(result.returncode == 1 and options[0] in result.stderr, f"{options}: {result}")


def attempt(what: str, trial: Callable[[Path, Path], None], subject: Path, folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        trial(subject, folder)
    except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as complaint:
        print(f"FAIL {what}: {complaint}", flush=True)
        return False
    print(f"ok   {what}", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--tree", type=Path)
    subject.add_argument("--binary", type=Path)
    parser.add_argument("--python", type=Path, action="append", default=[], metavar="INTERPRETER")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.tree:
            tree = arguments.tree.resolve()
            home = folder / "home"
            outcomes = [
                attempt("a newcomer's first start", new_user, tree, home),
                attempt("a second start is quick", second_start_is_quick, tree, home),
            ]
            for python in arguments.python:
                example = partial(readme_example, python=python)
                outcomes.append(attempt(f"the README's example with {python}", example, tree, home))
        else:
            binary = arguments.binary.resolve()
            outcomes = [
                attempt("a mesh of three, twice", mesh_of_three, binary, folder / "mesh"),
                attempt("a taken port is told", taken_port, binary, folder / "port"),
                attempt("a hub that dies ends the run", hub_that_dies, binary, folder / "dies"),
                attempt("wrong options are told", wrong_options, binary, folder / "options"),
            ]
    print(f"{sum(outcomes)} passed, {outcomes.count(False)} failed, 0 skipped")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
