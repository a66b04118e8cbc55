# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operator's guide names every option of the program with its variable, and no other."""

from __future__ import annotations

import re

from tree import Tree, line_of

NAME = "the operator's guide and the program agree on the options"

SOURCE = "hub/program/settings.c"
GUIDE = "docs/operating.md"
# A row of the program's table: {"--data-dir", "COMMHUB_DATA_DIR", ... or NULL for no variable.
ROW = re.compile(r'^\s*\{"(--[a-z-]+)", (?:"(COMMHUB_[A-Z_]+)"|NULL), KIND_', re.MULTILINE)
GUIDE_ROW = re.compile(r"^\| `(--[a-z-]+)[^|]*\| (?:`(COMMHUB_[A-Z_]+)`)? ?\|", re.MULTILINE)
# Handled before the table is looked at.
OUTSIDE_TABLE = {("--version", "")}


def check(tree: Tree) -> list[str]:
    if not tree.has(SOURCE) or not tree.has(GUIDE):
        return [f"{path}:1: is missing" for path in (SOURCE, GUIDE) if not tree.has(path)]
    source, guide = tree.text(SOURCE), tree.text(GUIDE)
    known = {match.groups(default="") for match in ROW.finditer(source)} | OUTSIDE_TABLE
    told = {match.groups(default=""): line_of(guide, match.start()) for match in GUIDE_ROW.finditer(guide)}
    complaints = [f"{GUIDE}:1: does not tell {_spell(option)}" for option in sorted(known - told.keys())]
    complaints += [
        f"{GUIDE}:{told[option]}: the program does not know {_spell(option)}"
        for option in sorted(told.keys() - known)
    ]
    return complaints


def _spell(option: tuple[str, ...]) -> str:
    flag, variable = option
    return f"{flag} with {variable}" if variable else f"{flag} without a variable"
