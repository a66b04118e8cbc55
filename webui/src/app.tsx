// SPDX-License-Identifier: LGPL-3.0-or-later
// The frame around every screen: navigation, which hub this is, whether the page is live, theme, sign-out.

import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";
import { getHub, type Hub } from "./api.ts";
import { now } from "./clockwork.ts";
import { connection, retryNow } from "./live.ts";
import { plainName, shorten } from "./names.ts";
import {
  IconBridges,
  IconChannels,
  IconClients,
  IconLive,
  IconMoon,
  IconOverview,
  IconSignOut,
  IconSun,
  IconSystem,
  Logo,
} from "./parts/icons.tsx";
import { Name } from "./parts/name.tsx";
import { Shape } from "./parts/state.tsx";
import { useResource, type Resource } from "./resource.ts";
import { href, route } from "./router.ts";
import { Account } from "./screens/account.tsx";
import { BridgesScreen } from "./screens/bridges.tsx";
import { ChannelsScreen } from "./screens/channels.tsx";
import { ClientsScreen } from "./screens/clients.tsx";
import { LiveScreen } from "./screens/live.tsx";
import { OverviewScreen } from "./screens/overview.tsx";
import { SignInScreen } from "./screens/sign_in.tsx";
import { principal, signOut } from "./session.ts";
import { chooseTheme, theme, type Theme } from "./theme.ts";

interface Screen {
  readonly key: string;
  readonly title: string;
  readonly icon: () => JSX.Element;
  readonly view: (props: { readonly hub: Resource<Hub> }) => JSX.Element;
}

const SCREENS: readonly Screen[] = [
  { key: "overview", title: "Overview", icon: IconOverview, view: OverviewScreen },
  { key: "clients", title: "Clients", icon: IconClients, view: ClientsScreen },
  { key: "channels", title: "Channels", icon: IconChannels, view: ChannelsScreen },
  { key: "bridges", title: "Bridges", icon: IconBridges, view: BridgesScreen },
  { key: "live", title: "Live", icon: IconLive, view: LiveScreen },
];

const HUB_EVERY_MS = 5000;

export function App(): JSX.Element {
  return principal.value === undefined ? <SignInScreen /> : <Frame />;
}

function ConnectionPill(): JSX.Element {
  const live = connection.value;
  switch (live.state) {
    case "up":
      return (
        <span class="pill ok" title="Records and rates arrive as they happen">
          <Shape tone="ok" />
          Live
        </span>
      );
    case "waiting": {
      const seconds = Math.ceil((live.retryAt - now.value) / 1000);
      return (
        <button type="button" class="pill warn" title={`${plainName(live.why)} Press to try now.`} onClick={retryNow}>
          <Shape tone="warn" />
          {Number.isNaN(live.retryAt) ? "Not live" : seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…"}
        </button>
      );
    }
    case "connecting":
    case "off":
      return (
        <span class="pill busy">
          <Shape tone="busy" />
          Connecting…
        </span>
      );
  }
}

/** Says changes of the connection, and only those: the countdown beside it would never stop talking. */
function ConnectionVoice(): JSX.Element {
  const live = connection.value;
  const text = live.state === "up" ? "Live connection established" : live.state === "waiting" ? `Live connection lost. ${plainName(live.why)}` : "";
  return (
    <span class="unseen" role="status">
      {text}
    </span>
  );
}

const THEMES: Readonly<Record<Theme, { next: Theme; icon: () => JSX.Element; label: string }>> = {
  system: { next: "light", icon: IconSystem, label: "Theme: as the system" },
  light: { next: "dark", icon: IconSun, label: "Theme: light" },
  dark: { next: "system", icon: IconMoon, label: "Theme: dark" },
};

export function ThemeButton(): JSX.Element {
  const { next, icon: Icon, label } = THEMES[theme.value];
  return (
    <button type="button" class="plain" aria-label={`${label}. Switch to ${next}.`} title={label} onClick={() => chooseTheme(next)}>
      <Icon />
    </button>
  );
}

function Frame(): JSX.Element {
  const hub = useResource("hub", getHub, HUB_EVERY_MS);
  const key = route.value.path[0] ?? "overview";
  const screen = SCREENS.find((one) => one.key === key);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const serverId = hub.data.value?.server_id;

  useEffect(() => {
    // A new screen is read from its beginning; the first one has not been navigated to.
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [key]);
  useEffect(() => {
    const where = route.value.path[1] === undefined ? "" : `${shorten(plainName(route.value.path[1]), 40)} · `;
    document.title = `${where}${screen?.title ?? "Not found"} · ${serverId === undefined ? "CommHub" : shorten(plainName(serverId), 40)}`;
  }, [route.value, serverId]);

  const View = screen?.view;
  return (
    <div class="frame">
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          // The fragment belongs to the router.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href={href(["overview"])} aria-label="CommHub, overview">
          <Logo />
          <span>CommHub</span>
        </a>
        <span class="here">{serverId !== undefined && <Name value={serverId} />}</span>
        <ConnectionPill />
        <ConnectionVoice />
        <Account />
        <ThemeButton />
        <button type="button" class="plain" aria-label="Sign out" title="Sign out" onClick={() => void signOut()}>
          <IconSignOut />
        </button>
      </header>
      <nav class="rail" aria-label="Screens">
        <ul>
          {SCREENS.map((one) => (
            <li>
              <a href={href([one.key])} aria-current={one.key === key ? "page" : undefined}>
                <one.icon />
                <span>{one.title}</span>
              </a>
            </li>
          ))}
        </ul>
        <p class="version">{hub.data.value !== undefined && `Version ${plainName(hub.data.value.version)}`}</p>
      </nav>
      <main ref={main} id="content" tabIndex={-1} class={`screen-${screen?.key ?? "none"}`}>
        {View === undefined ? (
          <div class="empty">
            <h1>Nothing here</h1>
            <p>
              There is no screen at this address. <a href={href(["overview"])}>Go to the overview</a>.
            </p>
          </div>
        ) : (
          <View hub={hub} />
        )}
      </main>
    </div>
  );
}
