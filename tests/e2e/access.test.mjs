// SPDX-License-Identifier: LGPL-3.0-or-later
// For everyone: axe's rules on every screen in both themes, the keyboard alone, and a narrow screen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { go, leave, overflow, Stage } from "./stage.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENS = [
  ["#/overview", ".identity"],
  ["#/clients", "tbody tr"],
  ["#/clients/resident", ".detail .ledger"],
  ["#/channels", "tbody tr"],
  ["#/channels/town", ".detail .events li"],
  ["#/bridges", "tbody tr"],
  ["#/bridges/road", ".detail .ledger"],
  ["#/bridges?new=1", "dialog"],
  ["#/live", ".row"],
  ["#/nowhere", ".empty"],
];

let stage;
before(async () => {
  stage = await Stage.open();
  const client = await stage.hub.client("resident");
  await client.open("town");
  await client.provide("town", "ring", { params: { type: "object", properties: { bell: { type: "string" } } } });
  await client.declareTopic("town", "news");
  await stage.hub.rest("PUT", "bridges/road", { address: "tcp://127.0.0.1:9", paused: true });
});
after(() => stage?.close());

async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  return violations.map((violation) => `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

for (const theme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    test(`no screen breaks an accessibility rule (${theme}, ${width} wide)`, async () => {
      const entry = await stage.page({ theme, width });
      await entry.goto(stage.proxy.url);
      await entry.getByLabel("Access token").waitFor();
      assert.deepEqual(await axe(entry), [], "sign-in");
      await entry.context().close();
      const page = await stage.signedIn("#/overview", { theme, width });
      for (const [address, ready] of SCREENS) {
        await go(page, address);
        await page.locator(ready).first().waitFor();
        await page.waitForTimeout(100);
        assert.deepEqual(await axe(page), [], address);
        assert.ok((await overflow(page)) <= 0, `${address} is not wider than the window`);
      }
      await page.context().close();
    });
  }
}

test("everything is reached by keyboard, and one sees where one is", async () => {
  const page = await stage.signedIn("#/overview");
  await page.locator(".identity").waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to content");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
  assert.match(page.url(), /#\/overview/);
  const reached = new Set();
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
    reached.add(name);
  }
  for (const wanted of ["Overview", "Clients", "Channels", "Bridges", "Live", "Sign out"]) assert.ok(reached.has(wanted), wanted);
  await leave(page);
});

test("a dialog holds the focus and gives it back", async () => {
  const page = await stage.signedIn("#/bridges/road");
  const opener = page.getByRole("button", { name: "Delete" });
  await opener.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let i = 0; i < 8; i += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null));
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await opener.evaluate((element) => element === document.activeElement));
  await leave(page);
});

test("the theme follows the system until one chooses, and the choice is kept", async () => {
  const page = await stage.signedIn("#/overview", { theme: "dark" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.getByRole("button", { name: /Theme: as the system/ }).click();
  assert.notEqual(await background(), dark);
  await page.reload();
  await page.getByRole("button", { name: /Theme: light/ }).click();
  assert.equal(await background(), dark);
  await leave(page);
});
