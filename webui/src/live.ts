// SPDX-License-Identifier: LGPL-3.0-or-later
// The one place that talks the live socket. One connection serves the whole page, from sign-in to sign-out.
//
// It reconnects with back-off and goes on after the last record it saw. Arrivals are gathered and shown a few times a
// second, so that a flood of records costs one rendering each time and never more than the ring holds. A connection on which
// nothing came for ten seconds (metrics come each second) is taken for dead.

import { batch, signal } from "@preact/signals";
import { getHub, Problem, type Credential } from "./api.ts";
import { Cursor, readEvent, Ring, RECORD_STREAMS, type LiveItem } from "./events.ts";
import { numbersOf, RateWindow } from "./rates.ts";

export type Connection =
  | { readonly state: "off" }
  | { readonly state: "connecting" }
  | { readonly state: "up"; readonly since: number }
  | { readonly state: "waiting"; readonly retryAt: number; readonly why: string };

export const RING_CAPACITY = 5000;
export const RATE_WINDOW_MS = 5 * 60_000;
const FLUSH_MS = 200;
const SILENCE_MS = 10_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15_000] as const;
const CLOSE_TOO_SLOW = 4408;
const CLOSE_REFUSED: readonly number[] = [1008, 4401, 4403];

export const connection = signal<Connection>({ state: "off" });
export const ring = new Ring<LiveItem>(RING_CAPACITY);
/** Grows whenever the ring has changed. */
export const ringVersion = signal(0);
export const rates = new RateWindow(RATE_WINDOW_MS);
/** Grows whenever a metrics message came. */
export const ratesVersion = signal(0);
/** Grows when records suggest that a list has changed: clients, channels or links came or went. */
export const pulse = signal(0);

let cursor = new Cursor();
let socket: WebSocket | undefined;
let credential: Credential | undefined;
let attempts = 0;
let retryTimer: number | undefined;
let silenceTimer: number | undefined;
let flushTimer: number | undefined;
let waiting: LiveItem[] = [];
let refused: () => void = () => undefined;

export function nextDelay(attempt: number, random: number): number {
  const base = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] as number;
  return Math.round(base * (0.8 + 0.4 * random));
}

function flush(): void {
  flushTimer = undefined;
  if (waiting.length === 0) return;
  for (const item of waiting) ring.push(item);
  waiting = [];
  batch(() => {
    ringVersion.value += 1;
    pulse.value += 1;
  });
}

function keep(items: readonly LiveItem[]): void {
  if (items.length === 0) return;
  waiting.push(...items);
  // The ring would drop the oldest of them anyway.
  if (waiting.length > 2 * RING_CAPACITY) waiting = waiting.slice(-RING_CAPACITY);
  flushTimer ??= window.setTimeout(flush, FLUSH_MS);
}

function subscribe(since: number | undefined): void {
  socket?.send(
    JSON.stringify({
      type: "subscribe",
      streams: [...RECORD_STREAMS, "metrics"],
      ...(since === undefined ? {} : { since }),
    }),
  );
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function receive(text: string): void {
  let message: Record<string, unknown>;
  try {
    message = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return;
  }
  if (typeof message !== "object" || message === null) return;
  const now = Date.now();
  const { type, epoch, oldest, latest, from, to, count } = message;
  if (type === "hello") {
    const hello = {
      epoch: String(epoch),
      oldest: isCount(oldest) ? oldest : 0,
      latest: isCount(latest) ? latest : 0,
    };
    attempts = 0;
    connection.value = { state: "up", since: now };
    const start = cursor.hello(hello, now);
    if (start.items.some((item) => item.kind === "break" && item.why === "restarted")) rates.clear();
    keep(start.items);
    subscribe(start.since);
    pulse.value += 1;
  } else if (type === "gap" && isCount(from) && isCount(to)) {
    keep(cursor.gap(from, to, isCount(count) ? count : to - from + 1, now));
  } else if (type === "reset") {
    keep(cursor.reset(String(epoch), now));
  } else if (message["stream"] === "metrics") {
    const time = typeof message["time"] === "string" ? Date.parse(message["time"]) : now;
    rates.push({ time, data: numbersOf(message["data"]) });
    ratesVersion.value += 1;
  } else {
    const event = readEvent(message);
    if (event !== undefined) keep(cursor.event(event));
  }
}

function hush(): void {
  window.clearTimeout(silenceTimer);
  silenceTimer = window.setTimeout(() => {
    drop("The connection went silent.");
  }, SILENCE_MS);
}

/** Gives up the present socket and plans the next one. */
function drop(why: string): void {
  const old = socket;
  socket = undefined;
  window.clearTimeout(silenceTimer);
  if (old !== undefined) {
    old.onopen = old.onmessage = old.onclose = old.onerror = null;
    old.close();
  }
  if (credential === undefined) return;
  const delay = nextDelay(attempts, Math.random());
  attempts += 1;
  connection.value = { state: "waiting", retryAt: Date.now() + delay, why };
  window.clearTimeout(retryTimer);
  retryTimer = window.setTimeout(connect, delay);
}

/** A browser is not told why a handshake failed: REST tells whether it was the credential. */
async function askWhetherRefused(): Promise<void> {
  try {
    await getHub();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) refused();
  }
}

/** A token may have letters that the name of a protocol may not. */
function hex(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function connect(): void {
  window.clearTimeout(retryTimer);
  if (credential === undefined || socket !== undefined) return;
  const address = new URL("api/v1/live", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let fresh: WebSocket;
  try {
    // With a session, the browser sends the cookie of its own accord.
    fresh = new WebSocket(address, ["commhub.live.v1", ...(credential.kind === "token" ? [`bearer-hex.${hex(credential.token)}`] : [])]);
  } catch {
    connection.value = { state: "waiting", retryAt: Number.NaN, why: "This token has characters a live connection cannot carry." };
    return;
  }
  let wasOpen = false;
  socket = fresh;
  if (connection.value.state !== "waiting") connection.value = { state: "connecting" };
  hush();
  fresh.onopen = () => {
    wasOpen = true;
  };
  fresh.onmessage = (event) => {
    hush();
    if (typeof event.data === "string") receive(event.data);
  };
  fresh.onclose = (event) => {
    if (socket !== fresh) return;
    if (event.code === CLOSE_TOO_SLOW) drop("The hub cut this page off: it read too slowly.");
    else if (!wasOpen) drop("The hub does not answer.");
    else drop(event.reason === "" ? "The connection was cut." : `The hub closed the connection: ${event.reason}`);
    if (!wasOpen || CLOSE_REFUSED.includes(event.code)) void askWhetherRefused();
  };
}

/** Starts following the hub; `whenRefused` is called when it no longer takes the credential. */
export function startLive(by: Credential, whenRefused: () => void): void {
  stopLive();
  credential = by;
  refused = whenRefused;
  attempts = 0;
  connection.value = { state: "connecting" };
  connect();
}

/** Forgets everything, so that the next one to sign in sees none of it. */
export function stopLive(): void {
  credential = undefined;
  window.clearTimeout(retryTimer);
  window.clearTimeout(flushTimer);
  flushTimer = undefined;
  waiting = [];
  drop("");
  cursor = new Cursor();
  ring.clear();
  rates.clear();
  connection.value = { state: "off" };
  ringVersion.value += 1;
  ratesVersion.value += 1;
}

/** Does not wait for the back-off to pass. */
export function retryNow(): void {
  if (connection.value.state === "waiting") {
    attempts = 0;
    connect();
  }
}

if (typeof window !== "undefined") {
  window.addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) retryNow();
  });
}
