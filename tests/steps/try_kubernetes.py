#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts the pods of deploy/kubernetes/commhub.yaml as processes and waits until they are one mesh.

The pods are made as a cluster would make them: names by number, variables and volumes from the StatefulSet, names of
hosts from its headless service. That ports, selectors, probes and volumes fit each other is checked by name.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from deployed_hubs import DeployedHub, become_one_mesh

FILE = Path(__file__).resolve().parents[2] / "deploy/kubernetes/commhub.yaml"


class Manifest:
    def __init__(self) -> None:
        self.objects = list(yaml.safe_load_all(FILE.read_text()))
        self.set = self.named("StatefulSet", "commhub")
        self.pod = self.set["template"]["spec"]
        (self.container,) = self.pod["containers"]

    def named(self, kind: str, name: str) -> Any:
        """The spec of an object, or the data of one that has none."""
        (found,) = [o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (kind, name)]
        return found.get("spec") or found["data"]

    def fits(self) -> None:
        """What the objects say of each other is so."""
        labels = self.set["template"]["metadata"]["labels"]
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        assert self.set["selector"]["matchLabels"] == labels
        assert self.named("PodDisruptionBudget", "commhub")["selector"]["matchLabels"] == labels
        for service in [o["spec"] for o in self.objects if o["kind"] == "Service"]:
            assert service["selector"] == labels
            assert all(port["port"] == ports[port["targetPort"]] for port in service["ports"])
        assert self.named("Service", self.set["serviceName"])["clusterIP"] == "None"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert self.container[probe]["httpGet"]["port"] in ports
        volumes = {volume["name"] for volume in self.pod["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in self.set["volumeClaimTemplates"]}
        assert {mount["name"] for mount in self.container["volumeMounts"]} == volumes

    def environment(self, pod: str) -> dict[str, str]:
        """The container's variables; later ones may name earlier ones as $(NAME)."""
        wishes: dict[str, str] = {}
        for entry in self.container["env"]:
            if "valueFrom" in entry:
                assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
                wishes[entry["name"]] = pod
            else:
                value = re.sub(r"\$\((\w+)\)", lambda found: wishes[found[1]], entry["value"])
                wishes[entry["name"]] = value
        return wishes

    def mount(self, hub: DeployedHub) -> None:
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        for mount in self.container["volumeMounts"]:
            volume = volumes.get(mount["name"], {})
            if "configMap" in volume:
                for name, text in self.named("ConfigMap", volume["configMap"]["name"]).items():
                    hub.place(f"{mount['mountPath']}/{name}").write_text(text)
            elif "secret" in volume:
                for secret in ("link-secret", "admin-token"):
                    hub.put_secret(f"{mount['mountPath']}/{secret}")
            else:
                hub.place(f"{mount['mountPath']}/x")

    def pods(self, work: Path) -> list[DeployedHub]:
        hubs = []
        for number in range(self.set["replicas"]):
            pod = f"commhub-{number}"
            host = f"{pod}.{self.set['serviceName']}"
            hubs.append(DeployedHub(host, self.environment(pod), f"127.0.78.{number + 1}", work / pod))
            self.mount(hubs[-1])
        return hubs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True)
    binary = parser.parse_args().binary.resolve()
    with tempfile.TemporaryDirectory() as work:
        try:
            manifest = Manifest()
            manifest.fits()
            become_one_mesh(manifest.pods(Path(work)), binary)
        except (AssertionError, KeyError, subprocess.CalledProcessError) as failure:
            print(repr(failure), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
