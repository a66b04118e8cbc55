// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, leave, Stage, until } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
const bridge = async (name) => (await stage.hub.rest("GET", `bridges/${encodeURIComponent(name)}`)).body;

test("a bridge with faults is not saved, and each fault stands at its field", async () => {
  const page = await stage.signedIn("#/bridges");
  await page.getByText("No bridges yet").waitFor();
  await page.getByRole("link", { name: "New bridge" }).click();
  const dialog = page.getByRole("dialog", { name: "New bridge" });
  await dialog.getByRole("button", { name: "Add bridge" }).click();
  await dialog.getByText("Give the bridge a name.").waitFor();
  await dialog.getByText("Say where the other hub listens.").waitFor();

  await dialog.getByLabel("Name", { exact: true }).fill("north");
  await dialog.getByLabel("Address of the other hub").fill("gopher://north");
  await dialog.getByRole("button", { name: "Add bridge" }).click();
  // This one is the hub's own verdict, in its own words.
  const address = dialog.getByLabel("Address of the other hub");
  await dialog.locator("#bridge-address-error").waitFor();
  assert.ok((await dialog.locator("#bridge-address-error").innerText()).length > 5);
  assert.equal(await address.getAttribute("aria-invalid"), "true");
  assert.match(await address.getAttribute("aria-describedby"), /bridge-address-error/);
  assert.ok(await address.evaluate((element) => element === document.activeElement));
  assert.equal(await dialog.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "false");
  assert.equal((await stage.hub.rest("GET", "bridges")).body.items.length, 0);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(!page.url().includes("new="));
  await leave(page);
});

test("a bridge is added, changed, paused, resumed and deleted", async () => {
  const page = await stage.signedIn("#/bridges?new=1");
  const fresh = page.getByRole("dialog", { name: "New bridge" });
  await fresh.getByLabel("Name", { exact: true }).fill("south");
  await fresh.getByLabel("Address of the other hub").fill("tcp://127.0.0.1:9");
  await fresh.getByLabel("Link secret").fill("hush hush");
  await fresh.getByLabel("Channels that may pass").fill("jobs\norders.*");
  await fresh.getByRole("button", { name: "Add bridge" }).click();
  await fresh.waitFor({ state: "detached" });
  await row(page, "south").waitFor();
  assert.equal((await bridge("south")).secret_set, true);
  assert.deepEqual((await bridge("south")).channels.allow, ["jobs", "orders.*"]);
  assert.match(page.url(), /#\/bridges\/south$/);

  const detail = page.getByRole("complementary", { name: "Bridge" });
  await detail.getByText("orders.*").waitFor();
  assert.ok(!(await page.content()).includes("hush hush"));
  await detail.getByRole("link", { name: "Change" }).click();
  const edit = page.getByRole("dialog", { name: "Change south" });
  assert.equal(await edit.getByLabel("Link secret").inputValue(), "");
  await edit.getByLabel("Cost").fill("7");
  await edit.getByRole("button", { name: "Save" }).click();
  await edit.waitFor({ state: "detached" });
  await until(async () => (await bridge("south")).cost === 7, "the cost is changed");
  assert.equal((await bridge("south")).secret_set, true, "an empty secret keeps the stored one");

  await detail.getByRole("button", { name: "Pause" }).click();
  await row(page, "south").getByText("paused").waitFor();
  assert.equal((await bridge("south")).paused, true);
  assert.equal((await bridge("south")).cost, 7);
  assert.equal((await bridge("south")).secret_set, true);
  await detail.getByRole("button", { name: "Resume" }).click();
  await row(page, "south").getByText("paused").waitFor({ state: "detached" });

  await detail.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete bridge" }).click();
  await row(page, "south").waitFor({ state: "detached" });
  assert.equal((await stage.hub.rest("GET", "bridges/south")).status, 404);
  assert.match(page.url(), /#\/bridges$/);
  await leave(page);
});

test("a name that is taken is not overwritten by the form for a new bridge", async () => {
  assert.equal((await stage.hub.rest("PUT", "bridges/west", { address: "tcp://127.0.0.1:9", paused: true })).status, 201);
  const page = await stage.signedIn("#/bridges");
  await row(page, "west").waitFor();
  await page.getByRole("link", { name: "New bridge" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("west");
  await dialog.getByLabel("Address of the other hub").fill("tcp://127.0.0.1:10");
  await dialog.getByRole("button", { name: "Add bridge" }).click();
  await dialog.getByText("There is a bridge of this name already").waitFor();
  assert.equal((await bridge("west")).address, "tcp://127.0.0.1:9");
  await leave(page);
});

test("a bridge that is not up is told on the overview, one that is paused is not", async () => {
  await stage.hub.rest("PUT", "bridges/asleep", { address: "tcp://127.0.0.1:9", paused: true });
  await stage.hub.rest("PUT", "bridges/lost", { address: "tcp://127.0.0.1:9" });
  const page = await stage.signedIn();
  const alarm = page.locator(".alarms li", { hasText: "lost" });
  await alarm.waitFor({ timeout: 20_000 });
  assert.equal(await page.locator(".alarms li", { hasText: "asleep" }).count(), 0);
  await alarm.getByRole("link").click();
  await page.getByRole("complementary", { name: "Bridge" }).getByRole("heading", { name: "lost" }).waitFor();
  await go(page, "#/overview");
  await stage.hub.rest("DELETE", "bridges/lost");
  await alarm.waitFor({ state: "detached" });
  await leave(page);
});
