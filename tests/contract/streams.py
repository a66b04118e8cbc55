# SPDX-License-Identifier: LGPL-3.0-or-later
"""Answers without end, which schemathesis does not ask for: their events against the schemas that the documents name."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import jsonschema_rs

LIVE_SCHEMA = Path(__file__).resolve().parents[2] / "schema/live/live.schema.json"
WAIT_S = 10
CHANNEL = "/api/v1/channels/streams"

Json = dict[str, Any]


class Client:
    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Json:
        with self._open(urllib.request.Request(self.url + path, headers=self.headers)) as answer:
            body: Json = json.load(answer)
        return body

    def post(self, path: str, body: object) -> None:
        headers = self.headers | {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method="POST")
        with self._open(request):
            pass

    @contextlib.contextmanager
    def stream(self, path: str) -> Iterator[HTTPResponse]:
        headers = self.headers | {"Accept": "text/event-stream"}
        with self._open(urllib.request.Request(self.url + path, headers=headers)) as answer:
            assert answer.headers["Content-Type"] == "text/event-stream", answer.headers["Content-Type"]
            yield answer

    @staticmethod
    def _open(request: urllib.request.Request) -> HTTPResponse:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=WAIT_S)
        return answer


def next_event(answer: HTTPResponse) -> tuple[str, Json]:
    """Name and data of the next event; what keeps the connection alive is passed over."""
    name, data = "message", ""
    while line := answer.readline().decode().rstrip("\n"):
        field, _, value = line.partition(": ")
        name = value if field == "event" else name
        data = value if field == "data" else data
    return (name, json.loads(data)) if data else next_event(answer)


def validator_of(document: Json, schema: str) -> Callable[[Json], None]:
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    validate: Callable[[Json], None] = jsonschema_rs.Draft202012Validator(wanted).validate
    return validate


def check_subscription(client: Client, document: Json) -> None:
    """A stream has its head at once, and a subscription stands when it has: what is published then must come."""
    with client.stream(f"{CHANNEL}/topics/news/subscribe") as answer:
        client.post(f"{CHANNEL}/topics/news/publish", {"a": [1, None, "b"]})
        name, message = next_event(answer)
    assert name == "message", name
    validator_of(document, "ManyMessage")(message)
    assert message["data"] == {"a": [1, None, "b"]} and message["event"] == "subscription.news.data", message


def check_broadcasts(client: Client, document: Json) -> None:
    with client.stream(f"{CHANNEL}/broadcasts") as answer:
        client.post(f"{CHANNEL}/broadcast?event=hello", "all")
        name, message = next_event(answer)
    assert name == "message", name
    validator_of(document, "ManyMessage")(message)
    assert message["data"] == "all" and message["event"] == "hello", message


def check_records(client: Client, document: Json) -> None:
    validate = jsonschema_rs.Draft202012Validator(json.loads(LIVE_SCHEMA.read_text())).validate
    with client.stream("/api/v1/events") as answer:
        name, hello = next_event(answer)
        validate(hello)
        assert hello["type"] == "hello", (name, hello)
        for _ in range(min(5, hello["latest"])):
            validate(next_event(answer)[1])


def check_streams(url: str, token: str) -> tuple[int, list[str]]:
    """How many kinds of streams were looked at, and what is wrong of which."""
    client = Client(url, token)
    document = client.get("/api/v1/openapi.json")
    checks = (check_subscription, check_broadcasts, check_records)
    faults = []
    for check in checks:
        try:
            check(client, document)
        except Exception as fault:
            faults.append(f"{check.__name__}: {fault!r}")
    return len(checks), faults
