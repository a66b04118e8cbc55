// SPDX-License-Identifier: LGPL-3.0-or-later
// Three hubs in a ring, looked at through the page of the first.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, Hub, leave, Stage, until } from "./stage.mjs";

let stage, oslo, lisboa;
before(async () => {
  stage = await Stage.open("berlin");
  oslo = await Hub.start("oslo");
  lisboa = await Hub.start("lisboa");
  for (const [from, to, name] of [[oslo, lisboa, "west"], [lisboa, stage.hub, "home"]]) {
    assert.equal((await from.rest("PUT", `bridges/${name}`, { address: `unix:${to.socket}` })).status, 201);
  }
});
after(async () => {
  await stage?.close();
  await oslo?.stop();
  await lisboa?.stop();
});

const row = (page, table, name) =>
  page.getByRole("table", { name: table }).getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
const records = (page, text) => page.getByRole("listbox", { name: "Records" }).getByRole("option").filter({ hasText: text });

test("a bridge made on the page goes up, and its link and the one from the other side are shown", async () => {
  const page = await stage.signedIn("#/bridges?new=1");
  const dialog = page.getByRole("dialog", { name: "New bridge" });
  await dialog.getByLabel("Name", { exact: true }).fill("north");
  await dialog.getByLabel("Address of the other hub").fill(`unix:${oslo.socket}`);
  await dialog.getByLabel("Link secret").fill("the hubs know this");
  await dialog.getByRole("button", { name: "Add bridge" }).click();
  await dialog.waitFor({ state: "detached" });
  await row(page, "Bridges", "north").getByText("up", { exact: true }).waitFor();
  const detail = page.getByRole("complementary", { name: "Bridge" });
  await detail.getByText("oslo", { exact: true }).waitFor();
  const links = page.getByRole("table", { name: "Links to other hubs" });
  await links.getByRole("row", { name: /oslo.*out.*up/ }).waitFor();
  await links.getByRole("row", { name: /lisboa.*in.*up/ }).waitFor();
  await until(async () => /\d+ ?(ms|µs)/.test(await links.getByRole("row", { name: /oslo/ }).innerText()), "the round trip is shown");
  await go(page, "#/overview");
  await page.locator(".identity h2", { hasText: "berlin" }).waitFor();
  assert.equal(await page.locator(".alarms li").count(), 0);
  await leave(page);
});

test("members at other hubs are shown with the way to them, and what they provide", async () => {
  const near = await stage.hub.client("near");
  await near.open("square");
  const far = await oslo.client("far");
  await far.open("square");
  await far.provide("square", "ring", { isStream: true, returns: { type: "boolean" } });
  await far.declareTopic("square", "chimes");
  const page = await stage.signedIn("#/channels/square");
  const detail = page.getByRole("complementary", { name: "Channel" });
  await detail.getByText("2 members, in the order they joined").waitFor();
  const members = detail.getByRole("table", { name: "Members" });
  await members.getByRole("row", { name: /near.*on this hub/ }).waitFor();
  await members.getByRole("row", { name: /far.*through.*oslo/ }).waitFor();
  await detail.locator(".events li", { hasText: "ring" }).waitFor();
  await detail.getByRole("table", { name: "Topics" }).getByText("chimes").waitFor();
  far.close();
  await detail.getByText("1 member, in the order they joined").waitFor();
  near.close();
  await leave(page);
});

test("a hub that goes and comes back is told live, and on the overview while it is gone", async () => {
  const page = await stage.signedIn("#/live?streams=links");
  await oslo.kill();
  await records(page, "link to north is backoff").first().waitFor();
  await go(page, "#/overview");
  const alarm = page.locator(".alarms li", { hasText: "north" });
  await alarm.waitFor();
  await oslo.run();
  await alarm.waitFor({ state: "detached", timeout: 20_000 });
  await go(page, "#/live?streams=links");
  await records(page, "link to north is up").last().waitFor();
  const up = await records(page, "link to north is up").last().innerText();
  assert.ok(!/refused|closed|ended/.test(up), `a link that is up tells no old error: ${up}`);
  await leave(page);
});

test("a bridge with a wrong secret tells so in words", async () => {
  await stage.hub.rest("PUT", "bridges/wrong", { address: `unix:${lisboa.socket}`, secret: "not this one" });
  const page = await stage.signedIn("#/bridges/wrong");
  await row(page, "Bridges", "wrong").getByText("refused", { exact: true }).waitFor();
  await page.getByRole("complementary", { name: "Bridge" }).getByText(/link secrets of the two hubs differ/).waitFor();
  await stage.hub.rest("DELETE", "bridges/wrong");
  await leave(page);
});
