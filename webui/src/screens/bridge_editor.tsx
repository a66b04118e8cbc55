// SPDX-License-Identifier: LGPL-3.0-or-later
// The form of a bridge, new or standing.

import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Problem, putBridge, type Bridge } from "../api.ts";
import { checkDraft, draftOf, EMPTY_DRAFT, inputOf, placeErrors, type BridgeDraft, type DraftErrors, type FieldName } from "../bridge_form.ts";
import { plainName, shorten } from "../names.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { ProblemBox } from "../parts/problem.tsx";

interface FieldProps {
  readonly name: FieldName;
  readonly label: string;
  readonly help?: ComponentChildren;
  readonly error: string | undefined;
  readonly children: (attributes: { id: string; "aria-invalid": boolean; "aria-describedby": string | undefined }) => ComponentChildren;
}

function Field({ name, label, help, error, children }: FieldProps): JSX.Element {
  const id = `bridge-${name}`;
  const described = [error !== undefined && `${id}-error`, help !== undefined && `${id}-help`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-invalid": error !== undefined, "aria-describedby": described === "" ? undefined : described })}
      {error !== undefined && (
        <p class="field-error" id={`${id}-error`}>
          <Name value={error} prose whole />
        </p>
      )}
      {help !== undefined && (
        <p class="field-help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

interface Props {
  /** The bridge to change; undefined for a new one. */
  readonly bridge: Bridge | undefined;
  readonly taken: readonly string[];
  readonly onClose: () => void;
  readonly onSaved: (name: string) => void;
}

export function BridgeEditor({ bridge, taken, onClose, onSaved }: Props): JSX.Element {
  const draft = useSignal<BridgeDraft>(bridge === undefined ? EMPTY_DRAFT : draftOf(bridge));
  const errors = useSignal<DraftErrors>({});
  const rest = useSignal<readonly string[]>([]);
  const problem = useSignal<Problem | undefined>(undefined);
  const isBusy = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  const isTls = draft.value.address.trim().startsWith("tls:");

  const set = (name: FieldName) => (event: Event): void => {
    const element = event.currentTarget as HTMLInputElement | HTMLTextAreaElement;
    const value = element.type === "checkbox" ? (element as HTMLInputElement).checked : element.value;
    draft.value = { ...draft.value, [name]: value };
  };
  // The first field in error gets the focus, once its error is on the page.
  useEffect(() => {
    if (Object.keys(errors.value).length > 0) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [errors.value]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy.value) return;
    rest.value = [];
    problem.value = undefined;
    const own: DraftErrors = checkDraft(draft.value);
    errors.value =
      bridge === undefined && taken.includes(draft.value.name)
        ? { ...own, name: "There is a bridge of this name already. Change that one, or choose another name." }
        : own;
    if (Object.keys(errors.value).length > 0) return;
    isBusy.value = true;
    try {
      await putBridge(draft.value.name, inputOf(draft.value, bridge));
      onSaved(draft.value.name);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const placed = placeErrors(error.fields);
      errors.value = placed.fields;
      rest.value = placed.rest;
      if (Object.keys(placed.fields).length === 0) problem.value = error;
    } finally {
      isBusy.value = false;
    }
  };

  const value = draft.value;
  const error = errors.value;
  const wrong = Object.keys(error).length;
  return (
    <Dialog title={bridge === undefined ? "New bridge" : `Change ${shorten(plainName(bridge.name), 40)}`} onClose={onClose}>
      <form ref={form} onSubmit={(event) => void submit(event)} noValidate>
        <div class="dialog-body">
          <p class="unseen" role="alert">
            {wrong > 0 ? `Not saved: ${wrong === 1 ? "one field needs" : `${wrong} fields need`} another look.` : ""}
          </p>
          <ProblemBox problem={problem.value} />
          {rest.value.length > 0 && (
            <ul class="problem" role="alert">
              {rest.value.map((text) => (
                <li>
                  <Name value={text} prose whole />
                </li>
              ))}
            </ul>
          )}
          {bridge === undefined && (
            <Field name="name" label="Name" error={error.name} help="How this hub calls the bridge.">
              {(attributes) => (
                <input {...attributes} type="text" value={value.name} onInput={set("name")} autocomplete="off" spellcheck={false} data-first />
              )}
            </Field>
          )}
          <Field
            name="address"
            label="Address of the other hub"
            error={error.address}
            help={
              <>
                <code>tcp://host:port</code>, <code>tls://host:port</code> or <code>unix:/path</code>
              </>
            }
          >
            {(attributes) => (
              <input
                {...attributes}
                type="text"
                value={value.address}
                onInput={set("address")}
                autocomplete="off"
                spellcheck={false}
                data-first={bridge !== undefined ? true : undefined}
              />
            )}
          </Field>
          <Field
            name="secret"
            label="Link secret"
            error={error.secret}
            help={
              bridge?.secret_set === true
                ? "One is stored. Leave this empty to keep it; it is never shown."
                : "The one that both hubs know; empty: what this hub was started with. It is stored sealed and never shown again."
            }
          >
            {(attributes) => <input {...attributes} type="password" value={value.secret} onInput={set("secret")} autocomplete="new-password" />}
          </Field>
          {isTls && (
            <div class="pair">
              <Field name="caFile" label="CA file" error={error.caFile} help="On the hub's machine; empty for the system's.">
                {(attributes) => <input {...attributes} type="text" value={value.caFile} onInput={set("caFile")} autocomplete="off" spellcheck={false} />}
              </Field>
              <Field name="serverName" label="Server name" error={error.serverName} help="Expected in the certificate; empty for the host above.">
                {(attributes) => (
                  <input {...attributes} type="text" value={value.serverName} onInput={set("serverName")} autocomplete="off" spellcheck={false} />
                )}
              </Field>
            </div>
          )}
          <div class="pair">
            <Field name="allow" label="Channels that may pass" error={error.allow} help="One pattern a line; empty for all.">
              {(attributes) => <textarea {...attributes} rows={3} value={value.allow} onInput={set("allow")} spellcheck={false} />}
            </Field>
            <Field name="deny" label="Channels that may not" error={error.deny} help="One pattern a line; wins over the other list.">
              {(attributes) => <textarea {...attributes} rows={3} value={value.deny} onInput={set("deny")} spellcheck={false} />}
            </Field>
          </div>
          <div class="pair">
            <Field name="cost" label="Cost" error={error.cost} help="Lower is preferred where there are several ways.">
              {(attributes) => <input {...attributes} type="text" inputMode="numeric" value={value.cost} onInput={set("cost")} autocomplete="off" />}
            </Field>
            <div class="field check">
              <label>
                <input type="checkbox" checked={value.isPaused} onChange={set("isPaused")} /> Paused
              </label>
              <p class="field-help">Kept, but not connected.</p>
            </div>
          </div>
        </div>
        <footer>
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={isBusy.value}>
            {isBusy.value ? "Saving…" : bridge === undefined ? "Add bridge" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
