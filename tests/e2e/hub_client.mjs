// SPDX-License-Identifier: LGPL-3.0-or-later
// A client of the hub that says just enough to be seen on the dashboard.

import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { frame, readFrames } from "./msgpack.mjs";

export class HubClient {
  #socket;
  #waiting = new Map();

  /** Resolves when the hub has identified the client. */
  static async connect(path, id) {
    const client = new HubClient();
    const socket = connect(path);
    client.id = id;
    client.#socket = socket;
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`the hub did not identify ${id}`)), 5000);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error(`the hub closed the connection of ${id}`)));
      readFrames(socket, (message) => {
        if (message.type === "identified") {
          clearTimeout(limit);
          resolve();
        } else if (message.type === "error" && message.request_id === undefined) {
          clearTimeout(limit);
          reject(new Error(message.message));
        } else {
          client.#waiting.get(message.request_id)?.(message);
        }
      });
      socket.write(frame({ type: "identify", client_id: id, mode: "client" }));
    });
    socket.on("error", () => undefined);
    return client;
  }

  async #ask(message) {
    const request_id = randomUUID();
    const answer = await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`no answer to ${message.type}`)), 5000);
      this.#waiting.set(request_id, (response) => {
        clearTimeout(limit);
        this.#waiting.delete(request_id);
        resolve(response);
      });
      this.#socket.write(frame({ ...message, request_id }));
    });
    if (typeof answer.error === "string") throw new Error(answer.error);
    return answer;
  }

  open(channel) {
    return this.#ask({ type: "register", channel, is_provider: false, client_id: this.id });
  }

  provide(channel, event, { isStream = false, isGroup = false, params = null, returns = null } = {}) {
    return this.#ask({
      type: "register",
      channel,
      event,
      is_provider: true,
      is_stream: isStream,
      is_group: isGroup,
      param_schema: params,
      return_schema: returns,
      client_id: this.id,
    });
  }

  declareTopic(channel, name) {
    return this.#ask({ type: "add_subscription", channel, sub_name: name, return_schema: null });
  }

  subscribe(channel, name) {
    return this.#ask({ type: "subscribe", channel, sub_name: name });
  }

  publish(channel, name, data) {
    this.#socket.write(frame({ type: "publish", channel, sub_name: name, data }));
  }

  broadcast(channel, event, data) {
    this.#socket.write(frame({ type: "broadcast", channel, event, data }));
  }

  close() {
    this.#socket.destroy();
  }
}
