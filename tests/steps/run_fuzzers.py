#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs each fuzz target of a build for a number of seconds on a copy of its corpus, a few at a time.

The targets are the sources tests/fuzz/**/*_fuzz.c, so that one which was not built is a failure. What breaks a target
is kept in <build>/fuzz-artifacts/ and its path printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = re.compile(r"^Done (\d+) runs in", re.MULTILINE)
# Beyond the time asked for: start, reading the corpus, the last input.
GRACE_S = 60


def find_program(build: Path, name: str) -> Path | None:
    found = [path for path in build.rglob(name) if path.is_file() and "CMakeFiles" not in path.parts]
    return found[0] if found else None


def run_target(build: Path, source: Path, seconds: int) -> bool:
    name = source.stem
    program = find_program(build, name)
    if program is None:
        print(f"FAIL {name}: was not built")
        return False
    artifacts = build / "fuzz-artifacts"
    artifacts.mkdir(exist_ok=True)
    corpus = ROOT / "tests/fuzz/corpus" / name.removesuffix("_fuzz")
    with tempfile.TemporaryDirectory() as found:
        command = [str(program), found]
        command += [str(corpus)] if corpus.is_dir() else []
        command += [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=0"]
        command += [f"-artifact_prefix={artifacts}/{name}-"]
        dictionary = ROOT / "tests/fuzz" / f"{name}.dict"
        command += [f"-dict={dictionary}"] if dictionary.is_file() else []
        try:
            result = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + GRACE_S
            )
            output, status = result.stdout.decode("utf-8", "replace"), result.returncode
        except subprocess.TimeoutExpired as expired:
            output, status = (expired.stdout or b"").decode("utf-8", "replace"), -1
    runs = RUNS.search(output)
    if status == 0 and runs and int(runs.group(1)) > 0:
        note = "" if corpus.is_dir() else " (no corpus)"
        print(f"ok   {name}: {int(runs.group(1)):,} inputs in {seconds} s{note}", flush=True)
        return True
    print("\n".join(output.splitlines()[-60:]))
    print(f"FAIL {name}: exit {status}", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    sources = sorted((ROOT / "tests/fuzz").rglob("*_fuzz.c"))
    build = (ROOT / arguments.build).resolve()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = list(pool.map(lambda source: run_target(build, source, arguments.seconds), sources))
    passed = sum(outcomes)
    print(f"{passed} passed, {len(outcomes) - passed} failed, 0 skipped")
    return 0 if outcomes and all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
