// SPDX-License-Identifier: LGPL-3.0-or-later
// Who is signed in, in the bar; behind it a new password of one's own.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Problem, putOwnPassword } from "../api.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { PasswordField } from "../parts/password_field.tsx";
import { ProblemBox } from "../parts/problem.tsx";
import { principal } from "../session.ts";

/** A token has no password, so there is nothing to press. */
export function Account(): JSX.Element | null {
  const isOpen = useSignal(false);
  const who = principal.value;
  if (who === undefined) return null;
  const text = (
    <>
      <Name value={who.name} /> <small>{who.role}</small>
    </>
  );
  if (who.kind === "token") return <span class="who">{text}</span>;
  return (
    <>
      <button type="button" class="plain who" title="Change your password" onClick={() => (isOpen.value = true)}>
        {text}
      </button>
      {isOpen.value && <PasswordDialog onClose={() => (isOpen.value = false)} />}
    </>
  );
}

interface Faults {
  readonly former?: string | undefined;
  readonly password?: string | undefined;
  readonly other?: Problem | undefined;
}

function readFaults(problem: Problem): Faults {
  const of = (pointer: string): string | undefined => problem.fields.find((field) => field.pointer === pointer)?.detail;
  const former = of("#/former_password");
  const password = of("#/password");
  return former === undefined && password === undefined ? { other: problem } : { former, password };
}

function PasswordDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const former = useSignal("");
  const password = useSignal("");
  const faults = useSignal<Faults>({});
  const isBusy = useSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy.value) return;
    isBusy.value = true;
    faults.value = {};
    try {
      await putOwnPassword(former.value, password.value);
      onClose();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      faults.value = readFaults(error);
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <Dialog title="Change your password" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <div class="dialog-body">
          <p>Your other sessions end with this.</p>
          <PasswordField id="former" label="Present password" autocomplete="current-password" value={former} fault={faults.value.former} isFirst />
          <PasswordField id="fresh" label="New password" autocomplete="new-password" value={password} fault={faults.value.password} />
          <ProblemBox problem={faults.value.other} />
        </div>
        <footer>
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={isBusy.value}>
            Change password
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
