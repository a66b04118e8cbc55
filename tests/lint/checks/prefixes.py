# SPDX-License-Identifier: LGPL-3.0-or-later
"""One noun a file: what `calls.c` exports begins with `calls_`. The C client library may say `commipc_`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tree import Tree, c_without_comments_and_strings, line_of

NAME = "exported functions bear the noun of their file"

# A definition's head stands in column 0 and ends before a brace in column 0.
DEFINITION = re.compile(r"^(?P<head>[A-Za-z_][^;{}#=]*?\))\s*\n\{", re.MULTILINE)
FUNCTION_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
# A macro that stands alone on its line and makes what follows look like a part of it.
LONE_MACRO = re.compile(r"^[A-Z][A-Z0-9_]+\([^()\n]*\)[ \t]*;?$", re.MULTILINE)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)", re.DOTALL)


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.matching(r"^(hub|federation|mgmt)/.*\.c$"):
        stem = PurePosixPath(path).stem
        if stem == "main":
            continue
        text = LONE_MACRO.sub("", c_without_comments_and_strings(tree.text(path)))
        for match in DEFINITION.finditer(text):
            head = ATTRIBUTE.sub("", match.group("head"))
            name = FUNCTION_NAME.search(head)
            if re.search(r"\bstatic\b", head) or name is None:
                continue
            if not _may_export(path, stem, name.group(1)):
                complaints.append(
                    f"{path}:{line_of(text, match.start())}: exports {name.group(1)}(), not {stem}_..."
                )
    return complaints


def _may_export(path: str, stem: str, name: str) -> bool:
    if name == stem or name.startswith(stem + "_"):
        return True
    return path.startswith("hub/client/") and name.startswith("commipc_")
