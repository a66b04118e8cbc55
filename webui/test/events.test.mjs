// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cursor, HISTORY, jsonLine, levelOf, readEvent, Ring, subjectOf, summaryOf } from "../src/events.ts";

const event = (id, more = {}) => ({ kind: "event", id, time: 1000 + id, stream: "logs", type: "server_log", data: { message: `m${id}`, level: "info" }, ...more });

test("a ring keeps the newest items and their positions", () => {
  const ring = new Ring(3);
  for (const n of [10, 11, 12, 13, 14]) ring.push(n);
  assert.deepEqual(ring.toArray(), [12, 13, 14]);
  assert.equal(ring.first, 2);
  assert.equal(ring.end, 5);
  assert.equal(ring.at(2), 12);
  assert.equal(ring.at(4), 14);
  assert.equal(ring.at(1), undefined);
  assert.equal(ring.at(5), undefined);
});

test("a ring can be read up to a frozen position", () => {
  const ring = new Ring(4);
  for (const n of [1, 2, 3, 4, 5]) ring.push(n);
  assert.deepEqual(ring.toArray(4), [2, 3, 4]);
  assert.deepEqual(ring.toArray(1), []);
});

test("positions go on after a ring was cleared", () => {
  const ring = new Ring(2);
  ring.push(1);
  ring.push(2);
  ring.push(3);
  ring.clear();
  assert.equal(ring.length, 0);
  ring.push(4);
  assert.equal(ring.at(3), 4);
  assert.deepEqual(ring.toArray(), [4]);
});

test("a ring without room is refused", () => {
  assert.throws(() => new Ring(0), RangeError);
});

test("a fresh page asks for the recent past only", () => {
  assert.deepEqual(new Cursor().hello({ epoch: "a", oldest: 1, latest: 20 }, 0), { since: 0, items: [] });
  assert.deepEqual(new Cursor().hello({ epoch: "a", oldest: 1, latest: 90000 }, 0), { since: 90000 - HISTORY, items: [] });
  assert.deepEqual(new Cursor().hello({ epoch: "a", oldest: 89990, latest: 90000 }, 0), { since: 89989, items: [] });
  assert.deepEqual(new Cursor().hello({ epoch: "a", oldest: 0, latest: 0 }, 0), { since: 0, items: [] });
});

test("after a cut it goes on behind the last record it saw", () => {
  const cursor = new Cursor();
  cursor.hello({ epoch: "a", oldest: 1, latest: 5 }, 0);
  for (const id of [1, 2, 3]) cursor.event(event(id));
  assert.deepEqual(cursor.hello({ epoch: "a", oldest: 1, latest: 9 }, 0), { since: 3, items: [] });
});

test("a record that comes twice is kept once", () => {
  const cursor = new Cursor();
  assert.equal(cursor.event(event(7)).length, 1);
  assert.equal(cursor.event(event(7)).length, 0);
  assert.equal(cursor.event(event(6)).length, 0);
  assert.equal(cursor.event(event(8)).length, 1);
});

test("numbers that never came become a gap in front of the next record", () => {
  const cursor = new Cursor();
  cursor.event(event(3));
  const [gap, next] = cursor.event(event(9));
  assert.deepEqual(gap, { kind: "gap", from: 4, to: 8, count: 5, why: "missing", time: 1009 });
  assert.equal(next.id, 9);
});

test("the first record of a fresh page is no gap, whatever its number", () => {
  assert.deepEqual(new Cursor().event(event(500)).map((item) => item.kind), ["event"]);
});

test("a gap that the hub announced is not counted a second time", () => {
  const cursor = new Cursor();
  cursor.event(event(3));
  assert.deepEqual(cursor.gap(4, 8, 5, 77), [{ kind: "gap", from: 4, to: 8, count: 5, why: "slow", time: 77 }]);
  assert.deepEqual(cursor.event(event(9)).map((item) => item.kind), ["event"]);
});

test("an old gap does not take the cursor back", () => {
  const cursor = new Cursor();
  cursor.event(event(20));
  cursor.gap(4, 8, 5, 0);
  assert.equal(cursor.last, 20);
});

test("a restarted hub is a break and numbers begin anew", () => {
  const cursor = new Cursor();
  cursor.hello({ epoch: "a", oldest: 1, latest: 5 }, 0);
  cursor.event(event(5));
  const { since, items } = cursor.hello({ epoch: "b", oldest: 1, latest: 2 }, 42);
  assert.equal(since, 0);
  assert.deepEqual(items, [{ kind: "break", why: "restarted", time: 42 }]);
  assert.deepEqual(cursor.event(event(1)).map((item) => item.kind), ["event"]);
});

test("records that the hub no longer holds are a break", () => {
  const cursor = new Cursor();
  cursor.hello({ epoch: "a", oldest: 1, latest: 5 }, 0);
  cursor.event(event(5));
  const { since, items } = cursor.hello({ epoch: "a", oldest: 100, latest: 200 }, 1);
  assert.equal(since, 99);
  assert.deepEqual(items.map((item) => item.why), ["expired"]);
});

test("a reset is a break only for a page that had seen something", () => {
  const fresh = new Cursor();
  fresh.hello({ epoch: "a", oldest: 1, latest: 5 }, 0);
  assert.deepEqual(fresh.reset("a", 0), []);
  fresh.event(event(9));
  assert.deepEqual(fresh.reset("a", 3), [{ kind: "break", why: "expired", time: 3 }]);
  fresh.event(event(2));
  assert.deepEqual(fresh.reset("b", 3), [{ kind: "break", why: "restarted", time: 3 }]);
  assert.equal(fresh.event(event(1)).length, 1);
});

test("only numbered records are read as events", () => {
  assert.equal(readEvent({ type: "error", detail: "x" }), undefined);
  assert.equal(readEvent({ id: "7", stream: "logs", type: "server_log" }), undefined);
  assert.equal(readEvent({ id: 2 ** 60, stream: "logs", type: "server_log" }), undefined);
  const read = readEvent({ id: 7, stream: "logs", type: "server_log", time: "2026-01-02T03:04:05.678Z", data: null });
  assert.equal(read.time, Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  assert.deepEqual(read.data, {});
});

test("every record has one of four levels", () => {
  const level = (text) => levelOf(event(1, { data: { level: text } }));
  for (const [text, wanted] of [["DEBUG", "debug"], ["info", "info"], ["notice", "info"], ["WARN", "warning"], ["warning", "warning"], ["critical", "error"], [undefined, "info"], [7, "info"]]) {
    assert.equal(level(text), wanted, String(text));
  }
  assert.equal(levelOf(event(1, { stream: "errors", data: {} })), "error");
  assert.equal(levelOf(event(1, { stream: "links", data: { state: "refused" } })), "error");
  assert.equal(levelOf(event(1, { stream: "links", data: { state: "backoff" } })), "warning");
  assert.equal(levelOf(event(1, { stream: "links", data: { state: "up" } })), "info");
  assert.equal(levelOf(event(1, { stream: "links", data: { state: "handshake" } })), "debug");
});

test("records are told in one line", () => {
  const registration = (data) => summaryOf(event(1, { stream: "system", type: "new_registration", data }));
  assert.equal(registration({ channel: "c", event: "e", is_provider: true, is_stream: true }), "provides stream e on channel c");
  assert.equal(registration({ channel: "c", event: null, is_provider: false }), "joined channel c");
  assert.equal(summaryOf(event(1, { stream: "links", type: "link_state", data: { bridge: "b", direction: "out", state: "backoff", reason: "r", last_error: "e" } })), "link to b is backoff: e");
  assert.equal(summaryOf(event(1, { stream: "links", type: "link_state", data: { bridge: "b", direction: "in", state: "up", reason: "r", last_error: "old" } })), "link from b is up: r");
  assert.equal(summaryOf(event(1, { type: "something_new", data: { a: 1 } })), '{"a":1}');
  assert.equal(subjectOf(event(1, { data: { client_id: "x" } })), "x");
  assert.equal(subjectOf(event(1, { data: { client_id: null } })), "");
});

test("a download has each item on one line that reads back", () => {
  const hostile = event(4, { data: { message: "line\nbreak \u2028 <img>" } });
  const line = jsonLine(hostile);
  assert.ok(!line.includes("\n"));
  assert.deepEqual(JSON.parse(line).data, hostile.data);
  assert.equal(JSON.parse(jsonLine({ kind: "gap", from: 1, to: 2, count: 2, why: "slow", time: 0 })).count, 2);
  assert.equal(JSON.parse(jsonLine(event(1, { time: Number.NaN }))).time, null);
});
