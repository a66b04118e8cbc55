# SPDX-License-Identifier: LGPL-3.0-or-later
"""How a hub ends: in order, in time, and clean."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from blunt_client import BluntClient, Closed
from conftest import HubStarter
from running_hub import KIBIBYTE, RunningHub

ENDS_WITHIN_S = 5.0


def end(hub: RunningHub, number: signal.Signals = signal.SIGTERM) -> float:
    """Exit 0 in time; how long it took."""
    began = time.monotonic()
    hub.signal(number)
    assert hub.await_end(ENDS_WITHIN_S) == 0, hub.said()
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_hub_ends_at_once_and_removes_its_socket(
    start: HubStarter, socket_path: str, number: signal.Signals
) -> None:
    took = end(start(), number)
    assert took < 1.0, f"took {took:.1f} s"
    assert not os.path.exists(socket_path) and not os.path.exists(socket_path + ".lock")


def test_clients_are_told_and_the_hub_ends_in_time(start: HubStarter, socket_path: str) -> None:
    hub = start()
    clients = [BluntClient(socket_path, f"client-{number}") for number in range(50)]
    unidentified = BluntClient(socket_path)
    took = end(hub)
    for client in clients:
        said = client.last_words(1)
        assert said and said[-1] == {"type": "error", "message": "The hub is shutting down"}, said
        client.close()
    unidentified.close()
    print(f"ended after {took:.2f} s, though nobody closed")


def test_outstanding_calls_may_finish_and_new_clients_are_refused(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    caller, provider = BluntClient(socket_path, "caller"), BluntClient(socket_path, "provider")
    provider.provide("room", "work")
    caller.say({"type": "call", "channel": "room", "event": "work", "request_id": "1", "data": 1})
    call = provider.hear_type("call")
    hub.signal(signal.SIGTERM)
    time.sleep(0.5)
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        BluntClient(socket_path, "late")
    provider.say({"type": "response", "request_id": "1", "target_id": call["sender_id"], "data": 2})
    assert caller.hear_type("response")["data"] == 2
    assert hub.await_end(2) == 0
    caller.close()
    provider.close()


def test_calls_that_nobody_answers_hold_the_end_up_for_less_than_five_seconds(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    caller, provider = BluntClient(socket_path, "caller"), BluntClient(socket_path, "provider")
    provider.provide("room", "work")
    for number in range(100):
        caller.say({"type": "call", "channel": "room", "event": "work", "request_id": f"{number}"})
    provider.hear_type("call")
    caller.ping()
    took = end(hub)
    assert took > 1.0, "it did not wait for the calls at all"
    said = caller.last_words(1)
    assert said[-1]["type"] == "error" or said[-1].get("error"), said[-1]
    caller.close()
    provider.close()


def test_a_second_signal_does_not_wait(start: HubStarter, socket_path: str) -> None:
    hub = start()
    caller, provider = BluntClient(socket_path, "caller"), BluntClient(socket_path, "provider")
    provider.provide("room", "work")
    caller.say({"type": "call", "channel": "room", "event": "work", "request_id": "1"})
    provider.hear_type("call")
    hub.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert hub.process.poll() is None, "it did not wait for the call at all"
    took = end(hub)
    assert took < 1.8, f"took {took:.1f} s"
    caller.close()
    provider.close()


def test_clients_that_read_nothing_do_not_hold_the_end_up(start: HubStarter, socket_path: str) -> None:
    hub = start()
    speaker = BluntClient(socket_path, "speaker")
    deaf = [BluntClient(socket_path, f"deaf-{number}", 4 * KIBIBYTE) for number in range(10)]
    for client in deaf:
        client.open("room")
    for _ in range(20):
        speaker.say({"type": "broadcast", "channel": "room", "event": "e", "data": bytes(64 * KIBIBYTE)})
    speaker.ping()
    took = end(hub)
    print(f"ended after {took:.2f} s")
    for client in (speaker, *deaf):
        client.close()


@pytest.mark.timeout(30)
def test_the_end_comes_in_time_under_full_load(start: HubStarter, socket_path: str) -> None:
    hub = start()
    is_over = threading.Event()

    def work(number: int) -> None:
        with contextlib.suppress(Closed, OSError), BluntClient(socket_path, f"worker-{number}") as client:
            client.provide("room", f"work-{number}")
            while not is_over.is_set():
                client.say({"type": "call", "channel": "room", "event": f"work-{number}", "request_id": "1"})
                call = client.hear_type("call")
                answer = {
                    "type": "response",
                    "request_id": "1",
                    "target_id": call["sender_id"],
                    "data": bytes(1000),
                }
                client.say(answer)
                client.hear_type("response")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    assert all(worker.is_alive() for worker in workers)
    try:
        end(hub)
    finally:
        is_over.set()
        for worker in workers:
            worker.join(15)
    assert not any(worker.is_alive() for worker in workers)
