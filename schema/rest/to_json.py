#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""to_json.py FROM.yaml TO.json: the OpenAPI document as the hub serves it. The first line of FROM, its licence, is lost."""

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


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    document = yaml.load(source.read_text("utf-8"), UniqueKeys)
    target.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), "utf-8")


if __name__ == "__main__":
    main()
