# SPDX-License-Identifier: LGPL-3.0-or-later
"""A thousand browsers on the live socket at once, one of which stops reading."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable

import pytest

from conftest import HubStarter
from management_client import LiveSocket
from raw_client import RawDialer

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]

N_BROWSERS = 1000
N_RECORDS = 5


async def test_a_thousand_browsers_hear_every_record_and_one_that_stops_holds_up_none(
    start_hub: HubStarter, dial: RawDialer, unique: Callable[[str], str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    hub = start_hub(mgmt=True)
    browsers: list[LiveSocket] = []
    for _ in range(N_BROWSERS // 50):
        browsers += await asyncio.gather(*(LiveSocket.dial(hub) for _ in range(50)))
    for browser in browsers:
        await browser.subscribe("logs", since=0)
        assert (await browser.next())["type"] == "hello"
    stopped, *reading = browsers
    assert stopped
    before = hub.resident_bytes()
    names = [unique(f"client-{number}") for number in range(N_RECORDS)]
    for name in names:
        await dial(hub, name)

    async def hears_all(browser: LiveSocket) -> None:
        for name in names:
            await browser.until(
                lambda message: f"Client {name} identified" == message.get("data", {}).get("message"), name
            )

    await asyncio.gather(*(hears_all(browser) for browser in reading))
    assert hub.resident_bytes() - before < 64 * 2**20
    for browser in browsers:
        browser.close()
