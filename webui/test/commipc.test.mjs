// SPDX-License-Identifier: LGPL-3.0-or-later
// The client's MessagePack, and the text that it signs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, Extension } from "../commipc/msgpack.mjs";
import { deriveKey, isSigned, proveChannel, proveConnection, sign, signedText } from "../commipc/proof.mjs";

// Made with the package.
const PROOF_OF_CONNECTION = "f8f3366b76d31a1bcba21f2838a7551efe7742264c90ae4487e0fc91fffe306f";
const PROOF_OF_CHANNEL = "c2dac513491fb23aee9428898b688966fde390bc1e2dd2a3a62631db2dd3c025";
const SIGNATURE = "e6d527f93cf2fc4ecc56c70222bceda020177499f4bd2783126cc8c652f3bc76";

const hex = (bytes) => Buffer.from(bytes).toString("hex");

test("every kind of value comes back as it was", () => {
  const values = [null, true, false, "", "ä", "x".repeat(40), "y".repeat(300), "z".repeat(70_000), [], {}, { a: { b: [1] } }, -0, 0.1, -1.5e300, NaN, Infinity];
  for (const number of [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) values.push(number, -number);
  values.push(2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n));
  values.push(new Uint8Array([0, 255]), new Uint8Array(300), new Extension(-5, new Uint8Array([42])), new Map([[1, "one"]]));
  values.push(Array.from({ length: 20 }, (_, i) => i), Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])));
  for (const value of values) assert.deepEqual(decode(encode(value)), Object.is(value, -0) ? -0 : value);
});

test("integers take their shortest form, as other writers have it", () => {
  for (const [value, wanted] of [[7, "07"], [-1, "ff"], [-33, "d0df"], [200, "ccc8"], [2 ** 53, "cb4340000000000000"], [2n ** 64n - 1n, "cfffffffffffffffff"]]) {
    assert.equal(hex(encode(value)), wanted);
  }
});

test("what is no value is refused", () => {
  for (const bytes of ["", "c1", "92", "a5", "01 02", "a1ff"]) assert.throws(() => decode(Uint8Array.from(Buffer.from(bytes.replace(" ", ""), "hex"))), bytes);
  assert.throws(() => encode(2n ** 64n), RangeError);
  assert.throws(() => encode(() => 1), TypeError);
  assert.throws(() => decode(new Uint8Array(600).fill(0x91)), RangeError);
});

test("the signed text is Python's JSON, keys sorted by code point", () => {
  const data = { "\uffff": 1, "\u{10000}": 2, b: [1.0, 0.1, 1e16, 1.5e-7, 100.5, -0.0, 2n ** 63n], a: "\u007f\u00e4\u{1f600}\"\n" };
  const wanted =
    'channel:"room"|data:{"a":"\u007f\\u00e4\\ud83d\\ude00\\"\\n","b":[1,0.1,10000000000000000,1.5e-07,100.5,-0.0,9223372036854775808],"\\uffff":1,"\\ud800\\udc00":2}|is_final:true';
  assert.equal(signedText({ type: "call", is_final: true, data: { ...data, b: data.b.map((n) => (n === 1e16 ? 10n ** 16n : n)) }, channel: "room" }), wanted);
  assert.match(signedText({ data: 1e16 }), /^data:1e\+16$/);
  assert.match(signedText({ data: 2 ** 53 }), /^data:9007199254740992\.0$/);
});

test("proofs and signatures are those of the Python package", async () => {
  assert.equal(await proveConnection("between us", "ab12"), PROOF_OF_CONNECTION);
  assert.equal(await proveChannel("sesame", "challenge"), PROOF_OF_CHANNEL);
  const key = await deriveKey("sesame", "room");
  const message = { channel: "room", event: "add", data: { x: [1, 0.5, "ä"] }, sender_id: "me", timestamp: 1700000000, request_id: null, target_id: null, is_stream: false, is_final: true, origin_server_id: "hub", sub_name: null };
  assert.equal(await sign(key, message), SIGNATURE);
  assert.equal(await isSigned(key, { ...message, signature: SIGNATURE }), true);
  assert.equal(await isSigned(key, { ...message, data: 1, signature: SIGNATURE }), false);
  assert.equal(await isSigned(key, { ...message, data: new Uint8Array(1), signature: SIGNATURE }), false);
});
