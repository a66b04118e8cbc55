// SPDX-License-Identifier: LGPL-3.0-or-later
// MessagePack (github.com/msgpack/msgpack, spec.md) as values of JavaScript.
//
// Whole numbers beyond 2^53 are BigInt in both directions; bytes are Uint8Array; an extension is an Extension; maps
// become objects, or a Map where a key is no text.

const MOST_DEPTH = 512;
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });

export class Extension {
  constructor(type, bytes) {
    this.type = type;
    this.bytes = bytes;
  }
}

class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;

  #room(more) {
    if (this.#used + more > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(2 * this.#bytes.length, this.#used + more));
      longer.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = longer;
      this.#view = new DataView(longer.buffer);
    }
    this.#used += more;
    return this.#used - more;
  }

  byte(value) {
    this.#bytes[this.#room(1)] = value;
  }

  /** A head byte and a number behind it: method is one of DataView's setters. */
  number(head, size, method, value) {
    const at = this.#room(1 + size);
    this.#bytes[at] = head;
    this.#view[method](at + 1, value);
  }

  raw(bytes) {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** The head of what has a length: in the byte itself, or in the 8, 16 or 32 bits behind. */
  sized(length, { fix, most = -1, heads }) {
    if (length <= most) this.byte(fix | length);
    else if (heads[0] && length < 0x100) this.number(heads[0], 1, "setUint8", length);
    else if (length < 0x10000) this.number(heads[1], 2, "setUint16", length);
    else this.number(heads[2], 4, "setUint32", length);
  }

  done() {
    return this.#bytes.slice(0, this.#used);
  }
}

const STR = { fix: 0xa0, most: 31, heads: [0xd9, 0xda, 0xdb] };
const BIN = { heads: [0xc4, 0xc5, 0xc6] };
const EXT = { heads: [0xc7, 0xc8, 0xc9] };
const ARRAY = { fix: 0x90, most: 15, heads: [0, 0xdc, 0xdd] };
const MAP = { fix: 0x80, most: 15, heads: [0, 0xde, 0xdf] };

function putInteger(out, value) {
  if (typeof value === "bigint") {
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw new RangeError("the number has more than 64 bits");
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) putInteger(out, Number(value));
    else if (value < 0n) out.number(0xd3, 8, "setBigInt64", value);
    else out.number(0xcf, 8, "setBigUint64", value);
  } else if (value >= 0) {
    if (value < 0x80) out.byte(value);
    else if (value < 0x100) out.number(0xcc, 1, "setUint8", value);
    else if (value < 0x10000) out.number(0xcd, 2, "setUint16", value);
    else if (value < 2 ** 32) out.number(0xce, 4, "setUint32", value);
    else out.number(0xcf, 8, "setBigUint64", BigInt(value));
  } else if (value >= -32) out.byte(value & 0xff);
  else if (value >= -0x80) out.number(0xd0, 1, "setInt8", value);
  else if (value >= -0x8000) out.number(0xd1, 2, "setInt16", value);
  else if (value >= -(2 ** 31)) out.number(0xd2, 4, "setInt32", value);
  else out.number(0xd3, 8, "setBigInt64", BigInt(value));
}

function putPairs(out, pairs, depth) {
  out.sized(pairs.length, MAP);
  for (const [key, value] of pairs) {
    put(out, key, depth + 1);
    put(out, value, depth + 1);
  }
}

function put(out, value, depth) {
  if (depth > MOST_DEPTH) throw new RangeError(`the value is nested deeper than ${MOST_DEPTH}`);
  if (value === null || value === undefined) out.byte(0xc0);
  else if (typeof value === "boolean") out.byte(value ? 0xc3 : 0xc2);
  else if (typeof value === "bigint" || (Number.isSafeInteger(value) && !Object.is(value, -0))) putInteger(out, value);
  else if (typeof value === "number") out.number(0xcb, 8, "setFloat64", value);
  else if (typeof value === "string") {
    const bytes = utf8.encode(value);
    out.sized(bytes.length, STR);
    out.raw(bytes);
  } else if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    const bytes = new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength);
    out.sized(bytes.length, BIN);
    out.raw(bytes);
  } else if (value instanceof Extension) {
    out.sized(value.bytes.length, EXT);
    out.byte(value.type & 0xff);
    out.raw(value.bytes);
  } else if (Array.isArray(value)) {
    out.sized(value.length, ARRAY);
    for (const item of value) put(out, item, depth + 1);
  } else if (value instanceof Map) putPairs(out, [...value], depth);
  else if (typeof value === "object") putPairs(out, Object.entries(value).filter(([, item]) => item !== undefined), depth);
  else throw new TypeError(`a ${typeof value} has no form in MessagePack`);
}

/** @returns {Uint8Array} */
export function encode(value) {
  const out = new Writer();
  put(out, value, 0);
  return out.done();
}

class Reader {
  #view;
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #skip(size) {
    if (this.#at + size > this.#bytes.length) throw new RangeError("the value is cut short");
    this.#at += size;
    return this.#at - size;
  }

  #number(size, method) {
    return this.#view[method](this.#skip(size));
  }

  #take(length) {
    const at = this.#skip(length);
    return this.#bytes.slice(at, at + length);
  }

  #large(method) {
    const value = this.#number(8, method);
    const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    return isSafe ? Number(value) : value;
  }

  #string(length) {
    return text.decode(this.#take(length));
  }

  #extension(length) {
    const type = this.#number(1, "getInt8");
    return new Extension(type, this.#take(length));
  }

  #array(length, depth) {
    const items = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(length, depth) {
    const pairs = [];
    for (let i = 0; i < length; i++) pairs.push([this.value(depth + 1), this.value(depth + 1)]);
    return pairs.every(([key]) => typeof key === "string") ? Object.fromEntries(pairs) : new Map(pairs);
  }

  /** A length of 1, 2 or 4 bytes: which is 0, 1 or 2. */
  #length(which) {
    return [() => this.#number(1, "getUint8"), () => this.#number(2, "getUint16"), () => this.#number(4, "getUint32")][which]();
  }

  value(depth) {
    if (depth > MOST_DEPTH) throw new RangeError(`the value is nested deeper than ${MOST_DEPTH}`);
    const head = this.#number(1, "getUint8");
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#string(head & 0x1f);
    if (head === 0xc0) return null;
    if (head === 0xc2 || head === 0xc3) return head === 0xc3;
    if (head >= 0xc4 && head <= 0xc6) return this.#take(this.#length(head - 0xc4));
    if (head >= 0xc7 && head <= 0xc9) return this.#extension(this.#length(head - 0xc7));
    if (head >= 0xd4 && head <= 0xd8) return this.#extension(1 << (head - 0xd4));
    if (head >= 0xd9 && head <= 0xdb) return this.#string(this.#length(head - 0xd9));
    if (head === 0xdc || head === 0xdd) return this.#array(this.#length(head - 0xdb), depth);
    if (head === 0xde || head === 0xdf) return this.#map(this.#length(head - 0xdd), depth);
    switch (head) {
      case 0xca:
        return this.#number(4, "getFloat32");
      case 0xcb:
        return this.#number(8, "getFloat64");
      case 0xcc:
        return this.#number(1, "getUint8");
      case 0xcd:
        return this.#number(2, "getUint16");
      case 0xce:
        return this.#number(4, "getUint32");
      case 0xcf:
        return this.#large("getBigUint64");
      case 0xd0:
        return this.#number(1, "getInt8");
      case 0xd1:
        return this.#number(2, "getInt16");
      case 0xd2:
        return this.#number(4, "getInt32");
      case 0xd3:
        return this.#large("getBigInt64");
      default:
        throw new RangeError("0xc1 begins no value");
    }
  }

  isAtEnd() {
    return this.#at === this.#bytes.length;
  }
}

/** @param {Uint8Array} bytes one value and nothing behind it */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (!reader.isAtEnd()) throw new RangeError("there are bytes behind the value");
  return value;
}
