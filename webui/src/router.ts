// SPDX-License-Identifier: LGPL-3.0-or-later
// The address bar is the page's only memory of where one is: "#/channels/jobs?q=mail" is a screen, a selection, a filter.

import { signal } from "@preact/signals";
import { encodeName } from "./names.ts";

export interface Route {
  readonly path: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = new Map<string, string>();
  for (const pair of mark < 0 ? [] : text.slice(mark + 1).split("&")) {
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    if (name !== "") query.set(name, equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
  return { path: path.split("/").filter((part) => part !== "").map(decoded), query };
}

export type QueryPatch = Readonly<Record<string, string | undefined>>;

export function href(path: readonly string[], query: QueryPatch | ReadonlyMap<string, string> = {}): string {
  const entries = query instanceof Map ? [...query] : Object.entries(query as QueryPatch);
  const pairs = entries
    .filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "")
    .map(([name, value]) => `${encodeName(name)}=${encodeName(value)}`);
  return `#/${path.map(encodeName).join("/")}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
}

export const route = signal<Route>({ path: [], query: new Map() });

function read(): void {
  route.value = parseRoute(window.location.hash);
}

export function startRouter(): void {
  window.addEventListener("hashchange", read);
  read();
}

export function navigate(to: string): void {
  window.location.hash = to;
}

/** Changes parts of the query in place: a filter is not a step to go back over. */
export function setQuery(patch: QueryPatch): void {
  const query = new Map(route.value.query);
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  window.history.replaceState(null, "", href(route.value.path, query));
  read();
}
