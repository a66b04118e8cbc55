// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, leave, Stage, until } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });

test("a client appears when it connects and goes when it leaves", async () => {
  const page = await stage.signedIn("#/clients");
  const client = await stage.hub.client("ada");
  await row(page, "ada").waitFor();
  await client.open("letters");
  await row(page, "ada").getByRole("link", { name: "letters" }).waitFor();
  await row(page, "ada").getByRole("link", { name: "ada" }).click();
  await page.getByRole("complementary", { name: "Client" }).getByText("letters").waitFor();
  assert.match(page.url(), /#\/clients\/ada/);
  client.close();
  await row(page, "ada").waitFor({ state: "detached" });
  await page.getByText("This client is not connected").waitFor();
  await leave(page);
});

test("the filter of the clients stands in the address", async () => {
  const clients = await Promise.all(["berta", "carla"].map((id) => stage.hub.client(id)));
  const page = await stage.signedIn("#/clients");
  await row(page, "carla").waitFor();
  await page.getByRole("searchbox").fill("bert");
  await row(page, "carla").waitFor({ state: "detached" });
  await row(page, "berta").waitFor();
  assert.match(page.url(), /q=bert/);
  await page.getByRole("searchbox").fill("nobody at all");
  await page.getByText("No client matches this filter").waitFor();
  await page.getByRole("searchbox").fill("");
  await page.getByRole("button", { name: "Client", exact: true }).click();
  await page.getByRole("button", { name: "Client", exact: true }).click();
  assert.match(page.url(), /sort=-id/);
  const names = await page.getByRole("rowheader").allInnerTexts();
  assert.deepEqual(names, [...names].sort().reverse());
  clients.forEach((client) => client.close());
  await leave(page);
});

test("a channel shows its members in order, its events with schemas, its topics", async () => {
  const page = await stage.signedIn("#/channels");
  const first = await stage.hub.client("first");
  const second = await stage.hub.client("second");
  await first.open("jobs");
  await second.open("jobs");
  await first.provide("jobs", "workers.run", {
    isGroup: true,
    isStream: true,
    params: { type: "object", properties: { job: { type: "string" } } },
    returns: { type: "boolean" },
  });
  await first.declareTopic("jobs", "finished");
  await row(page, "jobs").getByRole("link", { name: "jobs" }).click();
  const detail = page.getByRole("complementary", { name: "Channel" });
  await detail.getByText("2 members, in the order they joined").waitFor();
  const members = detail.getByRole("table", { name: "Members" }).getByRole("rowheader");
  assert.deepEqual((await members.allInnerTexts()).map((text) => text.split("\n")[0]), ["first", "second"]);
  assert.match(await members.first().innerText(), /owner/);
  const event = detail.locator(".events li", { hasText: "workers.run" });
  await event.waitFor();
  assert.match(await event.innerText(), /group[\s\S]*stream[\s\S]*first/);
  await event.getByText("Takes").click();
  assert.match(await event.locator("pre").first().innerText(), /"job"/);
  await detail.getByRole("table", { name: "Topics" }).getByText("finished").waitFor();
  second.close();
  await detail.getByText("1 member, in the order they joined").waitFor();
  first.close();
  await detail.getByText("This channel is not there").waitFor();
  await leave(page);
});

test("an operator sets and removes the password of a channel", async () => {
  const client = await stage.hub.client("keeper");
  await client.open("vault");
  const page = await stage.signedIn("#/channels/vault");
  const detail = page.getByRole("complementary", { name: "Channel" });
  await detail.getByText("no password is set").waitFor();
  await detail.getByRole("button", { name: "Set password" }).click();
  await page.getByRole("button", { name: "Set password", exact: true }).click();
  await page.getByText("Write a password.").waitFor();
  await page.getByLabel("New password").fill("open sesame");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until(async () => (await stage.hub.rest("GET", "channels/vault")).body?.protected === true, "the channel is protected");
  assert.equal((await stage.hub.rest("GET", "channels/vault")).body.password_origin, "operator");
  await detail.getByText("set by an operator").waitFor();
  await detail.getByRole("button", { name: "Remove password" }).click();
  await page.getByRole("button", { name: "Remove password", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until(async () => (await stage.hub.rest("GET", "channels/vault")).body?.protected !== true, "the channel is open again");
  client.close();
  await leave(page);
});

test("an address that leads nowhere says so", async () => {
  const page = await stage.signedIn("#/nowhere");
  await page.getByText("There is no screen at this address").waitFor();
  await go(page, "#/channels/never-made");
  await page.getByText("This channel is not there").waitFor();
  await leave(page);
});
