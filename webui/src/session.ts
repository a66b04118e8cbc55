// SPDX-License-Identifier: LGPL-3.0-or-later
// Who is signed in. The token lives in this tab's sessionStorage only: closing the tab forgets it.

import { signal } from "@preact/signals";
import { checkToken, Problem, useToken } from "./api.ts";
import { startLive, stopLive } from "./live.ts";

const KEY = "commhub.token";

export const isSignedIn = signal(false);
/** Why one is back at the sign-in page. */
export const notice = signal("");

function begin(token: string): void {
  useToken(token, refused);
  startLive(token, refused);
  notice.value = "";
  isSignedIn.value = true;
}

function refused(): void {
  signOut("The hub no longer accepts this token. Sign in again.");
}

export function signOut(why = ""): void {
  window.sessionStorage.removeItem(KEY);
  useToken(undefined);
  stopLive();
  notice.value = why;
  isSignedIn.value = false;
}

/** Resolves to a message for the form, or to undefined when signed in. */
export async function signIn(pasted: string): Promise<string | undefined> {
  const token = pasted.trim();
  if (token === "") return "Paste the token first.";
  if (!/^[\x21-\x7e]+$/.test(token)) return "A token is one word of letters, digits and signs. This has blanks or other characters in it.";
  try {
    await checkToken(token);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401 || error.status === 403) {
      return "The hub does not know this token. Check that all of it was copied, and that it belongs to this hub.";
    }
    return error.status === 0 ? error.message : `${error.title}. ${error.message}`;
  }
  window.sessionStorage.setItem(KEY, token);
  begin(token);
  return undefined;
}

/** Goes on after a reload of the page. */
export function resumeSession(): void {
  const token = window.sessionStorage.getItem(KEY);
  if (token !== null) begin(token);
}
