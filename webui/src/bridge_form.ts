// SPDX-License-Identifier: LGPL-3.0-or-later
// Between the text fields of the bridge form and what the API takes. Pure: the screen around it is screens/bridge_editor.tsx.

import { bridgeInputOf, fieldOf, type Bridge, type BridgeInput, type BridgeTls, type FieldError } from "./api.ts";

export interface BridgeDraft {
  readonly name: string;
  readonly address: string;
  readonly secret: string;
  readonly allow: string;
  readonly deny: string;
  readonly cost: string;
  readonly isPaused: boolean;
  readonly caFile: string;
  readonly serverName: string;
}

export const EMPTY_DRAFT: BridgeDraft = {
  name: "",
  address: "",
  secret: "",
  allow: "",
  deny: "",
  cost: "",
  isPaused: false,
  caFile: "",
  serverName: "",
};

export function draftOf(bridge: Bridge): BridgeDraft {
  return {
    name: bridge.name,
    address: bridge.address,
    secret: "",
    allow: bridge.channels.allow.join("\n"),
    deny: bridge.channels.deny.join("\n"),
    cost: String(bridge.cost),
    isPaused: bridge.paused,
    caFile: bridge.tls?.ca_file ?? "",
    serverName: bridge.tls?.server_name ?? "",
  };
}

export type FieldName = keyof BridgeDraft;
export type DraftErrors = Readonly<Partial<Record<FieldName, string>>>;

/** What can be told before the hub is asked. The hub's own checks are the ones that count. */
export function checkDraft(draft: BridgeDraft): DraftErrors {
  const errors: Partial<Record<FieldName, string>> = {};
  const nameBytes = new TextEncoder().encode(draft.name).length;
  if (draft.name.trim() === "") errors.name = "Give the bridge a name.";
  else if (nameBytes > 255) errors.name = `A name has at most 255 bytes; this one has ${nameBytes}.`;
  else if (draft.name === "." || draft.name === "..") errors.name = "This name cannot be part of an address.";
  if (draft.address.trim() === "") errors.address = "Say where the other hub listens.";
  if (draft.cost.trim() !== "" && !/^\d{1,9}$/.test(draft.cost.trim())) errors.cost = "A cost is a whole number.";
  return errors;
}

function patterns(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** `former`: the bridge that is changed; what the form does not show stays as it is there. */
export function inputOf(draft: BridgeDraft, former?: Bridge): BridgeInput {
  const kept = former === undefined ? undefined : bridgeInputOf(former);
  const { ca_file: _ca, server_name: _name, ...keptTls } = kept?.tls ?? {};
  const tls: BridgeTls = {
    ...keptTls,
    ...(draft.caFile.trim() === "" ? {} : { ca_file: draft.caFile.trim() }),
    ...(draft.serverName.trim() === "" ? {} : { server_name: draft.serverName.trim() }),
  };
  const { tls: _tls, cost: _cost, ...rest } = kept ?? {};
  return {
    ...rest,
    address: draft.address.trim(),
    channels: { ...kept?.channels, allow: patterns(draft.allow), deny: patterns(draft.deny) },
    paused: draft.isPaused,
    ...(draft.secret === "" ? {} : { secret: draft.secret }),
    ...(draft.cost.trim() === "" ? {} : { cost: Number(draft.cost.trim()) }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

const FIELDS: Readonly<Record<string, FieldName>> = {
  name: "name",
  address: "address",
  secret: "secret",
  channels: "allow",
  "channels.allow": "allow",
  "channels.deny": "deny",
  cost: "cost",
  paused: "isPaused",
  tls: "caFile",
  "tls.ca_file": "caFile",
  "tls.server_name": "serverName",
};

/** Puts the hub's complaints to the fields they are about; `rest` are those about none that the form has. */
export function placeErrors(errors: readonly FieldError[]): { readonly fields: DraftErrors; readonly rest: readonly string[] } {
  const fields: Partial<Record<FieldName, string>> = {};
  const rest: string[] = [];
  for (const { pointer, detail } of errors) {
    const path = fieldOf(pointer);
    const field = FIELDS[path];
    if (field === undefined) rest.push(path === "" ? detail : `${path}: ${detail}`);
    else fields[field] = fields[field] === undefined ? detail : `${fields[field]} ${detail}`;
  }
  return { fields, rest };
}
