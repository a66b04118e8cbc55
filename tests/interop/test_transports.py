# SPDX-License-Identifier: LGPL-3.0-or-later
"""Unix sockets, TCP and TLS, one by one and all at once (chapters 1 and 2)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comm_ipc.client import CommIPC

from conftest import HubStarter
from hub_under_test import Certificates, HubOptions, HubUnderTest
from python_client import Connector, Received, close_client, collect
from raw_client import ConnectionEnded, RawClient, RawDialer

Unique = Callable[[str], str]

TRANSPORTS = ("unix", "tcp", "tls")


async def double(message: Any) -> Any:
    return message.data * 2


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(20):
        yield number + 1


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("secret", [None, "a secret"])
async def test_everything_works_on_a_transport(
    start_hub: HubStarter, connect: Connector, transport: str, secret: str | None
) -> None:
    hub = start_hub(transports=(transport,), connection_secret=secret)
    heard, news = Received(), Received()
    provider = await (await connect(hub, transport, connection_secret=secret)).open("room")
    await provider.add_event("double", double)
    await provider.add_stream("count", count)
    await provider.add_subscription("topic")
    provider.on_receive(heard, "shout")
    other = await (await connect(hub, transport, connection_secret=secret)).open("room")
    assert (await other.event("double", 4)).data == 8
    assert await collect(other.stream("count", {})) == list(range(1, 21))
    await other.broadcast("shout", "hello")
    assert (await heard.first()).data == "hello"
    await other.subscribe("topic", news)
    await provider.publish("topic", b"x" * 200_000)
    assert (await news.first()).data == b"x" * 200_000


async def test_clients_of_all_transports_meet(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    rooms = {transport: await (await connect(hub, transport)).open(channel) for transport in TRANSPORTS}
    heard = {transport: Received() for transport in TRANSPORTS}
    for transport, room in rooms.items():
        await room.add_event(f"double-{transport}", double)
        room.on_receive(heard[transport], "shout")
    for room in rooms.values():
        for transport in TRANSPORTS:
            assert (await room.event(f"double-{transport}", 2)).data == 4
    for transport, room in rooms.items():
        await room.broadcast("shout", transport)
    for transport in TRANSPORTS:
        await heard[transport].at_least(2)
        assert sorted(heard[transport].data) == sorted(set(TRANSPORTS) - {transport})


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_wrong_secret_is_refused(start_hub: HubStarter, connect: Connector, transport: str) -> None:
    hub = start_hub(transports=(transport,), connection_secret="right")
    with pytest.raises(Exception, match="^Connection failed: Authentication failed$"):
        await connect(hub, transport, connection_secret="wrong", auto_reconnect=False)
    await connect(hub, transport, connection_secret="right")


async def test_a_python_client_without_a_secret_fails_by_itself(
    start_hub: HubStarter, connect: Connector
) -> None:
    hub = start_hub(connection_secret="right")
    with pytest.raises(Exception, match="^Server required connection secret but none provided$"):
        await connect(hub, auto_reconnect=False)


async def test_a_secret_where_none_is_wanted_is_no_trouble(hub: HubUnderTest, connect: Connector) -> None:
    client = await connect(hub, connection_secret="unneeded")
    assert client.server_id == hub.server_id


async def test_a_python_client_with_an_id_in_use_is_refused(
    hub: HubUnderTest, connect: Connector, unique: Unique
) -> None:
    await connect(hub, client_id=unique("twin"))
    with pytest.raises(Exception, match=f"^Connection failed: Client ID {unique('twin')} already in use$"):
        await connect(hub, client_id=unique("twin"), auto_reconnect=False)


async def test_python_heartbeats_keep_a_connection_open(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub(idle_timeout_s=1.0)
    client = await connect(hub, heartbeat_interval=0.25, auto_reconnect=False)
    writer = client.writer
    await asyncio.sleep(2.5)
    assert client.writer is writer
    await client.open("room")


async def test_a_python_client_distrusts_an_unknown_authority(hub: HubUnderTest) -> None:
    client = CommIPC(ssl_context=ssl.create_default_context(), auto_reconnect=False)
    with pytest.raises(ssl.SSLCertVerificationError):
        await client.connect(host="127.0.0.1", port=hub.tls_port)
    await close_client(client)


@pytest.mark.raw
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_speaks_both_versions(
    hub: HubUnderTest, certificates: Certificates, unique: Unique, version: ssl.TLSVersion
) -> None:
    context = certificates.client_context()
    context.minimum_version = context.maximum_version = version
    client = RawClient(*await asyncio.open_connection("127.0.0.1", hub.tls_port, ssl=context))
    assert (await client.identify(unique("alice")))["type"] == "identified"
    spoken = client.writer.get_extra_info("ssl_object").version()
    assert spoken == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
    await client.close()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_tls_does_not_speak_older_versions(hub: HubUnderTest, certificates: Certificates) -> None:
    context = certificates.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", hub.tls_port, ssl=context)


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_with_a_client_authority_only_its_clients_are_let_in(
    start_hub: HubStarter, certificates: Certificates
) -> None:
    hub = start_hub(transports=("tls",), arguments=("--tls-ca", str(certificates.ca)))
    trusted = certificates.client_context(with_certificate=True)
    client = RawClient(*await asyncio.open_connection("127.0.0.1", hub.tls_port, ssl=trusted))
    assert (await client.identify("alice"))["type"] == "identified"
    await client.close()
    # With TLS 1.3 a client learns only on its first read that its certificate was missed.
    with pytest.raises((ssl.SSLError, ConnectionError, ConnectionEnded)):
        context = certificates.client_context()
        nobody = RawClient(*await asyncio.open_connection("127.0.0.1", hub.tls_port, ssl=context))
        await nobody.identify("bob")


@pytest.mark.raw
async def test_plain_words_on_the_tls_port_cost_others_nothing(
    hub: HubUnderTest, dial: RawDialer, unique: Unique
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.tls_port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n" * 10)
    await writer.drain()
    while True:
        try:
            if not await asyncio.wait_for(reader.read(4096), 12):
                break
        except ConnectionError:
            break
    writer.close()
    await (await dial(hub, unique("alice"), "tls")).settle()


@pytest.mark.raw
async def test_a_megabyte_passes_over_tls_both_ways(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice, bob = await dial(hub, unique("alice"), "tls"), await dial(hub, unique("bob"), "tls")
    await bob.provide(channel, "echo")
    payload = os.urandom(1 << 20)
    request_id = await alice.call(channel, "echo", payload)
    call = await bob.expect("call")
    await bob.answer(call, call["data"])
    assert (await alice.expect("response", request_id=request_id))["data"] == payload


@pytest.mark.raw
async def test_a_client_that_aborts_its_connection_costs_others_nothing(
    hub: HubUnderTest, dial: RawDialer, unique: Unique
) -> None:
    for transport in TRANSPORTS:
        victim = await dial(hub, unique(f"victim-{transport}"), transport)
        await victim.open(unique("room"))
        victim.writer.transport.abort()
    await (await dial(hub, unique("alice"))).settle()


# The socket file (issue of the operator, not of the protocol).


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_the_socket_file_is_removed_at_exit(start_hub: HubStarter) -> None:
    hub = start_hub()
    assert stat.S_ISSOCK(os.stat(hub.socket_path).st_mode)
    assert hub.stop() == 0
    assert not Path(hub.socket_path).exists()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_stale_socket_file_is_replaced(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub()
    hub.kill()
    assert Path(hub.socket_path).exists()
    hub.start()
    await (await dial(hub, "alice")).settle()


def _second_hub_on(hub: HubUnderTest, transport: str) -> HubUnderTest:
    second = HubUnderTest(HubOptions(transports=(transport,)))
    second.socket_path, second.tcp_port = hub.socket_path, hub.tcp_port
    return second


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("transport", ["unix", "tcp"])
async def test_an_address_in_use_is_refused_and_its_holder_stays(
    hub: HubUnderTest, dial: RawDialer, unique: Unique, transport: str
) -> None:
    second = _second_hub_on(hub, transport)
    with pytest.raises(AssertionError, match="the hub ended with [1-9]"):
        second.start()
    address = hub.socket_path if transport == "unix" else str(hub.tcp_port)
    assert address in second.log_tail(), "the message names the address"
    second.close_folder()
    await (await dial(hub, unique("alice"), transport)).settle()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_file_that_is_no_socket_is_never_removed(start_hub: HubStarter) -> None:
    hub = HubUnderTest(HubOptions())
    Path(hub.socket_path).write_text("precious")
    with pytest.raises(AssertionError, match="the hub ended with [1-9]"):
        hub.start()
    assert Path(hub.socket_path).read_text() == "precious"
    hub.close_folder()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_an_unreadable_key_ends_the_hub_with_a_reason(certificates: Certificates) -> None:
    broken = Certificates(certificates.ca, certificates.server_cert, Path("/nonexistent/key"), Path(), Path())
    hub = HubUnderTest(HubOptions(transports=("tls",)), broken)
    with pytest.raises(AssertionError, match="the hub ended with [1-9]"):
        hub.start()
    assert "/nonexistent/key" in hub.log_tail()
    hub.close_folder()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_sigterm_ends_the_hub_with_clients_connected(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(transports=TRANSPORTS)
    clients = [await dial(hub, f"client-{transport}", transport) for transport in TRANSPORTS]
    assert hub.stop() == 0
    for client in clients:
        assert await client.is_closed_by_hub()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_the_ready_line_names_every_address(start_hub: HubStarter) -> None:
    hub = start_hub(transports=TRANSPORTS)
    for address in (hub.socket_path, str(hub.tcp_port), str(hub.tls_port)):
        assert address in hub.ready_line


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_several_listeners_of_a_kind_serve_one_hub(start_hub: HubStarter, tmp_path: Path) -> None:
    from hub_under_test import free_tcp_port

    port = free_tcp_port()
    hub = start_hub(
        transports=("unix", "tcp"),
        arguments=("--listen", f"tcp://127.0.0.1:{port}", "--listen", f"unix:{tmp_path}/second.sock"),
    )
    roads = [
        await asyncio.open_unix_connection(hub.socket_path),
        await asyncio.open_unix_connection(f"{tmp_path}/second.sock"),
        await asyncio.open_connection("127.0.0.1", hub.tcp_port),
        await asyncio.open_connection("127.0.0.1", port),
    ]
    clients = [RawClient(*road) for road in roads]
    for number, client in enumerate(clients):
        assert (await client.identify(f"client-{number}"))["type"] == "identified"
        await client.open("room")
    await clients[0].broadcast("room", "news", 1)
    for client in clients[1:]:
        assert (await client.expect("broadcast"))["data"] == 1
        await client.close()
    await clients[0].close()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_the_original_command_line_is_understood(tmp_path: Path) -> None:
    """`commhub server` takes the flags of the package's own `comm-ipc server`."""
    from hub_under_test import commhub_binary, free_tcp_port

    binary = commhub_binary()
    port = free_tcp_port()
    command = [str(binary), "server", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "COMMHUB_DATA_DIR": str(tmp_path), "COMMHUB_MGMT": "off"}
    process = subprocess.Popen(
        [*command, "--connection-secret", "s", "--verbose"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready "):
                break
        client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
        assert (await client.identify("alice", secret="s"))["type"] == "identified"
        await client.close()
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.raw
async def test_small_answers_are_not_held_back(hub: HubUnderTest, dial: RawDialer, unique: Unique) -> None:
    """Two hundred pings one after the other over TCP: delayed acknowledgements would make them take 8 s."""
    client = await dial(hub, unique("alice"), "tcp")
    client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    started = asyncio.get_running_loop().time()
    for _ in range(200):
        await client.settle()
    assert asyncio.get_running_loop().time() - started < 4
