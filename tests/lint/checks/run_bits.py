# SPDX-License-Identifier: LGPL-3.0-or-later
"""A file that begins with #! can be run, another one cannot; what a user is told to run is there."""

from __future__ import annotations

from tree import Tree

NAME = "run bits where they belong"

MUST_RUN = [".ci/run", "tests/run.sh", "deploy/quickstart.sh", "deploy/packages.sh"]


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.paths:
        is_script = tree.text(path).startswith("#!")
        if is_script and not tree.is_executable(path):
            complaints.append(f"{path}:1: begins with #! and has no run bit")
        if not is_script and tree.is_executable(path):
            complaints.append(f"{path}:1: has a run bit and does not begin with #!")
        if path.endswith(".sh") and not is_script:
            complaints.append(f"{path}:1: a .sh file begins with #! (what is sourced is called .bash)")
    for path in MUST_RUN:
        if not tree.has(path):
            complaints.append(f"{path}:1: is missing")
    return complaints
