// SPDX-License-Identifier: LGPL-3.0-or-later
// As much MessagePack as the hub's envelopes need, and length-prefixed frames around it.

export function encode(value) {
  const parts = [];
  const number = (bytes, write) => {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    parts.push(buffer);
  };
  const sized = (length, fix, fixMost, wide) => {
    if (length <= fixMost) number(1, (b) => b.writeUInt8(fix | length));
    else if (length < 0x10000) number(3, (b) => (b.writeUInt8(wide), b.writeUInt16BE(length, 1)));
    else number(5, (b) => (b.writeUInt8(wide + 1), b.writeUInt32BE(length, 1)));
  };
  const put = (item) => {
    if (item === null || item === undefined) parts.push(Buffer.from([0xc0]));
    else if (item === true || item === false) parts.push(Buffer.from([item ? 0xc3 : 0xc2]));
    else if (typeof item === "number") {
      if (Number.isInteger(item) && item >= 0 && item < 0x80) parts.push(Buffer.from([item]));
      else if (Number.isInteger(item) && Math.abs(item) < 2 ** 31) number(5, (b) => (b.writeUInt8(0xd2), b.writeInt32BE(item, 1)));
      else if (Number.isSafeInteger(item)) number(9, (b) => (b.writeUInt8(0xd3), b.writeBigInt64BE(BigInt(item), 1)));
      else number(9, (b) => (b.writeUInt8(0xcb), b.writeDoubleBE(item, 1)));
    } else if (typeof item === "string") {
      const text = Buffer.from(item, "utf8");
      if (text.length >= 32 && text.length < 0x100) number(2, (b) => (b.writeUInt8(0xd9), b.writeUInt8(text.length, 1)));
      else sized(text.length, 0xa0, 31, 0xda);
      parts.push(text);
    } else if (Array.isArray(item)) {
      sized(item.length, 0x90, 15, 0xdc);
      item.forEach(put);
    } else {
      const entries = Object.entries(item);
      sized(entries.length, 0x80, 15, 0xde);
      for (const [key, entry] of entries) {
        put(key);
        put(entry);
      }
    }
  };
  put(value);
  return Buffer.concat(parts);
}

export function decode(buffer) {
  let at = 0;
  const uint = (bytes) => {
    const value = bytes === 8 ? Number(buffer.readBigUInt64BE(at)) : buffer.readUIntBE(at, bytes);
    at += bytes;
    return value;
  };
  const int = (bytes) => {
    const value = bytes === 8 ? Number(buffer.readBigInt64BE(at)) : buffer.readIntBE(at, bytes);
    at += bytes;
    return value;
  };
  const take = (length) => {
    if (at + length > buffer.length) throw new RangeError("the message is cut short");
    at += length;
    return buffer.subarray(at - length, at);
  };
  const list = (length) => Array.from({ length }, () => get());
  const map = (length) => Object.fromEntries(Array.from({ length }, () => [get(), get()]));
  const get = () => {
    const head = uint(1);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 15);
    if (head < 0xa0) return list(head & 15);
    if (head < 0xc0) return take(head & 31).toString("utf8");
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return Buffer.from(take(uint(1)));
      case 0xc5: return Buffer.from(take(uint(2)));
      case 0xc6: return Buffer.from(take(uint(4)));
      case 0xca: return take(4).readFloatBE(0);
      case 0xcb: return take(8).readDoubleBE(0);
      case 0xcc: return uint(1);
      case 0xcd: return uint(2);
      case 0xce: return uint(4);
      case 0xcf: return uint(8);
      case 0xd0: return int(1);
      case 0xd1: return int(2);
      case 0xd2: return int(4);
      case 0xd3: return int(8);
      case 0xd9: return take(uint(1)).toString("utf8");
      case 0xda: return take(uint(2)).toString("utf8");
      case 0xdb: return take(uint(4)).toString("utf8");
      case 0xdc: return list(uint(2));
      case 0xdd: return list(uint(4));
      case 0xde: return map(uint(2));
      case 0xdf: return map(uint(4));
      default: throw new RangeError(`MessagePack type 0x${head.toString(16)} is not read here`);
    }
  };
  return get();
}

export function frame(message) {
  const body = encode(message);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Calls `onMessage` for each whole frame that arrives on a socket. */
export function readFrames(socket, onMessage) {
  let held = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const length = held.readUInt32BE(0);
      onMessage(decode(held.subarray(4, 4 + length)));
      held = held.subarray(4 + length);
    }
  });
}
