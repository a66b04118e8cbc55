# SPDX-License-Identifier: LGPL-3.0-or-later
"""A folder is a layer: who may include whom. A quoted include is written from the root and names a file."""

from __future__ import annotations

import fnmatch
import re

from tree import Tree, line_of

NAME = "includes point downward only"

# Layer -> patterns of headers it may include beside its own. The longest layer that is a prefix counts.
LAYERS: dict[str, list[str]] = {
    "hub/base": [],
    "hub/io": ["hub/base/*"],
    "hub/wire": ["hub/base/*"],
    "hub/core": ["hub/wire/*", "hub/base/*"],
    "hub/server": ["hub/core/*", "hub/wire/*", "hub/io/*", "hub/base/*"],
    "hub/client": ["hub/wire/*", "hub/io/*", "hub/base/*"],
    "hub/bench": ["hub/client/*", "hub/wire/*", "hub/io/*", "hub/base/*"],
    "federation": ["hub/core/peering.h", "hub/client/*", "hub/wire/*", "hub/io/*", "hub/base/*"],
    "mgmt": [
        "hub/server/*control*.h",
        "hub/core/*view.h",
        "hub/wire/authenticity.h",
        "hub/wire/msgpack_*.h",
        "hub/wire/signature.h",
        "hub/io/*",
        "hub/base/*",
        "federation/federation_control.h",
        "federation/spool.h",
        "webui/*assets*.h",
    ],
    "mgmt/cli": ["mgmt/*", "hub/client/*", "hub/io/*", "hub/base/*"],
    "webui": [],
    # Programs of the hub folder itself wire everything; the root of the product.
    "hub": ["*"],
    "tests": ["*"],
}

# System and library headers that a layer must not see.
SOCKETS = r"sys/(socket|epoll|un|eventfd|timerfd|select)\.h|netinet/.*|arpa/.*|netdb\.h|poll\.h"
LIBRARIES = r"openssl/.*|jansson.*\.h|sqlite3\.h|microhttpd\.h|libwebsockets\.h|msgpack.*"
FORBIDDEN_SYSTEM: dict[str, str] = {
    "hub/base": LIBRARIES,
    "hub/io": r"jansson.*\.h|sqlite3\.h|microhttpd\.h|libwebsockets\.h|msgpack.*",
    "hub/wire": SOCKETS + r"|pthread\.h|threads\.h|sqlite3\.h|microhttpd\.h|libwebsockets\.h|msgpack.*",
    "hub/core": SOCKETS
    + r"|pthread\.h|threads\.h|time\.h|sys/time\.h|fcntl\.h|unistd\.h|sys/stat\.h|"
    + LIBRARIES,
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]*)"|<([^>\n]*)>)', re.MULTILINE)
GENERATED = re.compile(r"^webui/.*assets.*\.h$")


def layer_of(path: str) -> str | None:
    found = [layer for layer in LAYERS if path.startswith(layer + "/")]
    return max(found, key=len) if found else None


def check(tree: Tree) -> list[str]:
    complaints = []
    for path in tree.matching(r"\.(c|h|def)$"):
        layer = layer_of(path)
        text = tree.text(path)
        for match in INCLUDE.finditer(text):
            complaint = _judge(tree, path, layer, match.group(1), match.group(2))
            if complaint:
                complaints.append(f"{path}:{line_of(text, match.start())}: {complaint}")
    return complaints


def _judge(tree: Tree, path: str, layer: str | None, quoted: str | None, system: str | None) -> str | None:
    if layer is None:
        return "this folder has no layer, see ARCHITECTURE and tests/lint/checks/includes.py"
    if system is not None:
        forbidden = FORBIDDEN_SYSTEM.get(layer)
        if forbidden and re.fullmatch(forbidden, system):
            return f"{layer} must not know <{system}>"
        if layer_of(system):
            return f"<{system}> is ours: write it with quotes"
        return None
    assert quoted is not None
    if ".." in quoted.split("/") or "/" not in quoted:
        return f'"{quoted}" is not written from the root'
    if not tree.has(quoted) and not GENERATED.match(quoted):
        return f'"{quoted}" is not in the tree'
    if quoted.endswith(("main.h", "main.c", ".c")) and not path.startswith("tests/"):
        return f'nobody includes "{quoted}"'
    if layer_of(quoted) == layer or any(fnmatch.fnmatch(quoted, allowed) for allowed in LAYERS[layer]):
        return None
    return f'{layer} must not know "{quoted}"'
