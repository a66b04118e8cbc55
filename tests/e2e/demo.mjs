// SPDX-License-Identifier: LGPL-3.0-or-later
// Invented inhabitants for the stand-in hub, friendly and hostile ones, to look at every screen with.

const HOSTILE = [
  `<img src=x onerror="document.title='taken'">`,
  "invoice\u202egpj.exe",
  "zero\u200bwidth\u2066\u0000end",
  "x".repeat(255),
  "\"><script>alert(1)</script>",
  "名前🚀-é",
];

export function fill({ clients, channels, bridges, links, counters, record, log, serverId }) {
  const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
  const services = ["api-gateway", "worker", "scheduler", "sensor", "ledger", "mailer", "thumbnailer", "search-index"];
  const channelNames = ["jobs", "orders", "telemetry.eu-west", "mail", "images", "search", "audit-trail", "presence"];
  const addClient = (id, i) => {
    const names = channelNames.filter((_, j) => (i * 7 + j * 3) % 5 === 0);
    clients.set(id, {
      id, mode: i % 17 === 0 ? "bridge" : "client", address: i % 3 === 0 ? "unix:/run/commhub/hub.sock" : `10.1.${i % 200}.${(i * 13) % 250}:${40000 + i}`,
      since: ago(i * 97 + 4), channels: names, queued_bytes: i % 11 === 0 ? i * 5321 : 0, messages_in: i * 971, messages_out: i * 1843,
    });
    for (const name of names) member(name, id, true, []);
  };
  const channel = (name) => {
    if (!channels.has(name)) channels.set(name, { name, protected: false, password_origin: null, owner: null, members: [], events: [], topics: [] });
    return channels.get(name);
  };
  const member = (name, id, is_local, path) => {
    const it = channel(name);
    it.owner ??= id;
    it.members.push({ id, mode: "client", is_local, path });
  };
  for (let i = 1; i <= 640; i += 1) addClient(`${services[i % services.length]}-${String(i).padStart(3, "0")}`, i);
  HOSTILE.forEach((name, i) => addClient(name, 5 * (i + 1)));
  for (const name of HOSTILE) member(name, "worker-001", true, []);
  member("jobs", "worker-901", false, ["hub-frankfurt"]);
  member("jobs", "ledger-417", false, ["hub-frankfurt", "hub-lisboa-edge-03"]);
  Object.assign(channel("orders"), { protected: true, password_origin: "operator" });
  Object.assign(channel("audit-trail"), { protected: true, password_origin: "configuration" });
  for (const name of ["__comm_ipc_logs", "__comm_ipc_errors", "__comm_ipc_system"]) channel(name);
  const schema = { type: "object", properties: { id: { type: "string" }, retries: { type: "integer", minimum: 0 } }, required: ["id"] };
  channel("jobs").events.push(
    { name: "workers.process", is_group: true, is_stream: false, providers: ["worker-001", "worker-009", "worker-017"], param_schema: schema, return_schema: { type: "boolean" } },
    { name: "progress", is_group: false, is_stream: true, providers: ["worker-001"], param_schema: schema, return_schema: null },
    { name: HOSTILE[0], is_group: false, is_stream: false, providers: [HOSTILE[1]], param_schema: { title: HOSTILE[0] }, return_schema: null },
  );
  channel("jobs").topics.push({ name: "finished", owner: "worker-001", subscribers: 41 }, { name: "failed", owner: "worker-001", subscribers: 3 });

  const bridge = (name, state, more) =>
    bridges.set(name, {
      name, address: "tls://hub.example.net:9443", secret_set: true, channels: { allow: [], deny: [] }, cost: 100, paused: false, tls: null, state,
      state_since: ago(4000), reason: null, last_error: null, peer: null, ...more,
    });
  const peer = (n) => ({ hub_id: `7f0${n}c3f2a9d84e6c`, server_id: ["hub-frankfurt", "hub-lisboa-edge-03", "hub-oslo"][n] });
  bridge("frankfurt", "up", { peer: peer(0), tls: { ca_file: "/etc/commhub/ca.pem", server_name: "hub-frankfurt.example.net" }, channels: { allow: ["jobs", "orders", "telemetry.*"], deny: ["telemetry.private.*"] } });
  bridge("lisboa", "degraded", { address: "tcp://10.20.0.4:9000", peer: peer(1), state_since: ago(95), reason: "round trip above 500 ms" });
  bridge("oslo", "backoff", { address: "tcp://10.30.0.4:9000", state_since: ago(12), reason: "connection refused", last_error: "connect to 10.30.0.4:9000: Connection refused" });
  bridge("partner", "refused", { state_since: ago(86400 * 2), reason: "authentication failed", last_error: "Authentication failed: the other hub did not accept the connection secret" });
  bridge("lab", "paused", { address: "unix:/run/lab/hub.sock", paused: true, reason: "paused by an operator" });
  bridge("new-site", "dialing", { address: "tls://new-site.example.net:9443", state_since: ago(1) });
  bridge(HOSTILE[0], "backoff", { address: "tcp://192.0.2.9:1", last_error: `${HOSTILE[1]} ${HOSTILE[4]}` });
  const link = (name, direction, n, state, more) =>
    links.push({
      bridge: name, direction, address: `10.${n}0.0.4:9000`, ...peer(n), state, since: ago(4000), reason: null, last_error: null, rtt_ms: 12.4, messages_in: 0,
      messages_out: 0, bytes_in: 0, bytes_out: 0, queued_bytes: 0, ...more,
    });
  link("frankfurt", "out", 0, "up", { rtt_ms: 12.37 });
  link("lisboa", "out", 1, "degraded", { rtt_ms: 612, queued_bytes: 82344 });
  link(null, "in", 2, "up", { rtt_ms: 0.42 });
  counters.slow_consumers_closed = 3;

  for (let i = 0; i < 60; i += 1) log("info", `Client ${services[i % services.length]}-${i} connected`, `${services[i % services.length]}-${i}`);
  let tick = 0;
  setInterval(() => {
    tick += 1;
    const load = 9000 + 4000 * Math.sin(tick / 40) + 2500 * Math.random() + (tick % 190 > 150 ? 6000 : 0);
    const step = Math.round(load / 10);
    counters.messages_in += step;
    counters.messages_out += Math.round(step * 2.7);
    counters.bytes_in += step * 214;
    counters.bytes_out += step * 560;
    counters.calls += Math.round(step * 0.4);
    if (tick % 23 === 0) counters.calls_failed += 4;
    links.forEach((one, i) => {
      one.messages_in += 31 * (i + 1);
      one.messages_out += 12 * (i + 1);
      one.bytes_in += 8111 * (i + 1);
      one.bytes_out += 2907;
    });
    const who = `${services[tick % services.length]}-${String(tick % 640).padStart(3, "0")}`;
    if (tick % 7 === 0) log(tick % 3 === 0 ? "debug" : "info", `Client ${who} ${tick % 2 ? "connected" : "disconnected"}`, who);
    if (tick % 11 === 0) record("system", "new_registration", { channel: "jobs", event: "workers.process", is_provider: true, is_stream: false, client_id: who });
    if (tick % 29 === 0) log("warning", `Client ${who} reads slowly: 4.2 MiB wait in its queue`, who);
    if (tick % 47 === 0) record("errors", "server_error", { error: "No provider for orders:settle", client_id: who, server_id: serverId });
    if (tick % 61 === 0) record("links", "link_state", { bridge: "oslo", direction: "out", hub_id: null, server_id: null, state: "backoff", reason: "connection refused", last_error: "connect to 10.30.0.4:9000: Connection refused" });
    if (tick % 83 === 0) log("info", `Client ${HOSTILE[tick % HOSTILE.length]} connected`, HOSTILE[tick % HOSTILE.length]);
  }, 100);
}
