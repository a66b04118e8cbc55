# SPDX-License-Identifier: LGPL-3.0-or-later
"""What has no place in a finished tree: marks of unfinished work, paths of one machine, package mirrors."""

from __future__ import annotations

import re

from tree import Tree, line_of

NAME = "no marks of unfinished work, no machine paths, no mirrors"

# Character classes keep these patterns from finding themselves.
PATTERNS = {
    r"\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK|T[B]D)\b": "a mark of unfinished work",
    r"(?<![\w.$}])/(?:[w]ork|[f]arm)/": "a path of one machine",
    r"(?<![\w.$}])/home/(?!user\b)[a-z]\w*/": "a path of one machine",
    r"://(?:[d]eb|[r]egistry|[f]iles|[p]ypi)\.": "the address of a package mirror",
}
FOREIGN = re.compile(r"^(LICENSE$|tests/fuzz/corpus/)")


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.paths:
        if FOREIGN.match(path):
            continue
        text = tree.text(path)
        for pattern, meaning in PATTERNS.items():
            for match in re.finditer(pattern, text):
                complaints.append(f"{path}:{line_of(text, match.start())}: {match.group(0)!r} is {meaning}")
    return complaints
