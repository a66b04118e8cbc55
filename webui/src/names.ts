// SPDX-License-Identifier: LGPL-3.0-or-later
// Names come from strangers: clients, remote hubs, whoever may connect. They are only ever shown as text nodes, and
// characters that cannot be seen, or that turn the direction of what follows, are spelled out (U+202E), so that
// two names which differ look different and no name can rearrange the page around it.

export interface NamePart {
  readonly text: string;
  readonly isEscape: boolean;
}

// Controls, soft hyphen, combining joiner, Arabic letter mark, Hangul and Mongolian fillers, zero-width and bidi characters, odd blanks,
// variation selectors, byte order mark, interlinear marks, lone surrogates, tags.
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;

function spelled(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Cuts a text into what may be shown as it is and spelled-out characters. An empty text has no parts. */
export function nameParts(value: string): NamePart[] {
  const parts: NamePart[] = [];
  let from = 0;
  for (const match of value.matchAll(HIDDEN)) {
    if (match.index > from) parts.push({ text: value.slice(from, match.index), isEscape: false });
    parts.push({ text: spelled(match[0]), isEscape: true });
    from = match.index + match[0].length;
  }
  if (from < value.length) parts.push({ text: value.slice(from), isEscape: false });
  return parts;
}

/** One line of plain text for titles, labels and document.title. */
export function plainName(value: string): string {
  return nameParts(value)
    .map((part) => (part.isEscape ? `‹${part.text}›` : part.text))
    .join("");
}

/** Keeps both ends of a long text, never cutting a code point. */
export function shorten(value: string, most: number): string {
  const points = [...value];
  if (points.length <= most) return value;
  const head = Math.ceil((most - 1) * 0.66);
  return `${points.slice(0, head).join("")}…${points.slice(points.length - (most - 1 - head)).join("")}`;
}

/** encodeURIComponent that does not throw on lone surrogates. */
export function encodeName(value: string): string {
  return encodeURIComponent(value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd"));
}
