# SPDX-License-Identifier: LGPL-3.0-or-later
"""Who does not read, reads too slowly or never finishes a frame is ended with a reason, at nobody's cost."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Iterator

import msgpack
import pytest

from blunt_client import BluntClient, Closed, LogReader, Message, frame
from bystander import Bystander
from conftest import HubStarter
from running_hub import KIBIBYTE, MEBIBYTE, RunningHub, allowed_bytes

BLOCK = bytes(64 * KIBIBYTE)
SMALL_BUFFER = 16 * KIBIBYTE
# An outbox is bounded to 32 MiB, and the allocator and the pools keep some of what was freed.
MOST_GROWTH = 48 * MEBIBYTE
SLOW = "the client did not read what was sent to it"


class MemoryWatch:
    """The most that the hub grew by."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.before = hub.anonymous_bytes()
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, self.hub.anonymous_bytes() - self.before)

    def assert_below(self, wanted: int) -> None:
        print(f"memory grew by {self.most / MEBIBYTE:.1f} MiB")
        assert self.most < allowed_bytes(wanted), f"memory grew by {self.most / MEBIBYTE:.1f} MiB"


@contextlib.contextmanager
def in_background(*workers: threading.Thread) -> Iterator[None]:
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.join(20)
        assert not worker.is_alive(), f"{worker.name} never came to its end"


def await_log(log: LogReader, watch: MemoryWatch, client_id: str, why: str, within_s: float) -> None:
    give_up = time.monotonic() + within_s
    while True:
        watch.look()
        with contextlib.suppress(AssertionError):
            log.await_line(client_id, why, timeout_s=0.1)
            return
        assert time.monotonic() < give_up, f"no line says that {client_id} was ended: {why}"


@pytest.mark.timeout(60)
def test_a_provider_that_never_reads_is_ended_and_its_callers_get_errors(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    provider = BluntClient(socket_path, "deaf-provider", SMALL_BUFFER)
    provider.provide("room", "work")
    log = LogReader(socket_path)
    watch = MemoryWatch(hub)
    n_callers, n_calls = 8, 100  # 50 MiB together
    answers: list[Message] = []

    def call(number: int) -> None:
        with BluntClient(socket_path, f"caller-{number}") as caller:
            for i in range(n_calls):
                caller.sock.settimeout(30)
                caller.say(
                    {"type": "call", "channel": "room", "event": "work", "request_id": f"r{i}", "data": BLOCK}
                )
            for _ in range(n_calls):
                answers.append(caller.hear_type("response"))

    workers = [threading.Thread(target=call, args=(number,)) for number in range(n_callers)]
    with Bystander(socket_path) as bystander, in_background(*workers):
        await_log(log, watch, "deaf-provider", SLOW, 20)
    assert len(answers) == n_callers * n_calls, f"{len(answers)} answers to {n_callers * n_calls} calls"
    texts = {answer["error"] for answer in answers}
    gone, none = "Provider of room:work disconnected before it answered", "No provider for room:work"
    assert gone in texts and texts <= {gone, none}, texts
    watch.assert_below(MOST_GROWTH)
    bystander.assert_undisturbed()
    log.close()
    provider.close()


@pytest.mark.timeout(60)
def test_a_caller_that_never_reads_its_answers_is_ended(start: HubStarter, socket_path: str) -> None:
    hub = start()
    provider = BluntClient(socket_path, "provider")
    provider.provide("room", "work")
    log = LogReader(socket_path)
    watch = MemoryWatch(hub)
    was_ended = threading.Event()
    stop = threading.Event()

    def serve() -> None:
        with contextlib.suppress(Closed, OSError):
            while not stop.is_set():
                try:
                    asked = provider.hear(0.2)
                except TimeoutError:
                    continue
                if asked["type"] == "call":
                    provider.sock.settimeout(30)
                    provider.say(
                        {
                            "type": "response",
                            "request_id": asked["request_id"],
                            "target_id": asked["sender_id"],
                            "data": BLOCK,
                        }
                    )

    def call() -> None:
        caller = BluntClient(socket_path, "deaf-caller", SMALL_BUFFER)
        caller.sock.settimeout(30)
        try:
            for i in range(100_000):
                caller.say({"type": "call", "channel": "room", "event": "work", "request_id": f"r{i}"})
        except (Closed, OSError):
            was_ended.set()

    workers = [threading.Thread(target=serve), threading.Thread(target=call)]
    with Bystander(socket_path) as bystander, in_background(*workers):
        await_log(log, watch, "deaf-caller", SLOW, 20)
        # The provider, which was held back meanwhile, goes on.
        with BluntClient(socket_path, "good-caller") as good:
            answer = good.ask({"type": "call", "channel": "room", "event": "work"})
            assert answer.get("data") == BLOCK, answer
        stop.set()
    assert was_ended.is_set()
    watch.assert_below(MOST_GROWTH)
    bystander.assert_undisturbed()
    log.close()
    provider.close()


@pytest.mark.timeout(60)
def test_a_subscriber_that_reads_a_byte_a_second_is_ended_and_the_others_miss_nothing(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    owner = BluntClient(socket_path, "owner")
    owner.open("room")
    owner.ask({"type": "add_subscription", "channel": "room", "sub_name": "news"})
    log = LogReader(socket_path)
    crawler = BluntClient(socket_path, "crawler", SMALL_BUFFER)
    good = BluntClient(socket_path, "good")
    for subscriber in (crawler, good):
        subscriber.open("room")
        subscriber.ask({"type": "subscribe", "channel": "room", "sub_name": "news"})
    watch = MemoryWatch(hub)
    was_cut = threading.Event()
    is_over = threading.Event()
    heard: list[int] = []
    n_published = 0

    def crawl() -> None:
        crawler.sock.settimeout(2)
        with contextlib.suppress(OSError):
            while not is_over.wait(1) and crawler.sock.recv(1):
                pass
        was_cut.set()

    def listen() -> None:
        while not (is_over.is_set() and len(heard) == n_published):
            with contextlib.suppress(TimeoutError):
                message = good.hear(0.2)
                if message["type"] == "receive":
                    heard.append(message["data"][0])

    def publish() -> None:
        nonlocal n_published
        owner.sock.settimeout(30)
        while not is_over.wait(0.01):
            data = [n_published, BLOCK]
            owner.say({"type": "publish", "channel": "room", "sub_name": "news", "data": data})
            n_published += 1

    workers = [threading.Thread(target=work) for work in (crawl, listen, publish)]
    with Bystander(socket_path) as bystander, in_background(*workers):
        await_log(log, watch, "crawler", SLOW, 25)
        is_over.set()
    assert n_published > 200 and heard == list(range(n_published)), (
        f"{len(heard)} of {n_published} were heard"
    )
    watch.assert_below(MOST_GROWTH)
    bystander.assert_undisturbed()
    for client in (owner, log, crawler, good):
        client.close()


@pytest.mark.timeout(60)
def test_a_frame_that_comes_a_byte_at_a_time_is_cut_off(start: HubStarter, socket_path: str) -> None:
    data_timeout_s = 2
    hub = start("--data-timeout", str(data_timeout_s))
    log = LogReader(socket_path)
    watch = MemoryWatch(hub)
    head = struct.pack(">I", 16 * MEBIBYTE)
    dripper = BluntClient(socket_path, "dripper")
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in head + bytes(20_000):
            dripper.sock.sendall(bytes([byte]))
            time.sleep(0.001)
            watch.look()
    lasted = time.monotonic() - began
    assert data_timeout_s - 0.1 < lasted < data_timeout_s + 2, f"it was let drip for {lasted:.1f} s"
    log.await_line("dripper", "a frame was not completed within the data timeout")
    watch.assert_below(1 * MEBIBYTE)
    # A frame that comes slowly and within the time is whole.
    with BluntClient(socket_path, "patient") as patient:
        for byte in frame({"type": "ping"}):
            patient.sock.sendall(bytes([byte]))
            time.sleep(0.02)
        assert patient.hear() == {"type": "pong"}
    log.close()
    dripper.close()


@pytest.mark.timeout(60)
def test_announced_lengths_cost_nothing_until_the_bytes_come(start: HubStarter, socket_path: str) -> None:
    hub = start("--data-timeout", "3")
    log = LogReader(socket_path)
    watch = MemoryWatch(hub)
    n, sent = 200, 40 * KIBIBYTE
    announcers = [BluntClient(socket_path, f"announcer-{number}") for number in range(n)]
    for announcer in announcers:
        announcer.sock.sendall(struct.pack(">I", 16 * MEBIBYTE) + bytes(sent))
    with BluntClient(socket_path, "other") as other:
        other.ping()
    watch.look()
    watch.assert_below(3 * n * sent)
    assert watch.most > n * sent // 2, "what has arrived was not kept: this test measures nothing"
    for announcer in announcers:
        announcer.last_words(6)
        announcer.close()
    log.await_line("announcer-0 ", "a frame was not completed within the data timeout")
    log.close()


@pytest.mark.timeout(60)
def test_a_client_that_falls_silent_is_closed_after_the_idle_timeout(
    start: HubStarter, socket_path: str
) -> None:
    hub = start("--idle-timeout", "1.5")
    assert hub.process.poll() is None
    silent, talker = BluntClient(socket_path, "silent"), BluntClient(socket_path, "talker")
    watcher = LogReader(socket_path)
    began = time.monotonic()
    ended_after = None
    silent.sock.setblocking(False)
    while time.monotonic() - began < 4 and ended_after is None:
        talker.ping()
        watcher.say({"type": "ping"})
        with contextlib.suppress(BlockingIOError):
            if silent.sock.recv(1) == b"":
                ended_after = time.monotonic() - began
        time.sleep(0.05)
    assert ended_after is not None and 1.3 < ended_after < 2.5, f"ended after {ended_after}"
    watcher.await_line("silent", "nothing came within the idle timeout")
    for client in (silent, talker, watcher):
        client.close()


@pytest.mark.timeout(60)
def test_a_frame_of_the_full_size_is_carried_whole(start: HubStarter, socket_path: str) -> None:
    """Beside the frames that are refused: the largest legal one, to show where the limit is."""
    start()
    with BluntClient(socket_path, "alice") as alice, BluntClient(socket_path, "bob") as bob:
        bob.open("room")
        bare = {"type": "broadcast", "channel": "room", "event": "e", "data": b""}
        room = 16 * MEBIBYTE - len(msgpack.packb(bare | {"data": bytes(1 << 20)})) + (1 << 20)
        alice.sock.settimeout(10)
        whole = frame(bare | {"data": bytes(room)})
        assert len(whole) == 4 + 16 * MEBIBYTE
        alice.sock.sendall(whole)
        assert len(bob.hear_type("broadcast")["data"]) == room
        alice.sock.sendall(struct.pack(">I", 16 * MEBIBYTE + 1))
        last = alice.last_words(5)[-1]
        assert last["type"] == "error" and "16777216" in last["message"], last
