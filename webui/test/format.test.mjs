// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, clock, compact, count, instant, latency, niceCeiling, plural, span } from "../src/format.ts";
import { encodeName, nameParts, plainName, shorten } from "../src/names.ts";
import { linePath } from "../src/parts/sparkline.tsx";
import { numbersOf, rate, RateWindow } from "../src/rates.ts";

const table = (write, rows) => {
  for (const [value, wanted] of rows) assert.equal(write(value), wanted, String(value));
};

test("counts, sizes and spans are short and exact enough", () => {
  table(count, [[0, "0"], [1234567, "1,234,567"], [undefined, "–"], [null, "–"], [Number.NaN, "–"]]);
  table(compact, [[0, "0"], [999, "999"], [999.7, "1 k"], [1234, "1.23 k"], [45678, "45.7 k"], [1e6, "1 M"], [0.5, "0.5"]]);
  table(bytes, [[0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1536, "1.5 KiB"], [1048575, "1 MiB"], [3 * 2 ** 30, "3 GiB"]]);
  table(span, [[0, "0 s"], [59, "59 s"], [60, "1 min"], [61, "1 min 1 s"], [3600, "1 h"], [3661, "1 h 1 min"], [93784, "1 d 2 h"], [-5, "0 s"]]);
  table(latency, [[0.042, "42 µs"], [1.234, "1.23 ms"], [12.34, "12.3 ms"], [612, "612 ms"], [1500, "1.5 s"], [null, "–"]]);
  assert.equal(plural(1, "client"), "1 client");
  assert.equal(plural(0, "client"), "0 clients");
});

test("instants come as RFC 3339 or as Unix seconds", () => {
  assert.equal(instant("2026-01-02T03:04:05Z"), Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(instant(10), 10000);
  assert.ok(Number.isNaN(instant("soon")));
  assert.equal(ago(0, 1500), "just now");
  assert.equal(ago(0, 3_900_000), "1 h ago");
  assert.equal(ago(Number.NaN, 0), "–");
  assert.match(clock(0), /^\d\d:\d\d:\d\d\.000$/);
});

test("the top of a chart is a round number of its own unit", () => {
  table(niceCeiling, [[0, 1], [1, 1], [1.1, 2], [3, 5], [7, 10], [12345, 20000], [5e6, 5e6]]);
  assert.equal(niceCeiling(3 * 1024 * 1024, 1024), 5 * 1024 * 1024);
  assert.equal(niceCeiling(1010, 1024), 1024);
  assert.equal(niceCeiling(1024, 1024), 1024);
});

test("characters that cannot be seen are spelled out", () => {
  assert.deepEqual(nameParts("invoice\u202egpj"), [
    { text: "invoice", isEscape: false },
    { text: "U+202E", isEscape: true },
    { text: "gpj", isEscape: false },
  ]);
  assert.deepEqual(nameParts(""), []);
  for (const hidden of ["\u0000", "\n", "\u007f", "\u00a0", "\u200b", "\u200f", "\u2066", "\ufeff", "\ud800", "\udc00", "\u{e0041}"]) {
    assert.ok(nameParts(`a${hidden}b`).some((part) => part.isEscape), JSON.stringify(hidden));
  }
  for (const plain of ["名前", "🚀", "é", "<img onerror=x>", "a b"]) {
    assert.deepEqual(nameParts(plain), [{ text: plain, isEscape: false }]);
  }
  assert.equal(plainName("a\u202eb"), "a‹U+202E›b");
});

test("long names keep both ends and whole code points", () => {
  assert.equal(shorten("short", 10), "short");
  const cut = shorten("🚀".repeat(50), 11);
  assert.equal([...cut].length, 11);
  assert.ok(!/[\ud800-\udbff](?![\udc00-\udfff])/.test(cut));
});

test("any text can stand in an address", () => {
  assert.equal(encodeName("a/b"), "a%2Fb");
  assert.doesNotThrow(() => encodeName("\ud800x\udfff"));
});

test("a rate is the growth of a counter by its own clock", () => {
  const at = (time, n) => ({ time, data: { n } });
  assert.equal(rate(at(0, 10), at(2000, 30), "n"), 10);
  assert.equal(rate(undefined, at(0, 1), "n"), undefined);
  assert.equal(rate(at(0, 10), at(1000, 5), "n"), undefined);
  assert.equal(rate(at(0, 10), at(0, 20), "n"), undefined);
  assert.equal(rate(at(0, 10), at(1000, 20), "other"), undefined);
});

test("a window of rates forgets what is older than it", () => {
  const window = new RateWindow(5000);
  for (let i = 0; i <= 20; i += 1) window.push({ time: i * 1000, data: { n: i * i } });
  const points = window.points("n");
  assert.deepEqual(points.map((point) => point.time), [16000, 17000, 18000, 19000, 20000]);
  assert.equal(window.current("n"), 39);
  assert.equal(window.growth("n"), 400 - 225);
  window.push({ time: 20000, data: { n: 999999 } });
  assert.equal(window.current("n"), 39);
  window.push({ time: 21000, data: { n: 0 } });
  assert.equal(window.current("n"), undefined);
  assert.equal(window.growth("n"), 0);
});

test("metrics are read whether flat or nested", () => {
  assert.deepEqual(numbersOf({ counters: { calls: 3 }, counts: { clients: 2 }, text: "x", n: Infinity }), { calls: 3, clients: 2 });
  assert.deepEqual(numbersOf(null), {});
});

test("a line is not drawn across seconds that nobody saw", () => {
  const path = linePath([{ time: 0, value: 1 }, { time: 1000, value: 1 }, { time: 9000, value: 2 }], 10000, 10000, 2);
  assert.equal(path.match(/M/g).length, 2);
  assert.equal(path.match(/L/g).length, 1);
});
