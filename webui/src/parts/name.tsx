// SPDX-License-Identifier: LGPL-3.0-or-later
// The only way a name, an address or a message that somebody else wrote gets onto the page.

import type { JSX } from "preact";
import { nameParts, plainName } from "../names.ts";

interface Props {
  readonly value: string | null | undefined;
  /** Names are written in the fixed-width face, sentences are not. */
  readonly prose?: boolean;
  /** Wraps instead of being cut at the end of its line. */
  readonly whole?: boolean;
}

export function Name({ value, prose = false, whole = false }: Props): JSX.Element {
  if (value === null || value === undefined) return <span class="none">–</span>;
  if (value === "") return <span class="none">(empty)</span>;
  const parts = nameParts(value);
  return (
    <bdi class={`name${prose ? " prose" : ""}${whole ? " whole" : ""}`} title={plainName(value)}>
      {parts.map((part) => (part.isEscape ? <span class="escape">{part.text}</span> : part.text))}
    </bdi>
  );
}

/** Hub after hub that a member is reached through. */
export function Path({ hubs }: { readonly hubs: readonly string[] }): JSX.Element {
  if (hubs.length === 0) return <span class="none">–</span>;
  return (
    <span class="path">
      {hubs.map((hub, i) => (
        <>
          {i > 0 && <span class="step" aria-label="then"> → </span>}
          <Name value={hub} />
        </>
      ))}
    </span>
  );
}

/** A text of several lines in the fixed-width face. */
export function Lines({ text }: { readonly text: string }): JSX.Element {
  return (
    <>
      {text.split("\n").map((line) => (
        <>
          <bdi>{nameParts(line).map((part) => (part.isEscape ? <span class="escape">{part.text}</span> : part.text))}</bdi>
          {"\n"}
        </>
      ))}
    </>
  );
}
