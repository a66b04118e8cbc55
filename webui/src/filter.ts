// SPDX-License-Identifier: LGPL-3.0-or-later
// Filters of lists and of the live view: words that must all occur, "-word" for one that must not.

import { LEVELS, levelOf, subjectOf, summaryOf, type EventItem, type Level, type LiveItem } from "./events.ts";

export interface Words {
  readonly has: readonly string[];
  readonly hasNot: readonly string[];
}

export function words(text: string): Words {
  const has: string[] = [];
  const hasNot: string[] = [];
  for (const word of text.toLowerCase().split(/\s+/)) {
    if (word.length > 1 && word.startsWith("-")) hasNot.push(word.slice(1));
    else if (word !== "" && word !== "-") has.push(word);
  }
  return { has, hasNot };
}

/** `text` must be lower case already. */
export function matches(text: string, wanted: Words): boolean {
  return wanted.has.every((word) => text.includes(word)) && !wanted.hasNot.some((word) => text.includes(word));
}

export interface LiveFilter {
  readonly streams: ReadonlySet<string>;
  readonly level: Level;
  readonly words: Words;
}

const searchable = new WeakMap<EventItem, string>();

function textOf(item: EventItem): string {
  let text = searchable.get(item);
  if (text === undefined) {
    text = `${item.id} ${item.stream} ${levelOf(item)} ${subjectOf(item)} ${summaryOf(item)} ${JSON.stringify(item.data)}`.toLowerCase();
    searchable.set(item, text);
  }
  return text;
}

/** Gaps and breaks always pass: a hole concerns every filter. */
export function passes(item: LiveItem, filter: LiveFilter): boolean {
  if (item.kind !== "event") return true;
  return (
    filter.streams.has(item.stream) &&
    LEVELS.indexOf(levelOf(item)) >= LEVELS.indexOf(filter.level) &&
    matches(textOf(item), filter.words)
  );
}
