// SPDX-License-Identifier: LGPL-3.0-or-later
// What every test of the page stands on: a hub of its own, a browser, and between them a proxy that can be cut.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { HubClient } from "./hub_client.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const BIN = resolve(process.env.COMMHUB_BIN ?? join(root, "build/commhub"));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const START_MS = 15_000;
export const TOKEN = "e2e-token-0123456789abcdefghijklmnop";
export const PATIENCE_MS = 10_000;

/** The policy that the hub has to send with the page, as the header file of the embedded dashboard has it. */
export function wantedPolicy() {
  const header = readFileSync(join(root, "webui/webui_assets.h"), "utf8");
  const definition = /#define WEBUI_CONTENT_SECURITY_POLICY((?:[^\n]*\\\n)*[^\n]*)/.exec(header);
  assert.ok(definition, "webui_assets.h defines the policy");
  return [...definition[1].matchAll(/"([^"]*)"/g)].map((match) => match[1]).join("");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class Hub {
  #process;
  #clients = [];

  static async start(serverId = "e2e-hub") {
    const hub = new Hub();
    hub.serverId = serverId;
    hub.folder = mkdtempSync(join(tmpdir(), "commhub-e2e-"));
    hub.socket = join(hub.folder, "hub.sock");
    hub.port = await freePort();
    writeFileSync(join(hub.folder, "token"), `${TOKEN}\n`, { mode: 0o600 });
    writeFileSync(join(hub.folder, "link-secret"), "the hubs know this\n", { mode: 0o600 });
    await hub.run();
    return hub;
  }

  async run() {
    accessSync(BIN, constants.X_OK);
    const child = spawn(
      BIN,
      ["serve", "--data-dir", join(this.folder, "data"), "--server-id", this.serverId, "--listen", `unix:${this.socket}`, "--mgmt", `127.0.0.1:${this.port}`, "--link-secret-file", join(this.folder, "link-secret")],
      { env: { ...process.env, COMMHUB_ADMIN_TOKEN_FILE: join(this.folder, "token") }, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#process = child;
    let said = "";
    await new Promise((done, failed) => {
      const limit = setTimeout(() => failed(new Error(`the hub is not ready after ${START_MS} ms:\n${said}`)), START_MS);
      const hear = (chunk) => {
        said = (said + chunk).slice(-20_000);
        if (/^ready /m.test(said)) {
          clearTimeout(limit);
          done();
        }
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", (chunk) => (said = (said + chunk).slice(-20_000)));
      child.once("error", failed);
      child.once("exit", (code, signal) => {
        clearTimeout(limit);
        failed(new Error(`the hub ended (${code ?? signal}):\n${said}`));
      });
    });
  }

  async client(id) {
    const client = await HubClient.connect(this.socket, id);
    this.#clients.push(client);
    return client;
  }

  async rest(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  async kill(signal = "SIGKILL") {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async stop() {
    for (const client of this.#clients) client.close();
    await this.kill("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Passes bytes between the browser and the hub, until it is told not to. */
class Proxy {
  #sockets = new Set();
  #server;
  isCut = false;

  static async start(to) {
    const proxy = new Proxy();
    proxy.#server = createServer((near) => {
      if (proxy.isCut) return near.destroy();
      const far = connect(to, "127.0.0.1");
      for (const [one, other] of [[near, far], [far, near]]) {
        proxy.#sockets.add(one);
        one.pipe(other);
        one.on("error", () => undefined);
        one.on("close", () => {
          proxy.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}/`;
    return proxy;
  }

  cut() {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  stop() {
    this.cut();
    this.#server.close();
  }
}

export class Stage {
  static async open(serverId) {
    const stage = new Stage();
    stage.hub = await Hub.start(serverId);
    try {
      stage.proxy = await Proxy.start(stage.hub.port);
      stage.browser = await chromium.launch({ executablePath: CHROMIUM, args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async close() {
    await this.browser?.close();
    this.proxy?.stop();
    await this.hub.stop();
  }

  /** A page in a fresh browser profile that remembers everything it should not have done. */
  async page({ width = 1280, height = 800, theme = "light" } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme: theme, acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.faults = [];
    page.on("pageerror", (error) => page.faults.push(`error: ${error.message}`));
    page.on("dialog", (dialog) => {
      page.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      // A refused or cut request is written there by the browser itself; that is no fault of the page.
      if (message.type() === "error" && !/^Failed to load resource|WebSocket connection to/.test(message.text())) {
        page.faults.push(`console: ${message.text()}`);
      }
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(this.proxy.url) && !/^(data|blob):/.test(request.url())) page.faults.push(`request: ${request.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`));
    });
    return page;
  }

  /** A page that is signed in, at an address such as "#/clients". */
  async signedIn(at = "#/overview", options = {}) {
    const page = await this.page(options);
    await page.goto(`${this.proxy.url}${at}`);
    await page.getByLabel("Access token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Screens" }).waitFor();
    await page.locator(".pill.ok").waitFor();
    return page;
  }
}

/** Nothing of what must never happen has happened; call it at the end of each test. */
export async function leave(page) {
  const faults = page.faults.filter((fault) => !fault.startsWith("error: net::"));
  await page.context().close();
  assert.deepEqual(faults, []);
}

export async function go(page, at) {
  await page.evaluate((hash) => (window.location.hash = hash), at);
}

/** Waits until a condition in the test itself holds. */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `${what} within ${PATIENCE_MS} ms`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
