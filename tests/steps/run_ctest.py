#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs ctest in a build directory and counts the cmocka cases inside its tests, from what they print.

A test program that fails without naming a failed case (a crash, a timeout, a leak report) counts as one failure, and
so does a source tests/unit/**/*_test.c from which no test was made.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COUNTS = {
    "passed": re.compile(r"^\[  PASSED  \] (\d+) test\(s\)", re.MULTILINE),
    "failed": re.compile(r"^\[  FAILED  \] (\d+) test\(s\)", re.MULTILINE),
    "skipped": re.compile(r"^\[  SKIPPED \] (\d+) test\(s\)", re.MULTILINE),
}


def count_of(case: ElementTree.Element) -> tuple[int, int, int]:
    output = case.findtext("system-out") or ""
    passed, failed, skipped = (
        sum(int(number) for number in COUNTS[what].findall(output)) for what in ("passed", "failed", "skipped")
    )
    status = case.get("status")
    if status in ("disabled", "notrun"):
        # A test that was registered and not run (its program is missing, say) has not passed.
        return 0, 1, 0
    if status == "fail":
        return passed, max(failed, 1), skipped
    if passed + failed + skipped == 0:
        # No cmocka program: the test itself is the case.
        return 1, 0, 0
    return passed, failed, skipped


def names_of_sources() -> set[str]:
    unit = ROOT / "tests/unit"
    sources = (path.relative_to(unit) for path in unit.rglob("*_test.c"))
    return {".".join(path.with_suffix("").parts).removesuffix("_test") for path in sources}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--label", help="only tests with this label")
    parser.add_argument("--exclude", metavar="NAME", help="not the test of this name")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = ["ctest", "--test-dir", str(arguments.build), "--output-on-failure", "--no-tests=error"]
        command += ["--parallel", str(arguments.jobs), "--output-junit", str(report)]
        command += ["--test-output-size-passed", "4000000", "--test-output-size-failed", "4000000"]
        if arguments.label:
            command += ["--label-regex", f"^{arguments.label}$"]
        if arguments.exclude:
            command += ["--exclude-regex", f"^{re.escape(arguments.exclude)}$"]
        status = subprocess.run(command).returncode
        if not report.exists():
            print("0 passed, 1 failed, 0 skipped")
            return 1
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))

    counts = [count_of(case) for case in cases]
    if not arguments.label:
        for name in sorted(names_of_sources() - {case.get("name") for case in cases}):
            print(f"FAIL {name}: no test was made from its source")
            counts.append((0, 1, 0))

    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    if status != 0 and failed == 0:
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
