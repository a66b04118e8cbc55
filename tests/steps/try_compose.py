#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts the hubs of deploy/compose.yaml as processes and waits until they are one mesh."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from deployed_hubs import DeployedHub, become_one_mesh

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def mount(hub: DeployedHub, service: dict[str, Any], secrets: dict[str, Any]) -> None:
    for secret in service["secrets"]:
        assert secret in secrets, f"{hub.host} wants the secret {secret}, which the file does not define"
        hub.put_secret(f"/run/secrets/{secret}")
    for volume in service["volumes"]:
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            hub.place(target).write_bytes((DEPLOY / source).read_bytes())
        else:
            hub.place(f"{target}/x")


def services_of_the_file(work: Path) -> list[DeployedHub]:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    hubs = []
    for number, (name, service) in enumerate(compose["services"].items(), 1):
        wishes = {key: str(value) for key, value in service["environment"].items()}
        hubs.append(DeployedHub(name, wishes, f"127.0.77.{number}", work / name))
        mount(hubs[-1], service, compose["secrets"])
    return hubs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    with tempfile.TemporaryDirectory() as work:
        try:
            become_one_mesh(services_of_the_file(Path(work)), parser.parse_args().binary.resolve())
        except (AssertionError, subprocess.CalledProcessError) as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
