// Nodes of a cluster over a real Kafka and a real CQL server, all on free ports and ended with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parlor, Server } from "./parlor.js";

const SERVICES = fileURLToPath(new URL("../../services/services.sh", import.meta.url));

export class Cluster {
  /** @type {Server[]} */ nodes = [];

  /** Starts the services and so many nodes, with one account that has these settings. */
  static async start(count, settings) {
    const cluster = new Cluster();
    try {
      const { kafka, cql } = await cluster.#hold("kafka", "cassandra");
      const connection = ["--engine", "cluster", "--kafka", kafka, "--cql", cql, "--replication", "1", "--min-insync", "1", "--partitions", "6"];
      await parlor("migrate", ...connection);
      const credentials = JSON.parse(await parlor("account", "create", "--template", "demo", "--name", "Shop", ...connection));
      await parlor("account", "set", "--settings", JSON.stringify(settings), ...connection);
      cluster.siteKey = credentials.widget_site_key;
      for (let number = 0; number < count; number++) cluster.nodes.push(await Server.node(connection));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async stop() {
    for (const node of this.nodes) await node.stop();
    this.services?.stdin.end();
    await this.ended;
  }

  /** They live as long as their input is open, so that they end with this process too. */
  async #hold(...names) {
    this.services = spawn(SERVICES, ["hold", ...names], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, SVC_STEADY: "1" } });
    this.ended = once(this.services, "exit");
    const [line] = await Promise.race([once(createInterface(this.services.stdout), "line"), this.ended]);
    try {
      return JSON.parse(line);
    } catch {
      throw new Error(`${SERVICES} hold ${names.join(" ")}: ${line}`);
    }
  }
}
