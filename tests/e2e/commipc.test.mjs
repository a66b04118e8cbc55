// SPDX-License-Identifier: LGPL-3.0-or-later
// The browser's client of the hub's own protocol, in a page of the hub's.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { leave, Stage, TOKEN } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

/** A page that has window.dial(name): a client of the hub. */
async function dialer() {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  await page.evaluate(async (token) => {
    const { connect } = await import("/commipc.js");
    const url = new URL("/ws", window.location.href);
    url.protocol = "ws:";
    window.dial = (clientId, options = {}) => connect(url, { clientId, token, ...options });
    window.fault = (promise) => promise.then(() => "", (error) => error.message);
  }, TOKEN);
  return page;
}

test("a page calls, provides, streams, sends and broadcasts", async () => {
  const page = await dialer();
  const result = await page.evaluate(async () => {
    const [one, two] = [await window.dial("one"), await window.dial("two")];
    const [here, there] = [await one.open("room"), await two.open("room")];
    const heard = [];
    here.onMessage((message) => heard.push([message.event, message.data, message.sender_id]));
    await here.provide("double", (call) => call.data * 2);
    await here.provide("refuse", () => {
      throw new Error("not like that");
    });
    await here.provide("count", async function* (call) {
      for (let i = 0; i < call.data; i++) yield i;
    }, { isStream: true });
    await here.provide("sleep", () => new Promise(() => undefined));
    const noted = new Promise((resolve) => here.provide("note", (message) => resolve(message.data)));
    await there.broadcast("tick", new Uint8Array([1, 2]));
    const chunks = [];
    for await (const chunk of there.stream("count", 300)) chunks.push(chunk);
    await one.request({ type: "list_members", channel: "room" });
    await there.send("note", { n: 2n ** 63n });
    return {
      doubled: await there.call("double", 21),
      refused: await window.fault(there.call("refuse")),
      nobody: await window.fault(there.call("nobody")),
      late: await window.fault(there.call("sleep", 0, { timeout: 100 })),
      chunks: [chunks.length, chunks[299]],
      heard: heard.map(([event, data, sender]) => [event, [...data], sender]),
      noted: String((await noted).n),
      members: (await there.members()).map((member) => member.id),
    };
  });
  assert.deepEqual(result, {
    doubled: 42,
    refused: "not like that",
    nobody: "No provider for room:nobody",
    late: "no answer within 100 ms",
    chunks: [300, 299],
    heard: [["tick", [1, 2], "two"]],
    noted: "9223372036854775808",
    members: ["one", "two"],
  });
  await leave(page);
});

test("a page subscribes what a native client publishes, and the other way", async () => {
  const page = await dialer();
  const native = await stage.hub.client("native");
  await native.open("market");
  await native.declareTopic("market", "prices");
  const prices = page.evaluate(async () => {
    const client = await window.dial("buyer");
    const market = await client.open("market");
    const seen = [];
    const done = new Promise((resolve) => {
      window.seen = (message) => seen.push(message.data) === 3 && resolve(seen);
    });
    await market.subscribe("prices", window.seen);
    await market.declare("orders");
    market.publish("orders", { buy: 1 });
    window.isReady = true;
    return done;
  });
  await page.waitForFunction(() => window.isReady);
  for (const price of [1, 2.5, 3]) native.publish("market", "prices", price);
  assert.deepEqual(await prices, [1, 2.5, 3]);
  await leave(page);
});

test("a protected channel is opened by its password alone, and what comes is checked", async () => {
  const page = await dialer();
  const result = await page.evaluate(async () => {
    const [one, two, three] = [await window.dial("owner"), await window.dial("friend"), await window.dial("stranger")];
    const owned = await one.open("vault");
    await owned.setPassword("sesame");
    const [here, there] = [await one.open("vault", { password: "sesame" }), await two.open("vault", { password: "sesame" })];
    const heard = [];
    here.onMessage((message) => heard.push(message.data));
    await here.provide("add", (call) => call.data[0] + call.data[1]);
    await there.broadcast("hello", { x: [1, 0.5, "ä"] });
    two.say({ type: "broadcast", channel: "vault", event: "hello", data: "unsigned" });
    const sum = await there.call("add", [1, 2.5]);
    return {
      sum,
      heard,
      none: await window.fault(three.open("vault")),
      wrong: await window.fault(three.open("vault", { password: "wrong" })),
      outside: await window.fault(new Promise((_, reject) => ((three.onError = reject), three.say({ type: "subscribe", channel: "vault", sub_name: "x" })))),
    };
  });
  assert.equal(result.sum, 3.5);
  assert.deepEqual(result.heard, [{ x: [1, 0.5, "ä"] }]);
  assert.match(result.none, /requires authentication/);
  assert.equal(result.wrong, "Invalid channel password");
  assert.match(result.outside, /protected/);
  await leave(page);
});

test("what ends a connection is told to those who wait", async () => {
  const page = await dialer();
  const result = await page.evaluate(async () => {
    const client = await window.dial("kicked");
    const room = await client.open("quiet");
    await room.provide("silence", () => new Promise(() => undefined));
    const waiting = window.fault(room.call("silence"));
    const twice = await window.fault(window.dial("kicked"));
    const refused = await window.fault(window.dial("nobody", { token: "a-wrong-token-of-some-length" }));
    client.close();
    return { waiting: await waiting, twice, refused };
  });
  assert.match(result.waiting, /closed/);
  assert.equal(result.twice, "Client ID kicked already in use");
  assert.match(result.refused, /refused/);
  await leave(page);
});
