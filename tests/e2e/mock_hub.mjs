#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-3.0-or-later
// A stand-in for `commhub serve` to work on the dashboard with: the same flags as far as the tests use them, the same page, REST and
// live socket, and a unix socket on which clients identify, open channels, provide events and declare topics. It proves nothing about
// the hub: what the tests prove, they prove against the real one.
//
//   mock_hub.mjs serve --data-dir DIR --listen unix:PATH --mgmt 127.0.0.1:PORT [--demo]
//
// --demo fills it with invented hubs, clients, channels and traffic. MOCK_HUB_PAGE names the folder of the built page.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createSocketServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { frame, readFrames } from "./msgpack.mjs";

const PAGE = process.env.MOCK_HUB_PAGE ?? join(dirname(fileURLToPath(import.meta.url)), "../../webui/dist");
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };

const flags = { listen: [] };
for (let i = 3; i < process.argv.length; i += 1) {
  const name = process.argv[i].replace(/^--/, "");
  if (name === "demo") flags.demo = true;
  else if (name === "listen") flags.listen.push(process.argv[(i += 1)]);
  else flags[name] = process.argv[(i += 1)];
}
const [mgmtHost, mgmtPort] = (flags.mgmt ?? "127.0.0.1:8080").split(":");
const token = process.env.COMMHUB_ADMIN_TOKEN_FILE ? readFileSync(process.env.COMMHUB_ADMIN_TOKEN_FILE, "utf8").trim() : "mock";
const serverId = flags["server-id"] ?? "mock-hub";
const startedAt = Date.now();
const epoch = randomUUID();

const clients = new Map();
const channels = new Map();
const bridges = new Map();
const links = [];
const records = [];
const viewers = new Set();
const counters = {
  messages_in: 0, messages_out: 0, bytes_in: 0, bytes_out: 0, calls: 0, calls_failed: 0, broadcasts: 0, publishes: 0,
  duplicates_dropped: 0, loops_dropped: 0, slow_consumers_closed: 0,
};
const counts = () => ({ clients: clients.size, channels: channels.size, bridges: bridges.size, links: links.length });

function record(stream, type, data) {
  const event = { id: records.length + 1, time: new Date().toISOString(), stream, type, data };
  records.push(event);
  for (const viewer of viewers) if (viewer.streams.has(stream)) viewer.send(event);
}
const log = (level, message, client_id = null) => record("logs", "server_log", { message, level, client_id, server_id: serverId });

function channelOf(name) {
  if (!channels.has(name)) {
    channels.set(name, { name, protected: false, password_origin: null, owner: null, members: [], events: [], topics: [] });
  }
  return channels.get(name);
}

// ---- clients on the unix socket

function leave(id) {
  clients.delete(id);
  for (const channel of [...channels.values()]) {
    channel.members = channel.members.filter((member) => member.id !== id);
    channel.events = channel.events.filter((event) => !event.providers.includes(id));
    channel.topics = channel.topics.filter((topic) => topic.owner !== id);
    if (channel.members.length === 0) channels.delete(channel.name);
  }
  log("info", `Client ${id} disconnected`, id);
}

function handle(client, message, send) {
  counters.messages_in += 1;
  client.messages_in += 1;
  const answer = (data) => send({ type: "response", request_id: message.request_id, success: true, data });
  switch (message.type) {
    case "register": {
      const channel = channelOf(message.channel);
      channel.owner ??= client.id;
      if (!channel.members.some((member) => member.id === client.id)) {
        channel.members.push({ id: client.id, mode: client.mode, is_local: true, path: [] });
        client.channels.push(channel.name);
      }
      if (message.is_provider) {
        channel.events.push({
          name: message.event, is_group: message.is_group, is_stream: message.is_stream, providers: [client.id],
          param_schema: message.param_schema, return_schema: message.return_schema,
        });
      }
      record("system", "new_registration", {
        channel: channel.name, event: message.event ?? "", is_provider: message.is_provider, is_stream: message.is_stream === true, client_id: client.id,
      });
      answer({ channel: channel.name, event: message.event ?? null, authenticated: channel.protected });
      break;
    }
    case "add_subscription":
      channelOf(message.channel).topics.push({ name: message.sub_name, owner: client.id, subscribers: 0 });
      answer({ success: true });
      break;
    default:
      counters.broadcasts += 1;
  }
}

const hubSockets = flags.listen.filter((address) => address.startsWith("unix:")).map((address) => {
  const path = address.slice(5);
  rmSync(path, { force: true });
  return new Promise((resolve) => {
    const server = createSocketServer((socket) => {
      let client;
      const send = (message) => {
        counters.messages_out += 1;
        socket.write(frame(message));
      };
      socket.on("error", () => undefined);
      socket.on("close", () => client !== undefined && leave(client.id));
      readFrames(socket, (message) => {
        if (client !== undefined) handle(client, message, send);
        else if (message.type === "identify") {
          client = {
            id: message.client_id, mode: message.mode ?? "client", address, since: new Date().toISOString(),
            channels: [], queued_bytes: 0, messages_in: 1, messages_out: 1,
          };
          clients.set(client.id, client);
          log("info", `Client ${client.id} connected`, client.id);
          send({ type: "identified", client_id: client.id, server_id: serverId });
        }
      });
    });
    server.listen(path, () => resolve(server));
  });
});

// ---- REST

class Refusal extends Error {
  constructor(status, title, detail, errors) {
    super(detail);
    Object.assign(this, { status, title, errors });
  }
}

function bridgeOf(name, input, former) {
  const errors = [];
  const known = ["address", "secret", "channels", "cost", "paused", "tls"];
  for (const key of Object.keys(input)) if (!known.includes(key)) errors.push({ pointer: `#/${key}`, detail: "is not known" });
  if (!/^(tcp|tls):\/\/[^:/]+:\d+$|^unix:\/.+/.test(input.address ?? "")) {
    errors.push({ pointer: "#/address", detail: "must be tcp://host:port, tls://host:port or unix:/path" });
  }
  if (input.cost !== undefined && !(Number.isInteger(input.cost) && input.cost >= 1 && input.cost <= 1000000)) {
    errors.push({ pointer: "#/cost", detail: "must be a whole number from 1 to 1000000" });
  }
  if (errors.length > 0) throw new Refusal(422, "The bridge is not valid", "Some fields are not as they should be.", errors);
  return {
    name, address: input.address, secret_set: input.secret !== undefined || former?.secret_set === true,
    channels: { allow: input.channels?.allow ?? [], deny: input.channels?.deny ?? [] }, cost: input.cost ?? 100, paused: input.paused === true,
    tls: input.tls === undefined ? null : { ca_file: input.tls.ca_file ?? null, server_name: input.tls.server_name ?? null },
    state: input.paused ? "paused" : "dialing", state_since: new Date().toISOString(), reason: input.paused ? "paused by an operator" : null,
    last_error: null, peer: null,
  };
}

const clientRow = (client) => ({ ...client, n_channels: client.channels.length, channels: client.channels.slice(0, 16) });

function channelRow({ members, events, topics, ...row }) {
  return { ...row, n_members: members.length, n_events: events.length, n_topics: topics.length };
}

function page(items, query) {
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("cursor") ?? 0);
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
}

function found(thing) {
  if (thing === undefined) throw new Refusal(404, "Not found", "There is nothing of this name.");
  return thing;
}

function answer(method, path, query, body) {
  const [kind, name, sub] = path;
  const is = (wanted, ...names) => method === wanted && names.length === path.length && names.every((one, i) => one === "*" || one === path[i]);
  if (is("GET", "hub")) {
    return [200, {
      server_id: serverId, hub_id: "01b7c3f2a9d84e6c", incarnation: 7, version: "0.1.0", started_at: new Date(startedAt).toISOString(),
      uptime_s: Math.floor((Date.now() - startedAt) / 1000), listeners: flags.demo ? ["unix:/run/commhub/hub.sock", "tcp://0.0.0.0:9000", "tls://0.0.0.0:9443"] : flags.listen,
      settings: { channel_policy: "terminate", lb_policy: "least-active", max_frame_bytes: 16777216, idle_timeout_s: 60, error_policy: "broadcast" },
      counts: counts(), counters,
    }];
  }
  if (is("GET", "clients")) return [200, page([...clients.values()].map(clientRow), query)];
  if (is("GET", "channels")) return [200, page([...channels.values()].map(channelRow), query)];
  if (is("GET", "channels", "*")) {
    const { members, events, topics } = found(channels.get(name));
    return [200, { ...channelRow(channels.get(name)), members, events, topics }];
  }
  if (kind === "channels" && sub === "password") {
    const channel = found(channels.get(name));
    if (method === "PUT") Object.assign(channel, { protected: true, password_origin: "operator" });
    else Object.assign(channel, { protected: false, password_origin: null });
    log("info", `Password of channel ${name} ${method === "PUT" ? "set" : "removed"} by an operator`);
    return [204];
  }
  if (is("GET", "bridges")) return [200, page([...bridges.values()], query)];
  if (is("GET", "bridges", "*")) return [200, found(bridges.get(name))];
  if (is("PUT", "bridges", "*")) {
    const former = bridges.get(name);
    bridges.set(name, bridgeOf(name, body, former));
    record("links", "link_state", { bridge: name, direction: "out", hub_id: null, server_id: null, state: bridges.get(name).state, reason: null, last_error: null });
    return [former === undefined ? 201 : 200, bridges.get(name)];
  }
  if (is("DELETE", "bridges", "*")) {
    found(bridges.get(name));
    bridges.delete(name);
    return [204];
  }
  if (is("GET", "links")) return [200, page(links, query)];
  throw new Refusal(404, "Not found", "There is nothing at this address.");
}

function serve(request, response) {
  const url = new URL(request.url, "http://mock");
  const send = (status, type, body) => {
    response.writeHead(status, { "Content-Type": type, "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff" });
    response.end(body);
  };
  if (!url.pathname.startsWith("/api/")) {
    const file = url.pathname === "/" ? "index.html" : url.pathname.slice(1);
    if (!["index.html", "app.js", "app.css", "favicon.svg"].includes(file)) return send(404, "text/plain", "not found");
    return send(200, TYPES[file.split(".").at(-1)], readFileSync(join(PAGE, file)));
  }
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    try {
      if (request.headers.authorization !== `Bearer ${token}`) throw new Refusal(401, "Not signed in", "A bearer token is needed.");
      const path = url.pathname.slice("/api/v1/".length).split("/").map(decodeURIComponent);
      const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
      const [status, result] = answer(request.method, path, url.searchParams, body);
      send(status, "application/json", result === undefined ? "" : JSON.stringify(result));
    } catch (error) {
      const { status = 500, title = "Trouble", errors = [] } = error;
      send(status, "application/problem+json", JSON.stringify({ type: "about:blank", title, status, detail: error.message, errors, request_id: "mock-1" }));
    }
  });
}

// ---- live socket (RFC 6455, text messages only)

function wsFrame(opcode, payload) {
  const length = payload.length;
  const head = length < 126 ? Buffer.from([0x80 | opcode, length]) : length < 65536 ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]) : null;
  if (head !== null) return Buffer.concat([head, payload]);
  const wide = Buffer.alloc(10);
  wide.writeUInt8(0x80 | opcode);
  wide.writeUInt8(127, 1);
  wide.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([wide, payload]);
}

function upgrade(request, socket) {
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((one) => one.trim());
  if (!offered.includes(`bearer-hex.${Buffer.from(token).toString("hex")}`)) return socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: commhub.live.v1\r\n\r\n`,
  );
  const viewer = { streams: new Set(), send: (message) => socket.write(wsFrame(1, Buffer.from(JSON.stringify(message)))), cut: () => socket.destroy() };
  viewers.add(viewer);
  const gone = () => viewers.delete(viewer);
  socket.on("close", gone).on("error", gone);
  let held = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 6) {
      let length = held[1] & 127;
      let at = 2;
      if (length === 126) [length, at] = [held.readUInt16BE(2), 4];
      if (held.length < at + 4 + length) return;
      const mask = held.subarray(at, at + 4);
      const payload = Buffer.from(held.subarray(at + 4, at + 4 + length)).map((byte, i) => byte ^ mask[i % 4]);
      const opcode = held[0] & 15;
      held = held.subarray(at + 4 + length);
      if (opcode === 8) return socket.end(wsFrame(8, payload.subarray(0, 2)));
      if (opcode === 9) socket.write(wsFrame(10, payload));
      if (opcode !== 1) continue;
      const message = JSON.parse(payload.toString("utf8"));
      viewer.streams = new Set(message.streams);
      if (message.since !== undefined) {
        let { since } = message;
        if (flags.demo && since === 0) {
          since += 12;
          viewer.send({ type: "gap", from: 1, to: since, count: since });
        }
        for (const event of records.slice(since)) if (viewer.streams.has(event.stream)) viewer.send(event);
      }
    }
  });
  viewer.send({ type: "hello", epoch, oldest: records.length === 0 ? 0 : 1, latest: records.length });
}

setInterval(() => {
  const message = { stream: "metrics", type: "counters", time: new Date().toISOString(), data: { ...counters, ...counts() } };
  for (const viewer of viewers) if (viewer.streams.has("metrics")) viewer.send(message);
}, 1000);

const http = createHttpServer(serve);
http.on("upgrade", upgrade);
log("info", "Hub started");
if (flags.demo) (await import("./demo.mjs")).fill({ clients, channels, bridges, links, counters, record, log, serverId });
await Promise.all(hubSockets);
http.listen(Number(mgmtPort), mgmtHost, () => {
  console.log(`ready ${flags.listen.join(" ")} mgmt=http://${mgmtHost}:${http.address().port}`);
});
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => process.exit(0));
