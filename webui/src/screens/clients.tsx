// SPDX-License-Identifier: LGPL-3.0-or-later
// Who is connected, and what waits for each of them.

import { useMemo } from "preact/hooks";
import type { JSX } from "preact";
import { getClients, LIST_MOST, type Client, type Hub, type Listing } from "../api.ts";
import { now } from "../clockwork.ts";
import { ago, bytes, count, dateTime, instant, plural } from "../format.ts";
import { matches, words } from "../filter.ts";
import { IconClose } from "../parts/icons.tsx";
import { Name } from "../parts/name.tsx";
import { Freshness, Loading } from "../parts/problem.tsx";
import { Search } from "../parts/search.tsx";
import { Tag } from "../parts/state.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource, type Resource } from "../resource.ts";
import { href, route, setQuery } from "../router.ts";

function channelsOf(client: Client): JSX.Element {
  const names = client.channels ?? [];
  if (names.length === 0) return <span class="none">none</span>;
  return (
    <span class="names">
      {names.slice(0, 3).map((name) => (
        <a href={href(["channels", name])}>
          <Name value={name} />
        </a>
      ))}
      {client.n_channels > 3 && <a href={href(["clients", client.id], route.value.query)}>+{count(client.n_channels - 3)}</a>}
    </span>
  );
}

const COLUMNS: readonly Column<Client>[] = [
  {
    key: "id",
    title: "Client",
    isHead: true,
    sort: (client) => client.id,
    render: (client) => (
      <a href={href(["clients", client.id], route.value.query)}>
        <Name value={client.id} />
      </a>
    ),
  },
  { key: "mode", title: "Mode", sort: (client) => client.mode, render: (client) => <Tag>{client.mode}</Tag> },
  { key: "address", title: "Address", sort: (client) => client.address, render: (client) => <Name value={client.address} />, width: "middle", isExtra: true },
  {
    key: "since",
    title: "Connected",
    sort: (client) => -instant(client.since),
    render: (client) => <time title={dateTime(instant(client.since))}>{ago(instant(client.since), now.value)}</time>,
  },
  { key: "channels", title: "Channels", sort: (client) => client.n_channels, render: channelsOf, width: "wide" },
  { key: "in", title: "Sent", isNumber: true, sort: (client) => client.messages_in, render: (client) => count(client.messages_in) },
  { key: "out", title: "Received", isNumber: true, sort: (client) => client.messages_out, render: (client) => count(client.messages_out) },
  { key: "queue", title: "Queue", isNumber: true, sort: (client) => client.queued_bytes, render: (client) => bytes(client.queued_bytes) },
];

/** What is left of the table beside the detail of one client. */
const NARROW = COLUMNS.filter((column) => ["id", "since", "queue"].includes(column.key));

export function ClientsScreen({ hub }: { readonly hub: Resource<Hub> }): JSX.Element {
  const clients = useResource("clients", getClients, 3000);
  const listing: Listing<Client> | undefined = clients.data.value;
  const query = route.value.query;
  const text = query.get("q") ?? "";
  const chosen = route.value.path[1];
  const shown = useMemo(() => {
    const wanted = words(text);
    return (listing?.items ?? []).filter((client) =>
      matches(`${client.id} ${client.mode} ${client.address} ${(client.channels ?? []).join(" ")}`.toLowerCase(), wanted),
    );
  }, [listing, text]);
  const all = listing?.items.length ?? 0;
  const total = hub.data.value?.counts["clients"];
  return (
    <>
      <div class="head">
        <h1>Clients</h1>
        <p class="tally" role="status">
          {listing === undefined ? "" : text === "" ? plural(all, "client") : `${count(shown.length)} of ${plural(all, "client")}`}
          {listing?.isWhole === false &&
            ` — only the first ${count(LIST_MOST)}${total === undefined ? "" : ` of ${count(total)}`} were read`}
        </p>
        <Search label="Filter by id, mode, address, channel" />
      </div>
      <Freshness of={clients} />
      <Loading of={clients} />
      <div class={chosen === undefined ? "split" : "split open"}>
        {listing !== undefined && (
          <Table
            caption="Connected clients"
            columns={chosen === undefined ? COLUMNS : NARROW}
            rows={shown}
            rowKey={(client) => client.id}
            isSelected={(client) => client.id === chosen}
            sort={query.get("sort")}
            onSort={(sort) => setQuery({ sort })}
            empty={
              all === 0 ? (
                <>
                  <h2>No clients yet</h2>
                  <p>They show up here as soon as they identify themselves.</p>
                </>
              ) : (
                <p>No client matches this filter.</p>
              )
            }
          />
        )}
        {chosen !== undefined && listing !== undefined && (
          <Detail id={chosen} client={listing.items.find((client) => client.id === chosen)} />
        )}
      </div>
    </>
  );
}

function Detail({ id, client }: { readonly id: string; readonly client: Client | undefined }): JSX.Element {
  return (
    <aside class="detail" aria-label="Client">
      <header>
        <h2>
          <Name value={id} whole />
        </h2>
        <a class="plain" aria-label="Close" href={href(["clients"], route.value.query)}>
          <IconClose />
        </a>
      </header>
      {client === undefined ? (
        <p>This client is not connected, or not among those that were read.</p>
      ) : (
        <>
          <dl class="ledger">
            <div>
              <dt>Mode</dt>
              <dd>
                <Tag>{client.mode}</Tag>
              </dd>
            </div>
            <div>
              <dt>Address</dt>
              <dd>
                <Name value={client.address} whole />
              </dd>
            </div>
            <div>
              <dt>Connected</dt>
              <dd>{dateTime(instant(client.since))}</dd>
            </div>
            <div>
              <dt>Messages sent</dt>
              <dd>{count(client.messages_in)}</dd>
            </div>
            <div>
              <dt>Messages received</dt>
              <dd>{count(client.messages_out)}</dd>
            </div>
            <div>
              <dt>Waiting in its queue</dt>
              <dd>{bytes(client.queued_bytes)}</dd>
            </div>
          </dl>
          <h3>{plural(client.n_channels, "channel")}</h3>
          {client.n_channels > (client.channels ?? []).length && <p>The first {count(client.channels.length)} are shown.</p>}
          <ul class="plain-list">
            {(client.channels ?? []).map((name) => (
              <li>
                <a href={href(["channels", name])}>
                  <Name value={name} whole />
                </a>
              </li>
            ))}
          </ul>
          <p>
            <a href={href(["live"], { q: client.id })}>Records about this client</a>
          </p>
        </>
      )}
    </aside>
  );
}
