// SPDX-License-Identifier: LGPL-3.0-or-later
// A client of a CommIPC hub, for browsers: the hub's own protocol over its WebSocket /ws.
//
//   import { connect } from "/commipc.js";
//   const client = await connect("wss://hub.example/ws", { clientId: "page", token: "..." });
//   const room = await client.open("room", { password: "..." });
//   await room.call("add", [1, 2]);
//   for await (const chunk of room.stream("count", 10)) ...
//   await room.provide("shout", (call) => call.data.toUpperCase());
//   await room.subscribe("news", (message) => ...);
//
// It does not connect again by itself: `closed` is a promise of why it ended. Values are as in msgpack.mjs. On a
// channel opened with a password what is sent is signed, and what is not rightly signed is dropped, published data
// excepted, which the protocol leaves unsigned.

import { decode, encode, Extension } from "./msgpack.mjs";
import { deriveKey, isSigned, proveChannel, proveConnection, sign } from "./proof.mjs";

export { Extension };

const PROTOCOL = "commipc.v1";
const PING_MS = 30_000;
const HEAD_BYTES = 4;

/** The hub, or a provider, has answered with an error. */
export class CommipcError extends Error {}

function hexToken(token) {
  return [...new TextEncoder().encode(token)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function protocolsOf({ token, ticket }) {
  if (ticket) return [PROTOCOL, `ticket.${ticket}`];
  return token ? [PROTOCOL, `bearer-hex.${hexToken(token)}`] : [PROTOCOL];
}

/** crypto.randomUUID() is there for pages over TLS only. */
function newId() {
  return [...globalThis.crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function succeeded(answer) {
  if (typeof answer.error === "string") throw new CommipcError(answer.error);
  return answer;
}

/** A queue between what comes and who iterates over it. */
class Chunks {
  #waiting = [];
  #takers = [];
  #end = null;

  put(value) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve({ value, done: false });
    else this.#waiting.push(value);
  }

  finish(error) {
    this.#end ??= { error };
    for (const taker of this.#takers.splice(0)) this.#settle(taker);
  }

  #settle({ resolve, reject }) {
    if (this.#end.error) reject(this.#end.error);
    else resolve({ value: undefined, done: true });
    this.#end.error = undefined;
  }

  next() {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length > 0) resolve({ value: this.#waiting.shift(), done: false });
      else if (this.#end) this.#settle({ resolve, reject });
      else this.#takers.push({ resolve, reject });
    });
  }
}

class Channel {
  #client;
  #providers = new Map();
  #topics = new Map();
  #listeners = new Set();
  key = null; // of signatures, where it was opened with a password

  constructor(client, name) {
    this.#client = client;
    this.name = name;
  }

  /** @returns the provider's answer */
  async call(event, data = null, { timeout = 60_000 } = {}) {
    const answers = await this.#ask(event, data, false, timeout);
    const { value } = await answers.next();
    return value;
  }

  /** Yields each chunk; leaving the loop early forgets the rest. */
  async *stream(event, data = null, { timeout = 60_000 } = {}) {
    const answers = await this.#ask(event, data, true, timeout);
    try {
      for (;;) {
        const { value, done } = await answers.next();
        if (done) return;
        yield value;
      }
    } finally {
      answers.forget();
    }
  }

  #ask(event, data, isStream, timeout) {
    return this.#client.ask({ type: "call", channel: this.name, event, data, is_stream: isStream, is_final: !isStream }, this.key, timeout);
  }

  /** To one provider of the event, without an answer. */
  send(event, data = null) {
    return this.#client.sayEvent({ type: "send", channel: this.name, event, data }, this.key);
  }

  /** To all who have the channel open. */
  broadcast(event, data = null) {
    return this.#client.sayEvent({ type: "broadcast", channel: this.name, event, data }, this.key);
  }

  /** Calls listener(message) for each broadcast; answers how to stop that. */
  onMessage(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * handler(call) answers the data, or throws; an async generator makes a stream. `call` has data, event, sender_id.
   */
  async provide(event, handler, { isStream = false, isGroup = false, params = null, returns = null } = {}) {
    await this.#client.register({ channel: this.name, event, is_provider: true, is_stream: isStream, is_group: isGroup, param_schema: params, return_schema: returns }, this.password);
    this.#providers.set(event, handler);
  }

  /** Calls listener(message) for all that is published on the topic. */
  async subscribe(topic, listener) {
    await this.#client.request({ type: "subscribe", channel: this.name, sub_name: topic });
    this.#topics.set(topic, listener);
  }

  async unsubscribe(topic) {
    await this.#client.request({ type: "unsubscribe", channel: this.name, sub_name: topic });
    this.#topics.delete(topic);
  }

  /** Becomes the topic's owner, who alone may publish. */
  async declare(topic, { schema = null } = {}) {
    await this.#client.request({ type: "add_subscription", channel: this.name, sub_name: topic, return_schema: schema });
  }

  publish(topic, data = null) {
    this.#client.say({ type: "publish", channel: this.name, sub_name: topic, data });
  }

  async members() {
    return (await this.#client.request({ type: "list_members", channel: this.name })).data.members;
  }

  async setPassword(password) {
    await this.#client.request({ type: "set_password", channel: this.name, password });
    this.password = password || undefined;
    this.key = password ? await deriveKey(password, this.name) : null;
  }

  /** For the client: what the hub has sent for this channel. */
  async hear(message) {
    if (message.type === "receive" && message.event?.startsWith("subscription.")) {
      const [, topic] = /^subscription\.(.*)\.data$/s.exec(message.event) ?? [];
      if (topic !== undefined) this.#topics.get(topic)?.(message);
      return;
    }
    if (this.key && !(await isSigned(this.key, message))) return;
    const handler = this.#providers.get(message.event);
    if (message.type === "broadcast" || message.type === "receive") for (const listener of this.#listeners) listener(message);
    else if (message.type === "send") await handler?.(message);
    else if (message.type === "call" && handler) await this.#answer(message, handler);
  }

  async #answer(call, handler) {
    const respond = (fields) => this.#client.say({ type: "response", channel: this.name, event: call.event, request_id: call.request_id, target_id: call.sender_id, ...fields });
    try {
      const result = handler(call);
      if (typeof result?.[Symbol.asyncIterator] === "function") {
        for await (const data of result) respond({ data, is_stream: true, is_final: false });
        respond({ data: null, is_stream: true, is_final: true });
      } else respond({ data: await result });
    } catch (error) {
      respond({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

class Client {
  #socket;
  #bytes = new Uint8Array(0);
  #waiting = new Map();
  #channels = new Map();
  #ping;
  #queue = Promise.resolve();
  serverId = "";
  /** @type {(error: CommipcError) => void} what the hub says without being asked */
  onError = () => undefined;

  constructor(socket, clientId) {
    this.#socket = socket;
    this.clientId = clientId;
    socket.binaryType = "arraybuffer";
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", (event) => {
        clearInterval(this.#ping);
        const why = new CommipcError(`the connection is closed (${event.code})`);
        for (const waiting of [...this.#waiting.values()]) waiting.fail(why);
        resolve(event);
      });
    });
    socket.addEventListener("message", (event) => this.#take(new Uint8Array(event.data)));
    this.#ping = setInterval(() => this.say({ type: "ping" }), PING_MS);
    this.#ping.unref?.(); // node: it keeps no program alive
  }

  /** Resolves when the hub has identified the client. */
  async enter(secret) {
    let answer = await this.#next(["identify"], { type: "identify", client_id: this.clientId, mode: "client" });
    if (answer.type === "conn_challenge") {
      if (secret === undefined) throw new CommipcError("the hub asks for the connection secret");
      answer = await this.#next(["identify"], { type: "conn_proof", proof: await proveConnection(secret, answer.challenge) });
    }
    this.serverId = answer.server_id;
  }

  /** Opens the channel: what others send to all in it is heard from now on. */
  async open(name, { password } = {}) {
    const channel = new Channel(this, name);
    channel.password = password;
    channel.key = password === undefined ? null : await deriveKey(password, name);
    this.#channels.set(name, channel);
    const answer = await this.register({ channel: name, is_provider: false }, password);
    if (password !== undefined && !answer.data?.authenticated) throw new CommipcError(`channel ${name} has no password`);
    return channel;
  }

  close() {
    this.#socket.close(1000);
  }

  // ---- for the channels ----

  say(message) {
    const body = encode(message);
    const frame = new Uint8Array(HEAD_BYTES + body.length);
    new DataView(frame.buffer).setUint32(0, body.length);
    frame.set(body, HEAD_BYTES);
    this.#socket.send(frame);
  }

  async sayEvent(message, key) {
    const full = { sender_id: this.clientId, server_id: this.serverId, origin_server_id: this.serverId, timestamp: Math.floor(Date.now() / 1000), request_id: null, target_id: null, is_stream: false, is_final: true, sub_name: null, ...message };
    this.say(key ? { ...full, signature: await sign(key, full) } : full);
  }

  /** A call: answers what its chunks come out of. */
  async ask(message, key, timeout) {
    const answers = new Chunks();
    const id = newId();
    let timer;
    const arm = () => {
      clearTimeout(timer);
      timer = setTimeout(() => waiting.fail(new CommipcError(`no answer within ${timeout} ms`)), timeout);
    };
    const waiting = {
      hear: (response) => {
        if (typeof response.error === "string") return waiting.fail(new CommipcError(response.error));
        const isChunk = response.is_stream && response.is_final === false;
        if (isChunk || !response.is_stream) answers.put(response.data ?? null);
        if (isChunk) arm();
        else waiting.fail(undefined);
      },
      fail: (error) => {
        answers.forget();
        answers.finish(error);
      },
    };
    answers.forget = () => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    };
    this.#waiting.set(id, waiting);
    arm();
    await this.sayEvent({ ...message, request_id: id }, key).catch(waiting.fail);
    return answers;
  }

  /** A request that is answered once: the whole answer. */
  async request(message) {
    const id = newId();
    return succeeded(await this.#next([id], { ...message, request_id: id }));
  }

  async register(registration, password) {
    const id = newId();
    const message = { type: "register", client_id: this.clientId, ...registration };
    const answer = await this.#next([id], { ...message, request_id: id });
    if (answer.type !== "auth_challenge") return succeeded(answer);
    if (password === undefined) throw new CommipcError(`channel ${registration.channel} requires authentication: it has a password`);
    // What is answered in the end is the first register, by its id; an error bears the proof's.
    const proof = await proveChannel(password, answer.challenge);
    const proofId = newId();
    return succeeded(await this.#next([id, proofId], { ...message, proof, challenge_id: answer.challenge_id, request_id: proofId }));
  }

  /** Says it, and answers what comes first under one of the ids. */
  #next(ids, message) {
    return new Promise((resolve, reject) => {
      const settle = (how, value) => {
        for (const id of ids) this.#waiting.delete(id);
        how(value);
      };
      for (const id of ids) this.#waiting.set(id, { hear: (answer) => settle(resolve, answer), fail: (error) => settle(reject, error) });
      this.say(message);
    });
  }

  // ---- what comes ----

  #take(bytes) {
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const length = new DataView(all.buffer).getUint32(at);
      if (all.length - at < HEAD_BYTES + length) break;
      this.#hear(decode(all.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)));
      at += HEAD_BYTES + length;
    }
    this.#bytes = all.slice(at);
  }

  #hear(message) {
    const { type } = message;
    if (type === "identified" || type === "conn_challenge") this.#waiting.get("identify")?.hear(message);
    else if (type === "response" || type === "auth_challenge") this.#waiting.get(message.request_id)?.hear(message);
    else if (type === "error") this.#hearError(new CommipcError(message.message));
    else if (this.#channels.has(message.channel)) this.#pass(message);
  }

  #hearError(error) {
    const waiting = this.#waiting.get("identify");
    if (waiting) waiting.fail(error);
    else this.onError(error);
  }

  /** One after the other, for checking a signature takes a moment and must not turn the order. */
  #pass(message) {
    const channel = this.#channels.get(message.channel);
    this.#queue = this.#queue.then(() => {
      const heard = channel.hear(message).catch((error) => this.onError(error));
      return message.type === "call" ? undefined : heard;
    });
  }
}

/**
 * @param {string} url of the hub's /ws
 * @param {{clientId: string, token?: string, ticket?: string, secret?: string, WebSocket?: typeof WebSocket}} options
 *   token or ticket: the credential of the management plane (a page of the hub's own has its cookie); secret: the
 *   hub's connection secret, where it has one
 */
export async function connect(url, { clientId, token, ticket, secret, WebSocket = globalThis.WebSocket }) {
  const socket = new WebSocket(url, protocolsOf({ token, ticket }));
  const client = new Client(socket, clientId);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("close", () => reject(new CommipcError("the hub refused the WebSocket, or is not there")));
  });
  await client.enter(secret);
  return client;
}
