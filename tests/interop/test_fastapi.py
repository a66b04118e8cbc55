# SPDX-License-Identifier: LGPL-3.0-or-later
"""`CommAPI` of release 0.1.15: events of a channel as REST endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from hub_under_test import HubUnderTest
from python_client import RELEASE, Connector, eventually

pytestmark = pytest.mark.release("0.1.15")

if RELEASE == "0.1.15":
    import httpx
    from comm_ipc.api import CommAPI
    from fastapi import FastAPI


class Numbers(BaseModel):
    a: int
    b: int


async def test_an_event_is_exposed_as_an_endpoint(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def add(message: Any) -> Any:
        return {"total": message.data["a"] + message.data["b"]}

    provider = await (await connect(hub)).open(channel)
    await provider.add_event("add", add, parameters=Numbers)
    gateway = await connect(hub)
    opened = await gateway.open(channel)
    await eventually(lambda: "add" in opened.remote_schemas, "the schema is known")
    application = FastAPI()
    CommAPI(application, gateway).add_event(opened, "add", path="/add", method="POST")
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        answer = await browser.post("/add", json={"a": 2, "b": 3})
        assert answer.status_code == 200, answer.text
        assert "5" in answer.text
