// SPDX-License-Identifier: LGPL-3.0-or-later
// Three ways in: name and password, a token, or, on a hub without an administrator, making the first one.

import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { isSetupNeeded, Problem } from "../api.ts";
import { ThemeButton } from "../app.tsx";
import { Logo } from "../parts/icons.tsx";
import { Name } from "../parts/name.tsx";
import { Shape } from "../parts/state.tsx";
import { isResuming, notice, setUp, signInByPassword, signInByToken } from "../session.ts";

type Way = "password" | "token" | "setup";

interface Field {
  readonly name: "name" | "password" | "token";
  readonly label: string;
  readonly autocomplete: "username" | "current-password" | "new-password" | "off";
  readonly hint?: string;
}

interface Form {
  readonly title: string;
  readonly fields: readonly Field[];
  readonly button: string;
  readonly help: JSX.Element;
  readonly submit: (values: Readonly<Record<Field["name"], string>>) => Promise<string | undefined>;
}

const TOKEN: Field = { name: "token", label: "Access token", autocomplete: "off" };

const FIRST_TOKEN = (
  <p>
    <strong>First time here?</strong> The hub wrote a token to the file <code>first-run-token</code> in its data directory when it first
    started. Only its own user may read that file. Where the hub was provisioned, the token is the content of the file that{" "}
    <code>COMMHUB_ADMIN_TOKEN_FILE</code> names.
  </p>
);

const FORMS: Readonly<Record<Way, Form>> = {
  password: {
    title: "Password",
    fields: [
      { name: "name", label: "Name", autocomplete: "username" },
      { name: "password", label: "Password", autocomplete: "current-password" },
    ],
    button: "Sign in",
    help: <p>A session ends after 30 minutes without use, and after 12 hours in any case.</p>,
    submit: ({ name, password }) => signInByPassword(name, password),
  },
  token: {
    title: "Token",
    fields: [TOKEN],
    button: "Sign in",
    help: (
      <>
        {FIRST_TOKEN}
        <p>This tab remembers the token until you close it or sign out.</p>
      </>
    ),
    submit: ({ token }) => signInByToken(token),
  },
  setup: {
    title: "First administrator",
    fields: [
      TOKEN,
      { name: "name", label: "Your name", autocomplete: "username" },
      { name: "password", label: "New password", autocomplete: "new-password", hint: "At least 10 characters; a sentence is good." },
    ],
    button: "Make the administrator",
    help: (
      <>
        {FIRST_TOKEN}
        <p>The first-run token is spent by this; from then on you sign in by name and password.</p>
      </>
    ),
    submit: ({ token, name, password }) => setUp(token, name, password),
  },
};

/** Which ways the hub has; undefined until it has said so. */
function useWays(): { readonly ways: readonly Way[] | undefined; readonly fault: string } {
  const ways = useSignal<readonly Way[] | undefined>(undefined);
  const fault = useSignal("");
  useEffect(() => {
    const asking = new AbortController();
    isSetupNeeded(asking.signal).then(
      (isNeeded) => (ways.value = isNeeded ? ["token", "setup"] : ["password", "token"]),
      (error: unknown) => {
        if (asking.signal.aborted) return;
        if (error instanceof Problem) fault.value = error.message;
        ways.value = ["password", "token"];
      },
    );
    return () => asking.abort();
  }, []);
  return { ways: ways.value, fault: fault.value };
}

export function SignInScreen(): JSX.Element {
  const { ways, fault } = useWays();
  const chosen = useSignal<Way | undefined>(undefined);
  const way = chosen.value ?? ways?.[0];

  return (
    <div class="sign-in">
      <main>
        <div class="theme">
          <ThemeButton />
        </div>
        <Logo />
        <h1>CommHub</h1>
        {(notice.value !== "" || fault !== "") && (
          <p class="stale" role="status">
            <Shape tone="warn" /> {notice.value === "" ? fault : notice.value}
          </p>
        )}
        {isResuming.value || ways === undefined || way === undefined ? (
          <p role="status">Asking the hub…</p>
        ) : (
          <>
            <div class="ways" role="group" aria-label="How to sign in">
              {ways.map((one) => (
                <button type="button" aria-pressed={one === way} onClick={() => (chosen.value = one)}>
                  {FORMS[one].title}
                </button>
              ))}
            </div>
            <WayForm key={way} form={FORMS[way]} />
          </>
        )}
      </main>
    </div>
  );
}

function WayForm({ form }: { readonly form: Form }): JSX.Element {
  const element = useRef<HTMLFormElement>(null);
  const message = useSignal("");
  const isBusy = useSignal(false);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy.value) return;
    const values = new FormData(element.current ?? undefined);
    const text = (name: Field["name"]): string => String(values.get(name) ?? "");
    isBusy.value = true;
    notice.value = "";
    message.value = "";
    try {
      message.value = (await form.submit({ name: text("name").trim(), password: text("password"), token: text("token") })) ?? "";
    } finally {
      isBusy.value = false;
    }
    if (message.value !== "") {
      const last = element.current?.querySelector<HTMLInputElement>("input[type=password]");
      last?.focus();
      last?.select();
    }
  };

  return (
    <>
      <form ref={element} onSubmit={(event) => void submit(event)} noValidate>
        {form.fields.map((field, i) => (
          <div class="field">
            <label for={field.name}>{field.label}</label>
            <input
              id={field.name}
              name={field.name}
              {...(field.name === "name" ? { type: "text" as const } : { type: "password" as const })}
              autocomplete={field.autocomplete}
              autocapitalize="off"
              spellcheck={false}
              autofocus={i === 0}
              aria-invalid={message.value !== ""}
              aria-describedby={`${message.value === "" ? "" : "sign-in-error "}${field.hint === undefined ? "" : `${field.name}-hint `}sign-in-help`}
            />
            {field.hint !== undefined && <small id={`${field.name}-hint`}>{field.hint}</small>}
          </div>
        ))}
        {message.value !== "" && (
          <p class="field-error" id="sign-in-error" role="alert">
            <Shape tone="bad" /> <Name value={message.value} prose whole />
          </p>
        )}
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          {isBusy.value ? "Asking the hub…" : form.button}
        </button>
      </form>
      <div id="sign-in-help" class="help">
        {form.help}
      </div>
    </>
  );
}
