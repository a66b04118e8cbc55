// SPDX-License-Identifier: LGPL-3.0-or-later
// Channels at the left, the chosen one beside them.

import { useMemo } from "preact/hooks";
import type { JSX } from "preact";
import { getChannels, LIST_MOST, type ChannelRow, type Hub } from "../api.ts";
import { count, plural } from "../format.ts";
import { matches, words } from "../filter.ts";
import { IconLock } from "../parts/icons.tsx";
import { Name } from "../parts/name.tsx";
import { Freshness, Loading } from "../parts/problem.tsx";
import { Search } from "../parts/search.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource, type Resource } from "../resource.ts";
import { href, route, setQuery } from "../router.ts";
import { ChannelDetail } from "./channel.tsx";

/** The hub's own channels come after those that people made. */
function isSystem(channel: ChannelRow): boolean {
  return channel.name.startsWith("__comm_ipc_");
}

const HEAD: Column<ChannelRow> = {
  key: "name",
  title: "Channel",
  isHead: true,
  sort: (channel) => channel.name,
  render: (channel) => (
    <a href={href(["channels", channel.name], route.value.query)}>
      {channel.protected && (
        <span class="lock" title="Protected by a password">
          <IconLock />
          <span class="unseen">Protected: </span>
        </span>
      )}
      <Name value={channel.name} />
    </a>
  ),
};

const COLUMNS: readonly Column<ChannelRow>[] = [
  HEAD,
  { key: "owner", title: "Owner", sort: (channel) => channel.owner ?? "", render: (channel) => <Name value={channel.owner} />, width: "wide" },
  { key: "members", title: "Members", isNumber: true, sort: (channel) => channel.n_members, render: (channel) => count(channel.n_members) },
  { key: "events", title: "Events", isNumber: true, sort: (channel) => channel.n_events, render: (channel) => count(channel.n_events) },
  { key: "topics", title: "Topics", isNumber: true, sort: (channel) => channel.n_topics, render: (channel) => count(channel.n_topics) },
];

const NARROW: readonly Column<ChannelRow>[] = COLUMNS.filter((column) => column.key === "name" || column.key === "members");

export function ChannelsScreen({ hub }: { readonly hub: Resource<Hub> }): JSX.Element {
  const channels = useResource("channels", getChannels, 3000);
  const listing = channels.data.value;
  const query = route.value.query;
  const text = query.get("q") ?? "";
  const chosen = route.value.path[1];
  const shown = useMemo(() => {
    const wanted = words(text);
    return (listing?.items ?? [])
      .filter((channel) => matches(`${channel.name} ${channel.owner ?? ""}`.toLowerCase(), wanted))
      .sort((a, b) => Number(isSystem(a)) - Number(isSystem(b)) || (a.name < b.name ? -1 : 1));
  }, [listing, text]);
  const all = listing?.items.length ?? 0;
  const total = hub.data.value?.counts["channels"];
  return (
    <>
      <div class="head">
        <h1>Channels</h1>
        <p class="tally" role="status">
          {listing === undefined ? "" : text === "" ? plural(all, "channel") : `${count(shown.length)} of ${plural(all, "channel")}`}
          {listing?.isWhole === false &&
            ` — only the first ${count(LIST_MOST)}${total === undefined ? "" : ` of ${count(total)}`} were read`}
        </p>
        <Search label="Filter by name or owner" />
      </div>
      <Freshness of={channels} />
      <Loading of={channels} />
      <div class={chosen === undefined ? "split" : "split open wide-detail"}>
        {listing !== undefined && (
          <Table
            caption="Channels"
            columns={chosen === undefined ? COLUMNS : NARROW}
            rows={shown}
            rowKey={(channel) => channel.name}
            isSelected={(channel) => channel.name === chosen}
            sort={query.get("sort")}
            onSort={(sort) => setQuery({ sort })}
            empty={
              all === 0 ? (
                <>
                  <h2>No channels yet</h2>
                  <p>A channel comes to be when the first client opens it.</p>
                </>
              ) : (
                <p>No channel matches this filter.</p>
              )
            }
          />
        )}
        {chosen !== undefined && <ChannelDetail key={chosen} name={chosen} />}
      </div>
    </>
  );
}
