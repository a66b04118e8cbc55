# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names that say nothing: not for a file, a folder, a type or a function."""

from __future__ import annotations

import re

from tree import Tree, c_without_comments_and_strings, line_of

NAME = "no names that say nothing"

WORDS = "info manager helper util misc tmp process handle2"
STEM = re.compile(r"^(" + "|".join(f"{word}s?" for word in WORDS.split()) + r"|common|stuff)$")
TYPE = re.compile(r"\b(?:struct|enum|union)\s+(" + "|".join(WORDS.split()) + r")\b")
FUNCTION = re.compile(
    r"^[A-Za-z_][\w \t*]*?\b(" + "|".join(WORDS.split()) + r")\s*\([^;{}]*\)\s*(?:;|\n\{)", re.MULTILINE
)


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.paths:
        for part in path.split("/"):
            if STEM.match(part.split(".")[0]):
                complaints.append(f"{path}:1: the name {part!r} says nothing")
    for path in tree.matching(r"\.(c|h)$"):
        text = c_without_comments_and_strings(tree.text(path))
        for pattern in (TYPE, FUNCTION):
            for match in pattern.finditer(text):
                complaints.append(
                    f"{path}:{line_of(text, match.start())}: the name {match.group(1)!r} says nothing"
                )
    return complaints
