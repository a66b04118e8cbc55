// SPDX-License-Identifier: LGPL-3.0-or-later
// Light, dark, or as the system says. The choice outlives the tab; colours themselves are the style sheet's.

import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "commhub.theme";

export const theme = signal<Theme>("system");

function apply(choice: Theme): void {
  theme.value = choice;
  if (choice === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = choice;
}

export function startTheme(): void {
  let stored: string | null = null;
  try {
    stored = window.localStorage.getItem(KEY);
  } catch {
    // A browser that forbids storage has the system's theme.
  }
  apply(stored === "light" || stored === "dark" ? stored : "system");
}

export function chooseTheme(choice: Theme): void {
  apply(choice);
  try {
    window.localStorage.setItem(KEY, choice);
  } catch {
    // It holds for this page at least.
  }
}
