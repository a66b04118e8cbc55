# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every source says its licence at its top."""

from __future__ import annotations

from tree import Tree

NAME = "every source bears its licence"

LINE = "SPDX-License-Identifier: LGPL-3.0-or-later"
SOURCES = (
    r"\.(c|h|def|ts|tsx|js|mjs|css|sh|bash|py|cmake|sql|service)$|(^|/)(CMakeLists\.txt|Containerfile)$|^\.ci/run$"
)
# A #! line and, in HTML-like files, a doctype may stand before it.
TOP_LINES = 3


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.matching(SOURCES):
        top = tree.text(path).splitlines()[:TOP_LINES]
        if not any(LINE in line for line in top):
            complaints.append(f"{path}:1: no line '{LINE}' at the top")
        elif path.endswith((".c", ".h")) and top[0] != f"/* {LINE} */":
            complaints.append(f"{path}:1: the first line is not '/* {LINE} */'")
    if not tree.has("LICENSE"):
        complaints.append("LICENSE:1: the licence text is missing")
    return complaints
