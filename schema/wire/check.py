#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""check.py [TREE]: messages.json, the tables of hub/wire and docs/protocol.md agree; then a proof that each check fails."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

ROW = re.compile(r'^X\((\w+), "((?:[^"\\]|\\.)*)"\)$', re.MULTILINE)
ERROR_LINE = re.compile(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", re.MULTILINE)
HEADING = re.compile(r"^#+ (?:\d+(?:\.\d+)*\.? )?(.+?)\s*$", re.MULTILINE)
REFERENCE = re.compile(r'docs/protocol\.md,((?: and)? "[^"]+")+')

FIELD_KEYS = {"name", "type", "required", "nil", "read_by_hub", "value", "values", "items", "fields", "note"}


def rows(text: str) -> dict[str, str]:
    return dict(ROW.findall(text))


def fields_of(fields: list[Schema]) -> Iterator[Schema]:
    for field in fields:
        yield field
        yield from fields_of(field.get("fields", []))


def check_types(schema: Schema, types: str) -> list[str]:
    described = [message["type"] for message in schema["messages"]]
    known = list(rows(types).values())
    complaints = [f"message_type.def has {name}, messages.json has not" for name in known if name not in described]
    complaints += [f"messages.json has {name}, message_type.def has not" for name in described if name not in known]
    if not complaints and described != known:
        complaints.append("messages.json has the types in another order than message_type.def")
    return complaints


def check_keys(schema: Schema, keys: str) -> list[str]:
    fields = [field for message in schema["messages"] for field in fields_of(message["fields"])]
    named = {field["name"] for field in fields} | {"type"}
    read = {field["name"] for field in fields if field.get("read_by_hub")}
    known = set(rows(keys).values())
    return [f"message_key.def has {name}, which is a field of no message" for name in sorted(known - named)] + [
        f"messages.json says that the hub reads {name}, which message_key.def has not" for name in sorted(read - known)
    ]


def check_shape(schema: Schema) -> list[str]:
    complaints = []
    for message in schema["messages"]:
        where = message["type"]
        if message["direction"] not in schema["directions"]:
            complaints.append(f"{where}: direction {message['direction']}")
        names = [field["name"] for field in message["fields"]]
        complaints += [f"{where}: {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
        for field in fields_of(message["fields"]):
            if field["type"] not in schema["types_of_fields"]:
                complaints.append(f"{where}.{field['name']}: type {field['type']}")
            if not isinstance(field["required"], bool) or field.keys() - FIELD_KEYS:
                complaints.append(f"{where}.{field['name']}: wrong keys")
            if field.get("read_by_hub") and message["direction"] == "hub_to_client":
                complaints.append(f"{where}.{field['name']}: the hub does not read what it writes")
    return complaints


def check_error_texts(guide: str, texts: str) -> list[str]:
    told = dict(ERROR_LINE.findall(guide))
    known = rows(texts)
    complaints = [f"docs/protocol.md does not tell {name}" for name in known if name not in told]
    complaints += [f"docs/protocol.md tells {name}, error_text.def has not" for name in told if name not in known]
    complaints += [
        f"{name}: docs/protocol.md has {told[name]!r}, error_text.def {known[name]!r}"
        for name in known
        if name in told and told[name] != known[name]
    ]
    return complaints


def check_types_told(guide: str, types: str) -> list[str]:
    return [f"docs/protocol.md does not tell {name}" for name in rows(types).values() if f"`{name}`" not in guide]


def check_references(guide: str, sources: dict[str, str]) -> list[str]:
    headings = set(HEADING.findall(guide))
    complaints = []
    for path, source in sources.items():
        joined = re.sub(r"\s*\n\s*\*?\s*", " ", source)
        for reference in REFERENCE.finditer(joined):
            for title in re.findall(r'"([^"]+)"', reference.group(0)):
                if title not in headings:
                    complaints.append(f'{path}: docs/protocol.md has no section "{title}"')
    return complaints


class Agreement:
    """The files, and the checks over them."""

    def __init__(self, root: Path) -> None:
        wire = root / "hub" / "wire"
        self.schema: Schema = json.loads((root / "schema" / "wire" / "messages.json").read_text("utf-8"))
        self.types = (wire / "message_type.def").read_text("utf-8")
        self.keys = (wire / "message_key.def").read_text("utf-8")
        self.texts = (wire / "error_text.def").read_text("utf-8")
        self.guide = (root / "docs" / "protocol.md").read_text("utf-8")
        self.sources = {
            str(path.relative_to(root)): path.read_text("utf-8")
            for folder in ("hub", "federation", "mgmt")
            for path in sorted((root / folder).rglob("*.[ch]"))
        }

    def checks(self) -> dict[str, Callable[[], list[str]]]:
        return {
            "messages.json has the types of message_type.def": lambda: check_types(self.schema, self.types),
            "messages.json has the keys of message_key.def": lambda: check_keys(self.schema, self.keys),
            "messages.json keeps to its own shape": lambda: check_shape(self.schema),
            "docs/protocol.md has the texts of error_text.def": lambda: check_error_texts(self.guide, self.texts),
            "docs/protocol.md tells every message": lambda: check_types_told(self.guide, self.types),
            "docs/protocol.md has the sections that comments name": lambda: check_references(self.guide, self.sources),
        }


def spoil_texts(files: Agreement) -> None:
    name, text = next(iter(rows(files.texts).items()))
    files.texts = files.texts.replace(f'X({name}, "{text}")', f'X({name}, "{text}!")')


def spoil_direction(files: Agreement) -> None:
    files.schema["messages"][0]["direction"] = "sideways"


# What is broken, for which check, to see that check complain.
SPOILERS: list[tuple[str, str, Callable[[Agreement], None]]] = [
    ("a type is left out", "messages.json has the types", lambda files: files.schema["messages"].pop()),
    ("two types change places", "messages.json has the types", lambda files: files.schema["messages"].reverse()),
    (
        "the hub gets a type more",
        "messages.json has the types",
        lambda files: setattr(files, "types", files.types + 'X(NEW, "new")\n'),
    ),
    (
        "the hub gets a key more",
        "messages.json has the keys",
        lambda files: setattr(files, "keys", files.keys + 'X(NEW, "new")\n'),
    ),
    (
        "the hub loses a key",
        "messages.json has the keys",
        lambda files: setattr(files, "keys", files.keys.replace('X(REG, "reg")\n', "")),
    ),
    ("a direction is none", "messages.json keeps", spoil_direction),
    ("a text changes", "docs/protocol.md has the texts", spoil_texts),
    (
        "a text is new",
        "docs/protocol.md has the texts",
        lambda files: setattr(files, "texts", files.texts + 'X(NEW, "New")\n'),
    ),
    (
        "a message is not told",
        "docs/protocol.md tells every message",
        lambda files: setattr(files, "guide", files.guide.replace("`list_members`", "")),
    ),
    (
        "a section is renamed",
        "docs/protocol.md has the sections",
        lambda files: setattr(files, "guide", files.guide.replace(" Framing\n", " Frames\n")),
    ),
    (
        "a comment names no section",
        "docs/protocol.md has the sections",
        lambda files: files.sources.update({"new.h": '/* see docs/protocol.md,\n * "No such\n * section" */'}),
    ),
]


def prove(files: Agreement) -> list[str]:
    unproved = []
    for what, check_name, spoil in SPOILERS:
        spoilt = copy.deepcopy(files)
        spoil(spoilt)
        found = [run() for name, run in spoilt.checks().items() if name.startswith(check_name)]
        if len(found) != 1 or not found[0]:
            unproved.append(f"{what}: nobody complains")
    return unproved


def main() -> int:
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        print("usage: schema/wire/check.py [TREE]")
        return 2
    files = Agreement(Path(sys.argv[1]) if len(sys.argv) == 2 else Path(__file__).resolve().parents[2])
    passed = failed = 0
    for name, run in files.checks().items():
        complaints = run()
        print(f"{'FAIL' if complaints else 'ok  '} {name}")
        for complaint in complaints:
            print(f"     {complaint}")
        passed += not complaints
        failed += bool(complaints)
    unproved = prove(files)
    for complaint in unproved:
        print(f"FAIL {complaint}")
    print(f"{passed + len(SPOILERS) - len(unproved)} passed, {failed + len(unproved)} failed, 0 skipped")
    return 1 if failed or unproved else 0


if __name__ == "__main__":
    sys.exit(main())
