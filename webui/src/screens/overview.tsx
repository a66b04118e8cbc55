// SPDX-License-Identifier: LGPL-3.0-or-later
// Is the hub well? Rates, counts, and whatever needs a look.

import type { ComponentChildren, JSX } from "preact";
import { getBridges, getLinks, type Bridge, type Hub, type Link } from "../api.ts";
import { now } from "../clockwork.ts";
import { ago, bytes, compact, count, dateTime, instant, plural, span } from "../format.ts";
import { connection, RATE_WINDOW_MS, rates, ratesVersion } from "../live.ts";
import { Name } from "../parts/name.tsx";
import { Freshness, Loading } from "../parts/problem.tsx";
import { Sparkline, type Series } from "../parts/sparkline.tsx";
import { phraseOf, Shape, toneOf, type Tone } from "../parts/state.tsx";
import { useResource, type Resource } from "../resource.ts";
import { href } from "../router.ts";

interface Alarm {
  readonly key: string;
  readonly tone: Tone;
  readonly what: ComponentChildren;
  readonly more?: ComponentChildren;
  readonly to?: string;
}

export function OverviewScreen({ hub }: { readonly hub: Resource<Hub> }): JSX.Element {
  const bridges = useResource("bridges", getBridges, 5000);
  const links = useResource("links", getLinks, 5000);
  const data = hub.data.value;
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Freshness of={hub} />
      <Loading of={hub} />
      {data !== undefined && (
        <>
          <Identity hub={data} readAt={hub.readAt.value} />
          <Rates />
          <div class="columns">
            <div class="stack">
              <Counts hub={data} bridges={bridges.data.value?.items} links={links.data.value?.items} />
              <Counters counters={data.counters} />
            </div>
            <div class="stack">
              <Alarms hub={data} bridges={bridges} />
              <Settings settings={data.settings} />
            </div>
          </div>
        </>
      )}
    </>
  );
}

function Identity({ hub, readAt }: { readonly hub: Hub; readonly readAt: number }): JSX.Element {
  const uptime = hub.uptime_s + Math.max(0, (now.value - readAt) / 1000);
  return (
    <section class="identity" aria-label="Hub">
      <h2>
        <Name value={hub.server_id} />
      </h2>
      <dl class="facts">
        <div>
          <dt>Hub id</dt>
          <dd>
            <Name value={hub.hub_id} />
          </dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>
            <Name value={hub.version} />
          </dd>
        </div>
        <div>
          <dt>Up for</dt>
          <dd title={`Since ${dateTime(instant(hub.started_at))}`}>{span(uptime)}</dd>
        </div>
        <div>
          <dt>Incarnation</dt>
          <dd>
            <Name value={String(hub.incarnation)} />
          </dd>
        </div>
        <div class="broad">
          <dt>{hub.listeners.length === 1 ? "Listens on" : `Listens on ${hub.listeners.length} addresses`}</dt>
          <dd class="listeners">
            {hub.listeners.length === 0 ? "nothing" : hub.listeners.map((address) => <Name value={address} />)}
          </dd>
        </div>
      </dl>
    </section>
  );
}

/** A fresh page draws its first seconds large, not as a speck at the edge of five minutes. */
const LEAST_WINDOW_MS = 60_000;

function RateTile({ title, names, labels, format }: {
  readonly title: string;
  readonly names: readonly string[];
  readonly labels: readonly string[];
  readonly format: (value: number | null | undefined) => string;
}): JSX.Element {
  // Read so that the tile is drawn anew with each metrics message.
  void ratesVersion.value;
  const series: Series[] = names.map((name, i) => ({ name: labels[i] ?? name, points: rates.points(name) }));
  const newest = rates.newest?.time ?? Date.now();
  const windowMs = Math.min(RATE_WINDOW_MS, Math.max(LEAST_WINDOW_MS, rates.spanMs));
  return (
    <section class="tile rate">
      <h2>{title}</h2>
      <div class="figures">
        {names.map((name, i) => (
          <p class={`figure f${i}`}>
            <span class="key">
              <svg class={`swatch l${i}`} viewBox="0 0 18 8" aria-hidden="true">
                <path d="M0 4H18" />
              </svg>
              {labels[i]}
            </span>
            <span class="value">
              {format(rates.current(name))}
              <small>/s</small>
            </span>
          </p>
        ))}
      </div>
      <Sparkline
        series={series}
        windowMs={windowMs}
        now={newest}
        label={title}
        base={format === bytes ? 1024 : 1000}
        format={(value) => `${format(value)}/s`}
      />
    </section>
  );
}

function Rates(): JSX.Element {
  return (
    <div class="tiles" data-rates>
      <RateTile title="Messages" names={["messages_in", "messages_out"]} labels={["in", "out"]} format={compact} />
      <RateTile title="Bytes" names={["bytes_in", "bytes_out"]} labels={["in", "out"]} format={bytes} />
      <RateTile title="Calls" names={["calls", "calls_failed"]} labels={["made", "failed"]} format={compact} />
    </div>
  );
}

/** A bridge on its way up is no cause for alarm while it has only just set out. */
const SETTING_OUT_MS = 10_000;

function isDown(bridge: Bridge): boolean {
  if (bridge.state === "up" || bridge.paused) return false;
  return toneOf(bridge.state) !== "busy" || now.value - instant(bridge.state_since) >= SETTING_OUT_MS;
}

function Counts({ hub, bridges, links }: {
  readonly hub: Hub;
  readonly bridges: readonly Bridge[] | undefined;
  readonly links: readonly Link[] | undefined;
}): JSX.Element {
  // Counts ride along with the rates; the REST answer serves until the first of them is here.
  void ratesVersion.value;
  const fresh = connection.value.state === "up" ? rates.newest?.data : undefined;
  const of = (name: string): number | undefined => fresh?.[name] ?? hub.counts[name];
  const upBridges = bridges?.filter((bridge) => bridge.state === "up").length;
  const upLinks = links?.filter((link) => link.state === "up").length;
  return (
    <section class="tile">
      <h2>Here now</h2>
      <ul class="counts">
        <Count to="clients" title="Clients" value={of("clients")} />
        <Count to="channels" title="Channels" value={of("channels")} />
        <Count to="bridges" title="Bridges" value={of("bridges")} note={upBridges === undefined || bridges?.length === 0 ? undefined : `${count(upBridges)} up`} />
        <Count to="bridges" title="Links" value={of("links")} note={upLinks === undefined || links?.length === 0 ? undefined : `${count(upLinks)} up`} />
      </ul>
    </section>
  );
}

function Count({ to, title, value, note }: {
  readonly to: string;
  readonly title: string;
  readonly value: number | undefined;
  readonly note?: string | undefined;
}): JSX.Element {
  return (
    <li>
      <a href={href([to])}>
        <span class="value">{count(value)}</span>
        <span class="key">{title}</span>
        {note !== undefined && <span class="note">{note}</span>}
      </a>
    </li>
  );
}

function Alarms({ hub, bridges }: { readonly hub: Hub; readonly bridges: Resource<{ readonly items: readonly Bridge[] }> }): JSX.Element {
  void ratesVersion.value;
  const alarms: Alarm[] = [];
  const live = connection.value;
  if (live.state === "waiting") {
    alarms.push({ key: "live", tone: "warn", what: "This page is not live", more: live.why });
  }
  for (const bridge of bridges.data.value?.items ?? []) {
    if (!isDown(bridge)) continue;
    const tone = toneOf(bridge.state);
    alarms.push({
      key: `bridge ${bridge.name}`,
      tone,
      to: href(["bridges", bridge.name]),
      what: (
        <>
          Bridge <Name value={bridge.name} /> {phraseOf(bridge.state)} <span class="when">{ago(instant(bridge.state_since), now.value)}</span>
        </>
      ),
      more: <Name value={bridge.last_error ?? bridge.reason ?? bridge.address} prose whole />,
    });
  }
  const closed = Math.max(hub.counters["slow_consumers_closed"] ?? 0, rates.newest?.data["slow_consumers_closed"] ?? 0);
  if (closed > 0) {
    const lately = rates.growth("slow_consumers_closed");
    alarms.push({
      key: "slow",
      tone: lately > 0 ? "bad" : "warn",
      to: href(["live"], { level: "warning", q: "slow" }),
      what: `${plural(closed, "slow consumer")} closed since the hub started`,
      more: lately > 0 ? `${count(lately)} of them in the last five minutes. They read slower than others wrote to them.` : "None in the last five minutes.",
    });
  }
  return (
    <section class="tile alarms">
      <h2>Needs a look</h2>
      <Freshness of={bridges} />
      {alarms.length === 0 ? (
        <p class="calm">
          <Shape tone="ok" /> {bridges.data.value === undefined ? "Reading…" : "Nothing. Every bridge that should be up is up."}
        </p>
      ) : (
        <ul>
          {alarms.map((alarm) => (
            <li key={alarm.key}>
              <Shape tone={alarm.tone} />
              <div>
                {alarm.to === undefined ? alarm.what : <a href={alarm.to}>{alarm.what}</a>}
                {alarm.more !== undefined && <p class="small">{alarm.more}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Counters({ counters }: { readonly counters: Readonly<Record<string, number>> }): JSX.Element {
  void ratesVersion.value;
  return (
    <section class="tile">
      <h2>Since the hub started</h2>
      <dl class="ledger">
        {Object.keys(counters).map((name) => {
          const value = Math.max(counters[name] ?? 0, rates.newest?.data[name] ?? 0);
          return (
            <div key={name}>
              <dt>
                <Name value={words(name)} prose />
              </dt>
              <dd title={count(value)}>{name.startsWith("bytes") ? bytes(value) : count(value)}</dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

function settingText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "–" : JSON.stringify(value);
}

function Settings({ settings }: { readonly settings: Readonly<Record<string, unknown>> }): JSX.Element {
  const names = Object.keys(settings).sort();
  return (
    <section class="tile">
      <h2>Settings</h2>
      {names.length === 0 ? (
        <p class="calm">The hub reports none.</p>
      ) : (
        <dl class="ledger">
          {names.map((name) => (
            <div key={name}>
              <dt>
                <Name value={name} />
              </dt>
              <dd>
                <Name value={settingText(settings[name])} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

