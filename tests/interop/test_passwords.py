# SPDX-License-Identifier: LGPL-3.0-or-later
"""Protected channels: challenge, proof, changing the password, and what outsiders may not do (3.2, 7.3)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import Connector, Errors, eventually
from raw_client import Message, RawClient, RawDialer, channel_proof

Unique = Callable[[str], str]

PASSWORD = "pässword 🔑"
CHANGED = "Channel password changed, please reconnect"
NOT_OWNER = "Only the channel owner can set or change the password"


@pytest.fixture
async def owner(hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique) -> RawClient:
    """The owner of a protected channel."""
    client = await dial(hub, unique("owner"))
    await client.open(channel)
    assert (await client.set_password(channel, PASSWORD))["data"] == {"success": True}
    await client.forget_inbox()
    return client


def opening(channel: str, request_id: str = "first") -> Message:
    return {"type": "register", "channel": channel, "is_provider": False, "request_id": request_id}


def proving(channel: str, challenge: Message, password: str = PASSWORD, **fields: object) -> Message:
    proof = channel_proof(password, challenge["challenge"])
    return {
        "type": "register",
        "channel": channel,
        "proof": proof,
        "challenge_id": challenge["challenge_id"],
    } | fields


@pytest.mark.raw
async def test_a_register_is_challenged(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(opening(channel))
    challenge = await guest.next()
    assert challenge["type"] == "auth_challenge"
    assert challenge["channel"] == channel
    assert challenge["request_id"] == "first"
    assert re.fullmatch("[A-Za-z0-9]{32}", challenge["challenge"])
    assert str(uuid.UUID(challenge["challenge_id"])) == challenge["challenge_id"]
    assert [member["id"] for member in await owner.members(channel)] == [unique("owner")]


@pytest.mark.raw
async def test_the_proof_opens_the_channel_under_the_first_request_id(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(opening(channel))
    await guest.say(proving(channel, await guest.expect("auth_challenge"), request_id="second"))
    assert (await guest.next())["type"] == "channel_sync"
    answer = await guest.expect("response")
    assert answer["request_id"] == "first"
    assert answer["data"] == {"channel": channel, "event": None, "authenticated": True}
    await owner.expect("metadata_update", action="join", owner=unique("guest"))


@pytest.mark.raw
async def test_the_first_register_is_what_is_carried_out(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    await provider.say(
        opening(channel) | {"is_provider": True, "event": "echo", "is_stream": True, "param_schema": {"p": 1}}
    )
    await provider.say(proving(channel, await provider.expect("auth_challenge"), request_id="first"))
    assert "error" not in await provider.expect("response", request_id="first")
    told = await owner.expect("metadata_update", stype="event")
    wanted = {"name": "echo", "owner": unique("provider"), "is_stream": True, "param_schema": {"p": 1}}
    assert wanted.items() <= told.items()


@pytest.mark.raw
async def test_the_owner_is_challenged_too(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str
) -> None:
    assert (await owner.provide(channel, "echo"))["type"] == "auth_challenge"
    assert "error" not in await owner.provide(channel, "echo", password=PASSWORD)


@pytest.mark.raw
async def test_every_provider_is_challenged(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    assert "error" not in await guest.open(channel, PASSWORD)
    assert (await guest.provide(channel, "echo"))["type"] == "auth_challenge"
    assert "error" not in await guest.provide(channel, "echo", password=PASSWORD)


@pytest.mark.raw
async def test_a_register_inside_reg_is_challenged_and_proven(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say({"type": "register", "reg": opening(channel)})
    challenge = await guest.expect("auth_challenge", request_id="first")
    await guest.say({"type": "register", "reg": proving(channel, challenge, request_id="first")})
    assert (await guest.expect("response", request_id="first"))["data"]["authenticated"] is True


@pytest.mark.raw
async def test_several_challenges_may_be_open_at_once(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    for event in ("a", "b", "c"):
        await guest.say(opening(channel, event) | {"is_provider": True, "event": event})
    challenges = [await guest.expect("auth_challenge", request_id=event) for event in ("a", "b", "c")]
    for challenge in reversed(challenges):
        await guest.say(proving(channel, challenge))
    for event in ("c", "b", "a"):
        assert (await guest.expect("response", request_id=event))["event"] == event


@pytest.mark.raw
async def test_a_wrong_password_is_refused_under_the_proofs_request_id(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(opening(channel))
    challenge = await guest.expect("auth_challenge")
    await guest.say(proving(channel, challenge, "wrong", request_id="second"))
    assert (await guest.expect("response", request_id="second"))["error"] == "Invalid channel password"
    await guest.silence_after()
    assert [member["id"] for member in await owner.members(channel)] == [unique("owner")]


@pytest.mark.raw
async def test_a_challenge_works_once(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(opening(channel))
    challenge = await guest.expect("auth_challenge")
    await guest.say(proving(channel, challenge, "wrong", request_id="second"))
    await guest.expect("response", request_id="second")
    await guest.say(proving(channel, challenge, request_id="third"))
    assert (await guest.expect("response", request_id="third"))["error"] == "Invalid or expired challenge"


@pytest.mark.raw
async def test_a_challenge_is_for_its_client_only(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest, thief = await dial(hub, unique("guest")), await dial(hub, unique("thief"))
    await guest.say(opening(channel))
    challenge = await guest.expect("auth_challenge")
    await thief.say(proving(channel, challenge, request_id="r"))
    assert (await thief.expect("response", request_id="r"))["error"] == "Invalid or expired challenge"


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_challenge_is_for_its_channel_only(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.open(unique("mine"))
    await guest.set_password(unique("mine"), "known")
    await guest.say(opening(unique("mine")))
    challenge = await guest.expect("auth_challenge")
    await guest.say(proving(channel, challenge, "known", request_id="r"))
    await guest.settle()
    assert [member["id"] for member in await owner.members(channel)] == [unique("owner")]


@pytest.mark.raw
async def test_an_unknown_challenge_is_refused(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(
        opening(channel, "r") | {"proof": "0" * 64, "challenge_id": "00000000-0000-4000-8000-000000000000"}
    )
    assert (await guest.expect("response", request_id="r"))["error"] == "Invalid or expired challenge"


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("proof", [7, b"\x00" * 32, "é" * 32, "", ["x"], {}])
async def test_a_proof_of_the_wrong_kind_is_refused(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique, proof: object
) -> None:
    guest = await dial(hub, unique("guest"))
    await guest.say(opening(channel))
    challenge = await guest.expect("auth_challenge")
    await guest.say(proving(channel, challenge, request_id="r") | {"proof": proof})
    await guest.expect_where(lambda m: m.get("request_id") == "r", "a refusal or a new challenge")
    assert [member["id"] for member in await owner.members(channel)] == [unique("owner")]


@pytest.mark.raw
async def test_a_password_for_a_channel_nobody_is_in_makes_one_its_owner(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    assert (await alice.set_password(channel, "p"))["data"] == {"success": True}
    assert (await bob.set_password(channel, "q"))["error"] == NOT_OWNER
    assert (await bob.open(channel))["type"] == "auth_challenge"
    assert (await bob.open(channel, "p"))["data"]["authenticated"] is True


@pytest.mark.raw
async def test_only_the_owner_sets_the_password(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    member, outsider = await dial(hub, unique("member")), await dial(hub, unique("outsider"))
    await member.open(channel, PASSWORD)
    assert (await member.set_password(channel, "q"))["error"] == NOT_OWNER
    assert (await outsider.set_password(channel, "q"))["error"] == NOT_OWNER
    assert "error" not in await owner.set_password(channel, "q")


@pytest.mark.raw
async def test_the_same_password_again_throws_nobody_out(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    member = await dial(hub, unique("member"))
    await member.open(channel, PASSWORD)
    await member.forget_inbox()
    assert "error" not in await owner.set_password(channel, PASSWORD)
    await member.silence_after(owner)


@pytest.mark.raw
async def test_a_changed_password_throws_the_others_out(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    member, provider = await dial(hub, unique("member")), await dial(hub, unique("provider"))
    await member.open(channel, PASSWORD)
    await provider.provide(channel, "echo", password=PASSWORD)
    assert "error" not in await owner.set_password(channel, "new")
    assert (await member.expect("error"))["message"] == CHANGED
    assert (await provider.expect("error"))["message"] == CHANGED
    await member.forget_inbox()
    await provider.forget_inbox()
    await owner.broadcast(channel, "news", 1)
    await member.silence_after(owner)
    request_id = await owner.call(channel, "echo", 1)
    answer = await owner.expect("response", request_id=request_id)
    assert answer["error"] == f"No provider for {channel}:echo"
    await provider.silence_after(owner)
    assert "error" not in await member.open(channel, "new")


@pytest.mark.raw
async def test_a_first_password_throws_out_those_who_came_without(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, member = await dial(hub, unique("owner")), await dial(hub, unique("member"))
    await owner.open(channel)
    await member.open(channel)
    await owner.set_password(channel, "p")
    assert (await member.expect("error"))["message"] == CHANGED


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_those_thrown_out_are_out_entirely(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    member = await dial(hub, unique("member"))
    await member.open(channel, PASSWORD)
    await owner.declare(channel, "topic")
    await member.subscribe(channel, "topic")
    await member.declare(channel, "theirs")
    await owner.set_password(channel, "new")
    await member.expect("error")
    assert [one["id"] for one in await owner.members(channel)] == [unique("owner")]
    await member.forget_inbox()
    await owner.publish(channel, "topic", 1)
    await member.silence_after(owner)
    assert "error" not in await owner.declare(channel, "theirs")
    await owner.expect("metadata_update", action="leave", owner=unique("member"))


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_thrown_out_member_may_not_set_the_password_after_the_owner_left(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(channel_policy="promote")
    owner, old, new = await dial(hub, "owner"), await dial(hub, "old"), await dial(hub, "new")
    await owner.open("room")
    await old.open("room")
    await owner.set_password("room", "p")
    await old.expect("error")
    await new.open("room", "p")
    await owner.close()
    await new.expect("metadata_update", action="leave", owner="owner")
    assert (await old.set_password("room", "q"))["error"] == NOT_OWNER
    assert "error" not in await new.set_password("room", "q")


OUTSIDERS_WORDS: dict[str, Message] = {
    "call": {"type": "call", "event": "echo", "data": 1},
    "send": {"type": "send", "event": "echo", "data": 1},
    "broadcast": {"type": "broadcast", "event": "news", "data": 1},
    "publish": {"type": "publish", "sub_name": "topic", "data": 1},
    "subscribe": {"type": "subscribe", "sub_name": "topic"},
    "list_members": {"type": "list_members"},
}


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("word", OUTSIDERS_WORDS)
async def test_an_outsider_is_refused(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique, word: str
) -> None:
    await owner.provide(channel, "echo", password=PASSWORD)
    await owner.declare(channel, "topic")
    member = await dial(hub, unique("member"))
    await member.open(channel, PASSWORD)
    await member.subscribe(channel, "topic")
    outsider = await dial(hub, unique("outsider"))
    for client in (owner, member):
        await client.forget_inbox()
    await outsider.say(OUTSIDERS_WORDS[word] | {"channel": channel, "request_id": "r"})
    told = await outsider.expect_where(lambda m: m.get("request_id") == "r", "a refusal")
    assert told.get("error") or told.get("message")
    await owner.silence_after(outsider)
    await member.silence_after(outsider)
    if word == "subscribe":
        await owner.publish(channel, "topic", 1)
        await outsider.silence_after(owner)


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_an_outsider_may_not_declare_a_topic(
    hub: HubUnderTest, dial: RawDialer, owner: RawClient, channel: str, unique: Unique
) -> None:
    outsider = await dial(hub, unique("outsider"))
    assert (await outsider.declare(channel, "topic"))["error"]
    assert "error" not in await owner.declare(channel, "topic")


# With the package's client.


async def test_python_clients_meet_in_a_protected_channel(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def double(message: object) -> object:
        return message.data * 2  # type: ignore[attr-defined]

    first = await connect(hub)
    mine = await first.open(channel)
    await first.set_password(channel, PASSWORD)
    await mine.add_event("double", double)
    theirs = await (await connect(hub)).open(channel, password=PASSWORD)
    assert (await theirs.event("double", 21)).data == 42
    await theirs.add_event("triple", double)
    assert (await mine.event("triple", 1)).data == 2


async def test_a_python_client_without_the_password_fails_by_itself(
    hub: HubUnderTest, connect: Connector, owner: RawClient, channel: str
) -> None:
    with pytest.raises(Exception, match=f"Channel {channel} requires authentication"):
        await (await connect(hub)).open(channel)


async def test_a_python_client_with_a_wrong_password_is_refused(
    hub: HubUnderTest, connect: Connector, owner: RawClient, channel: str
) -> None:
    with pytest.raises(Exception, match="^Invalid channel password$"):
        await (await connect(hub)).open(channel, password="wrong")


async def test_a_python_member_may_not_set_the_password(
    hub: HubUnderTest, connect: Connector, owner: RawClient, channel: str
) -> None:
    member = await connect(hub)
    await member.open(channel, password=PASSWORD)
    with pytest.raises(Exception, match=f"^{NOT_OWNER}$"):
        await member.set_password(channel, "mine")


async def test_a_python_member_is_told_of_a_changed_password_and_comes_back(
    hub: HubUnderTest, connect: Connector, owner: RawClient, channel: str
) -> None:
    errors = Errors()
    member = await connect(hub, on_error=errors)
    await member.open(channel, password=PASSWORD)
    await owner.set_password(channel, "new")
    await eventually(lambda: CHANGED in errors.texts, CHANGED)
    await member.open(channel, password="new")
