# SPDX-License-Identifier: LGPL-3.0-or-later
"""Several hubs, and the bridges between them, set up through REST as an operator would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from hub_under_test import Certificates, HubOptions, HubUnderTest
from management_client import Json, Rest
from python_client import eventually

LINK_SECRET = "the hubs know this"
CONVERGE_S = 15.0
# Hubs that are killed do not come back for their sessions: how long the others wait for them.
RESUME_WINDOW_S = 1


@dataclass(frozen=True)
class Shape:
    """Which hub dials which, and by what; the n-th bridge takes the n-th transport, over and over."""

    name: str
    hubs: int
    bridges: tuple[tuple[int, int], ...]
    transports: tuple[str, ...] = ("tcp",)

    def __str__(self) -> str:
        return self.name

    def __len__(self) -> int:
        return self.hubs

    def distance(self, one: int, other: int) -> int:
        """Bridges on the shortest way."""
        reached, steps = {one}, 0
        while other not in reached:
            reached |= {b for a, b in self.bridges if a in reached} | {a for a, b in self.bridges if b in reached}
            steps += 1
        return steps


RING_OF_3 = Shape("ring-3", 3, ((0, 1), (1, 2), (2, 0)))
SHAPES = [
    Shape("pair", 2, ((0, 1),)),
    Shape("pair-unix", 2, ((0, 1),), ("unix",)),
    Shape("pair-tls", 2, ((0, 1),), ("tls",)),
    Shape("double-link", 2, ((0, 1), (1, 0))),
    Shape("chain-3", 3, ((0, 1), (1, 2)), ("unix", "tls")),
    Shape("chain-4", 4, ((0, 1), (2, 1), (2, 3)), ("tcp", "unix", "tls")),
    RING_OF_3,
    Shape("ring-3-tls", 3, ((0, 1), (1, 2), (2, 0)), ("tls",)),
    Shape("full-4", 4, tuple((a, b) for a in range(4) for b in range(a + 1, 4)), ("tcp", "unix")),
]


def link_address(hub: HubUnderTest, transport: str) -> str:
    return {
        "unix": f"unix:{hub.socket_path}",
        "tcp": f"tcp://127.0.0.1:{hub.tcp_port}",
        "tls": f"tls://127.0.0.1:{hub.tls_port}",
    }[transport]


class Mesh:
    def __init__(self, shape: Shape, hubs: list[HubUnderTest]) -> None:
        self.shape = shape
        self.hubs = hubs
        self.rest = [Rest(hub) for hub in hubs]

    def __iter__(self) -> Iterator[HubUnderTest]:
        return iter(self.hubs)

    def bridge_name(self, number: int) -> str:
        return f"bridge-{number}"

    def transport_of(self, number: int) -> str:
        return self.shape.transports[number % len(self.shape.transports)]

    def build_bridges(self) -> None:
        for number, (near, far) in enumerate(self.shape.bridges):
            transport = self.transport_of(number)
            tls = {}
            if transport == "tls":
                certificates = self.hubs[near].certificates
                assert certificates is not None
                tls = {"tls": {"ca_file": str(certificates.ca)}}
            address = link_address(self.hubs[far], transport)
            self.rest[near].put_bridge(
                self.bridge_name(number), address, secret=LINK_SECRET, resume_window_s=RESUME_WINDOW_S, **tls
            )

    def bridges(self) -> list[Json]:
        """Every bridge whose hubs run."""
        return [
            self.rest[near].bridge(self.bridge_name(number))
            for number, (near, far) in enumerate(self.shape.bridges)
            if self.hubs[near].is_running() and self.hubs[far].is_running()
        ]

    async def up(self) -> None:
        """Waits until every bridge between running hubs is up, seen from both its sides."""

        def are_up() -> bool:
            links = [link for hub, rest in zip(self.hubs, self.rest, strict=True) if hub.is_running()
                     for link in rest.items("links")]
            bridges = self.bridges()
            incoming = [link for link in links if link["direction"] == "in" and link["state"] == "up"]
            return all(bridge["state"] == "up" for bridge in bridges) and len(incoming) == len(bridges)

        try:
            await eventually(are_up, "all bridges are up", CONVERGE_S)
        except AssertionError:
            raise AssertionError(f"not all bridges are up: {self.bridges()}") from None

    async def knows_members(self, channel: str, ids: set[str]) -> None:
        """Waits until every running hub shows exactly these members of the channel."""

        def shown() -> list[set[str]]:
            return [
                {member["id"] for member in (rest.channel(channel) or {"members": []})["members"]}
                for hub, rest in zip(self.hubs, self.rest, strict=True)
                if hub.is_running()
            ]

        try:
            await eventually(lambda: all(members == ids for members in shown()), "members", CONVERGE_S)
        except AssertionError:
            raise AssertionError(f"members of {channel} are {shown()}, not {ids} everywhere") from None

    async def knows_providers(self, channel: str, event: str, hubs: int = 1) -> None:
        """Waits until every running hub shows so many providers of the event, another hub counting as one."""

        def counts() -> list[int]:
            return [
                sum(
                    len(shown["providers"])
                    for shown in (rest.channel(channel) or {"events": []})["events"]
                    if shown["name"] == event
                )
                for hub, rest in zip(self.hubs, self.rest, strict=True)
                if hub.is_running()
            ]

        try:
            await eventually(lambda: set(counts()) == {hubs}, "providers", CONVERGE_S)
        except AssertionError:
            raise AssertionError(f"providers of {channel}:{event}: {counts()}, not {hubs} everywhere") from None

    async def quiet(self) -> None:
        """Whatever is under way between the hubs has arrived: their counters stand still for a while."""

        def counters() -> list[object]:
            return [
                [rest.get("hub")["counters"]["deliveries"], [link["queued_bytes"] for link in rest.items("links")]]
                for hub, rest in zip(self.hubs, self.rest, strict=True)
                if hub.is_running()
            ]

        before = counters()
        while True:
            await asyncio.sleep(0.15)
            after = counters()
            if after == before:
                return
            before = after

    def close(self) -> None:
        failures = []
        for hub in self.hubs:
            try:
                hub.close()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, "\n".join(failures)


def mesh_options(server_id: str, **options: object) -> HubOptions:
    wanted: dict[str, object] = {
        "transports": ("unix", "tcp", "tls"),
        "server_id": server_id,
        "mgmt": True,
        "link_secret": LINK_SECRET,
    }
    return HubOptions(**(wanted | options))  # type: ignore[arg-type]


def start_mesh(shape: Shape, certificates: Certificates) -> Mesh:
    """Hubs a, b, c ... with their bridges made; `await mesh.up()` before use."""
    hubs: list[HubUnderTest] = []
    try:
        for number in range(shape.hubs):
            hubs.append(HubUnderTest(mesh_options(f"hub-{'abcdef'[number]}"), certificates))
            hubs[-1].start()
    except BaseException:
        for hub in hubs:
            with contextlib.suppress(AssertionError):
                hub.close()
        raise
    mesh = Mesh(shape, hubs)
    mesh.build_bridges()
    return mesh


class Road:
    """Stands between a bridge and its hub's TCP address: can be cut, mended, or made to swallow all bytes."""

    def __init__(self, port: int) -> None:
        self.to_port = port
        self.is_cut = False
        self.is_black_hole = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.address = ""

    async def open(self) -> Road:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while octets := await reader.read(65536):
                if self.is_black_hole:
                    continue
                writer.write(octets)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def cut(self) -> None:
        self.is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    async def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
