#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts the hubs of deploy/compose.yaml as processes, without containers, and waits until they are one mesh.

Each service gets its own environment and mounts, as the file says them: names of services become addresses of the
loopback network, paths in the container paths below a folder of the run. What only an engine can do (users, read-only
roots, health checks) is not tried.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MESH_S = 30
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Service:
    def __init__(self, name: str, wish: dict[str, Any], address: str, root: Path) -> None:
        self.name = name
        self.wish = wish
        self.address = address
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, addresses: dict[str, str]) -> dict[str, str]:
        """Paths that the container would have are below our root; it listens on its own address only."""
        environment = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        for name, value in self.wish["environment"].items():
            value = str(value).replace("0.0.0.0", self.address)
            environment[name] = f"{self.root}{value}" if value.startswith("/") else value
        for file in (self.root / "etc").rglob("*.json"):
            text = file.read_text()
            for other, address in addresses.items():
                text = text.replace(f"//{other}:", f"//{address}:")
            file.write_text(text)
        return environment

    def mount(self, secrets: dict[str, dict[str, str]]) -> None:
        for secret in self.wish["secrets"]:
            assert secret in secrets, f"{self.name} wants the secret {secret}, which the file does not define"
            self.place(f"/run/secrets/{secret}").write_text(f"content-of-{secret}-{'0' * 32}\n")
        for volume in self.wish["volumes"]:
            source, target, *_ = volume.split(":")
            if source.startswith("."):
                self.place(target).write_bytes((DEPLOY / source).read_bytes())
            else:
                self.place(f"{target}/x")

    def place(self, path: str) -> Path:
        place = Path(f"{self.root}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def start(self, binary: Path, addresses: dict[str, str]) -> None:
        environment = self.environment(addresses)
        subprocess.run([binary, "serve", "--check-config"], env=environment, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([binary, "serve"], env=environment, stdout=subprocess.DEVNULL)

    def ask(self, path: str) -> Any:
        token = self.place("/run/secrets/admin-token").read_text().strip()
        request = urllib.request.Request(
            f"http://{self.address}:8080{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with OPENER.open(request, timeout=5) as answer:
            return json.load(answer)

    def shows(self, hubs: int) -> bool:
        """Whether it knows so many hubs, and each bridge of its own is up."""
        assert self.process and self.process.poll() is None, f"{self.name} has ended"
        try:
            known = len(self.ask("/api/v1/mesh")["items"])
            states = [bridge["state"] for bridge in self.ask("/api/v1/bridges")["items"]]
        except (urllib.error.URLError, ConnectionError):
            return False
        return known == hubs and states == ["up"]

    def stop(self) -> int:
        if not self.process:
            return 0
        self.process.terminate()
        return self.process.wait(15)


def try_services(binary: Path, work: Path) -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = [
        Service(name, wish, f"127.0.77.{number}", work / name)
        for number, (name, wish) in enumerate(compose["services"].items(), 1)
    ]
    addresses = {service.name: service.address for service in services}
    try:
        for service in services:
            service.mount(compose["secrets"])
            service.start(binary, addresses)
        give_up = time.monotonic() + MESH_S
        while not all(service.shows(len(services)) for service in services):
            assert time.monotonic() < give_up, "the hubs have not become one mesh"
            time.sleep(0.1)
    finally:
        ends = [service.stop() for service in services]
    assert not any(ends), ends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    with tempfile.TemporaryDirectory() as work:
        try:
            try_services(parser.parse_args().binary.resolve(), Path(work))
        except (AssertionError, subprocess.CalledProcessError) as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
