#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""to_json.py FROM.yaml TO.json: the OpenAPI document as the hub serves it.

What any operation may answer is said here once and added to each: FROM names only what is particular to one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml


class UniqueKeys(yaml.SafeLoader):
    """YAML lets the last of two equal keys win; in a contract that is a mistake."""


def mapping(loader: UniqueKeys, node: yaml.MappingNode) -> dict[object, object]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
    return dict(loader.construct_pairs(node, deep=True))


UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


METHODS = ("get", "put", "post", "patch", "delete")
DRY_RUN = "#/components/parameters/DryRun"
PLAN = "application/vnd.commhub.plan+json"


def common_answers(path: str, method: str, operation: dict) -> dict[str, str]:
    """Status to component, of what the course of every request may end in."""
    answers = {"400": "BadRequest", "414": "AddressTooLong", "431": "HeadTooLong"}
    answers |= {"501": "OtherEncoding", "505": "OtherVersion"}
    if not path.startswith("/api/"):
        return answers
    answers |= {"429": "TooManyRequests", "500": "Fault", "503": "Ending"}
    if operation.get("security") != []:
        answers |= {"401": "Unauthorized", "403": "Forbidden"}
    if "requestBody" in operation:
        answers |= {"413": "TooLong", "415": "NotJson", "422": "Unprocessable"}
    if method != "get":
        answers |= {"412": "Changed"}
    if method != "get" and not operation.get("x-stores-nothing"):
        answers |= {"507": "NoRoom"}
    return answers


def complete(document: dict) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            responses = operation["responses"]
            for status, name in common_answers(path, method, operation).items():
                responses.setdefault(status, {"$ref": f"#/components/responses/{name}"})
            if {"$ref": DRY_RUN} in operation.get("parameters", []):
                tried = responses.setdefault("200", {"description": "It was only tried"})
                tried.setdefault("content", {})[PLAN] = {"schema": {"$ref": "#/components/schemas/Plan"}}


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    document = yaml.load(source.read_text("utf-8"), UniqueKeys)
    complete(document)
    target.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    main()
