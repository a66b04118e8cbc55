// SPDX-License-Identifier: LGPL-3.0-or-later
// The filter box of a list; what is typed stands in the address bar.

import type { JSX } from "preact";
import { route, setQuery } from "../router.ts";
import { IconSearch } from "./icons.tsx";

export function Search({ label, name = "q" }: { readonly label: string; readonly name?: string }): JSX.Element {
  return (
    <label class="search">
      <IconSearch />
      <span class="unseen">{label}</span>
      <input
        type="search"
        placeholder={label}
        value={route.value.query.get(name) ?? ""}
        onInput={(event) => setQuery({ [name]: event.currentTarget.value })}
        spellcheck={false}
        autocomplete="off"
      />
    </label>
  );
}
