# SPDX-License-Identifier: LGPL-3.0-or-later
"""Opening and owning channels, membership, and what members are told (chapters 3, 3.3, 4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import Connector, Errors, Received, eventually
from raw_client import RawDialer

Unique = Callable[[str], str]


def plain_open(channel: str) -> dict[str, object]:
    return {"type": "register", "channel": channel, "is_provider": False}


@pytest.mark.raw
async def test_channel_sync_comes_before_the_answer(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice = await dial(hub, unique("alice"))
    await alice.say(plain_open(channel) | {"request_id": "r1"})
    sync, answer = await alice.next(), await alice.next()
    assert sync == {"type": "channel_sync", "channel": channel, "events": {}, "subscriptions": {}}
    assert answer["type"] == "response"
    assert answer["request_id"] == "r1"
    assert answer["channel"] == channel
    assert answer["event"] is None
    assert answer["data"] == {"channel": channel, "event": None, "authenticated": False}
    assert "error" not in answer


@pytest.mark.raw
async def test_channel_sync_tells_events_and_topics(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    params, returns = {"type": "object", "title": "P"}, {"type": "string"}
    await provider.provide(
        channel, "plain", is_stream=False, is_group=False, param_schema=params, return_schema=returns
    )
    await provider.provide(channel, "grouped", is_stream=True, is_group=True)
    await provider.declare(channel, "topic", {"type": "integer"})

    opener = await dial(hub, unique("opener"))
    await opener.say(plain_open(channel))
    sync = await opener.expect("channel_sync")
    assert set(sync["events"]) == {"plain", "grouped"}
    plain = {"owner": unique("provider"), "param_schema": params, "return_schema": returns, "stype": "event"}
    assert plain.items() <= sync["events"]["plain"].items()
    assert {"param_schema": None, "return_schema": None}.items() <= sync["events"]["grouped"].items()
    assert not sync["events"]["plain"].get("is_stream") and not sync["events"]["plain"].get("is_group")
    assert sync["events"]["grouped"]["is_stream"] is True
    assert sync["events"]["grouped"]["is_group"] is True
    assert set(sync["subscriptions"]) == {"topic"}
    topic = {"owner": unique("provider"), "param_schema": {"type": "integer"}, "stype": "subscription"}
    assert topic.items() <= sync["subscriptions"]["topic"].items()


@pytest.mark.raw
async def test_a_register_inside_reg_is_the_same(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice = await dial(hub, unique("alice"))
    opening = {"channel": channel, "is_provider": False, "client_id": unique("alice"), "request_id": "r1"}
    await alice.say({"type": "register", "reg": opening})
    await alice.expect("channel_sync", channel=channel)
    assert (await alice.expect("response", request_id="r1"))["data"]["channel"] == channel
    providing = {"channel": channel, "is_provider": True, "event": "echo", "request_id": "r2"}
    await alice.say({"type": "register", "reg": providing})
    await alice.expect("response", request_id="r2")
    await alice.call(channel, "echo", 5)
    assert (await alice.expect("call", event="echo"))["data"] == 5


@pytest.mark.raw
async def test_a_register_without_is_provider_opens(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    await alice.say({"type": "register", "channel": channel, "client_id": unique("alice")})
    await alice.expect("channel_sync", channel=channel)
    await alice.settle()
    await bob.broadcast(channel, "news", 1)
    assert (await alice.expect("broadcast"))["data"] == 1


@pytest.mark.raw
async def test_the_client_id_in_a_register_is_not_believed(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice, mallory = await dial(hub, unique("alice")), await dial(hub, unique("mallory"))
    await mallory.request(plain_open(channel) | {"client_id": unique("alice")})
    await alice.open(channel)
    assert [member["id"] for member in await alice.members(channel)] == [unique("mallory"), unique("alice")]


@pytest.mark.raw
async def test_opening_twice_is_no_trouble_and_counts_once(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    for _ in range(2):
        assert "error" not in await alice.open(channel)
    assert [member["id"] for member in await alice.members(channel)] == [unique("alice")]
    await alice.forget_inbox()
    await bob.broadcast(channel, "news", 1)
    await bob.settle()
    await alice.settle()
    assert len(alice.of_type("broadcast")) == 1


@pytest.mark.raw
async def test_members_hear_of_new_events(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    member, provider = await dial(hub, unique("member")), await dial(hub, unique("provider"))
    await member.open(channel)
    await member.forget_inbox()
    await provider.provide(
        channel, "count", is_stream=True, is_group=True, param_schema={"a": 1}, return_schema={"b": 2}
    )
    told = await member.expect("metadata_update", stype="event")
    wanted = {
        "channel": channel,
        "name": "count",
        "owner": unique("provider"),
        "param_schema": {"a": 1},
        "return_schema": {"b": 2},
        "is_stream": True,
        "is_group": True,
    }
    assert wanted.items() <= told.items()


@pytest.mark.raw
async def test_members_hear_of_new_topics(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    member, owner = await dial(hub, unique("member")), await dial(hub, unique("owner"))
    await member.open(channel)
    await owner.open(channel)
    await owner.declare(channel, "topic", {"type": "integer"})
    told = await member.expect("metadata_update", stype="subscription")
    wanted = {
        "channel": channel,
        "name": "topic",
        "owner": unique("owner"),
        "return_schema": {"type": "integer"},
    }
    assert wanted.items() <= told.items()
    await owner.settle()
    assert owner.of_type("metadata_update", stype="subscription") == []


@pytest.mark.raw
@pytest.mark.parametrize(("mode", "told"), [(None, "client"), ("client", "client"), ("bridge", "bridge")])
async def test_members_hear_who_joins_and_leaves(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, mode: str | None, told: str
) -> None:
    member = await dial(hub, unique("member"))
    await member.open(channel)
    await member.forget_inbox()
    guest = await dial(hub, unique("guest"), mode=mode)
    await guest.open(channel)
    join = await member.expect("metadata_update", stype="membership", action="join")
    wanted = {"channel": channel, "name": unique("guest"), "owner": unique("guest"), "mode": told}
    assert wanted.items() <= join.items()
    await guest.settle()
    assert guest.of_type("metadata_update") == [], "the joining client itself is not told"

    await guest.close()
    leave = await member.expect("metadata_update", stype="membership", action="leave")
    assert wanted.items() <= leave.items()


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_client_that_merely_says_it_is_a_bridge_is_a_plain_client(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(trusts_bridges=False)
    claimant = await dial(hub, "claimant", mode="bridge")
    await claimant.open("room")
    guest = await dial(hub, "guest")
    await guest.open("room")
    await claimant.say(
        {"type": "announce_remote", "channel": "room", "clients": [{"id": "ghost", "mode": "client", "path": ["x"]}]}
    )
    await claimant.settle()
    members = await guest.members("room")
    assert [(member["id"], member["mode"]) for member in members] == [("claimant", "client"), ("guest", "client")]
    # It owns what it opened first, as a client does.
    assert (await claimant.set_password("room", "p"))["data"]["success"] is True
    assert "--bridge-clients trusted" in hub.log_tail()


@pytest.mark.raw
async def test_list_members_has_them_in_joining_order(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    first = await dial(hub, unique("zoe"), mode="client")
    second = await dial(hub, unique("bridge"), mode="bridge")
    third = await dial(hub, unique("adam"))
    await first.open(channel)
    await second.open(channel)
    await third.provide(channel, "echo")
    assert await third.members(channel) == [
        {"id": unique("zoe"), "mode": "client", "is_local": True, "path": []},
        {"id": unique("bridge"), "mode": "bridge", "is_local": True, "path": []},
        {"id": unique("adam"), "mode": "client", "is_local": True, "path": []},
    ]


@pytest.mark.raw
async def test_list_members_of_an_unknown_channel_is_answered_with_none(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    assert await (await dial(hub, unique("alice"))).members(channel) == []


@pytest.mark.raw
async def test_a_provider_that_did_not_open_the_channel_gets_no_broadcasts(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, member = await dial(hub, unique("provider")), await dial(hub, unique("member"))
    await provider.provide(channel, "echo")
    await member.open(channel)
    await provider.forget_inbox()
    await member.broadcast(channel, "news", 1)
    await provider.silence_after(member)


@pytest.mark.raw
@pytest.mark.parametrize("policy", [None, "terminate"])
async def test_the_channel_ends_with_its_owner(
    start_hub: HubStarter, dial: RawDialer, policy: str | None
) -> None:
    hub = start_hub(channel_policy=policy)
    owner, member, provider = await dial(hub, "owner"), await dial(hub, "member"), await dial(hub, "provider")
    await owner.open("room")
    await member.open("room")
    await provider.provide("room", "echo")
    await owner.close()
    wanted = "Channel room owner disconnected, channel terminated"
    assert (await member.expect("error"))["message"] == wanted
    assert (await provider.expect("error"))["message"] == wanted

    outsider = await dial(hub, "outsider")
    assert await outsider.members("room") == []
    await member.forget_inbox()
    await provider.forget_inbox()
    await outsider.broadcast("room", "news", 1)
    await member.silence_after(outsider)
    request_id = await outsider.call("room", "echo", 1)
    answer = await outsider.expect("response", request_id=request_id)
    assert answer["error"] == "No provider for room:echo"
    await provider.silence_after(outsider)


@pytest.mark.raw
async def test_the_ended_channel_belongs_to_the_next_who_comes(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(channel_policy="terminate")
    owner, member = await dial(hub, "owner"), await dial(hub, "member")
    await owner.open("room")
    await member.open("room")
    await owner.close()
    await member.expect("error")
    newcomer = await dial(hub, "newcomer")
    await newcomer.open("room")
    await member.open("room")
    refused = await member.set_password("room", "p")
    assert refused["error"] == "Only the channel owner can set or change the password"
    assert (await newcomer.set_password("room", "p"))["data"]["success"] is True


@pytest.mark.raw
async def test_promote_hands_the_channel_to_the_earliest_member(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(channel_policy="promote")
    owner, second, third = await dial(hub, "owner"), await dial(hub, "second"), await dial(hub, "third")
    for client in (owner, second, third):
        await client.open("room")
    await owner.close()
    await second.expect("metadata_update", action="leave")
    await third.expect("metadata_update", action="leave")
    assert [member["id"] for member in await third.members("room")] == ["second", "third"]
    refused = await third.set_password("room", "p")
    assert refused["error"] == "Only the channel owner can set or change the password"
    for client in (second, third):
        await client.settle()
        assert client.of_type("error") == []
    assert (await second.set_password("room", "p"))["data"]["success"] is True


@pytest.mark.raw
async def test_a_promoted_channel_keeps_its_password(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(channel_policy="promote")
    owner, second = await dial(hub, "owner"), await dial(hub, "second")
    await owner.open("room")
    await owner.set_password("room", "p")
    await second.open("room", "p")
    await owner.close()
    await second.expect("metadata_update", action="leave")
    newcomer = await dial(hub, "newcomer")
    assert (await newcomer.open("room"))["type"] == "auth_challenge"


@pytest.mark.raw
@pytest.mark.parametrize("policy", ["terminate", "promote"])
async def test_a_password_ends_with_the_channel(start_hub: HubStarter, dial: RawDialer, policy: str) -> None:
    hub = start_hub(channel_policy=policy)
    owner, watcher = await dial(hub, "owner"), await dial(hub, "watcher")
    await owner.open("room")
    await owner.set_password("room", "p")
    await owner.close()

    async def is_open_again() -> bool:
        return bool((await watcher.open("room"))["type"] == "response")

    await eventually(is_open_again, "the channel is unprotected")


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("policy", ["terminate", "promote"])
async def test_a_configured_password_outlives_the_members(
    start_hub: HubStarter, dial: RawDialer, policy: str
) -> None:
    hub = start_hub(channel_policy=policy, system_passwords={"room": "p"})
    first, second = await dial(hub, "first"), await dial(hub, "second")
    assert (await first.open("room", "p"))["data"]["authenticated"] is True
    await first.close()

    async def is_empty() -> bool:
        assert (await second.open("room"))["type"] == "auth_challenge", "the password is gone"
        await second.open("room", "p")
        return [member["id"] for member in await second.members("room")] == ["second"]

    await eventually(is_empty, "the first member is gone")


# With the package's client.


async def test_a_python_client_opens_a_channel_and_learns_its_schemas(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    from pydantic import BaseModel

    class Numbers(BaseModel):
        a: int
        b: int

    async def add(message: object) -> int:
        return 3

    provider = await (await connect(hub, client_id=unique("provider"))).open(channel)
    await provider.add_event("add", add, parameters=Numbers)
    await provider.add_subscription("news", model=Numbers)
    opened = await (await connect(hub)).open(channel)
    found = opened.explore()
    assert found["events"]["add"]["owner"] == unique("provider")
    assert found["events"]["add"]["parameters"] == Numbers.model_json_schema()
    assert opened.remote_schemas["news"]["param_schema"] == Numbers.model_json_schema()
    schema = opened.get_schema("add")
    assert schema is not None and schema["param_schema"] == Numbers.model_json_schema()


async def test_a_python_client_learns_of_later_events_and_topics(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    async def count(message: object):  # type: ignore[no-untyped-def]
        yield 1

    watching = await (await connect(hub)).open(channel)
    provider = await (await connect(hub, client_id=unique("provider"))).open(channel)
    await provider.add_stream("count", count)
    await provider.add_subscription("news")
    await eventually(lambda: {"count", "news"} <= set(watching.remote_schemas), "both are known")
    assert watching.remote_schemas["count"]["owner"] == unique("provider")
    assert watching.remote_schemas["count"]["stype"] == "event"
    assert watching.remote_schemas["news"]["stype"] == "subscription"


async def test_a_password_for_an_unprotected_channel_is_an_error(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    client = await connect(hub)
    with pytest.raises(Exception, match="is unprotected, but a password was provided"):
        await client.open(channel, password="p")


async def test_a_python_member_is_told_that_the_channel_is_terminated(
    hub: HubUnderTest, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner = await dial(hub, unique("owner"))
    await owner.open(channel)
    errors = Errors()
    await (await connect(hub, on_error=errors)).open(channel)
    await owner.close()
    text = f"Channel {channel} owner disconnected, channel terminated"
    await eventually(lambda: text in errors.texts, text)


@pytest.mark.release("0.1.15")
async def test_a_python_client_lists_members(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    first = await (await connect(hub, client_id=unique("first"))).open(channel)
    await (await connect(hub, client_id=unique("second"), mode="bridge")).open(channel)
    members = (await first.list_members()).data["members"]
    assert members == [
        {"id": unique("first"), "mode": "client", "is_local": True, "path": []},
        {"id": unique("second"), "mode": "bridge", "is_local": True, "path": []},
    ]


@pytest.mark.release("0.1.15")
async def test_a_python_client_sees_members_come_and_go(
    hub: HubUnderTest, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    client = await connect(hub)
    told: list[tuple[str, str]] = []

    def on_metadata(message: dict[str, str]) -> None:
        if message["stype"] == "membership":
            told.append((message["action"], message["owner"]))

    client.on_metadata = on_metadata
    await client.open(channel)
    guest = await dial(hub, unique("guest"))
    await guest.open(channel)
    await guest.close()
    await eventually(
        lambda: told == [("join", unique("guest")), ("leave", unique("guest"))], "both were told"
    )


async def test_a_python_client_observes_all_of_a_channel(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    everything = Received()
    observer = await (await connect(hub)).open(channel)
    observer.on_receive(everything)
    speaker = await (await connect(hub)).open(channel)
    await speaker.broadcast("one", 1)
    await speaker.broadcast("two", 2)
    await everything.at_least(2)
    assert [(message.event, message.data) for message in everything.messages] == [("one", 1), ("two", 2)]
