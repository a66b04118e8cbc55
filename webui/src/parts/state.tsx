// SPDX-License-Identifier: LGPL-3.0-or-later
// States and levels: always a word and a shape, the colour only repeats them.

import type { ComponentChildren, JSX } from "preact";

export type Tone = "ok" | "busy" | "warn" | "bad" | "idle" | "dot" | "ring";

const TONES: Readonly<Record<string, Tone>> = {
  up: "ok",
  dialing: "busy",
  handshake: "busy",
  syncing: "busy",
  degraded: "warn",
  backoff: "warn",
  refused: "bad",
  ended: "idle",
  paused: "idle",
};

/** How a state is told in a sentence about a bridge. */
const PHRASES: Readonly<Record<string, string>> = {
  up: "is up",
  dialing: "is dialing",
  handshake: "is shaking hands",
  syncing: "is synchronising",
  degraded: "is degraded",
  backoff: "is down and will try again",
  refused: "is refused",
  ended: "has ended",
  paused: "is paused",
};

export function phraseOf(state: string): string {
  return PHRASES[state] ?? `is in state ${state}`;
}

export function toneOf(state: string): Tone {
  return TONES[state] ?? "idle";
}

const SHAPES: Readonly<Record<Tone, JSX.Element>> = {
  ok: <path class="fill" d="M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1Z" />,
  busy: <path d="M6 1.800a4.200 4.200 0 1 1-4.200 4.200" />,
  warn: <path class="fill" d="M6 .8 11.600 10.800H.4Z" />,
  bad: <path d="m2 2 8 8m0-8-8 8" />,
  idle: <path d="M3.700 2v8m4.600-8v8" />,
  dot: <circle class="fill" cx="6" cy="6" r="2.500" />,
  ring: <circle cx="6" cy="6" r="2.500" />,
};

export function Shape({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <svg class={`shape ${tone}`} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      {SHAPES[tone]}
    </svg>
  );
}

export function State({ state }: { readonly state: string }): JSX.Element {
  const tone = toneOf(state);
  return (
    <span class={`state ${tone}`}>
      <Shape tone={tone} />
      {state}
    </span>
  );
}

export function Tag({ children, tone = "neutral" }: { readonly children: ComponentChildren; readonly tone?: string }): JSX.Element {
  return <span class={`tag ${tone}`}>{children}</span>;
}
