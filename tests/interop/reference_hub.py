# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Python package's own hub as a process, so that the suite's expectations can be held against it.

One JSON argument: `HubOptions` and the addresses. The package serves one address; here the same hub object
accepts on several, as CommHub does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

from comm_ipc.server import CommIPCServer


async def serve(wanted: dict[str, Any]) -> None:
    settings: dict[str, Any] = {
        "server_id": wanted["server_id"],
        "socket_path": wanted["socket_path"],
        "connection_secret": wanted["connection_secret"],
        "system_passwords": wanted["system_passwords"],
        "channel_policy": wanted["channel_policy"],
        "lb_policy": wanted["lb_policy"],
        "error_policy": wanted["error_policy"],
        "idle_timeout": wanted["idle_timeout_s"],
        "data_timeout": wanted["data_timeout_s"],
    }
    hub = CommIPCServer(**{name: value for name, value in settings.items() if value is not None})
    servers = []
    if "unix" in wanted["transports"]:
        servers.append(await asyncio.start_unix_server(hub.handle_client, wanted["socket_path"]))
    if "tcp" in wanted["transports"]:
        servers.append(await asyncio.start_server(hub.handle_client, "127.0.0.1", wanted["tcp_port"]))
    if "tls" in wanted["transports"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(wanted["server_cert"], wanted["server_key"])
        servers.append(
            await asyncio.start_server(hub.handle_client, "127.0.0.1", wanted["tls_port"], ssl=context)
        )
    print("ready", *wanted["transports"], flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
