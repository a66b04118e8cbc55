# SPDX-License-Identifier: LGPL-3.0-or-later
"""A hub as a user runs it: started with flags, watched from outside, ended by signals."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

READY_S = 20.0
KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def binary() -> Path:
    return Path(os.environ["COMMHUB_BIN"]).resolve()


@functools.cache
def is_sanitized() -> bool:
    """Sanitizers keep freed memory and shadow the rest: there, memory is only held to a coarse bound."""
    return b"__asan_init" in binary().read_bytes()


def allowed_bytes(wanted: int) -> int:
    return 8 * wanted + 256 * MEBIBYTE if is_sanitized() else wanted


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**settings: str) -> dict[str, str]:
    """Without what the caller's shell may have set for a hub."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("COMMHUB_", "COMM_IPC_"))
    }
    options = os.environ.get("ASAN_OPTIONS", "")
    own["ASAN_OPTIONS"] = ":".join(filter(None, [options, "quarantine_size_mb=8"]))
    return own | settings


def enter_namespace(name: str) -> None:
    """The calling thread's (or new process's) network is the named one from here on."""
    with open(f"/run/netns/{name}") as namespace:
        if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")


class RunningHub:
    def __init__(
        self,
        *arguments: str,
        open_files: int | None = None,
        file_bytes: int | None = None,
        namespace: str | None = None,
        user: int | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        def prepare() -> None:
            _libc.prctl(1, signal.SIGKILL)  # a test run that is killed leaves no hub behind
            if open_files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
            if file_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
            if namespace is not None:
                enter_namespace(namespace)

        self.lines: list[str] = []
        self.ready_line = ""
        self._is_ready = threading.Event()
        # A process dies with the thread that made it (prctl), and tests are not all the main thread.
        self.process = subprocess.Popen(
            [str(binary()), "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=environment(**(settings or {})),
            preexec_fn=prepare,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _follow(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("ready "):
                self.ready_line = line.rstrip("\n")
                self._is_ready.set()

    def said(self) -> str:
        return "\n".join(self.lines[-60:])

    def await_ready(self) -> RunningHub:
        give_up = time.monotonic() + READY_S
        while not self._is_ready.wait(0.01):
            if self.process.poll() is not None:
                self._follower.join(2)
                raise AssertionError(f"the hub ended with {self.process.returncode}:\n{self.said()}")
            assert time.monotonic() < give_up, f"the hub was not ready in {READY_S} s:\n{self.said()}"
        return self

    def anonymous_bytes(self) -> int:
        """Memory of its own, without the pages of program and libraries."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * KIBIBYTE
        raise AssertionError("no RssAnon")

    def n_descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def await_end(self, timeout_s: float) -> int:
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s:\n{self.said()}") from None
        self._follower.join(2)
        return status

    def stop(self) -> None:
        """SIGTERM and a good end; a sanitizer's report would be a bad one."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            status = self.await_end(8)
            assert status == 0, f"the hub ended with {status}:\n{self.said()}"

    def discard(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


def run_to_end(
    *arguments: str, timeout_s: float = 5, command: str = "serve", **popen: object
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a hub that is expected to end by itself."""
    settings = popen.pop("settings", {})
    prepare: Callable[[], None] | None = popen.pop("prepare", None)  # type: ignore[assignment]
    assert isinstance(settings, dict)
    try:
        result = subprocess.run(
            [str(binary()), *([command] if command else []), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment(**settings),
            preexec_fn=prepare,
            **({} if "input" in popen else {"stdin": subprocess.DEVNULL}),
            **popen,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired as running:
        said = (running.stdout or b"") + (running.stderr or b"")
        raise AssertionError(f"it did not end within {timeout_s} s; it said: {said!r}") from None
    return result.returncode, result.stdout, result.stderr
