// SPDX-License-Identifier: LGPL-3.0-or-later

import { useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { ThemeButton } from "../app.tsx";
import { Logo } from "../parts/icons.tsx";
import { Name } from "../parts/name.tsx";
import { Shape } from "../parts/state.tsx";
import { notice, signIn } from "../session.ts";

export function SignInScreen(): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const message = useSignal("");
  const isBusy = useSignal(false);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy.value) return;
    isBusy.value = true;
    notice.value = "";
    message.value = "";
    try {
      message.value = (await signIn(field.current?.value ?? "")) ?? "";
    } finally {
      isBusy.value = false;
    }
    if (message.value !== "") {
      field.current?.focus();
      field.current?.select();
    }
  };

  return (
    <div class="sign-in">
      <main>
        <div class="theme">
          <ThemeButton />
        </div>
        <Logo />
        <h1>CommHub</h1>
        {notice.value !== "" && (
          <p class="stale" role="status">
            <Shape tone="warn" /> {notice.value}
          </p>
        )}
        <form onSubmit={(event) => void submit(event)} noValidate>
          <label for="token">Access token</label>
          <input
            id="token"
            ref={field}
            type="password"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            autofocus
            aria-invalid={message.value !== ""}
            aria-describedby={message.value === "" ? "token-help" : "token-error token-help"}
          />
          {message.value !== "" && (
            <p class="field-error" id="token-error" role="alert">
              <Shape tone="bad" /> <Name value={message.value} prose whole />
            </p>
          )}
          <button type="submit" class="primary" aria-disabled={isBusy.value}>
            {isBusy.value ? "Asking the hub…" : "Sign in"}
          </button>
        </form>
        <div id="token-help" class="help">
          <p>
            <strong>First time here?</strong> The hub wrote a token to the file <code>first-run-token</code> in its data directory when it
            first started. Only its own user may read that file.
          </p>
          <p>
            Where the hub was provisioned, the token is the content of the file that <code>COMMHUB_ADMIN_TOKEN_FILE</code> names.
          </p>
          <p>This tab remembers the token until you close it or sign out.</p>
        </div>
      </main>
    </div>
  );
}
