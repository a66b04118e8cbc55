// SPDX-License-Identifier: LGPL-3.0-or-later
// Who is signed in, and by what. A token lives in this tab's sessionStorage only: closing the tab forgets it. A session lives
// in a cookie that no script can read; what is remembered here is only that there should be one.

import { signal } from "@preact/signals";
import { deleteSession, postSession, postSetup, Problem, useCredential, whoIs, type Credential, type Principal } from "./api.ts";
import { startLive, stopLive } from "./live.ts";

const TOKEN_KEY = "commhub.token";
const SESSION_KEY = "commhub.session";
const SESSION_IS_OVER = "Your session is over.";
const TOKEN_IS_OVER = "The hub no longer accepts this token.";

export const principal = signal<Principal | undefined>(undefined);
/** It is not known yet whether the session of before still stands. */
export const isResuming = signal(false);
/** Why one is back at the sign-in page. */
export const notice = signal("");

function begin(by: Credential, who: Principal): void {
  useCredential(by, refused);
  startLive(by, refused);
  notice.value = "";
  principal.value = who;
}

function refused(): void {
  forget(`${principal.value?.kind === "session" ? SESSION_IS_OVER : TOKEN_IS_OVER} Sign in again.`);
}

function forget(why: string): void {
  window.sessionStorage.removeItem(TOKEN_KEY);
  window.localStorage.removeItem(SESSION_KEY);
  useCredential(undefined);
  stopLive();
  notice.value = why;
  principal.value = undefined;
}

/** A session ends at the hub too; where the hub can't be reached, it ends there by its own clock, and that is said. */
export async function signOut(): Promise<void> {
  const isSession = principal.value?.kind === "session";
  forget("");
  if (!isSession) return;
  try {
    await deleteSession();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 401) notice.value = "The hub did not answer: the session in this browser ends after 30 minutes.";
  }
}

/** What to say of a request that was refused; `wrong` where the hub did not know who asked. */
function explain(error: unknown, wrong: string): string {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) return wrong;
  if (error.status === 0) return error.message;
  const fields = error.fields.map((field) => `${field.pointer.replace(/^#\//, "")} ${field.detail}`).join("; ");
  return fields === "" ? `${error.title}. ${error.message}` : `${error.title}: ${fields}.`;
}

const UNKNOWN_TOKEN = "The hub does not know this token. Check that all of it was copied, and that it belongs to this hub.";

/** Why this can't be a token, or undefined. */
function faultOfToken(token: string): string | undefined {
  if (token === "") return "Paste the token first.";
  if (!/^[\x21-\x7e]+$/.test(token)) return "A token is one word of letters, digits and signs. This has blanks or other characters in it.";
  return undefined;
}

/** Resolves to a message for the form, or to undefined when signed in. So do the other two. */
export async function signInByToken(pasted: string): Promise<string | undefined> {
  const token = pasted.trim();
  const fault = faultOfToken(token);
  if (fault !== undefined) return fault;
  const by: Credential = { kind: "token", token };
  try {
    const who = await whoIs(by);
    window.sessionStorage.setItem(TOKEN_KEY, token);
    begin(by, who);
  } catch (error) {
    return explain(error, UNKNOWN_TOKEN);
  }
  return undefined;
}

export async function signInByPassword(name: string, password: string): Promise<string | undefined> {
  if (name === "" || password === "") return "Enter your name and your password.";
  try {
    const who = await postSession(name, password);
    window.localStorage.setItem(SESSION_KEY, "yes");
    begin({ kind: "cookie" }, who);
  } catch (error) {
    return explain(error, "The name or the password is wrong.");
  }
  return undefined;
}

/** Makes the first administrator and signs in as them. */
export async function setUp(pasted: string, name: string, password: string): Promise<string | undefined> {
  const token = pasted.trim();
  const fault = faultOfToken(token);
  if (fault !== undefined) return fault;
  if (name === "" || password === "") return "Choose a name and a password.";
  try {
    await postSetup(token, name, password);
  } catch (error) {
    return explain(error, UNKNOWN_TOKEN);
  }
  return signInByPassword(name, password);
}

const RESUME_EVERY_MS = 2000;

/** Goes on after a reload of the page, or in another tab; a hub that does not answer is asked again. */
export async function resumeSession(): Promise<void> {
  const token = window.sessionStorage.getItem(TOKEN_KEY);
  if (token === null && window.localStorage.getItem(SESSION_KEY) === null) return;
  const by: Credential = token === null ? { kind: "cookie" } : { kind: "token", token };
  isResuming.value = true;
  try {
    begin(by, await whoIs(by));
    isResuming.value = false;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) {
      isResuming.value = false;
      forget(`${token === null ? SESSION_IS_OVER : TOKEN_IS_OVER} Sign in again.`);
    } else {
      notice.value = `${error.message} Trying again…`;
      window.setTimeout(() => void resumeSession(), RESUME_EVERY_MS);
    }
  }
}
