# SPDX-License-Identifier: LGPL-3.0-or-later
"""REST and the live socket of a running hub: what they show of real clients, and what they change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from conftest import HubStarter
from hub_under_test import Certificates, HubUnderTest
from management_client import Json, LiveRefused, LiveSocket, Rest, first_run_token
from mesh_under_test import LINK_SECRET, link_address, mesh_options
from python_client import Connector, Errors, eventually, succeeds
from raw_client import RawDialer

pytestmark = pytest.mark.commhub_only

Unique = Callable[[str], str]


@pytest.fixture(scope="module")
def shown_hub(certificates: Certificates) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(mesh_options("shown-hub", error_policy="broadcast"), certificates).start()
    yield hub
    hub.close()


@pytest.fixture
def rest(shown_hub: HubUnderTest) -> Rest:
    return Rest(shown_hub)


@pytest.fixture
async def live(shown_hub: HubUnderTest) -> AsyncIterator[Callable[..., Any]]:
    sockets: list[LiveSocket] = []

    async def dial(hub: HubUnderTest | None = None, **options: Any) -> LiveSocket:
        sockets.append(await LiveSocket.dial(hub or shown_hub, **options))
        return sockets[-1]

    yield dial
    for socket in sockets:
        socket.close()


def is_time(text: str) -> bool:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    age = (datetime.now(timezone.utc) - moment).total_seconds()
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)) and -5 < age < 600


def item(items: list[Json], key: str, value: str) -> Json:
    found = [one for one in items if one[key] == value]
    assert len(found) == 1, (value, items)
    return found[0]


# Who may ask.


PROTECTED = ["hub", "clients", "channels", "channels/x", "bridges", "bridges/x", "links"]


@pytest.mark.raw
@pytest.mark.parametrize("path", PROTECTED)
def test_without_the_token_nothing_is_told(rest: Rest, path: str) -> None:
    for token in (None, "wrong-" + path.replace("/", "-") + "-token"):
        answer = rest.ask("GET", f"/api/v1/{path}", token=token)
        assert answer.status == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert {"type", "title", "status", "detail", "request_id"} <= answer.json.keys()
        assert answer.json["status"] == 401
        assert answer.json["request_id"] == answer.headers["x-request-id"]


@pytest.mark.raw
def test_without_the_token_nothing_is_changed(rest: Rest, unique: Unique) -> None:
    name = unique("bridge")
    wish = {"address": "tcp://127.0.0.1:9"}
    assert rest.ask("PUT", f"/api/v1/bridges/{name}", wish, token=None).status == 401
    assert rest.ask("DELETE", f"/api/v1/bridges/{name}", token=None).status == 401
    assert rest.ask("PUT", f"/api/v1/channels/{name}/password", {"password": "x"}, token=None).status == 401
    assert rest.ask("DELETE", f"/api/v1/channels/{name}/password", token=None).status == 401
    assert name not in [bridge["name"] for bridge in rest.items("bridges")]


@pytest.mark.raw
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_probes_are_open(rest: Rest, path: str) -> None:
    answer = rest.ask("GET", path, token=None)
    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.raw
async def test_metrics_are_open_and_count(rest: Rest, dial: RawDialer, shown_hub: HubUnderTest, channel: str) -> None:
    def read() -> dict[str, float]:
        answer = rest.ask("GET", "/metrics", token=None)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in answer.body.decode().splitlines() if line and not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    before = read()
    members = [await dial(shown_hub, f"{name}-{channel}") for name in ("a", "b", "c")]
    for member in members:
        await member.open(channel)
    await members[0].broadcast(channel, "news", 1)
    for member in members[1:]:
        await member.expect("broadcast")
    after = read()
    assert after["commhub_broadcasts_total"] == before["commhub_broadcasts_total"] + 1
    assert after["commhub_deliveries_total"] == before["commhub_deliveries_total"] + 2
    assert after["commhub_up"] == 1
    await eventually(lambda: read()["commhub_clients"] >= 3, "the clients are counted")
    assert not [name for name in after if channel in name], "no name of a client or channel is a label"


@pytest.mark.raw
def test_the_first_run_token_is_kept_private_and_outlives_a_restart(start_hub: HubStarter) -> None:
    hub = start_hub(mgmt=True)
    rest = Rest(hub)
    file = hub.data_folder / "first-run-token"
    assert file.stat().st_mode & 0o777 == 0o600
    token = first_run_token(hub)
    assert len(token) >= 24
    assert rest.get("hub")["server_id"] == hub.server_id
    assert not any(token in line for line in hub.log_lines), "the token is not logged"
    hub.kill()
    hub.start()
    assert first_run_token(hub) == token
    assert rest.get("hub")["server_id"] == hub.server_id
    file.unlink()
    hub.stop()
    hub.start()
    assert rest.ask("GET", "/api/v1/hub", token=token).status == 200, "the token is kept without its file, too"
    assert not file.exists()


@pytest.mark.raw
@pytest.mark.parametrize("by", ["environment", "flag"])
def test_a_provisioned_token_is_the_administrators(
    start_hub: HubStarter, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    file = tmp_path / "token"
    file.write_text("provisioned-0123456789abcdef\n")
    file.chmod(0o600)
    arguments: tuple[str, ...] = ()
    if by == "environment":
        monkeypatch.setenv("COMMHUB_ADMIN_TOKEN_FILE", str(file))
    else:
        arguments = ("--admin-token-file", str(file))
    hub = start_hub(mgmt=True, arguments=arguments)
    assert Rest(hub).ask("GET", "/api/v1/hub", token="provisioned-0123456789abcdef").status == 200
    assert Rest(hub).ask("GET", "/api/v1/hub", token="provisioned-0123456789abcdeg").status == 401
    assert not (hub.data_folder / "first-run-token").exists()


@pytest.mark.raw
async def test_guessing_tokens_is_slowed_down(start_hub: HubStarter) -> None:
    rest = Rest(start_hub(mgmt=True))
    statuses = [rest.ask("GET", "/api/v1/hub", token=f"guess-{number:020}").status for number in range(60)]
    assert set(statuses) == {401, 429}
    assert statuses[0] == 401
    slowed = rest.ask("GET", "/api/v1/hub", token="another-guess-000000000000")
    assert slowed.status == 429
    wait_s = int(slowed.headers["retry-after"])
    assert 0 < wait_s <= 10
    # The same address is all one; but who knows the token is not shut out for long.
    await eventually(lambda: rest.ask("GET", "/api/v1/hub").status == 200, "the right token is taken", wait_s + 1)


# What is shown.


@pytest.mark.raw
def test_the_hub_tells_who_it_is(rest: Rest, shown_hub: HubUnderTest) -> None:
    hub = rest.get("hub")
    assert hub["server_id"] == "shown-hub"
    assert re.fullmatch(r"[0-9a-f]{32}", hub["hub_id"])
    assert hub["incarnation"] >= 1
    assert is_time(hub["started_at"])
    assert hub["uptime_s"] >= 0
    assert set(hub["listeners"]) >= {link_address(shown_hub, transport) for transport in ("unix", "tcp", "tls")}
    assert {"clients", "channels", "bridges", "links"} <= hub["counts"].keys()
    assert {
        "messages_in", "messages_out", "bytes_in", "bytes_out", "calls", "calls_failed", "broadcasts",
        "publishes", "duplicates_dropped", "loops_dropped", "slow_consumers_closed",
    } <= hub["counters"].keys()  # fmt: skip
    assert all(isinstance(value, int) for value in [*hub["counts"].values(), *hub["counters"].values()])
    assert LINK_SECRET not in str(hub)


async def test_python_clients_are_listed(
    rest: Rest, shown_hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    clients = {transport: await connect(shown_hub, transport) for transport in ("unix", "tcp", "tls")}
    await clients["tcp"].open(channel)
    items = rest.items("clients")
    for transport, client in clients.items():
        shown = item(items, "id", client.client_id)
        assert {
            "id", "mode", "address", "since", "n_channels", "channels", "queued_bytes", "messages_in", "messages_out"
        } <= shown.keys()  # fmt: skip
        assert shown["mode"] == "client"
        assert is_time(shown["since"])
        assert shown["channels"] == ([channel] if transport == "tcp" else [])
        assert shown["messages_in"] >= (1 if transport == "tcp" else 0)
        assert shown["address"].startswith("unix" if transport == "unix" else "127.0.0.1:"), shown
    clients["unix"].auto_reconnect = False
    clients["unix"].writer.close()
    await eventually(
        lambda: clients["unix"].client_id not in [one["id"] for one in rest.items("clients")], "it is gone"
    )


@pytest.mark.raw
async def test_a_channel_shows_members_in_joining_order_events_and_topics(
    rest: Rest, shown_hub: HubUnderTest, dial: RawDialer, channel: str
) -> None:
    members = [await dial(shown_hub, f"{name}-{channel}") for name in ("zoe", "adam", "mia")]
    for member in members:
        await member.open(channel)
    zoe, adam, mia = members
    takes, gives = {"type": "object", "title": "Ä"}, {"type": "integer"}
    await zoe.provide(channel, "plain", param_schema=takes, return_schema=gives)
    for worker in (adam, mia):
        await worker.provide(channel, "workers.run", is_group=True, is_stream=True)
    await adam.declare(channel, "ticks", {"type": "number"})
    for member in (zoe, mia):
        await member.subscribe(channel, "ticks")
    shown = rest.channel(channel)
    assert shown is not None
    assert item(rest.items("channels"), "name", channel).items() <= shown.items()
    ids = [member.client_id for member in members]
    assert shown | {"members": None, "events": None} == {
        "name": channel,
        "protected": False,
        "password_origin": None,
        "owner": zoe.client_id,
        "n_members": len(ids),
        "n_events": 2,
        "n_topics": 1,
        "counters": {"calls": 0, "sends": 0, "broadcasts": 0, "publishes": 0, "deliveries": 0},
        "members": None,
        "events": None,
        "topics": [{"name": "ticks", "owner": adam.client_id, "subscribers": 2}],
    }
    assert [member["id"] for member in shown["members"]] == ids
    assert all(m == {"id": m["id"], "mode": "client", "is_local": True, "path": []} for m in shown["members"])
    events = {event["name"]: event for event in shown["events"]}
    assert events == {
        "plain": {
            "name": "plain", "is_group": False, "is_stream": False, "n_providers": 1,
            "providers": [zoe.client_id], "param_schema": takes, "return_schema": gives,
        },
        "workers.run": {
            "name": "workers.run", "is_group": True, "is_stream": True, "n_providers": 2,
            "providers": [adam.client_id, mia.client_id], "param_schema": None, "return_schema": None,
        },
    }  # fmt: skip


@pytest.mark.raw
@pytest.mark.parametrize("name", ["a/b", "50% off?", "Grüße 🦆", "x#y&z=1", "..", "a b+c"])
async def test_names_of_all_kinds_are_addressed(
    rest: Rest, shown_hub: HubUnderTest, dial: RawDialer, unique: Unique, name: str
) -> None:
    channel = unique(name) if name != ".." else ".."
    owner = await dial(shown_hub, unique("owner"))
    await owner.open(channel)
    shown = rest.channel(channel)
    assert shown is not None
    assert shown["name"] == channel
    bridge = rest.put_bridge(unique(name), "tcp://127.0.0.1:9", paused=True)
    assert bridge["name"] == unique(name)
    assert rest.bridge(unique(name)) == bridge


@pytest.mark.raw
def test_what_is_not_there_is_a_problem(rest: Rest) -> None:
    for path in ("channels/never-made", "bridges/never-made", "nonsense", "bridges/a/b"):
        answer = rest.ask("GET", f"/api/v1/{path}")
        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["detail"]
    wrong = rest.ask("POST", "/api/v1/bridges", {"name": "x"})
    assert wrong.status == 405
    assert "GET" in wrong.headers["allow"]


@pytest.mark.raw
async def test_lists_are_read_page_by_page(
    rest: Rest, shown_hub: HubUnderTest, dial: RawDialer, unique: Unique
) -> None:
    ids = [unique(f"client-{number}") for number in range(7)]
    for client_id in ids:
        await (await dial(shown_hub, client_id)).open(unique(f"channel-of-{client_id}"))
    for path, key, wanted in (
        ("clients", "id", ids),
        ("channels", "name", [unique(f"channel-of-{client_id}") for client_id in ids]),
    ):
        seen: list[str] = []
        cursor = ""
        while True:
            page = rest.get(f"{path}?limit=2{cursor}")
            assert set(page) == {"items", "next"}
            assert len(page["items"]) <= 2
            seen += [one[key] for one in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert [name for name in seen if name in wanted] == wanted
        assert len(set(seen)) == len(seen)
    assert rest.ask("GET", "/api/v1/clients?limit=0").status == 400
    assert rest.ask("GET", "/api/v1/clients?cursor=x").status == 400


@pytest.mark.raw
def test_every_fault_of_a_bridge_is_named(rest: Rest, unique: Unique) -> None:
    name = unique("bridge")
    answer = rest.put(
        f"bridges/{name}",
        {"address": "gopher://x", "cost": 0, "channels": {"allow": ["ok", 7], "what": 1}, "colour": "red"},
    )
    assert answer.status in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = {fault["pointer"] for fault in answer.json["errors"]}
    assert pointers == {"#/address", "#/cost", "#/channels/allow/1", "#/channels/what", "#/colour"}
    assert all(fault["detail"] for fault in answer.json["errors"])
    assert rest.put(f"bridges/{name}", {}).json["errors"][0]["pointer"] == "#/address"
    for body in (b"{", b"[]", b'{"address":"tcp://a:1","address":"tcp://b:1"}', b"\xff"):
        assert rest.ask("PUT", f"/api/v1/bridges/{name}", raw_body=body).status == 400
    assert rest.ask("GET", f"/api/v1/bridges/{name}").status == 404


@pytest.mark.raw
def test_a_bridge_is_made_replaced_and_deleted(rest: Rest, unique: Unique) -> None:
    name = unique("bridge")
    made = rest.put(f"bridges/{name}", {"address": "tcp://127.0.0.1:9", "secret": "hush", "paused": True})
    assert made.status == 201
    assert set(made.json) == {
        "name", "address", "secret_set", "channels", "cost", "paused", "tls", "state", "state_since", "reason",
        "last_error", "peer", "kind", "connection_secret_set", "classes", "limits", "remap", "resume_window_s", "durable",
        "spool", "management", "failed_step",
    }  # fmt: skip
    assert made.json["state"] == "paused"
    assert b"hush" not in made.body
    replaced = rest.put(f"bridges/{name}", {"address": "unix:/tmp/nobody.sock", "paused": True, "cost": 5})
    assert replaced.status == 200
    assert (replaced.json["secret_set"], replaced.json["cost"]) == (True, 5)
    assert item(rest.items("bridges"), "name", name) == rest.bridge(name)
    assert rest.delete(f"bridges/{name}") == 204
    assert rest.delete(f"bridges/{name}") == 404


# Passwords of channels.


async def test_a_password_set_by_rest_holds_at_once_and_after_a_restart(
    start_hub: HubStarter, connect: Connector, dial: RawDialer
) -> None:
    hub = start_hub(mgmt=True)
    rest = Rest(hub)
    errors = Errors()
    inside = await connect(hub, on_error=errors)
    await inside.open("room")
    assert rest.put("channels/room/password", {"password": "sésame"}).status == 204
    await eventually(lambda: any("password changed" in text for text in errors.texts), "the member is told")
    shown = rest.channel("room")
    assert shown is not None
    assert (shown["protected"], shown["password_origin"]) == (True, "operator")
    assert "sésame" not in str(shown)
    outsider = await dial(hub, "outsider")
    assert (await outsider.open("room"))["type"] == "auth_challenge"
    assert (await outsider.open("room", password="wrong"))["error"] == "Invalid channel password"
    knowing = await connect(hub)
    await knowing.open("room", password="sésame")

    hub.kill()
    hub.start()
    newcomer = await dial(hub, "newcomer")
    assert (await newcomer.open("room"))["type"] == "auth_challenge"
    again = await connect(hub)
    await succeeds(lambda: again.open("room", password="sésame"))
    assert rest.delete("channels/room/password") == 204
    assert (await newcomer.open("room"))["data"]["authenticated"] is False
    assert rest.delete("channels/room/password") == 404
    hub.stop()
    hub.start()
    later = await dial(hub, "later")
    assert (await later.open("room"))["type"] == "response"


@pytest.mark.raw
async def test_a_password_may_be_set_before_anybody_came(
    rest: Rest, shown_hub: HubUnderTest, dial: RawDialer, channel: str
) -> None:
    assert rest.put(f"channels/{channel}/password", {"password": "first"}).status == 204
    client = await dial(shown_hub, f"client-{channel}")
    assert (await client.open(channel))["type"] == "auth_challenge"
    assert (await client.open(channel, password="first"))["data"]["authenticated"] is True
    assert rest.delete(f"channels/{channel}/password") == 204


@pytest.mark.raw
def test_a_password_of_the_configuration_is_not_changed_by_rest(start_hub: HubStarter) -> None:
    hub = start_hub(mgmt=True, system_passwords={"__comm_ipc_logs": "pinned"})
    rest = Rest(hub)
    for answer in (
        rest.put("channels/__comm_ipc_logs/password", {"password": "x"}),
        rest.ask("DELETE", "/api/v1/channels/__comm_ipc_logs/password"),
    ):
        assert answer.status == 409
        assert "--system-passwords-file" in answer.json["detail"]


@pytest.mark.raw
def test_a_password_must_be_one(rest: Rest, channel: str) -> None:
    for body in ({}, {"password": ""}, {"password": 7}, {"password": "x", "more": 1}):
        answer = rest.put(f"channels/{channel}/password", body)
        assert answer.status in (400, 422)
        assert answer.json["errors"]
    assert rest.channel(channel) is None


# The live socket.


async def test_the_three_system_channels_arrive_live(
    live: Callable[..., Any], shown_hub: HubUnderTest, connect: Connector, dial: RawDialer, channel: str
) -> None:
    socket = await live()
    hello = await socket.next()
    assert set(hello) == {"type", "epoch", "oldest", "latest"}
    assert hello["type"] == "hello"
    await socket.subscribe("logs", "errors", "system", since=hello["latest"])
    client = await connect(shown_hub)
    opened = await client.open(channel)

    async def count(message: Any) -> AsyncIterator[int]:
        yield 1

    await opened.add_stream("count", count)
    registered = await socket.record("system", channel=channel, event="count")
    assert registered["type"] == "new_registration"
    assert registered["data"] == {
        "channel": channel, "event": "count", "is_provider": True, "is_stream": True,
        "client_id": client.client_id,
    }  # fmt: skip
    assert is_time(registered["time"])
    logs = [m for m in socket.seen if m.get("stream") == "logs" and m["data"]["client_id"] == client.client_id]
    assert logs
    assert all({"message", "level", "client_id", "server_id"} == set(m["data"]) for m in logs)
    assert all((m["type"], m["data"]["server_id"]) == ("server_log", "shown-hub") for m in logs)

    clumsy = await dial(shown_hub, f"clumsy-{channel}")
    await clumsy.request({"type": "remove_subscription", "channel": channel, "sub_name": "not-mine"})
    await clumsy.say({"type": "nonsense"})
    failed = await socket.record("errors", client_id=clumsy.client_id)
    assert (failed["type"], set(failed["data"])) == ("server_error", {"error", "client_id", "server_id"})
    ids = [message["id"] for message in socket.seen if "id" in message]
    assert ids == sorted(set(ids))


@pytest.mark.raw
async def test_only_the_streams_that_were_asked_for_arrive(
    live: Callable[..., Any], shown_hub: HubUnderTest, dial: RawDialer, channel: str
) -> None:
    socket = await live()
    await socket.subscribe("system", since=(await socket.next())["latest"])
    client = await dial(shown_hub, f"client-{channel}")
    await client.provide(channel, "one")
    await socket.record("system", event="one", channel=channel)
    assert {m["stream"] for m in socket.seen if "stream" in m} == {"system"}
    await socket.subscribe("metrics")
    counters = await socket.until(lambda m: m.get("stream") == "metrics", "metrics")
    assert counters["type"] == "counters"
    assert "id" not in counters
    assert {"messages_in", "calls"} <= counters["data"].keys(), "counters"
    assert {"clients", "links"} <= counters["data"].keys(), "and counts"
    await socket.say({"type": "subscribe", "streams": ["gossip"]})
    refused = await socket.until(lambda m: m["type"] == "error", "an error")
    assert "gossip" in refused["detail"]


@pytest.mark.raw
async def test_a_page_that_comes_back_misses_nothing_and_sees_nothing_twice(
    live: Callable[..., Any], shown_hub: HubUnderTest, dial: RawDialer, channel: str
) -> None:
    first = await live()
    await first.subscribe("system", since=(await first.next())["latest"])
    client = await dial(shown_hub, f"client-{channel}")
    await client.provide(channel, "one")
    seen = (await first.record("system", channel=channel, event="one"))["id"]
    first.close()
    for event in ("two", "three"):
        await client.provide(channel, event)
    second = await live()
    hello = await second.next()
    assert hello["epoch"] == first.seen[0]["epoch"]
    await second.subscribe("system", since=seen)
    await second.record("system", channel=channel, event="three")
    await client.provide(channel, "four")
    await second.record("system", channel=channel, event="four")
    own = [m["data"]["event"] for m in second.seen if "data" in m and m["data"].get("channel") == channel]
    assert own == ["two", "three", "four"]
    # From the first record on, whatever is still there comes.
    third = await live()
    oldest = (await third.next())["oldest"]
    await third.subscribe("system", since=oldest - 1)
    await third.record("system", channel=channel, event="one")


@pytest.mark.raw
async def test_a_restarted_hub_is_another_epoch(live: Callable[..., Any], start_hub: HubStarter) -> None:
    hub = start_hub(mgmt=True)
    before = await (await live(hub)).next()
    hub.kill()
    hub.start()
    socket = await live(hub)
    after = await socket.next()
    assert after["epoch"] != before["epoch"]
    await socket.subscribe("logs", since=10**9)
    reset = await socket.until(lambda m: m["type"] == "reset", "a reset")
    assert reset["epoch"] == after["epoch"]


@pytest.mark.raw
async def test_links_tell_live_what_becomes_of_them(
    live: Callable[..., Any], rest: Rest, start_hub: HubStarter, unique: Unique
) -> None:
    far = start_hub(server_id=unique("far"), link_secret=LINK_SECRET)
    socket = await live()
    await socket.subscribe("links", since=(await socket.next())["latest"])
    name = unique("bridge")
    rest.put_bridge(name, link_address(far, "unix"))
    up = await socket.record("links", bridge=name, state="up")
    assert up["type"] == "link_state"
    assert set(up["data"]) == {
        "bridge", "direction", "hub_id", "server_id", "state", "reason", "last_error", "failed_step",
    }  # fmt: skip
    assert (up["data"]["server_id"], up["data"]["direction"]) == (unique("far"), "out")
    states = [m["data"]["state"] for m in socket.seen if "data" in m and m["data"]["bridge"] == name]
    assert states == ["dialing", "handshake", "syncing", "up"]
    far.kill()
    down = await socket.record("links", bridge=name, state="backoff")
    assert down["data"]["last_error"]
    rest.put_bridge(name, link_address(far, "unix"), paused=True)
    await socket.record("links", bridge=name, state="paused")
    assert rest.delete(f"bridges/{name}") == 204


@pytest.mark.raw
async def test_the_live_socket_asks_for_token_protocol_and_origin(live: Callable[..., Any], shown_hub: HubUnderTest) -> None:
    host = f"127.0.0.1:{shown_hub.mgmt_port}"
    accepted = await live(headers=(f"Origin: http://{host}",))
    protocol = [line for line in accepted.head.splitlines() if line.lower().startswith("sec-websocket-protocol:")]
    assert [line.split(":", 1)[1].strip() for line in protocol] == ["commhub.live.v1"]
    assert first_run_token(shown_hub) not in accepted.head
    in_hex = f"bearer-hex.{first_run_token(shown_hub).encode().hex()}"
    assert (await (await live(token=None, protocols=("commhub.live.v1", in_hex))).next())["type"] == "hello"
    for options, status in (
        ({"token": None}, 401),
        ({"token": "wrong-token-for-the-live-socket"}, 401),
        ({"protocols": ()}, 400),
        ({"protocols": ("other.v1",)}, 400),
        ({"headers": ("Origin: http://evil.example",)}, 403),
        ({"headers": (f"Origin: http://{host}.evil.example",)}, 403),
        ({"headers": ("Origin: null",)}, 403),
    ):
        with pytest.raises(LiveRefused) as refused:
            await live(**options)
        assert refused.value.status == status, options


@pytest.mark.raw
async def test_a_live_socket_that_talks_nonsense_harms_nobody(live: Callable[..., Any], rest: Rest) -> None:
    for words in ("not json", [], {"type": "subscribe"}, {"type": "dance"}, {"type": "subscribe", "streams": "logs"}):
        socket = await live()
        await socket.next()
        await socket.say(words)
        assert (await socket.until(lambda m: m["type"] == "error", "an error"))["detail"]
    assert rest.ask("GET", "/livez", token=None).status == 200
