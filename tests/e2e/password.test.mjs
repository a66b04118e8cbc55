// SPDX-License-Identifier: LGPL-3.0-or-later
// Signing in as a user: the first administrator, a session over reloads and tabs, a new password, and what ends a session.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { leave, Stage, TOKEN } from "./stage.mjs";

const PASSWORD = "a long sentence of words";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const way = (page, name) => page.getByRole("button", { name, exact: true });
const screens = (page) => page.getByRole("navigation", { name: "Screens" });

async function signIn(page, password) {
  await page.getByLabel("Name", { exact: true }).fill("alice");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.keyboard.press("Enter");
}

async function signedIn() {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  await signIn(page, PASSWORD);
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  return page;
}

test("a hub without an administrator offers to make one, and says what is wrong with what it is given", async () => {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  await way(page, "First administrator").click();
  await page.getByLabel("Access token").fill("wrong");
  await page.getByLabel("Your name").fill("alice");
  await page.getByLabel("New password").fill("short");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "does not know this token" }).waitFor();
  await page.getByLabel("Access token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "password" }).waitFor();
  assert.deepEqual((await stage.hub.rest("GET", "setup")).body, { needed: true });
  await page.getByLabel("New password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  assert.match(await page.locator(".who").innerText(), /alice\s*admin/);
  assert.deepEqual((await stage.hub.rest("GET", "setup")).body, { needed: false });
  await leave(page);
});

test("a wrong password is said to be wrong and nobody is signed in", async () => {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  await signIn(page, "not the password");
  await page.getByRole("alert").filter({ hasText: "name or the password is wrong" }).waitFor();
  assert.equal(await screens(page).count(), 0);
  assert.deepEqual(await page.context().cookies(), []);
  await leave(page);
});

test("a session outlives a reload, is there in another tab, and writes", async () => {
  const page = await signedIn();
  await page.reload();
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${stage.proxy.url}#/bridges?new=1`);
  await other.getByLabel("Name", { exact: true }).fill("by-session");
  await other.getByLabel("Address of the other hub").fill("tcp://127.0.0.1:9");
  await other.locator("dialog").getByRole("button", { name: "Add bridge" }).click();
  await other.locator("tbody tr", { hasText: "by-session" }).waitFor();
  assert.ok(!(await page.evaluate(() => document.cookie)).includes("="), "no script can read the cookie");
  await leave(page);
});

test("signing out ends the session at the hub", async () => {
  const page = await signedIn();
  const cookies = await page.context().cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await way(page, "Password").waitFor();
  const { name, value } = cookies[0];
  const ended = async () => (await fetch(`${stage.proxy.url}api/v1/session`, { headers: { Cookie: `${name}=${value}` } })).status === 401;
  for (let tries = 0; !(await ended()); tries += 1) {
    assert.ok(tries < 50, "the hub still takes the cookie");
    await page.waitForTimeout(100);
  }
  await leave(page);
});

test("a session that the operator ends leads back to signing in, with the reason", async () => {
  const page = await signedIn();
  const { items } = (await stage.hub.rest("GET", "sessions")).body;
  for (const session of items) await stage.hub.rest("DELETE", `sessions/${session.id}`);
  await page.getByRole("status").filter({ hasText: "Your session is over" }).waitFor();
  await leave(page);
});

test("one's password is changed by the one who knows the present one", async () => {
  const page = await signedIn();
  await page.locator("button.who").click();
  await page.getByLabel("Present password").fill("not it");
  await page.getByLabel("New password").fill("another long sentence");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "is not the present password" }).waitFor();
  await page.getByLabel("Present password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, "another long sentence");
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  await leave(page);
});
