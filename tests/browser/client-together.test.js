// Tabs that follow one conversation over one connection, against a server that counts them.

import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { Parlor, ParlorError } from "../../web/client/parlor-client.js";
import { eventually } from "./harness/eventually.js";
import { frames } from "./harness/scripted.js";
import { browser } from "./harness/tabs.js";

/** A conversation that grows by `tell`, whose open streams are counted. */
async function conversing() {
  const told = [];
  const open = new Set();
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://server");
    const after = Number(searchParams.get("after"));
    if (world.refuse) {
      response.writeHead(world.refuse, { "content-type": "application/json" });
      return response.end(JSON.stringify({ error: { type: "not_found", message: "No." } }));
    }
    if (world.forgets && after > told.length) {
      response.writeHead(400, { "content-type": "application/json" });
      return response.end(JSON.stringify({ error: { type: "unknown_cursor", message: "No." } }));
    }
    if (pathname.endsWith("/events")) {
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ events: told.slice(after), next: String(told.length) }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("retry: 100\n\n");
    for (const frame of told.slice(after)) response.write(`data: ${JSON.stringify(frame)}\n\n`);
    open.add(response);
    world.streams++;
    world.most = Math.max(world.most, open.size);
    response.on("close", () => open.delete(response));
  });
  const world = { streams: 0, most: 0, refuse: 0, forgets: false, told, open };
  const all = frames(1000);
  world.tell = (count = 1) => {
    for (const frame of all.slice(told.length, told.length + count)) {
      told.push(frame);
      for (const stream of open) stream.write(`data: ${JSON.stringify(frame)}\n\n`);
    }
  };
  world.cut = () => open.forEach((stream) => stream.socket.resetAndDestroy());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  world.origin = `http://127.0.0.1:${server.address().port}`;
  world.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return world;
}

/** A tab that follows from a cursor until it is closed. */
function open(world, tabs, after = "0") {
  const life = new AbortController();
  const tab = { ids: [], states: [], tabs, error: null, frames: [] };
  const conversation = new Parlor({ origin: world.origin, token: "lt_1", tabs }).conversation("cv_1");
  const options = { after, share: "cv_1", signal: life.signal, onState: ({ state }) => tab.states.push(state) };
  tab.over = (async () => {
    try {
      for await (const frame of conversation.follow(options)) {
        tab.ids.push(Number(frame.id));
        tab.frames.push(frame.type);
      }
    } catch (error) {
      tab.error = error;
    }
  })();
  tab.close = () => {
    life.abort();
    return tab.over;
  };
  tab.has = (last) => eventually(`a tab has ${last}`, () => tab.ids.at(-1) === last, 8000);
  return tab;
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

function withWorld(name, body, timeout = 30_000) {
  test(name, { timeout }, async () => {
    const world = await conversing();
    const tabs = [];
    const start = (site, after) => {
      const tab = open(world, site.tab(), after);
      tabs.push(tab);
      return tab;
    };
    try {
      await body(world, start);
    } finally {
      for (const tab of tabs) await tab.close();
      await world.close();
    }
  });
}

withWorld("ten tabs have one stream, and each has every frame once and in order", async (world, start) => {
  const site = browser();
  world.tell(3);
  const first = start(site);
  await first.has(3);
  const others = Array.from({ length: 9 }, () => start(site));
  await Promise.all(others.map((tab) => tab.has(3)));
  await eventually("one stream is open", () => world.open.size === 1);
  const before = world.streams;
  for (let turn = 0; turn < 50; turn++) {
    world.tell();
    if (turn % 10 === 0) await new Promise(setImmediate);
  }
  for (const tab of [first, ...others]) {
    await tab.has(53);
    assert.deepEqual(tab.ids, upTo(53));
    assert.equal(tab.states.at(-1), "connected");
  }
  assert.deepEqual([world.open.size, world.streams], [1, before], "nobody opened another");
});

withWorld("tabs that are level open no connection at all", async (world, start) => {
  const site = browser();
  world.tell(3);
  const first = start(site);
  await first.has(3);
  const level = start(site, "3");
  await eventually("it is connected", () => level.states.at(-1) === "connected");
  world.tell();
  await level.has(4);
  assert.deepEqual([level.ids, world.streams], [[4], 1]);
});

withWorld("when the tab that leads is closed, another goes on without a loss", async (world, start) => {
  const site = browser();
  const tabs = [start(site), start(site), start(site)];
  world.tell(5);
  await Promise.all(tabs.map((tab) => tab.has(5)));
  for (const [at, tab] of tabs.entries()) {
    if (at === 2) break;
    const closing = tab.close();
    world.tell(4);
    await closing;
    for (const left of tabs.slice(at + 1)) await left.has(9 + 4 * at);
  }
  assert.deepEqual(tabs[2].ids, upTo(13));
  await eventually("one stream is open", () => world.open.size === 1);
});

withWorld("a line that is cut is the leader's to mend; nobody else notices but by its word", async (world, start) => {
  const site = browser();
  const tabs = [start(site), start(site)];
  world.tell(2);
  await Promise.all(tabs.map((tab) => tab.has(2)));
  world.cut();
  await eventually("both say so", () => tabs.every((tab) => tab.states.includes("reconnecting")));
  world.tell(2);
  for (const tab of tabs) {
    await tab.has(4);
    assert.deepEqual(tab.ids, upTo(4));
  }
  assert.equal(world.open.size, 1);
});

withWorld("a tab that was not told of frames proves it and fetches them itself", async (world, start) => {
  const site = browser();
  const tabs = [start(site), start(site)];
  world.tell(1);
  await Promise.all(tabs.map((tab) => tab.has(1)));
  tabs[1].tabs.lose = (said) => said.what === "frame" && [3, 4].includes(Number(said.frame.id));
  world.tell(5);
  for (const tab of tabs) {
    await tab.has(6);
    assert.deepEqual(tab.ids, upTo(6));
  }
  world.tell();
  await tabs[1].has(7);
  await eventually("its own connection is given back", () => world.open.size === 1);
});

withWorld("a leader that is frozen loses the lead, and is a follower when it thaws", async (world, start) => {
  const site = browser();
  const leader = start(site);
  world.tell(1);
  await leader.has(1);
  leader.tabs.frozen = true;
  const other = start(site);
  world.tell(1);
  await other.has(2);
  leader.tabs.frozen = false;
  await eventually("one stream is open", () => world.open.size === 1);
  world.tell(1);
  for (const tab of [leader, other]) {
    await tab.has(3);
    assert.deepEqual(tab.ids, upTo(3));
  }
});

withWorld("a cursor that the server does not know begins every tab again", async (world, start) => {
  const site = browser();
  world.tell(3);
  const tabs = [start(site), start(site)];
  await Promise.all(tabs.map((tab) => tab.has(3)));
  world.forgets = true;
  world.told.length = 2;
  world.cut();
  for (const tab of tabs) {
    await tab.has(2);
    assert.deepEqual(tab.ids, [1, 2, 3, 0, 1, 2]);
    assert.equal(tab.frames[3], "restart");
  }
});

withWorld("what is refused for good ends every tab", async (world, start) => {
  const site = browser();
  world.tell(1);
  const tabs = [start(site), start(site)];
  await Promise.all(tabs.map((tab) => tab.has(1)));
  world.refuse = 404;
  world.cut();
  for (const tab of tabs) {
    await tab.over;
    assert.ok(tab.error instanceof ParlorError && tab.error.status === 404, String(tab.error));
    assert.equal(tab.states.at(-1), "closed");
  }
});

withWorld("where tabs cannot meet, each has its own connection", async (world, start) => {
  const site = browser();
  const tabs = [0, 1].map(() => {
    const tab = site.tab();
    tab.locks = undefined;
    return start({ tab: () => tab });
  });
  world.tell(2);
  for (const tab of tabs) await tab.has(2);
  assert.equal(world.open.size, 2);
  const refused = site.tab();
  refused.locks = { request: () => Promise.reject(Object.assign(new Error("no"), { name: "SecurityError" })) };
  const alone = start({ tab: () => refused });
  await alone.has(2);
  assert.equal(world.open.size, 3);
});
