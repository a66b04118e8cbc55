// SPDX-License-Identifier: LGPL-3.0-or-later
// Numbers, sizes, spans and instants as the page writes them. Everything here is pure.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const NONE = "–";

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** 12345 -> "12,345" */
export function count(value: number | null | undefined): string {
  return isNumber(value) ? whole.format(value) : NONE;
}

/** "1 client", "2 clients" */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Three significant digits, without trailing zeros: 1234567 -> "1.23 M" */
function scaled(value: number, base: number, units: readonly string[]): string {
  let rest = Math.abs(value);
  let unit = 0;
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  // 999.7 would be written as 1000: step up once more.
  if (unit < units.length - 1 && Number(rest.toFixed(0)) >= base) {
    rest /= base;
    unit += 1;
  }
  const digits = unit === 0 && Number.isInteger(rest) ? 0 : rest < 10 ? 2 : rest < 100 ? 1 : 0;
  const text = digits === 0 ? rest.toFixed(0) : rest.toFixed(digits).replace(/\.?0+$/, "");
  const suffix = units[unit] ?? "";
  return `${value < 0 ? "-" : ""}${text}${suffix === "" ? "" : ` ${suffix}`}`;
}

/** 1234 -> "1.23 k" */
export function compact(value: number | null | undefined): string {
  return isNumber(value) ? scaled(value, 1000, ["", "k", "M", "G", "T", "P"]) : NONE;
}

/** 1536 -> "1.5 KiB" */
export function bytes(value: number | null | undefined): string {
  return isNumber(value) ? scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]) : NONE;
}

/** A span in its two largest units: 93784 -> "1 d 2 h" */
export function span(seconds: number | null | undefined): string {
  if (!isNumber(seconds)) return NONE;
  let rest = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]] as const) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

/** A round trip in milliseconds: 0.042 -> "42 µs", 12.34 -> "12.3 ms" */
export function latency(ms: number | null | undefined): string {
  if (!isNumber(ms)) return NONE;
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** RFC 3339 text, or Unix seconds, to milliseconds; NaN for what is neither. */
export function instant(value: string | number | null | undefined): number {
  if (typeof value === "number") return value * 1000;
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/** "14:03:09.120" in local time */
export function clock(ms: number): string {
  if (!Number.isFinite(ms)) return NONE;
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

/** "2026-11-22 14:03:09" in local time */
export function dateTime(ms: number): string {
  if (!Number.isFinite(ms)) return NONE;
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms).slice(0, 8)}`;
}

/** How long ago, in one unit: "just now", "42 s ago", "3 h ago" */
export function ago(ms: number, now: number): string {
  if (!Number.isFinite(ms)) return NONE;
  const seconds = (now - ms) / 1000;
  if (seconds < 2) return "just now";
  return `${span(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}

/** The smallest of 1, 2, 5 times a power of ten, of the unit that `base` makes, that is not below `value`: the top of a chart. */
export function niceCeiling(value: number, base = 1000): number {
  if (!(value > 0)) return 1;
  let unit = 1;
  while (value / unit > base) unit *= base;
  const power = 10 ** Math.floor(Math.log10(value / unit));
  for (const step of [1, 2, 5, 10]) {
    if (step * power * unit >= value) return Math.min(step * power, base) * unit;
  }
  return base * unit;
}
