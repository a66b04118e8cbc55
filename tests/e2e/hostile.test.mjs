// SPDX-License-Identifier: LGPL-3.0-or-later
// Names are chosen by whoever connects, here or at a hub far away. Whatever they are, they are shown, and do nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { go, leave, overflow, Stage } from "./stage.mjs";

const NAMES = [
  `<img src=x onerror="document.title='taken'">`,
  `"><script>document.title='taken'</script>`,
  "javascript:alert(1)",
  "invoice\u202egpj.exe",
  "zero\u200bwidth \u2066isolate",
  "a/b?c#d&e=%2e%2e",
  "{{constructor}} ${7*7} <!--",
  "W".repeat(255),
  "名".repeat(85),
  "تجربة-עברית",
];

let stage;
const clients = [];
before(async () => {
  stage = await Stage.open();
  for (const name of NAMES) {
    const client = await stage.hub.client(name);
    clients.push(client);
    await client.open(name);
    await client.provide(name, name, { params: { title: name, type: "object" } });
    await client.declareTopic(name, name);
  }
});
after(async () => {
  for (const client of clients) client.close();
  await stage?.close();
});

/** As the page writes a name: what cannot be seen is spelled out. */
const shown = (name) => name.replace(/[\u200b\u202e\u2066]/g, (character) => `U+${character.codePointAt(0).toString(16).toUpperCase()}`);

async function harmless(page, where) {
  const found = await page.evaluate(() => ({
    title: document.title,
    foreign: document.querySelectorAll("main img, main script, main iframe, main object, main embed, main form[action], body > script").length,
    handlers: [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some((attribute) => attribute.name.startsWith("on"))).length,
    links: [...document.querySelectorAll("a[href]")].filter((anchor) => !["http:", "https:"].includes(anchor.protocol)).length,
    raw: /[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.body.innerText),
  }));
  assert.ok(!found.title.startsWith("taken"), where);
  assert.deepEqual({ ...found, title: "" }, { title: "", foreign: 0, handlers: 0, links: 0, raw: false }, where);
  assert.ok((await overflow(page)) <= 0, `${where} is not wider than the window`);
}

for (const [device, width] of [["wide", 1280], ["narrow", 390]]) {
  test(`hostile names are text on every ${device} screen`, async () => {
    const page = await stage.signedIn("#/clients", { width, height: 800 });
    for (const screen of ["clients", "channels"]) {
      await go(page, `#/${screen}`);
      for (const name of NAMES) {
        const link = page.getByRole("rowheader").locator("bdi", { hasText: shown(name) }).first();
        await link.waitFor();
        assert.equal(await link.evaluate((element) => getComputedStyle(element).unicodeBidi), "isolate");
        assert.ok((await link.getAttribute("title")).length >= name.length);
      }
      await harmless(page, screen);
    }
    for (const name of NAMES) {
      await go(page, `#/channels/${encodeURIComponent(name)}`);
      const detail = page.getByRole("complementary", { name: "Channel" });
      await detail.getByText("1 member, in the order they joined").waitFor();
      await detail.locator(".events li").waitFor();
      await detail.getByText("Takes").click();
      assert.equal(await detail.getByRole("heading", { level: 2 }).innerText(), shown(name));
      await harmless(page, `channel ${name}`);
      await go(page, `#/clients/${encodeURIComponent(name)}`);
      await page.getByRole("complementary", { name: "Client" }).getByText("Waiting in its queue").waitFor();
      await harmless(page, `client ${name}`);
    }
    for (const screen of ["live", "overview", "bridges"]) {
      await go(page, `#/${screen}`);
      await page.waitForTimeout(500);
      await harmless(page, screen);
    }
    await leave(page);
  });
}

test("a link in a list of names leads to the very thing of that name", async () => {
  const page = await stage.signedIn("#/channels");
  const name = "a/b?c#d&e=%2e%2e";
  await page.getByRole("rowheader").getByRole("link", { name }).click();
  await page.getByRole("complementary", { name: "Channel" }).getByRole("heading", { name }).waitFor();
  await page.reload();
  await page.getByRole("complementary", { name: "Channel" }).getByText("1 member, in the order they joined").waitFor();
  await leave(page);
});

test("the hostile form of an address does nothing either", async () => {
  const page = await stage.signedIn(`#/channels/${encodeURIComponent(NAMES[0])}?q=${encodeURIComponent(NAMES[1])}&sort=__proto__&__proto__=x`);
  await page.getByRole("heading", { name: "Channels" }).waitFor();
  await harmless(page, "address");
  await leave(page);
});

test("a bridge may have a hostile name and tell a hostile address", async () => {
  const name = NAMES[0];
  const put = await stage.hub.rest("PUT", `bridges/${encodeURIComponent(name)}`, { address: "tcp://127.0.0.1:9", paused: true });
  assert.ok(put.status === 201 || put.status === 422 || put.status === 400, `status ${put.status}`);
  const page = await stage.signedIn("#/bridges");
  if (put.status === 201) await page.getByRole("rowheader").getByText(name).waitFor();
  await harmless(page, "bridges");
  await stage.hub.rest("DELETE", `bridges/${encodeURIComponent(name)}`);
  await leave(page);
});
