# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hubs of a deployment file as processes, without containers: each has its own address of the loopback network, and the
paths in its container lie below a folder of the run. What only an engine can do (users, read-only roots, health checks)
is not tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MESH_S = 30
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DeployedHub:
    """One container: `host` is the name by which the others know it, `wishes` its environment as the file says it."""

    def __init__(self, host: str, wishes: dict[str, str], address: str, root: Path) -> None:
        self.host = host
        self.wishes = wishes
        self.address = address
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None

    def place(self, path: str) -> Path:
        """Where a path of the container lies."""
        place = Path(f"{self.root}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def put_secret(self, path: str) -> None:
        self.place(path).write_text(f"content-of-{Path(path).name}-{'0' * 32}\n")

    def _environment(self) -> dict[str, str]:
        environment = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        for name, value in self.wishes.items():
            value = value.replace("0.0.0.0", self.address)
            environment[name] = f"{self.root}{value}" if value.startswith("/") else value
        return environment

    def start(self, binary: Path, addresses: dict[str, str]) -> None:
        for file in (self.root / "etc").rglob("*.json"):
            text = file.read_text()
            for host, address in addresses.items():
                text = text.replace(f"//{host}:", f"//{address}:")
            file.write_text(text)
        environment = self._environment()
        subprocess.run([binary, "serve", "--check-config"], env=environment, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([binary, "serve"], env=environment, stdout=subprocess.DEVNULL)

    def ask(self, path: str) -> Any:
        token = Path(self._environment()["COMMHUB_ADMIN_TOKEN_FILE"]).read_text().strip()
        request = urllib.request.Request(
            f"http://{self.address}:8080{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with OPENER.open(request, timeout=5) as answer:
            return json.load(answer)

    def shows(self, hubs: int) -> bool:
        """Whether it knows so many hubs, and each bridge of its own is up."""
        assert self.process and self.process.poll() is None, f"{self.host} has ended"
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


def become_one_mesh(hubs: list[DeployedHub], binary: Path) -> None:
    """Starts the hubs, waits until each one knows all of them, and ends them in good order."""
    addresses = {hub.host: hub.address for hub in hubs}
    try:
        for hub in hubs:
            hub.start(binary, addresses)
        give_up = time.monotonic() + MESH_S
        while not all(hub.shows(len(hubs)) for hub in hubs):
            assert time.monotonic() < give_up, "the hubs have not become one mesh"
            time.sleep(0.1)
    finally:
        ends = [hub.stop() for hub in hubs]
    assert not any(ends), ends
