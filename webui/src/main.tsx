// SPDX-License-Identifier: LGPL-3.0-or-later
// Map of the page: api.ts talks REST, live.ts the socket, session.ts joins both under one credential, router.ts keeps place and
// filters in the address bar. screens/ has one file a screen, parts/ what they share; events, filter, rates, format and names
// are pure and tested without a browser.

import { render } from "preact";
import { App } from "./app.tsx";
import { startClock } from "./clockwork.ts";
import { startRouter } from "./router.ts";
import { resumeSession } from "./session.ts";
import { startTheme } from "./theme.ts";

startTheme();
startRouter();
startClock();
void resumeSession();

const root = document.getElementById("app");
if (root === null) throw new Error("the page has no place for the dashboard");
render(<App />, root);
