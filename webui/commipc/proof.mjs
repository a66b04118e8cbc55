// SPDX-License-Identifier: LGPL-3.0-or-later
// Proofs of knowing a secret, and signatures of messages on protected channels (docs/protocol.md).
//
// WebCrypto does the work; browsers offer it to pages over TLS and from this machine only.

const utf8 = new TextEncoder();
const ROUNDS = 100000;
const SIGNED = ["challenge", "channel", "data", "event", "is_final", "is_stream", "origin_server_id", "request_id", "sender_id", "sub_name", "target_id", "timestamp"];

function crypto() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new Error("secrets and passwords need a page over TLS, or from this machine: the browser has no WebCrypto here");
  return found;
}

function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function hmac(key, message) {
  const imported = await crypto().importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return hex(await crypto().sign("HMAC", imported, utf8.encode(message)));
}

export async function proveConnection(secret, challenge) {
  const digest = hex(await crypto().digest("SHA-256", utf8.encode(secret)));
  return hmac(utf8.encode(digest), `challenge:"${challenge}"`);
}

export function proveChannel(password, challenge) {
  return hmac(utf8.encode(password), challenge);
}

export async function deriveKey(password, channel) {
  const base = await crypto().importKey("raw", utf8.encode(password), "PBKDF2", false, ["deriveBits"]);
  const bits = await crypto().deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: utf8.encode(channel), iterations: ROUNDS }, base, 256);
  return new Uint8Array(bits);
}

/** As Python's repr: an exponent from 1e16 on, of at least two digits, and always a point or an exponent. */
function floatText(value) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (Object.is(value, -0)) return "-0.0";
  const [digits, exponentText] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16) {
    const plain = String(value);
    return plain.includes(".") ? plain : `${plain}.0`;
  }
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function byCodePoint([left], [right]) {
  const a = [...left];
  const b = [...right];
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i].codePointAt(0) - b[i].codePointAt(0);
  return a.length - b.length;
}

/** As Python's json.dumps(sort_keys=True, separators=(",", ":")). */
function jsonText(value) {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : floatText(value);
  if (typeof value === "string") return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => (unit === "\u007f" ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`));
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const pairs = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${pairs.sort(byCodePoint).map(([key, item]) => `${jsonText(key)}:${jsonText(item)}`).join(",")}}`;
  }
  throw new TypeError("bytes, extensions and maps whose keys are no text cannot be signed");
}

export function signedText(message) {
  return SIGNED.filter((key) => key in message)
    .map((key) => `${key}:${jsonText(message[key])}`)
    .join("|");
}

export function sign(key, message) {
  return hmac(key, signedText(message));
}

/** The message with what a receiver takes for granted filled in. */
function completed(message) {
  const text = (value) => (value === null || value === undefined ? "" : value);
  return {
    sender_id: text(message.sender_id),
    channel: text(message.channel),
    event: text(message.event),
    data: message.data ?? null,
    timestamp: message.timestamp ?? Math.floor(Date.now() / 1000),
    request_id: message.request_id ?? null,
    target_id: message.target_id ?? null,
    is_stream: message.is_stream ?? false,
    is_final: message.is_final ?? true,
    origin_server_id: message.origin_server_id ?? null,
    sub_name: message.sub_name ?? null,
  };
}

export async function isSigned(key, message) {
  try {
    return message.signature === (await sign(key, completed(message)));
  } catch {
    return false;
  }
}
