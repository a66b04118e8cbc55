// SPDX-License-Identifier: LGPL-3.0-or-later
// One channel: who is in it, what it offers, who may enter.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { deletePassword, getChannel, Problem, putPassword, type Channel, type ChannelEvent, type Member, type Topic } from "../api.ts";
import { count, plural } from "../format.ts";
import { plainName, shorten } from "../names.ts";
import { Confirm, Dialog } from "../parts/dialog.tsx";
import { IconClose, IconLock } from "../parts/icons.tsx";
import { Lines, Name, Path } from "../parts/name.tsx";
import { PasswordField } from "../parts/password_field.tsx";
import { Freshness, Loading, ProblemBox } from "../parts/problem.tsx";
import { Tag } from "../parts/state.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { useResource } from "../resource.ts";
import { href, route } from "../router.ts";

interface Place {
  readonly member: Member;
  readonly place: number;
}

export function ChannelDetail({ name }: { readonly name: string }): JSX.Element {
  const channel = useResource(`channel ${name}`, (signal) => getChannel(name, signal), 3000);
  const data = channel.data.value;
  const isGone = channel.problem.value?.status === 404;
  return (
    <aside class="detail" aria-label="Channel">
      <header>
        <h2>
          <Name value={name} whole />
        </h2>
        <a class="plain" aria-label="Close" href={href(["channels"], route.value.query)}>
          <IconClose />
        </a>
      </header>
      {isGone ? (
        <p class="empty">This channel is not there (any more): a channel ends with its last member.</p>
      ) : (
        <>
          <Freshness of={channel} />
          <Loading of={channel} />
          {data !== undefined && <Body channel={data} refresh={channel.refresh} />}
        </>
      )}
    </aside>
  );
}

function Body({ channel, refresh }: { readonly channel: Channel; readonly refresh: () => void }): JSX.Element {
  const members: Place[] = (channel.members ?? []).map((member, i) => ({ member, place: i + 1 }));
  return (
    <>
      <Protection channel={channel} refresh={refresh} />
      <h3>{plural(channel.n_members, "member")}, in the order they joined</h3>
      <Rest of={channel.n_members} shown={members.length} />
      <Table
        caption="Members"
        columns={memberColumns(channel)}
        rows={members}
        cap={25}
        rowKey={(row) => `${row.place} ${row.member.id}`}
        empty={<p>Nobody is in this channel.</p>}
      />
      <h3>{plural(channel.n_events, "event")}</h3>
      <Rest of={channel.n_events} shown={(channel.events ?? []).length} />
      {(channel.events ?? []).length === 0 ? (
        <div class="empty">
          <p>Nobody provides anything here.</p>
        </div>
      ) : (
        <ul class="events">
          {channel.events.map((event) => (
            <Event key={event.name} event={event} />
          ))}
        </ul>
      )}
      <h3>{plural(channel.n_topics, "topic")}</h3>
      <Rest of={channel.n_topics} shown={(channel.topics ?? []).length} />
      <Table
        caption="Topics"
        columns={TOPICS}
        rows={channel.topics ?? []}
        rowKey={(topic) => topic.name}
        empty={<p>No topic is declared here.</p>}
      />
    </>
  );
}

/** Of a long list the hub tells the first ones here. */
function Rest({ of, shown }: { readonly of: number; readonly shown: number }): JSX.Element | null {
  return of > shown ? <p>The first {count(shown)} are shown.</p> : null;
}

function memberColumns(channel: Channel): readonly Column<Place>[] {
  return [
    { key: "place", title: "#", isNumber: true, render: (row) => row.place },
    {
      key: "id",
      title: "Member",
      isHead: true,
      render: ({ member }) => (
        <span class="with-tag">
          {member.is_local ? (
            <a href={href(["clients", member.id])}>
              <Name value={member.id} />
            </a>
          ) : (
            <Name value={member.id} />
          )}
          {member.id === channel.owner && <Tag tone="accent">owner</Tag>}
        </span>
      ),
    },
    { key: "mode", title: "Mode", render: ({ member }) => <Tag>{member.mode}</Tag> },
    {
      key: "path",
      title: "Reached",
      width: "wide",
      render: ({ member }) =>
        member.is_local && (member.path ?? []).length === 0 ? (
          "on this hub"
        ) : (
          <span class="with-tag">
            {member.is_local ? "on this hub" : (member.path ?? []).length > 0 && "through"}
            <Path hubs={member.path ?? []} />
          </span>
        ),
    },
  ];
}

const TOPICS: readonly Column<Topic>[] = [
  { key: "name", title: "Topic", isHead: true, render: (topic) => <Name value={topic.name} /> },
  { key: "owner", title: "Owner", render: (topic) => <Name value={topic.owner} />, width: "wide" },
  {
    key: "subscribers",
    title: "Subscribers",
    isNumber: true,
    render: (topic) => count(typeof topic.subscribers === "number" ? topic.subscribers : topic.subscribers?.length),
  },
];

function hasSchema(schema: unknown): boolean {
  return schema !== null && schema !== undefined && !(typeof schema === "object" && Object.keys(schema).length === 0);
}

function Event({ event }: { readonly event: ChannelEvent }): JSX.Element {
  const providers = event.providers ?? [];
  const schemas = [
    { title: "Takes", schema: event.param_schema },
    { title: "Returns", schema: event.return_schema },
  ].filter((one) => hasSchema(one.schema));
  return (
    <li>
      <p class="event-head">
        <Name value={event.name} />
        {event.is_group && <Tag>group</Tag>}
        {event.is_stream && <Tag>stream</Tag>}
      </p>
      <p class="small names">
        <span>{providers.length === 1 ? "Provider" : `${count(providers.length)} providers`}</span>
        {providers.length === 0 ? (
          <span class="none">none</span>
        ) : (
          providers.slice(0, 12).map((provider) => <Name value={provider} />)
        )}
        {providers.length > 12 && <span>and {count(providers.length - 12)} more</span>}
      </p>
      {schemas.map(({ title, schema }) => (
        <details>
          <summary>{title}</summary>
          <pre tabIndex={0}>
            <Lines text={JSON.stringify(schema, null, 2)} />
          </pre>
        </details>
      ))}
    </li>
  );
}

const ORIGINS: Readonly<Record<string, string>> = {
  client: "by a client",
  operator: "by an operator",
  configuration: "by the hub's configuration",
};

function Protection({ channel, refresh }: { readonly channel: Channel; readonly refresh: () => void }): JSX.Element {
  const open = useSignal<"" | "set" | "remove">("");
  const isPinned = channel.password_origin === "configuration";
  const origin = channel.password_origin === null ? "" : (ORIGINS[channel.password_origin] ?? "");
  return (
    <div class={channel.protected ? "protection on" : "protection"}>
      <p>
        {channel.protected ? (
          <>
            <IconLock /> <strong>Protected</strong> by a password{origin === "" ? "" : `, set ${origin}`}.
          </>
        ) : (
          <>Open to every client of the mesh: no password is set.</>
        )}
      </p>
      {isPinned ? (
        <p class="small">It can be changed there only.</p>
      ) : (
        <p class="actions">
          <button type="button" class="quiet" onClick={() => (open.value = "set")}>
            {channel.protected ? "Change password…" : "Set password…"}
          </button>
          {channel.protected && (
            <button type="button" class="quiet" onClick={() => (open.value = "remove")}>
              Remove password…
            </button>
          )}
        </p>
      )}
      {open.value === "set" && (
        <PasswordDialog
          channel={channel.name}
          onClose={() => {
            open.value = "";
            refresh();
          }}
        />
      )}
      {open.value === "remove" && (
        <Confirm
          title="Remove the password?"
          action="Remove password"
          onAction={() => deletePassword(channel.name)}
          onClose={() => {
            open.value = "";
            refresh();
          }}
        >
          <p>
            Every client of the mesh may then enter <Name value={channel.name} whole />.
          </p>
        </Confirm>
      )}
    </div>
  );
}

function PasswordDialog({ channel, onClose }: { readonly channel: string; readonly onClose: () => void }): JSX.Element {
  const password = useSignal("");
  const error = useSignal("");
  const problem = useSignal<Problem | undefined>(undefined);
  const isBusy = useSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isBusy.value) return;
    error.value = "";
    problem.value = undefined;
    if (password.value === "") {
      error.value = "Write a password.";
      document.getElementById("channel-password")?.focus();
      return;
    }
    isBusy.value = true;
    try {
      await putPassword(channel, password.value);
      onClose();
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure;
      const own = failure.fields[0];
      if (own === undefined) problem.value = failure;
      else error.value = own.detail;
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <Dialog title={`Password of ${shorten(plainName(channel), 40)}`} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <div class="dialog-body">
          <p>Members that are in the channel now are put out and must come back with the new password.</p>
          <PasswordField
            id="channel-password"
            label="New password"
            autocomplete="new-password"
            value={password}
            fault={error.value === "" ? undefined : error.value}
            isFirst
          />
          <ProblemBox problem={problem.value} />
        </div>
        <footer>
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={isBusy.value}>
            Set password
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
