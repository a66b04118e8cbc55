# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fixtures: meshes and crowds that a test makes, and that end with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crowd import Crowd
from mesh import Edges, Mesh

MeshMaker = Callable[..., Mesh]
CrowdMaker = Callable[..., Crowd]


@pytest.fixture
def make_mesh(tmp_path: Path) -> Iterator[MeshMaker]:
    with contextlib.ExitStack() as made:

        def make(n_hubs: int, edges: Edges, **options: Any) -> Mesh:
            mesh = Mesh(tmp_path, n_hubs, edges, **options)
            made.callback(mesh.close)
            return mesh

        yield make


@pytest.fixture
def make_crowd(make_mesh: MeshMaker) -> Iterator[CrowdMaker]:
    """Crowds leave before the hubs go: it asks for the meshes' fixture to be taken down after it."""
    with contextlib.ExitStack() as made:

        def make(mesh: Mesh, **options: Any) -> Crowd:
            crowd = Crowd(options.pop("hubs", mesh.hubs), **options)
            made.callback(crowd.close)
            return crowd.known_everywhere(mesh)

        yield make
