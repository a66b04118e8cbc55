// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { test } from "node:test";
import { matches, passes, words } from "../src/filter.ts";
import { nextSort, sortRows } from "../src/parts/table.tsx";
import { href, parseRoute } from "../src/router.ts";

const event = (more) => ({ kind: "event", id: 1, time: 0, stream: "logs", type: "server_log", data: { message: "Client ada connected", level: "info" }, ...more });
const filter = (more) => ({ streams: new Set(["logs", "errors"]), level: "debug", words: words(""), ...more });

test("all words must occur, and none with a minus", () => {
  assert.ok(matches("client ada connected", words("ADA  client")));
  assert.ok(!matches("client ada connected", words("ada bob")));
  assert.ok(!matches("client ada connected", words("client -ada")));
  assert.ok(matches("client ada connected", words("-")));
  assert.ok(matches("anything", words("")));
});

test("a live filter looks at stream, level and words", () => {
  assert.ok(passes(event(), filter()));
  assert.ok(!passes(event({ stream: "system" }), filter()));
  assert.ok(!passes(event(), filter({ level: "warning" })));
  assert.ok(passes(event({ data: { message: "x", level: "error" } }), filter({ level: "warning" })));
  assert.ok(passes(event(), filter({ words: words("ada") })));
  assert.ok(!passes(event(), filter({ words: words("bob") })));
});

test("a hole in the records passes every filter", () => {
  assert.ok(passes({ kind: "gap", from: 1, to: 2, count: 2, why: "slow", time: 0 }, filter({ streams: new Set(), words: words("bob") })));
});

test("rows are sorted by a column, upwards and downwards, without touching the list", () => {
  const rows = [{ n: 2 }, { n: 10 }, { n: 1 }];
  const columns = [{ key: "n", title: "n", render: () => "", sort: (row) => row.n }];
  assert.deepEqual(sortRows(rows, columns, "n").map((row) => row.n), [1, 2, 10]);
  assert.deepEqual(sortRows(rows, columns, "-n").map((row) => row.n), [10, 2, 1]);
  assert.deepEqual(sortRows(rows, columns, "nonsense"), rows);
  assert.deepEqual(rows.map((row) => row.n), [2, 10, 1]);
});

test("a heading sorts up, then down, then not at all", () => {
  assert.equal(nextSort(undefined, "a"), "a");
  assert.equal(nextSort("a", "a"), "-a");
  assert.equal(nextSort("-a", "a"), undefined);
  assert.equal(nextSort("b", "a"), "a");
});

test("an address is read back as it was written, whatever the names in it", () => {
  for (const name of ["jobs", "a/b", "a?b#c&d=e", "100%", "invoice\u202egpj", "<img src=x>", "名前 🚀", ".."]) {
    const route = parseRoute(href(["channels", name], { q: name, empty: "", none: undefined }));
    assert.deepEqual(route.path, ["channels", name]);
    assert.deepEqual([...route.query], [["q", name]]);
  }
});

test("a broken address is no reason to fail", () => {
  assert.deepEqual(parseRoute("#/channels/%E0%A4%A?q=%"), { path: ["channels", "%E0%A4%A"], query: new Map([["q", "%"]]) });
  assert.deepEqual(parseRoute(""), { path: [], query: new Map() });
  assert.equal(href(["x\ud800"]), "#/x%EF%BF%BD");
});
