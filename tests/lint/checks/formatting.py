# SPDX-License-Identifier: LGPL-3.0-or-later
"""clang-format would change nothing in any C file, and no line is longer than the style allows."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from tree import Tree

NAME = "clang-format is content"

FIRST_COMPLAINT = re.compile(r"^(?P<place>[^:\n]+:\d+):\d+: ", re.MULTILINE)


def check(tree: Tree) -> list[str]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda path: _format(tree, path), tree.matching(r"\.(c|h)$"))
    return [complaint for complaint in found if complaint]


def _format(tree: Tree, path: str) -> str | None:
    result = subprocess.run(
        ["clang-format-14", "--dry-run", "--Werror", "--style=file", path],
        cwd=tree.root,
        capture_output=True,
        text=True,
    )
    if result.returncode == 0:
        return None
    place = FIRST_COMPLAINT.search(result.stderr)
    count = len(FIRST_COMPLAINT.findall(result.stderr))
    if place is None:
        return f"{path}:1: {result.stderr.strip()}"
    return f"{place.group('place')}: clang-format -i would change {count} place(s) in this file"
