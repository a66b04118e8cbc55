# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs one code block of the package's own README, taken from its installed metadata, against a given hub.

Arguments: the hub's socket path, a text that only the wanted block contains. The block is run word for word
but for the socket paths it names. Two things are prepared for it: the default socket path is the hub's, and
a block that starts the package's hub gets one that does nothing, because the hub under test is already
there. A fragment (release 0.1.5 has those) finds `client`, `channel` and `app` ready made.

With `--serve` as third argument the block's client keeps running until the process is ended.
"""

from __future__ import annotations

import ast
import asyncio
import importlib.metadata
import inspect
import os
import re
import sys
from typing import Any

socket_path, wanted = sys.argv[1], sys.argv[2]
os.environ["COMM_IPC_SOCKET"] = socket_path

import comm_ipc.server  # noqa: E402
from comm_ipc.app import CommIPCApp  # noqa: E402
from comm_ipc.client import CommIPC  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class HubAlreadyThere:
    def __init__(self, **settings: Any) -> None:
        pass

    async def run(self) -> None:
        pass

    async def stop(self) -> None:
        pass


def block_with(text: str) -> str:
    readme = importlib.metadata.metadata("comm-ipc").get_payload()  # type: ignore[attr-defined]
    assert isinstance(readme, str)
    blocks = re.findall(r"```python\n(.*?)\n *```", readme, re.DOTALL)
    found = [block for block in blocks if text in block]
    assert len(found) == 1, f"{len(found)} blocks hold {text!r}"
    plain = "\n".join(line[1:] if line == " " else line for line in found[0].splitlines())
    return re.sub(r'"/tmp/[a-z_]+\.sock"', repr(socket_path), plain)


def use_the_hub_by_default() -> None:
    """Release 0.1.5 has no environment variable for its default socket path."""
    initialise = CommIPC.__init__
    names = list(inspect.signature(initialise).parameters)[1:]
    values = list(initialise.__defaults__ or ())
    values[names.index("socket_path")] = socket_path
    initialise.__defaults__ = tuple(values)


async def run_fragment(code: Any, names: dict[str, Any]) -> None:
    client = CommIPC()
    await client.connect()
    channel = await client.open("fragment")
    names |= {"client": client, "channel": channel, "app": CommIPCApp(channel)}
    result = eval(code, names)
    if inspect.iscoroutine(result):
        await result
    await asyncio.sleep(0.3)
    print("fragment done", flush=True)
    if "--serve" in sys.argv:
        await asyncio.sleep(60)


def main() -> None:
    use_the_hub_by_default()
    comm_ipc.server.CommIPCServer = HubAlreadyThere  # type: ignore
    source = block_with(wanted)
    names: dict[str, Any] = {"__name__": "__main__", "BaseModel": BaseModel}
    if "asyncio.run(" in source:
        exec(compile(source, "README", "exec"), names)
    else:
        code = compile(source, "README", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        asyncio.run(run_fragment(code, names))


main()
sys.stdout.flush()
os._exit(0)
