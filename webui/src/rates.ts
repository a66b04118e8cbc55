// SPDX-License-Identifier: LGPL-3.0-or-later
// Counters that only grow, turned into rates per second over a sliding window.

export interface Sample {
  readonly time: number;
  readonly data: Readonly<Record<string, number>>;
}

/** Growth per second from one sample to the next; undefined where it cannot be told (first sample, restarted hub). */
export function rate(before: Sample | undefined, after: Sample, name: string): number | undefined {
  if (before === undefined) return undefined;
  const from = before.data[name];
  const to = after.data[name];
  const seconds = (after.time - before.time) / 1000;
  if (from === undefined || to === undefined || !(seconds > 0) || to < from) return undefined;
  return (to - from) / seconds;
}

export interface Point {
  readonly time: number;
  readonly value: number;
}

export class RateWindow {
  readonly windowMs: number;
  #samples: Sample[] = [];

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  get newest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /** A sample that is not newer than the newest is dropped; counters that fell start the window anew. */
  push(sample: Sample): void {
    const newest = this.newest;
    if (!Number.isFinite(sample.time) || (newest !== undefined && sample.time <= newest.time)) return;
    this.#samples.push(sample);
    const oldest = sample.time - this.windowMs;
    while (this.#samples.length > 2 && (this.#samples[0] as Sample).time < oldest) this.#samples.shift();
  }

  get spanMs(): number {
    const first = this.#samples[0];
    return first === undefined ? 0 : (this.newest as Sample).time - first.time;
  }

  clear(): void {
    this.#samples = [];
  }

  points(name: string): Point[] {
    const out: Point[] = [];
    for (let i = 1; i < this.#samples.length; i += 1) {
      const after = this.#samples[i] as Sample;
      const value = rate(this.#samples[i - 1], after, name);
      if (value !== undefined) out.push({ time: after.time, value });
    }
    return out;
  }

  current(name: string): number | undefined {
    const newest = this.newest;
    return newest === undefined ? undefined : rate(this.#samples.at(-2), newest, name);
  }

  /** How much a counter grew within the window. */
  growth(name: string): number {
    const from = this.#samples[0]?.data[name];
    const to = this.newest?.data[name];
    return from === undefined || to === undefined ? 0 : Math.max(0, to - from);
  }
}

/** Reads the numbers out of a metrics message, nested objects flattened by their own names. */
export function numbersOf(value: unknown): Record<string, number> {
  const out: Record<string, number> = {};
  const walk = (object: unknown): void => {
    if (typeof object !== "object" || object === null) return;
    for (const [name, entry] of Object.entries(object)) {
      if (typeof entry === "number" && Number.isFinite(entry)) out[name] = entry;
      else walk(entry);
    }
  };
  walk(value);
  return out;
}
