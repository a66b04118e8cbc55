// SPDX-License-Identifier: LGPL-3.0-or-later
// What came over the live socket, kept in a bounded ring, and the cursor that knows where to go on after a cut.
//
// The hub numbers its records with ids that grow by one. The cursor drops what it has seen already, notices numbers that never
// came, and turns the server's own gap and reset messages into items of the ring, so that a hole is something one sees.

export type RecordStream = "logs" | "errors" | "system" | "links";
export const RECORD_STREAMS: readonly RecordStream[] = ["logs", "errors", "system", "links"];

export interface EventItem {
  readonly kind: "event";
  readonly id: number;
  readonly time: number;
  readonly stream: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface GapItem {
  readonly kind: "gap";
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** "slow": the hub dropped them for this browser. "missing": the numbers jumped without a word. */
  readonly why: "slow" | "missing";
  readonly time: number;
}

/** A break in the sequence that cannot be counted: the hub restarted, or no longer holds what was missed. */
export interface BreakItem {
  readonly kind: "break";
  readonly why: "restarted" | "expired";
  readonly time: number;
}

export type LiveItem = EventItem | GapItem | BreakItem;

/** A bounded list: the newest `capacity` items, each with a position that never changes while it is held. */
export class Ring<T> {
  readonly capacity: number;
  #items: T[] = [];
  #head = 0;
  #pushed = 0;

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError("a ring holds at least one item");
    this.capacity = capacity;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Position of the oldest item that is still held; the count of items that were dropped. */
  get first(): number {
    return this.#pushed - this.#items.length;
  }

  /** Position after the newest item; the count of items ever pushed. */
  get end(): number {
    return this.#pushed;
  }

  push(item: T): void {
    if (this.#items.length < this.capacity) {
      this.#items.push(item);
    } else {
      this.#items[this.#head] = item;
      this.#head = (this.#head + 1) % this.capacity;
    }
    this.#pushed += 1;
  }

  at(position: number): T | undefined {
    const offset = position - this.first;
    if (offset < 0 || offset >= this.#items.length) return undefined;
    return this.#items[(this.#head + offset) % this.#items.length];
  }

  /** Oldest first; `until` is a position to stop before. */
  toArray(until = this.#pushed): T[] {
    const out: T[] = [];
    for (let position = this.first; position < Math.min(until, this.#pushed); position += 1) {
      out.push(this.at(position) as T);
    }
    return out;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

export interface Hello {
  readonly epoch: string;
  readonly oldest: number;
  readonly latest: number;
}

/** How many records of the past a fresh page asks for. */
export const HISTORY = 1000;

/** Follows the record ids of one hub over any number of connections. */
export class Cursor {
  #epoch: string | undefined;
  #last: number | undefined;

  get last(): number | undefined {
    return this.#last;
  }

  /** Returns the `since` to subscribe with, and what the hello tells about the time without a connection. */
  hello(hello: Hello, now: number): { since: number; items: LiveItem[] } {
    const items: LiveItem[] = [];
    if (this.#epoch !== undefined && this.#epoch !== hello.epoch) {
      items.push({ kind: "break", why: "restarted", time: now });
      this.#last = undefined;
    }
    this.#epoch = hello.epoch;
    if (this.#last === undefined) {
      return { since: Math.max(0, hello.oldest - 1, hello.latest - HISTORY), items };
    }
    if (this.#last < hello.oldest - 1) {
      items.push({ kind: "break", why: "expired", time: now });
      this.#last = undefined;
      return { since: Math.max(0, hello.oldest - 1, hello.latest - HISTORY), items };
    }
    return { since: this.#last, items };
  }

  /** Items to keep for one numbered record: none if it was seen before, a gap in front if numbers are missing. */
  event(event: EventItem): LiveItem[] {
    const last = this.#last;
    if (last !== undefined && event.id <= last) return [];
    this.#last = event.id;
    if (last !== undefined && event.id > last + 1) {
      const missing = event.id - last - 1;
      return [
        { kind: "gap", from: last + 1, to: event.id - 1, count: missing, why: "missing", time: event.time },
        event,
      ];
    }
    return [event];
  }

  gap(from: number, to: number, count: number, now: number): LiveItem[] {
    if (this.#last === undefined || to > this.#last) this.#last = to;
    return [{ kind: "gap", from, to, count, why: "slow", time: now }];
  }

  reset(epoch: string, now: number): LiveItem[] {
    const why = this.#epoch !== undefined && this.#epoch !== epoch ? "restarted" : "expired";
    const wasFollowing = this.#last !== undefined;
    this.#epoch = epoch;
    this.#last = undefined;
    // A page that has seen nothing yet has missed nothing either.
    return wasFollowing ? [{ kind: "break", why, time: now }] : [];
  }
}

/** Reads one message of the socket that is a numbered record; undefined for anything else. */
export function readEvent(message: Record<string, unknown>): EventItem | undefined {
  const { id, stream, type, time, data } = message;
  if (typeof id !== "number" || !Number.isSafeInteger(id) || typeof stream !== "string" || typeof type !== "string") {
    return undefined;
  }
  return {
    kind: "event",
    id,
    time: typeof time === "string" ? Date.parse(time) : Number.NaN,
    stream,
    type,
    data: typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {},
  };
}

function field(item: EventItem, name: string): string {
  const value = item.data[name];
  return typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
}

export type Level = "debug" | "info" | "warning" | "error";
export const LEVELS: readonly Level[] = ["debug", "info", "warning", "error"];

function isTroubled(state: string): boolean {
  return state === "refused" || state === "backoff" || state === "degraded";
}

/** Every record has a level: logs say it themselves, errors are errors, a link says it by its state. */
export function levelOf(item: EventItem): Level {
  if (item.stream === "errors") return "error";
  if (item.stream === "links") {
    const state = field(item, "state");
    if (state === "refused") return "error";
    if (isTroubled(state)) return "warning";
    return state === "dialing" || state === "handshake" || state === "syncing" ? "debug" : "info";
  }
  switch (field(item, "level").toLowerCase()) {
    case "trace":
    case "debug":
      return "debug";
    case "warn":
    case "warning":
      return "warning";
    case "err":
    case "error":
    case "crit":
    case "critical":
    case "fatal":
    case "alert":
    case "emerg":
      return "error";
    default:
      return "info";
  }
}

/** The one line that is shown for a record. */
export function summaryOf(item: EventItem): string {
  switch (item.type) {
    case "server_log":
      return field(item, "message");
    case "server_error":
      return field(item, "error");
    case "new_registration": {
      const channel = field(item, "channel");
      const event = field(item, "event");
      const what = item.data["is_stream"] === true ? "stream" : "event";
      if (event === "") return `joined channel ${channel}`;
      return item.data["is_provider"] === true
        ? `provides ${what} ${event} on channel ${channel}`
        : `registered ${event} on channel ${channel}`;
    }
    case "link_state": {
      const name = field(item, "bridge") || field(item, "server_id") || field(item, "hub_id") || "unnamed hub";
      // The last error stands until there is another one: it explains a link in trouble only.
      const why = (isTroubled(field(item, "state")) && field(item, "last_error")) || field(item, "reason");
      return `link ${field(item, "direction") === "in" ? "from" : "to"} ${name} is ${field(item, "state")}${why === "" ? "" : `: ${why}`}`;
    }
    default:
      return JSON.stringify(item.data);
  }
}

/** Who a record is about. */
export function subjectOf(item: EventItem): string {
  return field(item, "client_id") || field(item, "bridge");
}

/** A record as one line of a download, in the shape it came in. */
export function jsonLine(item: LiveItem): string {
  const time = Number.isFinite(item.time) ? new Date(item.time).toISOString() : null;
  switch (item.kind) {
    case "event":
      return JSON.stringify({ id: item.id, time, stream: item.stream, type: item.type, data: item.data });
    case "gap":
      return JSON.stringify({ type: "gap", time, from: item.from, to: item.to, count: item.count, why: item.why });
    case "break":
      return JSON.stringify({ type: "reset", time, why: item.why });
  }
}
