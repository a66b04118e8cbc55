// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { test } from "node:test";
import { bridgeInputOf, fieldOf, getChannel, Problem, readProblem } from "../src/api.ts";
import { checkDraft, draftOf, EMPTY_DRAFT, inputOf, placeErrors } from "../src/bridge_form.ts";
import { nextDelay } from "../src/live.ts";

const bridge = {
  name: "b", address: "tls://h:1", secret_set: true, channels: { allow: ["a", "b.*"], deny: ["c"] }, cost: 7, paused: false,
  tls: { ca_file: "/ca.pem", server_name: null }, state: "up", state_since: "", reason: null, last_error: null, peer: null,
};

test("problem+json is read, and anything else is made the best of", () => {
  const problem = readProblem(422, { title: "T", detail: "D", errors: [{ pointer: "#/cost", detail: "too big" }, "junk", { pointer: 5 }], request_id: "r" });
  assert.ok(problem instanceof Problem);
  assert.deepEqual([problem.status, problem.title, problem.message, problem.requestId], [422, "T", "D", "r"]);
  assert.deepEqual(problem.fields, [{ pointer: "#/cost", detail: "too big" }, { pointer: "", detail: "not accepted" }]);
  for (const body of [undefined, null, "text", [], { errors: "no" }]) {
    assert.equal(readProblem(503, body).message, "The hub answered 503");
  }
});

test("a pointer names a form field", () => {
  for (const [pointer, field] of [["#/address", "address"], ["/channels/allow/3", "channels.allow"], ["#/tls/ca_file", "tls.ca_file"], ["#", ""], ["/a~1b", "a/b"]]) {
    assert.equal(fieldOf(pointer), field);
  }
});

test("a bridge goes through the form unchanged, its secret untouched", () => {
  assert.deepEqual(inputOf(draftOf(bridge)), {
    address: "tls://h:1", channels: { allow: ["a", "b.*"], deny: ["c"] }, cost: 7, paused: false, tls: { ca_file: "/ca.pem" },
  });
  assert.deepEqual(bridgeInputOf(bridge), {
    address: "tls://h:1", channels: bridge.channels, cost: 7, paused: false, tls: bridge.tls,
  });
  assert.ok(!("secret" in bridgeInputOf(bridge)));
  assert.equal(inputOf({ ...draftOf(bridge), secret: " s " }).secret, " s ");
});

test("what the form does not show of a bridge is kept", () => {
  const rest = {
    kind: "auto", remap: { in: [], out: [{ from: "a.", to: "b." }] }, classes: ["calls"], limits: { entries: 5 },
    resume_window_s: 9, durable: { topics: ["t"] }, management: "read",
  };
  const filter = { allow: ["x"], deny: [] };
  const channels = { ...bridge.channels, in: filter, out: filter };
  const tls = { ca_file: "/ca.pem", server_name: null, cert_file: "/c.pem", key_file: "/k.pem", pinned_name: "p" };
  const full = { ...bridge, ...rest, channels, tls };
  const input = inputOf({ ...draftOf(full), address: "tls://i:1" }, full);
  assert.deepEqual(input, {
    ...rest, address: "tls://i:1", channels, cost: 7, paused: false,
    tls: { ca_file: "/ca.pem", cert_file: "/c.pem", key_file: "/k.pem", pinned_name: "p" },
  });
  assert.deepEqual(bridgeInputOf(full), { ...rest, address: "tls://h:1", channels, cost: 7, paused: false, tls });
});

test("an almost empty form leaves the rest to the hub", () => {
  assert.deepEqual(inputOf({ ...EMPTY_DRAFT, name: "x", address: " unix:/s ", allow: "\n a \n\n" }), {
    address: "unix:/s", channels: { allow: ["a"], deny: [] }, paused: false,
  });
});

test("what can be told without the hub is told at once", () => {
  assert.deepEqual(Object.keys(checkDraft(EMPTY_DRAFT)), ["name", "address"]);
  assert.deepEqual(checkDraft({ ...EMPTY_DRAFT, name: "é".repeat(127), address: "x" }), {});
  assert.match(checkDraft({ ...EMPTY_DRAFT, name: "é".repeat(128), address: "x" }).name, /256/);
  assert.ok("name" in checkDraft({ ...EMPTY_DRAFT, name: "..", address: "x" }));
  for (const cost of ["1.5", "-1", "ten", "1e3"]) assert.ok("cost" in checkDraft({ ...EMPTY_DRAFT, name: "a", address: "x", cost }), cost);
});

test("errors find their fields, several of one field are joined, strangers are kept", () => {
  const { fields, rest } = placeErrors([
    { pointer: "#/address", detail: "one" },
    { pointer: "/address", detail: "two" },
    { pointer: "/channels/deny/0", detail: "three" },
    { pointer: "/colour", detail: "four" },
    { pointer: "", detail: "five" },
    { pointer: "#", detail: "six" },
  ]);
  assert.deepEqual(fields, { address: "one two", deny: "three" });
  assert.deepEqual(rest, ["colour: four", "five", "six"]);
});

test("a name that a browser would fold away is never sent", async () => {
  await assert.rejects(getChannel(".."), Problem);
  await assert.rejects(getChannel("."), Problem);
});

test("reconnects come slower and slower, and not all at once", () => {
  assert.equal(nextDelay(0, 0.5), 500);
  assert.equal(nextDelay(2, 0.5), 2000);
  assert.equal(nextDelay(99, 0.5), 15000);
  assert.ok(nextDelay(5, 0) < nextDelay(5, 1));
});
