# SPDX-License-Identifier: LGPL-3.0-or-later
"""Topics: declare, subscribe, publish, first and last notices (chapters 3 and 8)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from hub_under_test import HubUnderTest
from python_client import Connector, Received, eventually
from raw_client import RawDialer

Unique = Callable[[str], str]


class User(BaseModel):
    id: int
    name: str


@pytest.mark.raw
async def test_the_four_topic_requests_are_answered_with_success(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice = await dial(hub, unique("alice"))
    for answer in (
        await alice.declare(channel, "topic"),
        await alice.subscribe(channel, "topic"),
        await alice.unsubscribe(channel, "topic"),
        await alice.request({"type": "remove_subscription", "channel": channel, "sub_name": "topic"}),
    ):
        assert answer["data"] == {"success": True}
        assert "error" not in answer


@pytest.mark.raw
async def test_a_publish_reaches_every_subscriber_with_all_the_fields(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner = await dial(hub, unique("owner"))
    listeners = [await dial(hub, unique(f"listener-{number}")) for number in range(3)]
    await owner.declare(channel, "topic")
    for listener in listeners:
        await listener.subscribe(channel, "topic")
    bystander = await dial(hub, unique("bystander"))
    await bystander.open(channel)
    await bystander.forget_inbox()
    await owner.publish(channel, "topic", {"a": 1})
    for listener in listeners:
        got = await listener.expect("receive")
        assert abs(got["timestamp"] - time.time()) < 5
        assert isinstance(got["timestamp"], int)
        wanted = {
            "channel": channel,
            "event": "subscription.topic.data",
            "data": {"a": 1},
            "sender_id": unique("owner"),
            "server_id": hub.server_id,
        }
        assert wanted.items() <= got.items()
    await bystander.silence_after(owner)


@pytest.mark.raw
async def test_the_owner_hears_of_the_first_and_the_last_subscriber(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, one, two = [await dial(hub, unique(name)) for name in ("owner", "one", "two")]
    await owner.declare(channel, "topic")
    await one.subscribe(channel, "topic")
    first = await owner.expect("receive")
    assert (first["channel"], first["event"]) == (channel, "subscription.topic.first")
    assert first["data"] == {"sub_name": "topic"}
    await two.subscribe(channel, "topic")
    await one.unsubscribe(channel, "topic")
    await owner.silence_after(one, two)
    await two.unsubscribe(channel, "topic")
    last = await owner.expect("receive")
    assert (last["event"], last["data"]) == ("subscription.topic.last", {"sub_name": "topic"})
    await one.subscribe(channel, "topic")
    assert (await owner.expect("receive"))["event"] == "subscription.topic.first"


@pytest.mark.raw
async def test_a_subscriber_that_dies_has_left(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, listener = await dial(hub, unique("owner")), await dial(hub, unique("listener"))
    await owner.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    assert (await owner.expect("receive"))["event"] == "subscription.topic.first"
    await listener.close()
    assert (await owner.expect("receive"))["event"] == "subscription.topic.last"


@pytest.mark.raw
async def test_subscribing_twice_counts_once(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, listener = await dial(hub, unique("owner")), await dial(hub, unique("listener"))
    await owner.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    await listener.subscribe(channel, "topic")
    await owner.publish(channel, "topic", 1)
    await owner.settle()
    await listener.settle()
    assert len(listener.of_type("receive")) == 1
    assert len(owner.of_type("receive", event="subscription.topic.first")) == 1
    await listener.forget_inbox()
    await listener.unsubscribe(channel, "topic")
    await owner.publish(channel, "topic", 2)
    await listener.silence_after(owner)


@pytest.mark.raw
async def test_unsubscribing_what_one_never_subscribed_is_answered(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    assert (await (await dial(hub, unique("alice"))).unsubscribe(channel, "topic"))["data"]["success"] is True


@pytest.mark.raw
async def test_a_topic_may_be_subscribed_before_it_is_declared(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, listener = await dial(hub, unique("owner")), await dial(hub, unique("listener"))
    assert (await listener.subscribe(channel, "later"))["data"] == {"success": True}
    await owner.declare(channel, "later")
    await owner.publish(channel, "later", 1)
    assert (await listener.expect("receive"))["data"] == 1


@pytest.mark.raw
async def test_a_declared_topic_cannot_be_declared_by_another(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, other = await dial(hub, unique("owner")), await dial(hub, unique("other"))
    await owner.declare(channel, "topic")
    refused = await other.declare(channel, "topic")
    assert refused["error"] == "Subscription topic already owned by another client"
    assert "error" not in await owner.declare(channel, "topic", {"type": "string"})


@pytest.mark.raw
async def test_only_the_owner_removes_a_topic(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, other = await dial(hub, unique("owner")), await dial(hub, unique("other"))
    await owner.declare(channel, "topic")
    removing = {"type": "remove_subscription", "channel": channel, "sub_name": "topic"}
    text = "Not the owner or subscription does not exist"
    assert (await other.request(removing))["error"] == text
    assert (await other.request(removing | {"sub_name": "none"}))["error"] == text
    assert "error" not in await owner.request(removing)
    assert (await owner.request(removing))["error"] == text
    assert "error" not in await other.declare(channel, "topic")


@pytest.mark.raw
async def test_a_removed_topic_carries_no_more(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, listener = await dial(hub, unique("owner")), await dial(hub, unique("listener"))
    await owner.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    await owner.request({"type": "remove_subscription", "channel": channel, "sub_name": "topic"})
    await owner.publish(channel, "topic", 1)
    await listener.silence_after(owner)


@pytest.mark.raw
async def test_a_topic_is_free_when_its_owner_is_gone(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    watcher, owner, heir = [await dial(hub, unique(name)) for name in ("watcher", "owner", "heir")]
    await watcher.open(channel)
    await owner.open(channel)
    await owner.declare(channel, "topic")
    await owner.close()

    async def is_free() -> bool:
        return "error" not in await heir.declare(channel, "topic")

    await eventually(is_free, "the topic is free")


@pytest.mark.raw
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"channel": "subscription", "sub_name": "x"}, "Channel name subscription is reserved"),
        ({"sub_name": "subscription.x"}, "Subscription name subscription.x is reserved"),
    ],
)
async def test_reserved_names_are_refused_with_the_exact_text(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, fields: dict[str, str], text: str
) -> None:
    alice = await dial(hub, unique("alice"))
    refused = await alice.request({"type": "add_subscription", "channel": channel} | fields)
    assert refused["error"] == text


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_reserved_names_are_refused_on_register_too(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice = await dial(hub, unique("alice"))
    assert (await alice.open("subscription"))["error"] == "Channel name subscription is reserved"
    assert "reserved" in (await alice.provide(channel, "subscription.x"))["error"]


@pytest.mark.raw
@pytest.mark.commhub_only
@pytest.mark.parametrize("declared", [True, False])
async def test_publishing_a_topic_one_does_not_own_is_an_error(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, declared: bool
) -> None:
    owner, listener, other = [await dial(hub, unique(name)) for name in ("owner", "listener", "other")]
    if declared:
        await owner.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    await listener.forget_inbox()
    await other.publish(channel, "topic", 1)
    assert isinstance((await other.expect("error"))["message"], str)
    await listener.silence_after(other)


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_publishing_a_topic_one_does_not_own_with_a_request_id_is_answered(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    other = await dial(hub, unique("other"))
    await other.publish(channel, "topic", 1, request_id="r1")
    told = await other.expect_where(lambda m: m.get("request_id") == "r1", "an error for r1")
    assert told.get("error") or told.get("message")


# With the package's client.


async def test_python_subscribers_get_what_the_owner_publishes(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    owner = await (await connect(hub, client_id=unique("owner"))).open(channel)
    await owner.add_subscription("news", model=User)
    heard = [Received(), Received()]
    for ears in heard:
        listener = await (await connect(hub)).open(channel)
        await listener.subscribe("news", ears)
    await owner.publish("news", User(id=1, name="Alice"))
    await owner.publish("news", {"id": 2, "name": "Bob"})
    for ears in heard:
        await ears.at_least(2)
        assert ears.data == [{"id": 1, "name": "Alice"}, {"id": 2, "name": "Bob"}]
        assert ears.messages[0].sender_id == unique("owner")
        assert ears.messages[0].server_id == hub.server_id


async def test_a_python_subscriber_gets_models_made_from_the_schema(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    owner = await (await connect(hub)).open(channel)
    await owner.add_subscription("news", model=User)
    ears = Received()
    listener = await (await connect(hub, return_type="model")).open(channel)
    await listener.subscribe("news", ears)
    await owner.publish("news", User(id=1, name="Alice"))
    assert (await ears.first()).data.name == "Alice"


async def test_a_python_subscriber_gets_models_for_a_topic_declared_later(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    """The metadata_update of a topic carries `return_schema`; a client then has no model, but the data."""
    ears = Received()
    listener = await (await connect(hub, return_type="model")).open(channel)
    await listener.subscribe("news", ears)
    owner = await (await connect(hub)).open(channel)
    await owner.add_subscription("news", model=User)
    await eventually(lambda: "news" in listener.remote_schemas, "the topic is known")
    assert listener.remote_schemas["news"]["return_schema"] == User.model_json_schema()
    await owner.publish("news", User(id=1, name="Alice"))
    assert (await ears.first()).data == {"id": 1, "name": "Alice"}


async def test_a_python_unsubscribe_ends_it(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    ears = Received()
    owner = await (await connect(hub)).open(channel)
    await owner.add_subscription("news")
    client = await connect(hub)
    listener = await client.open(channel)
    await listener.subscribe("news", ears)
    await owner.publish("news", 1)
    await ears.first()
    await listener.unsubscribe("news")
    await owner.publish("news", 2)
    await owner.list_members() if hasattr(owner, "list_members") else await owner.unsubscribe("none")
    await listener.unsubscribe("none")
    assert ears.data == [1]


async def test_a_python_owner_hears_first_and_last(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    notices, ears = Received(), Received()
    owner = await (await connect(hub)).open(channel)
    owner.on_receive(notices, "subscription.news.first")
    owner.on_receive(notices, "subscription.news.last")
    await owner.add_subscription("news")
    listener = await (await connect(hub)).open(channel)
    await listener.subscribe("news", ears)
    await notices.at_least(1)
    await listener.unsubscribe("news")
    await notices.at_least(2)
    assert [message.event for message in notices.messages] == [
        "subscription.news.first",
        "subscription.news.last",
    ]
    assert notices.data == [{"sub_name": "news"}] * 2


async def test_a_python_owner_removes_a_topic(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    owner = await (await connect(hub)).open(channel)
    await owner.add_subscription("news")
    other = await (await connect(hub)).open(channel)
    with pytest.raises(Exception, match="^Not the owner or subscription does not exist$"):
        await other.remove_subscription("news")
    await owner.remove_subscription("news")
    await other.add_subscription("news")


async def test_a_publish_of_a_thousand_arrives_complete_and_in_order(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    ears = Received()
    owner = await (await connect(hub)).open(channel)
    await owner.add_subscription("numbers")
    listener = await (await connect(hub)).open(channel)
    await listener.subscribe("numbers", ears)
    for number in range(1000):
        await owner.publish("numbers", number)
    await ears.at_least(1000)
    assert ears.data == list(range(1000))
