// SPDX-License-Identifier: LGPL-3.0-or-later
// Line icons on a 16-pixel grid. They are decoration: the word stands beside each of them, or in a label.

import type { ComponentChildren, JSX } from "preact";

function icon(...shapes: ComponentChildren[]): () => JSX.Element {
  return () => (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {shapes}
    </svg>
  );
}

export const IconOverview = icon(<path d="M2 13V9m4 4V4m4 9V7m4 6V2.5" />);
export const IconClients = icon(<rect x="2" y="2.5" width="12" height="8" rx="1.5" />, <path d="M5.5 13.5h5M8 10.5v3" />);
export const IconChannels = icon(<path d="M6 2 4.5 14M11.5 2 10 14M2.5 5.5h12M1.5 10.5h12" />);
export const IconBridges = icon(<circle cx="3.5" cy="8" r="2" />, <circle cx="12.5" cy="8" r="2" />, <path d="M5.5 8h5" />);
export const IconLive = icon(<path d="M1.5 8.5h3L6.5 3l3 10 2-4.5h3" />);
export const IconLock = icon(<rect x="3" y="7" width="10" height="6.5" rx="1.5" />, <path d="M5.2 7V5a2.8 2.8 0 0 1 5.6 0v2" />);
export const IconSignOut = icon(<path d="M9.5 2.5h-6v11h6M7 8h7.5m-3-3 3 3-3 3" />);
export const IconSun = icon(
  <circle cx="8" cy="8" r="2.8" />,
  <path d="M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M3 13l1.2-1.2M11.8 4.2 13 3" />,
);
export const IconMoon = icon(<path d="M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z" />);
export const IconSystem = icon(<circle cx="8" cy="8" r="5.8" />, <path class="solid" d="M8 2.2a5.8 5.8 0 0 1 0 11.6Z" />);
export const IconPlus = icon(<path d="M8 3v10M3 8h10" />);
export const IconClose = icon(<path d="m4 4 8 8m0-8-8 8" />);
export const IconPause = icon(<path d="M5.5 3.5v9m5-9v9" />);
export const IconPlay = icon(<path d="M5 3.2v9.6L12.5 8Z" />);
export const IconDownload = icon(<path d="M8 2v8m-3-3 3 3 3-3M3 13.5h10" />);
export const IconDown = icon(<path d="M8 3v10m-4-4 4 4 4-4" />);
export const IconBack = icon(<path d="M13 8H3m4-4L3 8l4 4" />);
export const IconEdit = icon(<path d="m10.5 3 2.5 2.5L6 12.5l-3 .5.5-3Z" />);
export const IconTrash = icon(<path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9" />);
export const IconSearch = icon(<circle cx="7" cy="7" r="4.2" />, <path d="m10.2 10.2 3.3 3.3" />);
export const IconCopy = icon(<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />, <path d="M10.5 5.5v-2A1 1 0 0 0 9.5 2.500h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />);

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d="M12 12 12 4.500M12 12 5.500 16M12 12 18.500 16" />
      <circle cx="12" cy="12" r="3.600" />
      <circle class="end" cx="12" cy="3.800" r="2.200" />
      <circle class="end" cx="4.900" cy="16.200" r="2.200" />
      <circle class="end" cx="19.100" cy="16.200" r="2.200" />
    </svg>
  );
}
