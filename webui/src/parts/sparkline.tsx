// SPDX-License-Identifier: LGPL-3.0-or-later
// A rate over the last minutes as one or two lines. The right edge is now; nothing is smoothed.

import type { JSX } from "preact";
import { niceCeiling, span } from "../format.ts";
import type { Point } from "../rates.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

interface Props {
  readonly series: readonly Series[];
  readonly windowMs: number;
  readonly now: number;
  readonly format: (value: number) => string;
  readonly label: string;
  /** 1024 for bytes, 1000 for anything else. */
  readonly base: number;
}

const WIDTH = 300;
const HEIGHT = 64;
/** Points further apart than this are not joined: nobody knows what was between them. */
const JOIN_MS = 5000;

export function linePath(points: readonly Point[], windowMs: number, now: number, top: number): string {
  let path = "";
  let before: Point | undefined;
  for (const point of points) {
    const x = WIDTH * (1 - (now - point.time) / windowMs);
    if (x < 0) continue;
    const y = HEIGHT - 1 - (HEIGHT - 4) * Math.min(1, point.value / top);
    const isJoined = before !== undefined && point.time - before.time <= JOIN_MS;
    path += `${isJoined ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = point;
  }
  return path;
}

export function Sparkline({ series, windowMs, now, format, label, base }: Props): JSX.Element {
  const highest = Math.max(0, ...series.flatMap((one) => one.points.map((point) => point.value)));
  const top = niceCeiling(highest, base);
  const spoken = series
    .map((one) => {
      const newest = one.points.at(-1);
      return `${one.name} ${newest === undefined ? "unknown" : format(newest.value)}`;
    })
    .join(", ");
  return (
    <div class="spark">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}, last ${span(windowMs / 1000)}: ${spoken}; highest ${format(highest)}`}
      >
        <path class="grid" d={`M0 ${HEIGHT - 1}H${WIDTH}M0 ${HEIGHT / 2 + 1}H${WIDTH}M0 3H${WIDTH}`} />
        {series.map((one, i) => (
          <path class={`line l${i}`} d={linePath(one.points, windowMs, now, top)} />
        ))}
      </svg>
      <span class="reach" aria-hidden="true">
        <span>{span(windowMs / 1000)} ago</span>
        <span>now</span>
      </span>
      <span class="top" aria-hidden="true">
        {highest > 0 ? format(top) : ""}
      </span>
    </div>
  );
}
