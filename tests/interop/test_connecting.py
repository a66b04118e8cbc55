# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chapter 2 on a bare socket: identify, connection secret, ids."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from raw_client import RawClient, RawDialer, connection_proof

pytestmark = pytest.mark.raw

SECRET = "a connection secret, with ümlaut"


async def identified_again(dial: RawDialer, hub: HubUnderTest, client_id: str) -> RawClient:
    """Identifies as soon as the hub has noticed that the former holder of the id is gone."""
    async with asyncio.timeout(5):
        while True:
            client = await dial(hub)
            if (await client.identify(client_id))["type"] == "identified":
                return client
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", [None, "client", "bridge"])
async def test_identify_is_answered_with_the_id_and_the_server_id(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str], mode: str | None
) -> None:
    client = await dial(hub)
    answer = await client.identify(unique("alice"), mode=mode)
    assert answer == {"type": "identified", "client_id": unique("alice"), "server_id": hub.server_id}


async def test_unknown_keys_in_identify_are_no_trouble(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    client = await dial(hub)
    await client.say({"new": {"a": [1]}, "type": "identify", "client_id": unique("alice"), "mode": "client"})
    assert (await client.next())["type"] == "identified"


async def test_a_frame_may_arrive_one_byte_at_a_time(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    from raw_client import frame, pack

    client = await dial(hub, transport="tcp")
    for byte in frame(pack({"type": "identify", "client_id": unique("alice")})):
        await client.say_bytes(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.next())["type"] == "identified"


async def test_many_frames_may_arrive_in_one_segment(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    from raw_client import frame, pack

    client = await dial(hub)
    identify = frame(pack({"type": "identify", "client_id": unique("alice")}))
    await client.say_bytes(identify + frame(pack({"type": "ping"})) * 100)
    assert (await client.next())["type"] == "identified"
    assert [(await client.next())["type"] for _ in range(100)] == ["pong"] * 100


async def test_ping_is_answered_with_pong(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    client = await dial(hub, unique("alice"))
    await client.say({"type": "ping"})
    assert await client.next() == {"type": "pong"}


async def test_an_id_in_use_is_refused_and_the_holder_keeps_it(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    holder = await dial(hub, unique("alice"))
    await holder.open(unique("channel"))
    second = await dial(hub)
    answer = await second.identify(unique("alice"))
    assert answer["type"] == "error"
    assert answer["message"] == f"Client ID {unique('alice')} already in use"
    assert await second.is_closed_by_hub()

    other = await dial(hub, unique("bob"))
    await holder.forget_inbox()
    await other.broadcast(unique("channel"), "news", 1)
    assert (await holder.expect("broadcast"))["data"] == 1


async def test_an_id_is_free_when_its_connection_has_ended(
    hub: HubUnderTest, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    first = await dial(hub, unique("alice"))
    await first.close()
    again = await identified_again(dial, hub, unique("alice"))
    await again.settle()


async def test_the_right_proof_is_let_in(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret=SECRET)
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": "alice"})
    challenge = await client.next()
    assert challenge["type"] == "conn_challenge"
    assert challenge["server_id"] == hub.server_id
    assert re.fullmatch("[0-9a-f]{64}", challenge["challenge"])
    await client.say({"type": "conn_proof", "proof": connection_proof(SECRET, challenge["challenge"])})
    assert await client.next() == {"type": "identified", "client_id": "alice", "server_id": hub.server_id}
    await client.settle()


async def test_challenges_differ(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret=SECRET)
    seen = set()
    for number in range(3):
        client = await dial(hub)
        await client.say({"type": "identify", "client_id": f"client-{number}"})
        seen.add((await client.next())["challenge"])
    assert len(seen) == 3


async def test_a_wrong_proof_is_refused_and_closed(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret=SECRET)
    client = await dial(hub)
    answer = await client.identify("alice", secret="wrong")
    assert answer["type"] == "error"
    assert answer["message"] == "Authentication failed"
    assert await client.is_closed_by_hub()


async def test_a_proof_of_another_challenge_is_refused(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret=SECRET)
    first, second = await dial(hub), await dial(hub)
    await first.say({"type": "identify", "client_id": "first"})
    await second.say({"type": "identify", "client_id": "second"})
    challenge = (await first.next())["challenge"]
    await second.next()
    await second.say({"type": "conn_proof", "proof": connection_proof(SECRET, challenge)})
    assert (await second.next())["message"] == "Authentication failed"


@pytest.mark.commhub_only
@pytest.mark.parametrize("proof", [None, "", 7, b"\x00" * 32, "0" * 63, "é" * 64, ["a"]])
async def test_a_proof_of_the_wrong_kind_is_refused(
    start_hub: HubStarter, dial: RawDialer, proof: object
) -> None:
    hub = start_hub(connection_secret=SECRET)
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": "alice"})
    assert (await client.next())["type"] == "conn_challenge"
    await client.say({"type": "conn_proof"} | ({} if proof is None else {"proof": proof}))
    said = await client.until_closed()
    assert [message["type"] for message in said] == ["error"]


async def test_nothing_but_a_proof_may_follow_the_challenge(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret=SECRET)
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": "alice"})
    assert (await client.next())["type"] == "conn_challenge"
    await client.say({"type": "register", "channel": "c", "is_provider": False, "request_id": "1"})
    said = await client.until_closed()
    assert not [message for message in said if message["type"] in ("response", "channel_sync", "identified")]


@pytest.mark.commhub_only
async def test_a_claimed_id_is_bound_only_when_the_secret_is_proven(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(connection_secret=SECRET)
    claimant = await dial(hub)
    await claimant.say({"type": "identify", "client_id": "alice"})
    assert (await claimant.next())["type"] == "conn_challenge"

    holder = await dial(hub, "alice", secret=SECRET)
    await holder.open("channel")
    await claimant.close()
    await holder.forget_inbox()

    other = await dial(hub, "bob", secret=SECRET)
    await other.broadcast("channel", "news", 1)
    assert (await holder.expect("broadcast"))["data"] == 1


@pytest.mark.commhub_only
async def test_of_two_claimants_only_the_first_to_prove_gets_the_id(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(connection_secret=SECRET)
    first, second = await dial(hub), await dial(hub)
    challenges = []
    for claimant in (first, second):
        await claimant.say({"type": "identify", "client_id": "alice"})
        challenges.append((await claimant.next())["challenge"])
    await first.say({"type": "conn_proof", "proof": connection_proof(SECRET, challenges[0])})
    assert (await first.next())["type"] == "identified"
    await second.say({"type": "conn_proof", "proof": connection_proof(SECRET, challenges[1])})
    assert (await second.next())["message"] == "Client ID alice already in use"
    assert await second.is_closed_by_hub()
    await first.settle()


async def test_no_proof_within_ten_seconds_closes_the_connection(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(connection_secret=SECRET)
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": "alice"})
    assert (await client.next())["type"] == "conn_challenge"
    started = asyncio.get_running_loop().time()
    await client.until_closed(timeout=13)
    assert asyncio.get_running_loop().time() - started > 8


async def test_an_idle_client_is_closed_after_the_idle_timeout(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(idle_timeout_s=1.0)
    idle, busy = await dial(hub, "idle"), await dial(hub, "busy")

    async def keep_busy() -> None:
        while True:
            await busy.settle()
            await asyncio.sleep(0.2)

    keeping = asyncio.create_task(keep_busy())
    await idle.until_closed(timeout=4)
    await asyncio.sleep(0.5)
    keeping.cancel()
    await asyncio.wait({keeping})
    await busy.settle()


async def test_half_a_frame_is_closed_after_the_data_timeout(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(data_timeout_s=1.0)
    client = await dial(hub, "alice")
    await client.say_bytes(b"\x00\x00\x00\x20half")
    await client.until_closed(timeout=4)
