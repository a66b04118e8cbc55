# SPDX-License-Identifier: LGPL-3.0-or-later
"""shellcheck has nothing to say about any shell script."""

from __future__ import annotations

import re
import subprocess

from tree import Tree

NAME = "shellcheck is content"

SHEBANG = re.compile(r"^#!.*\b(ba|da)?sh\b")


def check(tree: Tree) -> list[str]:
    scripts = [
        path for path in tree.paths if path.endswith((".sh", ".bash")) or SHEBANG.match(tree.text(path)[:80])
    ]
    if not scripts:
        return []
    result = subprocess.run(
        ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--format=gcc", *scripts],
        cwd=tree.root,
        capture_output=True,
        text=True,
    )
    return [line for line in (result.stdout + result.stderr).splitlines() if line]
