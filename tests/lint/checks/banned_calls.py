# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls without a bound or without an error path are not used."""

from __future__ import annotations

import re

from tree import Tree, c_without_comments_and_strings, line_of

NAME = "no banned calls"

CALLS = "sprintf vsprintf strcpy strcat stpcpy atoi atol atof gets strtok alloca tmpnam mktemp"
BANNED = re.compile(r"(?<![\w.>])(" + "|".join(CALLS.split()) + r")\s*\(")


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.matching(r"\.(c|h)$"):
        text = c_without_comments_and_strings(tree.text(path))
        for match in BANNED.finditer(text):
            complaints.append(f"{path}:{line_of(text, match.start())}: {match.group(1)}() is banned")
    return complaints
