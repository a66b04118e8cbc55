// SPDX-License-Identifier: LGPL-3.0-or-later
// The one place that talks REST. Addresses are relative to the page, so that the hub may sit behind a path of a proxy.

import { encodeName } from "./names.ts";

export interface Hub {
  readonly server_id: string;
  readonly hub_id: string;
  readonly incarnation: number | string;
  readonly version: string;
  readonly started_at: string | number;
  readonly uptime_s: number;
  readonly listeners: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly counters: Readonly<Record<string, number>>;
}

export interface Client {
  readonly id: string;
  readonly mode: string;
  readonly address: string;
  readonly since: string | number;
  readonly n_channels: number;
  /** The first of them. */
  readonly channels: readonly string[];
  readonly queued_bytes: number;
  readonly messages_in: number;
  readonly messages_out: number;
}

export interface Member {
  readonly id: string;
  readonly mode: string;
  readonly is_local: boolean;
  readonly path: readonly string[];
}

export interface ChannelEvent {
  readonly name: string;
  readonly is_group: boolean;
  readonly is_stream: boolean;
  readonly providers: readonly string[];
  readonly param_schema: unknown;
  readonly return_schema: unknown;
}

export interface Topic {
  readonly name: string;
  readonly owner: string | null;
  readonly subscribers: number | readonly string[];
}

export interface ChannelRow {
  readonly name: string;
  readonly protected: boolean;
  readonly password_origin: "client" | "operator" | "configuration" | null;
  readonly owner: string | null;
  readonly n_members: number;
  readonly n_events: number;
  readonly n_topics: number;
}

/** One channel shows the first hundred of each. */
export interface Channel extends ChannelRow {
  readonly members: readonly Member[];
  readonly events: readonly ChannelEvent[];
  readonly topics: readonly Topic[];
}

export interface BridgeTls {
  readonly ca_file?: string | null;
  readonly server_name?: string | null;
  readonly cert_file?: string | null;
  readonly key_file?: string | null;
  readonly pinned_name?: string | null;
}

export interface ChannelFilter {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface BridgeChannels extends ChannelFilter {
  readonly in?: ChannelFilter;
  readonly out?: ChannelFilter;
}

/** What this page does not show of a bridge but must not lose when it changes the rest. */
export interface BridgeRest {
  readonly kind?: unknown;
  readonly remap?: unknown;
  readonly classes?: unknown;
  readonly limits?: unknown;
  readonly resume_window_s?: unknown;
  readonly durable?: unknown;
  readonly management?: unknown;
}

export interface Bridge extends BridgeRest {
  readonly name: string;
  readonly address: string;
  readonly secret_set: boolean;
  readonly channels: BridgeChannels;
  readonly cost: number;
  readonly paused: boolean;
  readonly tls: BridgeTls | null;
  readonly state: string;
  /** null: the link is not made yet. */
  readonly state_since: string | number | null;
  readonly reason: string | null;
  readonly last_error: string | null;
  readonly peer: { readonly hub_id: string; readonly server_id: string } | null;
}

/** What PUT takes. A missing secret keeps the one that is stored. */
export interface BridgeInput extends BridgeRest {
  readonly address: string;
  readonly secret?: string;
  readonly channels?: BridgeChannels;
  readonly cost?: number;
  readonly paused?: boolean;
  readonly tls?: BridgeTls;
}

export interface Link {
  readonly bridge: string | null;
  readonly direction: "out" | "in";
  readonly address: string;
  readonly hub_id: string | null;
  readonly server_id: string | null;
  readonly state: string;
  readonly since: string | number;
  readonly reason: string | null;
  readonly last_error: string | null;
  readonly rtt_ms: number | null;
  readonly messages_in: number;
  readonly messages_out: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly queued_bytes: number;
}

/** A list as far as it was read: `isWhole` is false where the page stopped asking for more. */
export interface Listing<T> {
  readonly items: readonly T[];
  readonly isWhole: boolean;
}

export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** Anything that went wrong with a request; `status` is 0 where no answer came at all. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;
  readonly fields: readonly FieldError[];
  readonly requestId: string | undefined;

  constructor(status: number, title: string, detail: string, fields: readonly FieldError[] = [], requestId?: string) {
    super(detail === "" ? title : detail);
    this.name = "Problem";
    this.status = status;
    this.title = title;
    this.fields = fields;
    this.requestId = requestId;
  }
}

/** "#/channels/allow/0" -> "channels.allow" : the form field an error belongs to. */
export function fieldOf(pointer: string): string {
  return pointer
    .replace(/^#/, "")
    .split("/")
    .filter((part) => part !== "" && !/^\d+$/.test(part))
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
}

export function readProblem(status: number, body: unknown): Problem {
  const object = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string => (typeof object[name] === "string" ? (object[name] as string) : "");
  const errors = Array.isArray(object["errors"]) ? (object["errors"] as unknown[]) : [];
  const fields = errors.flatMap((entry): FieldError[] => {
    if (typeof entry !== "object" || entry === null) return [];
    const { pointer, detail } = entry as Record<string, unknown>;
    return [{ pointer: typeof pointer === "string" ? pointer : "", detail: typeof detail === "string" ? detail : "not accepted" }];
  });
  const requestId = text("request_id");
  return new Problem(status, text("title") || `The hub answered ${status}`, text("detail"), fields, requestId === "" ? undefined : requestId);
}

const TIMEOUT_MS = 15_000;
const PAGE = 500;

/** How requests prove who asks; the cookie is the browser's own, no script can read it. */
export type Credential = { readonly kind: "token"; readonly token: string } | { readonly kind: "cookie" };

let credential: Credential | undefined;
let onRefused: () => void = () => undefined;

/** `refused` is called when the hub no longer takes the credential. */
export function useCredential(used: Credential | undefined, refused: () => void = () => undefined): void {
  credential = used;
  onRefused = refused;
}

function addressOf(path: string): URL {
  return new URL(`api/v1/${path}`, document.baseURI);
}

async function request(method: string, path: string, body?: unknown, signal?: AbortSignal, by = credential): Promise<unknown> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
  if (by?.kind === "token") headers["Authorization"] = `Bearer ${by.token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  let text: string;
  try {
    response = await fetch(addressOf(path), {
      method,
      headers,
      cache: "no-store",
      credentials: by?.kind === "cookie" ? "same-origin" : "omit",
      redirect: "error",
      signal: signal === undefined ? limit : anySignal(signal, limit),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    throw new Problem(0, "No answer", limit.aborted ? "The hub did not answer within 15 seconds." : "The hub cannot be reached.");
  }
  let parsed: unknown;
  try {
    parsed = text === "" ? undefined : JSON.parse(text);
  } catch {
    parsed = undefined;
    if (response.ok) throw new Problem(response.status, "Unreadable answer", "The answer is not JSON; is something else on this port?");
  }
  if (response.ok) return parsed;
  if (response.status === 401 && by !== undefined && by === credential) onRefused();
  throw readProblem(response.status, parsed);
}

/** AbortSignal.any, for browsers that lack it. */
function anySignal(...signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const one of signals) {
    if (one.aborted) controller.abort();
    else one.addEventListener("abort", () => controller.abort(), { once: true, signal: controller.signal });
  }
  return controller.signal;
}

async function list<T>(path: string, most: number, signal?: AbortSignal): Promise<Listing<T>> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, most)) });
    if (cursor !== undefined) query.set("cursor", cursor);
    const page = (await request("GET", `${path}?${query.toString()}`, undefined, signal)) as {
      items?: unknown;
      next?: unknown;
    } | undefined;
    if (!Array.isArray(page?.items)) throw new Problem(200, "Unreadable answer", "The hub's list has no items member.");
    items.push(...(page.items as T[]));
    const next = page.next;
    cursor = typeof next === "string" || typeof next === "number" ? String(next) : undefined;
    if (page.items.length === 0) cursor = undefined;
  } while (cursor !== undefined && items.length < most);
  return { items: items.slice(0, most), isWhole: cursor === undefined && items.length <= most };
}

/** How many items of a list the page reads before it says that there are more. */
export const LIST_MOST = 2000;

/** A name as one part of an address. URLs have a meaning of their own for two names, however they are escaped. */
function part(name: string): string {
  if (name === "." || name === "..") {
    throw new Problem(0, "Not addressable", `Browsers cannot send a request about something named "${name}".`);
  }
  return encodeName(name);
}

/** Who the hub takes one for, and what one may. */
export interface Principal {
  readonly kind: "session" | "token";
  readonly name: string;
  readonly role: "viewer" | "operator" | "admin";
}

/** Asks with a credential that is not in use yet. */
export const whoIs = (by: Credential): Promise<Principal> => request("GET", "session", undefined, undefined, by) as Promise<Principal>;

/** Begins a session: the answer sets the cookie. */
export async function postSession(name: string, password: string): Promise<Principal> {
  return (await request("POST", "session", { name, password }, undefined, { kind: "cookie" })) as Principal;
}

export async function deleteSession(): Promise<void> {
  await request("DELETE", "session", undefined, undefined, { kind: "cookie" });
}

export async function putOwnPassword(former_password: string, password: string): Promise<void> {
  await request("PUT", "session/password", { former_password, password });
}

/** Whether the hub has no administrator yet. */
export async function isSetupNeeded(signal?: AbortSignal): Promise<boolean> {
  return ((await request("GET", "setup", undefined, signal)) as { needed?: unknown } | undefined)?.needed === true;
}

/** Makes the first administrator. */
export async function postSetup(token: string, name: string, password: string): Promise<void> {
  await request("POST", "setup", { name, password }, undefined, { kind: "token", token });
}

export const getHub = (signal?: AbortSignal): Promise<Hub> => request("GET", "hub", undefined, signal) as Promise<Hub>;
export const getClients = (signal?: AbortSignal): Promise<Listing<Client>> => list("clients", LIST_MOST, signal);
export const getChannels = (signal?: AbortSignal): Promise<Listing<ChannelRow>> => list("channels", LIST_MOST, signal);
export const getBridges = (signal?: AbortSignal): Promise<Listing<Bridge>> => list("bridges", LIST_MOST, signal);
export const getLinks = (signal?: AbortSignal): Promise<Listing<Link>> => list("links", LIST_MOST, signal);

export async function getChannel(name: string, signal?: AbortSignal): Promise<Channel> {
  return (await request("GET", `channels/${part(name)}`, undefined, signal)) as Channel;
}

export async function putPassword(channel: string, password: string): Promise<void> {
  await request("PUT", `channels/${part(channel)}/password`, { password });
}

export async function deletePassword(channel: string): Promise<void> {
  await request("DELETE", `channels/${part(channel)}/password`);
}

export async function putBridge(name: string, bridge: BridgeInput): Promise<void> {
  await request("PUT", `bridges/${part(name)}`, bridge);
}

export async function deleteBridge(name: string): Promise<void> {
  await request("DELETE", `bridges/${part(name)}`);
}

const REST = ["kind", "remap", "classes", "limits", "resume_window_s", "durable", "management"] as const;

/** The wish behind a bridge as it stands, without its secrets: what to send to change one thing and keep the rest. */
export function bridgeInputOf(bridge: Bridge): BridgeInput {
  return {
    ...Object.fromEntries(REST.filter((name) => name in bridge).map((name) => [name, bridge[name]])),
    address: bridge.address,
    channels: bridge.channels,
    cost: bridge.cost,
    paused: bridge.paused,
    ...(bridge.tls === null ? {} : { tls: bridge.tls }),
  };
}
