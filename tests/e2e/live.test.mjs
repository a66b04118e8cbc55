// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { leave, Stage, until } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const rows = (page) => page.getByRole("listbox", { name: "Records" }).getByRole("option");
const about = (page, text) => rows(page).filter({ hasText: text });

test("log lines and registrations appear as they happen", async () => {
  const page = await stage.signedIn("#/live");
  const client = await stage.hub.client("newcomer");
  await about(page, "newcomer").first().waitFor();
  await client.open("lobby");
  await client.provide("lobby", "greet");
  await about(page, "provides event greet on channel lobby").waitFor();
  client.close();
  await leave(page);
});

test("a fresh page shows what happened before it came", async () => {
  const client = await stage.hub.client("early-bird");
  const page = await stage.signedIn("#/live");
  await about(page, "early-bird").first().waitFor();
  client.close();
  await leave(page);
});

test("filters stand in the address and outlive a reload", async () => {
  const client = await stage.hub.client("findable");
  await client.open("garden");
  const page = await stage.signedIn("#/live");
  await about(page, "findable").first().waitFor();
  await page.getByRole("searchbox").fill("findable garden");
  await page.getByRole("button", { name: "Logs" }).click();
  await until(async () => (await rows(page).allInnerTexts()).every((text) => /garden/.test(text)), "only what matches is shown");
  assert.match(page.url(), /q=findable%20garden/);
  assert.match(page.url(), /streams=errors%2Csystem%2Clinks/);
  await page.reload();
  await about(page, "garden").first().waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "findable garden");
  assert.equal(await page.getByRole("button", { name: "Logs" }).getAttribute("aria-pressed"), "false");
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("From level").selectOption("error");
  await until(async () => (await about(page, "garden").count()) === 0, "informative records are hidden");
  client.close();
  await leave(page);
});

test("a paused view stands still and then catches up", async () => {
  const page = await stage.signedIn("#/live");
  await page.locator(".row").first().waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await rows(page).allInnerTexts();
  const client = await stage.hub.client("meanwhile");
  await page.getByRole("button", { name: /Resume, \d+ new/ }).waitFor();
  assert.equal(await about(page, "meanwhile").count(), 0);
  assert.deepEqual(await rows(page).allInnerTexts(), before);
  await page.getByRole("button", { name: /Resume/ }).click();
  await about(page, "meanwhile").first().waitFor();
  client.close();
  await leave(page);
});

test("the view follows the newest record until one scrolls up", async () => {
  const page = await stage.signedIn("#/live", { height: 420 });
  const client = await stage.hub.client("busy");
  for (let i = 0; i < 60; i += 1) await client.provide("noise", `event-${String(i).padStart(3, "0")}`);
  await about(page, "event-059").waitFor();
  const list = page.getByRole("listbox", { name: "Records" });
  const top = () => list.evaluate((element) => element.scrollTop);
  await list.hover();
  await page.mouse.wheel(0, -400);
  await page.getByRole("button", { name: "Newest" }).waitFor();
  const held = await top();
  await client.provide("noise", "event-after");
  await until(async () => /event-after/.test((await stage.hub.rest("GET", "channels/noise")).body.events.map((one) => one.name).join()), "it is registered");
  await page.waitForTimeout(600);
  assert.equal(await top(), held);
  await page.getByRole("button", { name: "Newest" }).click();
  await about(page, "event-after").waitFor();
  assert.ok((await top()) > held);
  client.close();
  await leave(page);
});

test("records are chosen by keyboard, shown whole, and named in the address", async () => {
  const client = await stage.hub.client("chosen-one");
  const page = await stage.signedIn("#/live?q=chosen-one");
  await about(page, "chosen-one").first().waitFor();
  await page.getByRole("listbox", { name: "Records" }).focus();
  await page.keyboard.press("End");
  const detail = page.getByRole("complementary", { name: "Record" });
  await detail.waitFor();
  assert.match(await detail.locator("pre").innerText(), /chosen-one/);
  assert.match(page.url(), /record=\d+/);
  await page.reload();
  await detail.waitFor();
  await page.getByRole("listbox", { name: "Records" }).focus();
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "detached" });
  client.close();
  await leave(page);
});

test("what matches is downloaded as JSON lines", async () => {
  const client = await stage.hub.client("downloadable");
  const page = await stage.signedIn("#/live?q=downloadable");
  await about(page, "downloadable").first().waitFor();
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const download = await waiting;
  assert.match(download.suggestedFilename(), /^commhub-.*\.jsonl$/);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length > 0);
  for (const line of lines) {
    assert.equal(typeof line.id, "number");
    assert.match(JSON.stringify(line), /downloadable/);
  }
  client.close();
  await leave(page);
});

test("after a cut the page goes on where it was: nothing twice, nothing missing", async () => {
  const page = await stage.signedIn("#/live");
  const before = await stage.hub.client("before-the-cut");
  await about(page, "before-the-cut").first().waitFor();
  const seenBefore = await about(page, "before-the-cut").count();
  stage.proxy.cut();
  await page.locator(".pill.warn", { hasText: "Reconnecting" }).waitFor();
  const during = await stage.hub.client("during-the-cut");
  stage.proxy.mend();
  await page.locator(".pill.ok").waitFor();
  await about(page, "during-the-cut").first().waitFor();
  assert.equal(await about(page, "before-the-cut").count(), seenBefore);
  assert.equal(await page.locator(".row.hole").count(), 0, await page.locator(".row.hole").allInnerTexts().then(String));
  before.close();
  during.close();
  await leave(page);
});

test("a restarted hub is told apart from a lost connection", async () => {
  const page = await stage.signedIn("#/live");
  await stage.hub.client("of-the-first-run");
  await about(page, "of-the-first-run").first().waitFor();
  await stage.hub.kill();
  await page.locator(".pill.warn").waitFor();
  await stage.hub.run();
  await page.locator(".pill.ok").waitFor({ timeout: 20_000 });
  await page.locator(".row.hole", { hasText: "The hub was restarted" }).waitFor();
  const client = await stage.hub.client("of-the-second-run");
  await about(page, "of-the-second-run").first().waitFor();
  client.close();
  await leave(page);
});
