// The real server: started on a free port with a directory of its own, ended by its own pid.

import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually } from "./eventually.js";

const BINARY = process.env.PARLOR_BIN ?? fileURLToPath(new URL("../../../target/debug/parlor", import.meta.url));

/**
 * Without our own PARLOR_ variables, which the server would take for settings and refuse. Replies are
 * shown piece by piece, and soon: no test waits for a longer pause.
 */
const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PARLOR_"))),
  PARLOR_PACE: "30",
};

/** As all visitors of the tests come from one address, and say more than people do. */
export const PLENTY = { widget_config: 6000, widget_create: 6000, widget_read: 6000, widget_send: 6000, widget_files: 6000 };

/** Runs a command, which must go well; answers what it printed. */
export async function parlor(...args) {
  return (await promisify(execFile)(BINARY, args, { env: ENVIRONMENT })).stdout;
}

export class Server {
  /** Starts a server with these flags besides; it can serve when this returns. */
  static async start(...flags) {
    const dataDir = await mkdtemp(path.join(tmpdir(), "parlor-browser-"));
    const server = await Server.#serve(["--data-dir", dataDir, ...flags], dataDir);
    if (!flags.includes("--no-demo")) await server.set({ limits: PLENTY });
    return server;
  }

  /** Starts a node of a cluster, which keeps nothing itself. */
  static node(connection) {
    return Server.#serve(connection);
  }

  static async #serve(flags, dataDir) {
    const server = new Server();
    server.dataDir = dataDir;
    server.port = await freePort();
    server.origin = `http://127.0.0.1:${server.port}`;
    server.flags = flags;
    try {
      await server.up();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Starts the process on the port and with the flags that it had. */
  async up() {
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`, ...this.flags];
    this.process = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"], env: ENVIRONMENT });
    this.output = "";
    this.process.stdout.on("data", (text) => (this.output += text));
    this.process.stderr.on("data", (text) => (this.output += text));
    this.ended = new Promise((resolve) => {
      this.process.on("exit", resolve);
      this.process.on("error", (error) => resolve((this.output += error)));
    });
    await eventually("the server is ready", async () => {
      if (this.process.exitCode !== null) throw new Error(`${BINARY} ended:\n${this.output}`);
      return (await fetch(`${this.origin}/readyz`).catch(() => null))?.ok;
    });
  }

  /** The keys of the demo account. */
  async credentials() {
    return JSON.parse(await readFile(path.join(this.dataDir, "credentials.json"), "utf8"));
  }

  /** Changes settings of its only account, while it runs. */
  async set(settings) {
    await parlor("account", "set", "--data-dir", this.dataDir, "--settings", JSON.stringify(settings));
  }

  /** A copy of what it keeps, for which it is stopped and started. */
  async backup() {
    await this.end("SIGTERM");
    const copy = `${this.dataDir}-copy`;
    await cp(this.dataDir, copy, { recursive: true });
    await this.up();
    return copy;
  }

  /** Goes back to a copy: what came after it is forgotten. */
  async restore(copy) {
    await this.end("SIGKILL");
    await rm(this.dataDir, { recursive: true });
    await rename(copy, this.dataDir);
    await this.up();
  }

  /** Ends it: SIGKILL without a word of warning, SIGTERM politely. */
  async end(signal) {
    this.process.kill(signal);
    await this.ended;
  }

  async stop() {
    await this.end("SIGKILL");
    if (this.dataDir) await rm(this.dataDir, { recursive: true, force: true });
  }

  /** Everything that the server has stored of a conversation, as the feed tells it from the start. */
  async frames({ conversation_id, token }) {
    const frames = [];
    for (let after = "0"; ; ) {
      const url = `${this.origin}/live/v1/conversations/${conversation_id}/events?after=${encodeURIComponent(after)}&limit=100`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      if (!response.ok) throw new Error(`GET events answered ${response.status}: ${await response.text()}`);
      const page = await response.json();
      frames.push(...page.events);
      if (page.events.length === 0 || page.next === after) return frames;
      after = page.next;
    }
  }

  /** The stored messages, oldest first. */
  async messages(session) {
    const frames = await this.frames(session);
    return frames.filter((frame) => frame.type.startsWith("message.")).map((frame) => frame.data);
  }
}

/** A port that nobody listens on now. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
