#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the checks over the tree, then proves on small made-up trees that each of them catches what it is for."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import checks  # noqa: E402
from selftest import cases  # noqa: E402
from tree import Tree  # noqa: E402

MOST_SHOWN = 40


def run_checks(root: Path) -> tuple[int, int]:
    tree = Tree(root)
    passed = failed = 0
    for check in checks.ALL:
        complaints = check.check(tree)
        print(f"{'ok  ' if not complaints else 'FAIL'} {check.NAME}")
        for complaint in complaints[:MOST_SHOWN]:
            print(f"     {complaint}")
        if len(complaints) > MOST_SHOWN:
            print(f"     ... and {len(complaints) - MOST_SHOWN} more")
        passed += not complaints
        failed += bool(complaints)
    return passed, failed


def main() -> int:
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        print("usage: tests/lint/lint.py [TREE]")
        return 2
    root = Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else HERE.parent.parent
    passed, failed = run_checks(root)
    proved, unproved = cases.run()
    print(f"{passed + proved} passed, {failed + unproved} failed, 0 skipped")
    return 1 if failed + unproved else 0


if __name__ == "__main__":
    sys.exit(main())
