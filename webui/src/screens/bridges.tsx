// SPDX-License-Identifier: LGPL-3.0-or-later
// Bridges are what the operator wishes for, links what there is: both on one screen.

import { useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import {
  bridgeInputOf,
  deleteBridge,
  getBridges,
  getLinks,
  Problem,
  putBridge,
  type Bridge,
  type Link,
  type Listing,
} from "../api.ts";
import { now } from "../clockwork.ts";
import { ago, bytes, compact, count, dateTime, instant, latency, plural } from "../format.ts";
import { matches, words } from "../filter.ts";
import { Confirm } from "../parts/dialog.tsx";
import { IconClose, IconEdit, IconPause, IconPlay, IconPlus, IconTrash } from "../parts/icons.tsx";
import { Name } from "../parts/name.tsx";
import { Freshness, Loading, ProblemBox } from "../parts/problem.tsx";
import { Search } from "../parts/search.tsx";
import { State, Tag } from "../parts/state.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { rate, type Sample } from "../rates.ts";
import { useResource } from "../resource.ts";
import { href, navigate, route, setQuery } from "../router.ts";
import { BridgeEditor } from "./bridge_editor.tsx";

function Since({ at }: { readonly at: string | number | null }): JSX.Element {
  return <time title={dateTime(instant(at))}>{ago(instant(at), now.value)}</time>;
}

const BRIDGES: readonly Column<Bridge>[] = [
  {
    key: "name",
    title: "Bridge",
    isHead: true,
    sort: (bridge) => bridge.name,
    render: (bridge) => (
      <a href={href(["bridges", bridge.name], route.value.query)}>
        <Name value={bridge.name} />
      </a>
    ),
  },
  { key: "state", title: "State", sort: (bridge) => bridge.state, render: (bridge) => <State state={bridge.state} /> },
  { key: "since", title: "Since", sort: (bridge) => -instant(bridge.state_since), render: (bridge) => <Since at={bridge.state_since} /> },
  { key: "address", title: "Address", sort: (bridge) => bridge.address, render: (bridge) => <Name value={bridge.address} />, width: "middle" },
  { key: "peer", title: "Other hub", sort: (bridge) => bridge.peer?.server_id ?? "", render: (bridge) => <Name value={bridge.peer?.server_id} />, width: "middle" },
  {
    key: "error",
    title: "Reason",
    width: "wide",
    render: (bridge) => <Name value={bridge.last_error ?? bridge.reason} prose />,
  },
];

interface Flow {
  readonly link: Link;
  readonly messagesIn: number | undefined;
  readonly messagesOut: number | undefined;
  readonly bytesIn: number | undefined;
  readonly bytesOut: number | undefined;
}

function keyOf(link: Link): string {
  return JSON.stringify([link.bridge, link.direction, link.hub_id, link.address]);
}

function perSecond(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? "–" : `${format(value)}/s`;
}

const LINKS: readonly Column<Flow>[] = [
  {
    key: "hub",
    title: "Hub",
    isHead: true,
    sort: ({ link }) => link.server_id ?? "",
    render: ({ link }) => (
      <span class="with-tag">
        <Name value={link.server_id ?? link.hub_id} />
      </span>
    ),
  },
  {
    key: "direction",
    title: "Direction",
    sort: ({ link }) => link.direction,
    render: ({ link }) => (link.direction === "out" ? "→ out" : "← in"),
  },
  { key: "state", title: "State", sort: ({ link }) => link.state, render: ({ link }) => <State state={link.state} /> },
  { key: "since", title: "Since", sort: ({ link }) => -instant(link.since), render: ({ link }) => <Since at={link.since} />, isExtra: true },
  {
    key: "bridge",
    title: "Bridge",
    width: "middle",
    sort: ({ link }) => link.bridge ?? "",
    render: ({ link }) =>
      link.bridge === null ? (
        <span class="none">theirs</span>
      ) : (
        <a href={href(["bridges", link.bridge])}>
          <Name value={link.bridge} />
        </a>
      ),
  },
  { key: "rtt", title: "Round trip", isNumber: true, sort: ({ link }) => link.rtt_ms ?? -1, render: ({ link }) => latency(link.rtt_ms) },
  { key: "queue", title: "Queue", isNumber: true, sort: ({ link }) => link.queued_bytes, render: ({ link }) => bytes(link.queued_bytes) },
  {
    key: "messages",
    title: "Messages in / out",
    isNumber: true,
    isPair: true,
    sort: (flow) => (flow.messagesIn ?? 0) + (flow.messagesOut ?? 0),
    render: (flow) => `${perSecond(flow.messagesIn, compact)} / ${perSecond(flow.messagesOut, compact)}`,
  },
  {
    key: "bytes",
    title: "Bytes in / out",
    isNumber: true,
    isPair: true,
    sort: (flow) => (flow.bytesIn ?? 0) + (flow.bytesOut ?? 0),
    render: (flow) => `${perSecond(flow.bytesIn, bytes)} / ${perSecond(flow.bytesOut, bytes)}`,
  },
];

/** Rates of links come from two readings of the list; a link that was not in the former one has none yet. */
function useFlows(listing: Listing<Link> | undefined, readAt: number): readonly Flow[] {
  const memory = useRef<{ readAt: number; samples: ReadonlyMap<string, Sample>; flows: readonly Flow[] }>({
    readAt: 0,
    samples: new Map(),
    flows: [],
  });
  if (listing !== undefined && readAt !== memory.current.readAt) {
    const samples = new Map<string, Sample>();
    const flows = listing.items.map((link): Flow => {
      const { messages_in, messages_out, bytes_in, bytes_out } = link;
      const sample: Sample = { time: readAt, data: { messages_in, messages_out, bytes_in, bytes_out } };
      const before = memory.current.samples.get(keyOf(link));
      samples.set(keyOf(link), sample);
      return {
        link,
        messagesIn: rate(before, sample, "messages_in"),
        messagesOut: rate(before, sample, "messages_out"),
        bytesIn: rate(before, sample, "bytes_in"),
        bytesOut: rate(before, sample, "bytes_out"),
      };
    });
    memory.current = { readAt, samples, flows };
  }
  return memory.current.flows;
}

export function BridgesScreen(): JSX.Element {
  const bridges = useResource("bridges", getBridges, 3000);
  const links = useResource("links", getLinks, 3000);
  const listing = bridges.data.value;
  const flows = useFlows(links.data.value, links.readAt.value);
  const query = route.value.query;
  const text = query.get("q") ?? "";
  const chosen = route.value.path[1];
  const wanted = words(text);
  const shown = (listing?.items ?? []).filter((bridge) =>
    matches(`${bridge.name} ${bridge.state} ${bridge.address} ${bridge.peer?.server_id ?? ""} ${bridge.last_error ?? ""}`.toLowerCase(), wanted),
  );
  const shownFlows = flows.filter(({ link }) =>
    matches(`${link.bridge ?? ""} ${link.server_id ?? ""} ${link.hub_id ?? ""} ${link.state} ${link.address}`.toLowerCase(), wanted),
  );
  const all = listing?.items.length ?? 0;
  const bridge = listing?.items.find((one) => one.name === chosen);
  const isNew = query.has("new");
  const isEdit = query.has("edit") && bridge !== undefined;
  const here = chosen === undefined ? ["bridges"] : ["bridges", chosen];
  const closeEditor = (): void => setQuery({ new: undefined, edit: undefined });
  return (
    <>
      <div class="head">
        <h1>Bridges</h1>
        <p class="tally" role="status">
          {listing === undefined ? "" : text === "" ? plural(all, "bridge") : `${count(shown.length)} of ${plural(all, "bridge")}`}
        </p>
        <Search label="Filter by name, state, address, hub" />
        <a class="button primary" href={href(here, { ...Object.fromEntries(query), new: "1", edit: undefined })}>
          <IconPlus /> New bridge
        </a>
      </div>
      <Freshness of={bridges} />
      <Loading of={bridges} />
      <div class={chosen === undefined ? "split" : "split open"}>
        {listing !== undefined && (
          <Table
            caption="Bridges"
            columns={chosen === undefined ? BRIDGES : BRIDGES.slice(0, 3)}
            rows={shown}
            rowKey={(row) => row.name}
            isSelected={(row) => row.name === chosen}
            sort={query.get("sort")}
            onSort={(sort) => setQuery({ sort })}
            empty={
              all === 0 ? (
                <>
                  <h2>No bridges yet</h2>
                  <p>A bridge joins this hub to another one: their channels, calls and topics then work as if on one hub.</p>
                </>
              ) : (
                <p>No bridge matches this filter.</p>
              )
            }
          />
        )}
        {chosen !== undefined && listing !== undefined && (
          <Detail key={chosen} name={chosen} bridge={bridge} refresh={bridges.refresh} />
        )}
      </div>
      <h2 class="section">
        Links <span class="tally">{links.data.value === undefined ? "" : plural(shownFlows.length, "link")}</span>
      </h2>
      <Freshness of={links} />
      <Loading of={links} />
      {links.data.value !== undefined && (
        <Table
          caption="Links to other hubs"
          columns={LINKS}
          rows={shownFlows}
          rowKey={({ link }) => keyOf(link)}
          sort={query.get("links")}
          onSort={(sort) => setQuery({ links: sort })}
          empty={<p>This hub is linked to no other hub{text === "" ? "" : " that matches this filter"}.</p>}
        />
      )}
      {listing !== undefined && (isNew || isEdit) && (
        <BridgeEditor
          bridge={isNew ? undefined : bridge}
          taken={listing.items.map((one) => one.name)}
          onClose={closeEditor}
          onSaved={(name) => {
            bridges.refresh();
            navigate(href(["bridges", name], { ...Object.fromEntries(query), new: undefined, edit: undefined }));
          }}
        />
      )}
    </>
  );
}

function Patterns({ of, none }: { readonly of: readonly string[]; readonly none: string }): JSX.Element {
  if (of.length === 0) return <span class="none">{none}</span>;
  return (
    <span class="names">
      {of.map((pattern) => (
        <Name value={pattern} />
      ))}
    </span>
  );
}

function Detail({ name, bridge, refresh }: { readonly name: string; readonly bridge: Bridge | undefined; readonly refresh: () => void }): JSX.Element {
  const isAsking = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const query = Object.fromEntries(route.value.query);
  const setPaused = async (of: Bridge, paused: boolean): Promise<void> => {
    problem.value = undefined;
    try {
      await putBridge(of.name, { ...bridgeInputOf(of), paused });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    }
    refresh();
  };
  return (
    <aside class="detail" aria-label="Bridge">
      <header>
        <h2>
          <Name value={name} whole />
        </h2>
        <a class="plain" aria-label="Close" href={href(["bridges"], query)}>
          <IconClose />
        </a>
      </header>
      {bridge === undefined ? (
        <p>There is no bridge of this name.</p>
      ) : (
        <>
          <p class="actions">
            <a class="button quiet" href={href(["bridges", name], { ...query, edit: "1", new: undefined })}>
              <IconEdit /> Change
            </a>
            <button type="button" class="quiet" onClick={() => void setPaused(bridge, !bridge.paused)}>
              {bridge.paused ? <IconPlay /> : <IconPause />} {bridge.paused ? "Resume" : "Pause"}
            </button>
            <button type="button" class="quiet" onClick={() => (isAsking.value = true)}>
              <IconTrash /> Delete…
            </button>
          </p>
          <ProblemBox problem={problem.value} />
          <dl class="ledger">
            <div>
              <dt>State</dt>
              <dd>
                <State state={bridge.state} /> <Since at={bridge.state_since} />
              </dd>
            </div>
            {bridge.reason !== null && bridge.reason !== "" && (
              <div>
                <dt>Reason</dt>
                <dd>
                  <Name value={bridge.reason} prose whole />
                </dd>
              </div>
            )}
            {bridge.last_error !== null && bridge.last_error !== "" && (
              <div>
                <dt>Last error</dt>
                <dd>
                  <Name value={bridge.last_error} prose whole />
                </dd>
              </div>
            )}
            <div>
              <dt>Address</dt>
              <dd>
                <Name value={bridge.address} whole />
              </dd>
            </div>
            <div>
              <dt>Other hub</dt>
              <dd>{bridge.peer === null ? <span class="none">not known yet</span> : <Name value={bridge.peer.server_id} whole />}</dd>
            </div>
            {bridge.peer !== null && (
              <div>
                <dt>Its hub id</dt>
                <dd>
                  <Name value={bridge.peer.hub_id} whole />
                </dd>
              </div>
            )}
            <div>
              <dt>Secret</dt>
              <dd>{bridge.secret_set ? <Tag>stored</Tag> : <span class="none">none</span>}</dd>
            </div>
            <div>
              <dt>Channels that pass</dt>
              <dd>
                <Patterns of={bridge.channels.allow} none="all" />
              </dd>
            </div>
            <div>
              <dt>Channels that do not</dt>
              <dd>
                <Patterns of={bridge.channels.deny} none="none" />
              </dd>
            </div>
            <div>
              <dt>Cost</dt>
              <dd>{count(bridge.cost)}</dd>
            </div>
            {bridge.tls !== null && (
              <>
                <div>
                  <dt>CA file</dt>
                  <dd>
                    <Name value={bridge.tls.ca_file ?? null} whole />
                  </dd>
                </div>
                <div>
                  <dt>Server name</dt>
                  <dd>
                    <Name value={bridge.tls.server_name ?? null} whole />
                  </dd>
                </div>
              </>
            )}
          </dl>
          {isAsking.value && (
            <Confirm
              title="Delete this bridge?"
              action="Delete bridge"
              onAction={async () => {
                await deleteBridge(bridge.name);
                refresh();
                navigate(href(["bridges"], query));
              }}
              onClose={() => (isAsking.value = false)}
            >
              <p>
                <Name value={bridge.name} whole /> and its stored secret are gone for good. What only it connects can no longer be reached.
              </p>
            </Confirm>
          )}
        </>
      )}
    </aside>
  );
}
