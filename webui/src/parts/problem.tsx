// SPDX-License-Identifier: LGPL-3.0-or-later
// What went wrong, in the hub's words.

import type { JSX } from "preact";
import type { Problem } from "../api.ts";
import { clock } from "../format.ts";
import type { Resource } from "../resource.ts";
import { Name } from "./name.tsx";
import { Shape } from "./state.tsx";

export function ProblemBox({ problem }: { readonly problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  return (
    <div class="problem" role="alert">
      <Shape tone="bad" />
      <div>
        <strong>
          <Name value={problem.title} prose whole />
        </strong>
        {problem.message !== problem.title && (
          <p>
            <Name value={problem.message} prose whole />
          </p>
        )}
        {problem.requestId !== undefined && (
          <p class="small">
            Request <Name value={problem.requestId} />
          </p>
        )}
      </div>
    </div>
  );
}

/** The line above something that is kept fresh: nothing while all is well. */
export function Freshness({ of }: { readonly of: Resource<unknown> }): JSX.Element | null {
  const problem = of.problem.value;
  if (problem === undefined) return null;
  if (of.data.value === undefined) return <ProblemBox problem={problem} />;
  return (
    <p class="stale" role="status">
      <Shape tone="warn" /> Not refreshed: <Name value={problem.message} prose whole /> Shown as of {clock(of.readAt.value).slice(0, 8)}.
    </p>
  );
}

export function Loading({ of }: { readonly of: Resource<unknown> }): JSX.Element | null {
  if (of.data.value !== undefined || of.problem.value !== undefined) return null;
  return (
    <p class="empty" role="status">
      Reading…
    </p>
  );
}
