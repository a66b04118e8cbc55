// SPDX-License-Identifier: LGPL-3.0-or-later
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { leave, Stage, TOKEN, wantedPolicy } from "./stage.mjs";

let stage;
before(async () => (stage = await Stage.open()));
after(() => stage?.close());

const field = (page) => page.getByLabel("Access token");
const screens = (page) => page.getByRole("navigation", { name: "Screens" });

test("the page comes with the policy it was tested under", async () => {
  for (const path of ["", "index.html", "app.js", "app.css", "favicon.svg"]) {
    const response = await fetch(`${stage.proxy.url}${path}`);
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("content-security-policy"), wantedPolicy(), path);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
    await response.arrayBuffer();
  }
});

test("signing in shows which hub this is", async () => {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  assert.match(await page.locator(".help").innerText(), /COMMHUB_ADMIN_TOKEN_FILE/);
  await field(page).fill(`  ${TOKEN}\n`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".identity h2", { hasText: "e2e-hub" }).waitFor();
  await page.locator(".pill.ok", { hasText: "Live" }).waitFor();
  assert.match(await page.locator(".listeners").innerText(), /hub\.sock/);
  assert.equal(await page.title(), "Overview · e2e-hub");
  await leave(page);
});

test("a wrong token is said to be wrong, and the field is ready for another", async () => {
  const page = await stage.page();
  await page.goto(stage.proxy.url);
  await field(page).fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "does not know this token" }).waitFor();
  assert.equal(await field(page).getAttribute("aria-invalid"), "true");
  assert.ok(await field(page).evaluate((element) => element === document.activeElement));
  assert.equal(await screens(page).count(), 0);
  assert.equal(await page.evaluate(() => window.sessionStorage.length), 0);
  await field(page).fill("");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "Paste the token" }).waitFor();
  await field(page).fill("two words");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "one word" }).waitFor();
  await leave(page);
});

test("a reload keeps the session, another tab does not have it, signing out ends it", async () => {
  const page = await stage.signedIn("#/channels?q=x");
  await page.reload();
  await page.getByRole("heading", { name: "Channels", exact: true }).waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "x");
  const other = await page.context().newPage();
  await other.goto(stage.proxy.url);
  await field(other).waitFor();
  await other.close();
  await page.getByRole("button", { name: "Sign out" }).click();
  await field(page).waitFor();
  assert.equal(await page.evaluate(() => window.sessionStorage.length), 0);
  assert.ok(!(await page.content()).includes(TOKEN));
  await leave(page);
});

test("a token that stops being accepted leads back to signing in, with the reason", async () => {
  const page = await stage.signedIn("#/clients");
  await page.route("**/api/v1/**", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: "{}" }));
  await page.getByRole("status").filter({ hasText: "no longer accepts this token" }).waitFor();
  await leave(page);
});

test("the overview counts clients and shows rates", async () => {
  const page = await stage.signedIn();
  const clients = page.locator(".counts a", { hasText: "Clients" }).locator(".value");
  const before = Number(await clients.innerText());
  const client = await stage.hub.client("counted");
  await client.open("overview");
  await page.waitForFunction((wanted) => document.querySelector(".counts .value")?.textContent === String(wanted), before + 1);
  const rate = page.locator("[data-rates] .figure .value").first();
  const sending = setInterval(() => {
    for (let i = 0; i < 50; i += 1) client.broadcast("overview", "tick", { i });
  }, 100);
  try {
    await page.waitForFunction(() => /^([1-9]\d|[1-9][\d.]* k)/.test(document.querySelector("[data-rates] .figure .value")?.textContent ?? ""));
  } finally {
    clearInterval(sending);
  }
  assert.match(await rate.innerText(), /\/s$/);
  assert.match(await page.locator(".spark svg").first().getAttribute("aria-label"), /highest/);
  client.close();
  await leave(page);
});
