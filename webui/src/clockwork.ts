// SPDX-License-Identifier: LGPL-3.0-or-later
// The present, once a second, for everything that says how long ago.

import { signal } from "@preact/signals";

export const now = signal(Date.now());

export function startClock(): void {
  window.setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, 1000);
}
