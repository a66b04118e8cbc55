# SPDX-License-Identifier: LGPL-3.0-or-later
"""The three system channels: what the hub posts, signed where protected, and nobody else may (4, 7.2)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import Connector, Received, eventually
from raw_client import Message, RawDialer, message_signature

Unique = Callable[[str], str]

LOGS, ERRORS, SYSTEM = "__comm_ipc_logs", "__comm_ipc_errors", "__comm_ipc_system"
ALL = (LOGS, ERRORS, SYSTEM)


@pytest.mark.raw
async def test_system_channels_are_opened_like_any_other(
    hub: HubUnderTest, dial: RawDialer, unique: Unique
) -> None:
    watcher = await dial(hub, unique("watcher"))
    for name in ALL:
        answer = await watcher.open(name)
        assert answer["data"] == {"channel": name, "event": None, "authenticated": False}


@pytest.mark.raw
async def test_registrations_are_posted_with_all_the_fields(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    watcher, alice = await dial(hub, unique("watcher")), await dial(hub, unique("alice"))
    await watcher.open(SYSTEM)
    await alice.open(channel)
    await alice.provide(channel, "plain")
    await alice.provide(channel, "flow", is_stream=True, is_group=True)
    posted: list[Message] = []
    while len(posted) < 3:
        message = await watcher.expect("receive", event="new_registration")
        assert (message["channel"], message["sender_id"], message["server_id"]) == (
            SYSTEM,
            "system",
            hub.server_id,
        )
        if message["data"]["channel"] == channel:
            posted.append(message["data"])
    base = {"channel": channel, "client_id": unique("alice")}
    assert posted == [
        base | {"event": None, "is_provider": False, "is_stream": False},
        base | {"event": "plain", "is_provider": True, "is_stream": False},
        base | {"event": "flow", "is_provider": True, "is_stream": True},
    ]


@pytest.mark.raw
async def test_a_new_client_is_logged(hub: HubUnderTest, dial: RawDialer, unique: Unique) -> None:
    watcher = await dial(hub, unique("watcher"))
    await watcher.open(LOGS)
    await dial(hub, unique("newcomer"))
    posted = await watcher.expect_where(
        lambda m: m["type"] == "receive" and m["data"]["client_id"] == unique("newcomer"), "a log line"
    )
    assert (posted["channel"], posted["event"]) == (LOGS, "server_log")
    assert (posted["sender_id"], posted["server_id"]) == ("system", hub.server_id)
    assert set(posted["data"]) == {"message", "level", "client_id", "server_id"}
    assert posted["data"]["server_id"] == hub.server_id
    assert isinstance(posted["data"]["message"], str)
    assert posted["data"]["level"] == "info"


@pytest.mark.raw
async def test_errors_are_posted_with_the_policy_broadcast(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(error_policy="broadcast")
    watcher, alice = await dial(hub, "watcher"), await dial(hub, "alice")
    await watcher.open(ERRORS)
    await alice.call("room", "nothing", 1)
    posted = await watcher.expect("receive", channel=ERRORS, event="server_error")
    assert (posted["sender_id"], posted["server_id"]) == ("system", hub.server_id)
    assert set(posted["data"]) == {"error", "client_id", "server_id"}
    assert posted["data"]["error"].startswith("No provider for room")
    assert posted["data"]["client_id"] == "alice"
    assert posted["data"]["server_id"] == hub.server_id


@pytest.mark.raw
@pytest.mark.parametrize("policy", [None, "ignore"])
async def test_errors_are_not_posted_with_the_policy_ignore(
    start_hub: HubStarter, dial: RawDialer, policy: str | None
) -> None:
    hub = start_hub(error_policy=policy)
    watcher, alice = await dial(hub, "watcher"), await dial(hub, "alice")
    await watcher.open(ERRORS)
    await watcher.forget_inbox()
    request_id = await alice.call("room", "nothing", 1)
    assert (await alice.expect("response", request_id=request_id))["error"] == "No provider for room:nothing"
    await watcher.silence_after(alice)


@pytest.mark.raw
async def test_the_policy_raise_costs_others_nothing(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(error_policy="raise")
    other, alice, bob = await dial(hub, "other"), await dial(hub, "alice"), await dial(hub, "bob")
    await other.open("room")
    await alice.call("room", "nothing", 1)
    await bob.broadcast("room", "news", 1)
    assert (await other.expect("broadcast"))["data"] == 1
    assert hub.is_running()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_what_is_posted_has_every_field_of_a_receive(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(error_policy="broadcast")
    watcher = await dial(hub, "watcher")
    for name in ALL:
        await watcher.open(name)
    alice = await dial(hub, "alice")
    await alice.call("room", "nothing", 1)
    await alice.open("room")
    for name in ALL:
        posted = await watcher.expect("receive", channel=name)
        assert {"channel", "event", "data", "sender_id", "server_id", "timestamp"} <= set(posted)
        assert isinstance(posted["timestamp"], int)
        assert abs(posted["timestamp"] - time.time()) < 10


async def test_a_python_client_watches_the_system_channels(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    registrations, lines = Received(), Received()
    watcher = await connect(hub)
    (await watcher.open(SYSTEM)).on_receive(registrations, "new_registration")
    (await watcher.open(LOGS)).on_receive(lines, "server_log")
    await (await connect(hub, client_id=unique("newcomer"))).open(channel)
    await eventually(
        lambda: any(data["channel"] == channel for data in registrations.data), "the registration is posted"
    )
    await eventually(
        lambda: any(data["client_id"] == unique("newcomer") for data in lines.data), "the client is logged"
    )
    assert {message.sender_id for message in registrations.messages} == {"system"}
    assert {message.server_id for message in registrations.messages} == {hub.server_id}


PASSWORDS = {LOGS: "for logs", ERRORS: "für errors", SYSTEM: "for system"}


async def test_a_protected_system_channel_wants_its_password(
    start_hub: HubStarter, connect: Connector
) -> None:
    hub = start_hub(system_passwords=PASSWORDS)
    client = await connect(hub)
    with pytest.raises(Exception, match="requires authentication"):
        await client.open(SYSTEM)
    with pytest.raises(Exception, match="^Invalid channel password$"):
        await client.open(SYSTEM, password="wrong")
    await client.open(SYSTEM, password=PASSWORDS[SYSTEM])


@pytest.mark.commhub_only
async def test_python_clients_accept_what_is_posted_on_protected_system_channels(
    start_hub: HubStarter, connect: Connector, dial: RawDialer
) -> None:
    hub = start_hub(system_passwords=PASSWORDS, error_policy="broadcast")
    watcher = await connect(hub)
    heard = {name: Received() for name in ALL}
    for name in ALL:
        (await watcher.open(name, password=PASSWORDS[name])).on_receive(heard[name])
    alice = await dial(hub, "älice 🦆")
    await alice.open("room")
    await alice.call("room", "nothing", 1)
    await eventually(lambda: any(d["channel"] == "room" for d in heard[SYSTEM].data), "registration accepted")
    await eventually(
        lambda: any(d["error"].startswith("No provider for room") for d in heard[ERRORS].data),
        "error accepted",
    )
    await eventually(lambda: any(d["client_id"] == "älice 🦆" for d in heard[LOGS].data), "log accepted")


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_what_is_signed_is_the_message_with_its_defaults(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(system_passwords=PASSWORDS)
    watcher, alice = await dial(hub, "watcher"), await dial(hub, "alice")
    await watcher.open(SYSTEM, PASSWORDS[SYSTEM])
    await alice.open("room")
    posted = await watcher.expect_where(
        lambda m: m["type"] == "receive" and m["data"]["channel"] == "room", "the registration"
    )
    defaults: Message = {
        "origin_server_id": None,
        "request_id": None,
        "target_id": None,
        "is_stream": False,
        "is_final": True,
        "sub_name": None,
    }
    assert posted["signature"] == message_signature(PASSWORDS[SYSTEM], defaults | posted)


WORDS: dict[str, Message] = {
    "provide": {"type": "register", "is_provider": True, "event": "server_log"},
    "call": {"type": "call", "event": "server_log", "data": {}},
    "send": {"type": "send", "event": "server_log", "data": {}},
    "broadcast": {"type": "broadcast", "event": "server_log", "data": {}},
    "publish": {"type": "publish", "sub_name": "topic", "data": {}},
    "declare": {"type": "add_subscription", "sub_name": "topic"},
    "subscribe": {"type": "subscribe", "sub_name": "topic"},
    "set_password": {"type": "set_password", "password": "mine"},
}


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("word", WORDS)
async def test_system_channels_are_read_only(
    hub: HubUnderTest, dial: RawDialer, unique: Unique, name: str, word: str
) -> None:
    watcher, alice = await dial(hub, unique("watcher")), await dial(hub, unique("alice"))
    await alice.open(name)
    await watcher.open(name)
    await alice.say(WORDS[word] | {"channel": name, "request_id": "refuse-me"})
    told = await alice.expect_where(lambda m: m.get("request_id") == "refuse-me", "a refusal")
    assert told.get("error") or told.get("message")
    await alice.settle()
    await watcher.settle()
    assert [m for m in watcher.inbox if m.get("sender_id") == unique("alice")] == []
    outsider = await dial(hub, unique("outsider"))
    assert (await outsider.open(name))["data"]["authenticated"] is False


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_nobody_owns_a_system_channel(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub()
    first, second = await dial(hub, "first"), await dial(hub, "second")
    await first.open(SYSTEM)
    await second.open(SYSTEM)
    await first.close()
    watcher = await dial(hub, "watcher")
    await watcher.open("room")
    await second.expect_where(
        lambda m: m["type"] == "receive" and m["data"]["client_id"] == "watcher", "the registration"
    )
    await second.settle()
    assert second.of_type("error") == []
    third = await dial(hub, "third")
    await third.open("room")
    await second.expect_where(
        lambda m: m["type"] == "receive" and m["data"]["client_id"] == "third", "the next registration"
    )
