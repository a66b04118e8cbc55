# SPDX-License-Identifier: LGPL-3.0-or-later
"""The tree the checks look at: paths, texts and modes of every file that belongs to the project."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

GENERATED = re.compile(r"(^|/)(node_modules|dist|__pycache__|build|build-[^/]*|\.venv[^/]*)/")


class Tree:
    """Files under `root`: what git knows or would add; without git, whatever lies there and is not built."""

    def __init__(self, root: Path, paths: list[str] | None = None) -> None:
        self.root = root
        self.paths = sorted(paths if paths is not None else _paths_below(root))
        self._texts: dict[str, str] = {}

    def matching(self, pattern: str) -> list[str]:
        """The paths in which the regular expression `pattern` is found."""
        found = re.compile(pattern)
        return [path for path in self.paths if found.search(path)]

    def has(self, path: str) -> bool:
        return path in self._path_set

    def text(self, path: str) -> str:
        """The text of a file; bytes that are no UTF-8 are replaced, a binary file reads as empty."""
        if path not in self._texts:
            data = (self.root / path).read_bytes()
            self._texts[path] = "" if b"\0" in data else data.decode("utf-8", "replace")
        return self._texts[path]

    def is_executable(self, path: str) -> bool:
        return bool((self.root / path).stat().st_mode & stat.S_IXUSR)

    @property
    def _path_set(self) -> set[str]:
        if not hasattr(self, "_set"):
            self._set = set(self.paths)
        return self._set


def _paths_below(root: Path) -> list[str]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
        ).stdout.decode()
        paths = [path for path in listed.split("\0") if path]
    except (OSError, subprocess.CalledProcessError):
        paths = [
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root)
            for name in names
        ]
    return [
        path
        for path in paths
        if not GENERATED.search(path) and not path.startswith(".git/") and (root / path).is_file()
    ]


_C_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL,
)


def c_without_comments_and_strings(text: str) -> str:
    """C source with comments and literals blanked; line numbers stay."""

    def blank(match: re.Match[str]) -> str:
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] * 2
        return " " + "\n" * token.count("\n")

    return _C_TOKEN.sub(blank, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
