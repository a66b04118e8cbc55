// SPDX-License-Identifier: LGPL-3.0-or-later
// A field for a password, with what is wrong with it.

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { Name } from "./name.tsx";

interface Props {
  readonly id: string;
  readonly label: string;
  readonly autocomplete: "current-password" | "new-password";
  readonly value: Signal<string>;
  readonly fault: string | undefined;
  readonly isFirst?: boolean;
}

export function PasswordField({ id, label, autocomplete, value, fault, isFirst = false }: Props): JSX.Element {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="password"
        autocomplete={autocomplete}
        {...(isFirst ? { "data-first": true } : {})}
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
        aria-invalid={fault !== undefined}
        aria-describedby={fault === undefined ? undefined : `${id}-error`}
      />
      {fault !== undefined && (
        <p class="field-error" id={`${id}-error`} role="alert">
          <Name value={fault} prose whole />
        </p>
      )}
    </div>
  );
}
