# SPDX-License-Identifier: LGPL-3.0-or-later
"""`commhub top` on a terminal and without one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest, commhub_binary
from raw_client import RawDialer

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]


@pytest.fixture(scope="module")
def managed(certificates: Certificates) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(HubOptions(mgmt=True), certificates).start()
    yield hub
    hub.close()


def environment(hub: HubUnderTest) -> dict[str, str]:
    return {
        "COMMHUB_API": f"http://127.0.0.1:{hub.mgmt_port}",
        "COMMHUB_TOKEN_FILE": str(hub.data_folder / "first-run-token"),
    }


def once(hub: HubUnderTest, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(commhub_binary()), "top", *words]
    return subprocess.run(command, env=environment(hub), capture_output=True, text=True, timeout=20)


class Screen:
    """top on a terminal of its own."""

    def __init__(self, hub: HubUnderTest) -> None:
        self.master, slave = pty.openpty()
        self.resize(100, 40)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.text = ""
        command = [str(commhub_binary()), "top"]
        self.process = subprocess.Popen(command, env=environment(hub), stdin=slave, stdout=slave, stderr=slave)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, is_there: Callable[[str], bool]) -> None:
        ends = time.monotonic() + 15
        while not is_there(self.text):
            assert time.monotonic() < ends, self.text
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")

    def end(self) -> int:
        status = self.process.wait(timeout=10)
        while select.select([self.master], [], [], 0.1)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        assert self.text.endswith("\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return status


async def test_without_a_terminal_one_table_is_printed(managed: HubUnderTest, dial: RawDialer) -> None:
    client = await dial(managed, "shown \u202e client")
    await client.open("town")
    done = once(managed)
    assert done.returncode == 0 and "\x1b" not in done.stdout, done
    assert "clients 1  channels " in done.stdout and re.search(r"^town +1$", done.stdout, re.MULTILINE)
    assert "shown \\u{202e} client" in done.stdout and "\u202e" not in done.stdout
    assert once(managed, "--once").stdout.count("CLIENT ") == 1


def test_wrong_use_and_no_hub_have_statuses_of_their_own(managed: HubUnderTest) -> None:
    assert once(managed, "--interval", "0").returncode == 2
    assert once(managed, "--api", "http://127.0.0.1:1").returncode == 4


def test_q_ends_it_and_leaves_the_terminal_as_it_was(managed: HubUnderTest) -> None:
    screen = Screen(managed)
    screen.until(lambda text: "q: quit" in text)
    os.write(screen.master, b"q")
    assert screen.end() == 0
    assert screen.text.startswith("\x1b[?1049h\x1b[?25l")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(managed: HubUnderTest, number: signal.Signals) -> None:
    screen = Screen(managed)
    screen.until(lambda text: "q: quit" in text)
    screen.process.send_signal(number)
    assert screen.end() == -number


def test_a_smaller_window_gets_fewer_and_shorter_lines(managed: HubUnderTest) -> None:
    screen = Screen(managed)
    screen.until(lambda text: "q: quit" in text)
    screen.resize(20, 6)
    screen.process.send_signal(signal.SIGWINCH)
    seen = len(screen.text)
    screen.until(lambda text: text[seen:].count("q: quit") >= 2)
    frame = screen.text[seen:].split("\x1b[H")[-1]
    lines = frame.replace("\x1b[K", "").replace("\x1b[J", "").split("\r\n")
    assert len(lines) <= 6 and max(len(line) for line in lines) <= 20, lines
    os.write(screen.master, b"q")
    assert screen.end() == 0
