// SPDX-License-Identifier: LGPL-3.0-or-later
// Something read by REST that is kept fresh while a screen shows it: on a beat, and soon after the live socket hints at a change.

import { useEffect, useMemo } from "preact/hooks";
import { batch, signal, type ReadonlySignal } from "@preact/signals";
import { Problem } from "./api.ts";
import { pulse } from "./live.ts";

export interface Resource<T> {
  readonly data: ReadonlySignal<T | undefined>;
  readonly problem: ReadonlySignal<Problem | undefined>;
  /** When `data` was read. */
  readonly readAt: ReadonlySignal<number>;
  refresh(): void;
}

const PULSE_DELAY_MS = 250;
/** Hints may come in floods; this is the least time between two reads they cause. */
const PULSE_SPACING_MS = 1000;

/** `key` names what is read: another key starts afresh with nothing shown. */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs: number): Resource<T> {
  const held = useMemo(() => {
    const data = signal<T | undefined>(undefined);
    const problem = signal<Problem | undefined>(undefined);
    const readAt = signal(0);
    let controller: AbortController | undefined;
    let timer: number | undefined;
    let dueAt = Number.POSITIVE_INFINITY;
    let isStopped = true;
    let isAgainWanted = false;

    const plan = (delay: number): void => {
      if (isStopped) return;
      window.clearTimeout(timer);
      dueAt = Date.now() + delay;
      timer = window.setTimeout(read, delay);
    };
    const read = (): void => {
      dueAt = Number.POSITIVE_INFINITY;
      if (isStopped) return;
      if (document.hidden) return;
      if (controller !== undefined) {
        isAgainWanted = true;
        return;
      }
      const mine = new AbortController();
      controller = mine;
      load(mine.signal).then(
        (value) => {
          if (mine.signal.aborted) return;
          batch(() => {
            data.value = value;
            problem.value = undefined;
            readAt.value = Date.now();
          });
          done();
        },
        (error: unknown) => {
          if (mine.signal.aborted) return;
          problem.value = error instanceof Problem ? error : new Problem(0, "Unexpected", String(error));
          done();
        },
      );
    };
    const done = (): void => {
      controller = undefined;
      plan(isAgainWanted ? PULSE_DELAY_MS : everyMs);
      isAgainWanted = false;
    };
    return {
      data,
      problem,
      readAt,
      refresh: read,
      hint(): void {
        const delay = Math.max(PULSE_DELAY_MS, readAt.peek() + PULSE_SPACING_MS - Date.now());
        if (controller !== undefined) isAgainWanted = true;
        // A flood of hints must not push the read before it for ever.
        else if (Date.now() + delay < dueAt) plan(delay);
      },
      start(): void {
        isStopped = false;
        read();
      },
      stop(): void {
        isStopped = true;
        window.clearTimeout(timer);
        controller?.abort();
        controller = undefined;
      },
    };
    // A resource is made anew for another key only.
  }, [key]);

  useEffect(() => {
    held.start();
    let isFirst = true;
    const unsubscribe = pulse.subscribe(() => {
      if (!isFirst) held.hint();
      isFirst = false;
    });
    const visible = (): void => {
      if (!document.hidden) held.refresh();
    };
    document.addEventListener("visibilitychange", visible);
    return () => {
      document.removeEventListener("visibilitychange", visible);
      unsubscribe();
      held.stop();
    };
  }, [held]);

  return held;
}
