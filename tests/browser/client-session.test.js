// A conversation as a page has it, over a feed that says what each test tells it to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ParlorError, Session } from "../../web/client/parlor-client.js";
import { eventually } from "./harness/eventually.js";

/** The frames 1…n: messages of the visitor and of the bot in turn. */
function talk(n, after = 0) {
  return Array.from({ length: n }, (_, at) => {
    const id = after + at + 1;
    const author = { type: id % 2 ? "customer" : "bot" };
    const data = { message_id: `m${id}`, conversation_id: "cv_1", author, text: `text ${id}`, attachments: [], created_at: "t" };
    return { id: String(id), prev: String(id - 1), type: id % 2 ? "message.inbound" : "message.outbound", at: "t", data };
  });
}

const RESTART = { id: "0", prev: "0", type: "restart", at: "t", data: {} };

/** A conversation whose calls a test answers one by one, and whose connections it tells what to bring. */
function pretended() {
  const calls = [];
  const feeds = [];
  const asked = (what) => (...args) => new Promise((resolve, reject) => calls.push({ what, args, resolve, reject }));
  async function* follow(about) {
    const told = [];
    let wake = () => {};
    const tell = (...events) => {
      told.push(...events);
      wake();
    };
    about.signal.addEventListener("abort", () => wake());
    feeds.push({ about, tell, state: (state) => about.onState({ state }) });
    // As a connection that was cut: what came before is still there to be read.
    for (;;) {
      const next = told.shift();
      if (next instanceof Error) throw next;
      if (next) yield next;
      else if (about.signal.aborted) return;
      else await new Promise((resolve) => (wake = resolve));
    }
  }
  const conversation = { follow };
  for (const what of ["send", "read", "typing", "stop", "earlier"]) conversation[what] = asked(what);
  return { conversation, calls, feeds, of: (what) => calls.filter((call) => call.what === what) };
}

/** A session, what it keeps, and what it tells. */
function opened({ kept = {}, conversation, ...options } = {}) {
  const there = pretended();
  const memory = { transcript: null, unsent: [], limit: 10, ...kept };
  const told = { changes: 0, kept: [], unsent: [], restored: 0, frames: [], ends: [] };
  const session = new Session(conversation === undefined ? there.conversation : conversation, {
    memory: {
      ...memory,
      keep: (transcript) => told.kept.push(JSON.parse(JSON.stringify(transcript))),
      keepUnsent: (unsent) => told.unsent.push(JSON.parse(JSON.stringify(unsent))),
      restore: () => told.restored++,
    },
    onChange: () => told.changes++,
    onFrame: (frame) => told.frames.push(frame.id),
    onEnd: (error) => told.ends.push(error),
    ...options,
  });
  return { session, told, ...there };
}

const ids = (session) => session.transcript.entries.map((entry) => entry.id);
const came = (session, id) => eventually(`${id} came`, () => session.transcript.cursor === id);

/** A session that is connected and has had these frames. */
async function following(count, options) {
  const all = opened(options);
  all.session.follow();
  all.feeds[0].state("connected");
  all.feeds[0].tell(...talk(count));
  if (count > 0) await came(all.session, String(count));
  return all;
}

test("what the feed brings is folded, and kept in one piece with its cursor for the next page", async () => {
  const { session, told } = await following(2);
  assert.deepEqual([ids(session), told.frames], [["m1", "m2"], ["1", "2"]]);
  await eventually("it is kept", () => told.kept.length > 0);
  assert.deepEqual([told.kept.length, told.kept[0].cursor, told.kept[0].entries.length], [1, "2", 2], "once for what came together");
  session.close();
  const next = opened({ kept: { transcript: told.kept[0] } });
  next.session.follow();
  assert.equal(next.feeds[0].about.after, "2");
  next.feeds[0].tell(...talk(1, 2));
  await came(next.session, "3");
  assert.deepEqual(ids(next.session), ["m1", "m2", "m3"]);
  next.session.close();
});

test("saving puts back what is gone, and writes only what changed", async () => {
  const { session, told } = await following(1);
  session.save();
  session.save();
  assert.deepEqual([told.restored, told.kept.length], [2, 1]);
  session.close();
});

test("what is written goes out under its key, is kept until the feed brings it, and survives the page", async () => {
  const { session, told, of } = opened();
  session.outbox.add("text 1", session.transcript);
  const [{ key, text }] = told.unsent.at(-1);
  assert.deepEqual(of("send")[0].args, [text, { idempotencyKey: key, retries: 0 }]);
  session.close();
  const next = opened({ kept: { unsent: told.unsent.at(-1) } });
  assert.equal(next.calls.length, 0, "not before there is a line");
  next.session.follow();
  next.feeds[0].state("connected");
  assert.equal(next.of("send")[0].args[1].idempotencyKey, key);
  next.of("send")[0].resolve({ message_id: "m1" });
  next.feeds[0].tell(...talk(1));
  await eventually("it is answered", () => next.session.outbox.entries[0].state === "sent");
  await came(next.session, "1");
  assert.deepEqual(next.session.outbox.shown(next.session.transcript), []);
  assert.deepEqual(next.told.unsent.at(-1), []);
  next.session.close();
});

test("where there is no conversation yet the first message makes one, which is then followed", async () => {
  const there = pretended();
  const delivered = [];
  const deliver = async (entry) => {
    delivered.push(entry.text);
    if (!session.conversation) session.enter(there.conversation);
    return session.send(entry);
  };
  const { session } = opened({ conversation: null, deliver });
  session.follow();
  assert.deepEqual([session.line, there.feeds.length], ["idle", 0]);
  session.outbox.add("Hello", session.transcript);
  await eventually("it is sent", () => there.of("send").length === 1);
  assert.deepEqual([delivered, session.line, there.feeds.length], [["Hello"], "connecting", 1]);
  session.close();
});

test("one connection at a time: another one for a new network, none while it rests", async () => {
  const { session, feeds } = await following(1);
  session.follow();
  assert.equal(feeds.length, 1, "it is followed already");
  session.rest();
  assert.deepEqual([session.line, feeds[0].about.signal.aborted], ["idle", true]);
  feeds[0].state("reconnecting");
  feeds[0].tell(...talk(1, 1));
  await new Promise(setImmediate);
  assert.deepEqual([session.line, ids(session)], ["idle", ["m1"]], "what was left has no say");
  session.follow();
  assert.deepEqual([session.line, feeds[1].about.after], ["connecting", "1"]);
  session.refresh();
  assert.deepEqual([feeds.length, feeds[1].about.signal.aborted, feeds[2].about.signal.aborted], [3, true, false]);
  session.close();
  session.follow();
  assert.equal(feeds.length, 3, "what is closed stays closed");
});

test("tabs share a stream under the page's name, and no socket", async () => {
  const { session, feeds } = opened({ share: "page" });
  session.follow();
  session.rest();
  session.follow("websocket");
  assert.deepEqual(feeds.map(({ about }) => [about.transport, about.share]), [["sse", "page"], ["websocket", undefined]]);
  session.close();
});

test("a feed that begins again is folded anew, and what it lost is sent again under its key", async () => {
  const { session, feeds, of } = await following(2);
  session.outbox.add("text 3", session.transcript);
  of("send")[0].resolve({ message_id: "m3" });
  await eventually("it is sent", () => session.outbox.entries[0].state === "sent");
  session.sayRead();
  feeds[0].tell(RESTART, ...talk(2));
  await eventually("it is sent again", () => of("send").length === 2);
  assert.equal(of("send")[1].args[1].idempotencyKey, of("send")[0].args[1].idempotencyKey);
  await came(session, "2");
  assert.deepEqual([session.anew, ids(session)], [true, ["m1", "m2"]]);
  session.sayRead();
  assert.equal(of("read").length, 2, "the server may have lost that as well");
  session.close();
});

test("what is refused for good ends it, and is told", async () => {
  const { session, told, feeds } = await following(1);
  const gone = new ParlorError("gone", { status: 404 });
  feeds[0].tell(gone);
  await eventually("it ended", () => session.line === "ended");
  assert.deepEqual(told.ends, [gone]);
  assert.deepEqual(ids(session), ["m1"], "what was said stays");
  session.rest();
  assert.equal(session.line, "ended");
  session.follow();
  assert.equal(feeds.length, 2, "a page may try again");
  session.close();
});

test("what is closed is told nothing more, and keeps nothing more", async () => {
  const { session, told, feeds } = await following(1);
  session.close();
  const { changes } = told;
  feeds[0].tell(new ParlorError("gone", { status: 404 }));
  feeds[0].state("connected");
  await new Promise(setImmediate);
  assert.deepEqual([told.changes, told.ends], [changes, []]);
  // What was to be kept soon would have been by the time that the next one's is.
  const next = await following(1);
  await eventually("the next is kept", () => next.told.kept.length === 1);
  assert.deepEqual(told.kept, []);
  next.session.close();
});

test("the oldest entries are let go when there are many more than are kept", async () => {
  const { session, told, feeds } = await following(60);
  assert.equal(session.trim(), false);
  feeds[0].tell(...talk(1, 60));
  await came(session, "61");
  session.save();
  assert.deepEqual([told.kept.at(-1).entries.length, session.transcript.entries.length], [10, 61]);
  assert.equal(session.trim(), true);
  assert.deepEqual([session.transcript.entries.length, session.transcript.begins], [10, "52"]);
  session.close();
});

test("older entries are asked for once at a time, and again after a failure", async () => {
  const { session, of } = await following(1);
  session.showEarlier();
  session.showEarlier();
  assert.deepEqual([session.earlier, of("earlier").length], ["loading", 1]);
  of("earlier")[0].reject(new ParlorError("busy", { status: 503 }));
  await eventually("it failed", () => session.earlier === "failed");
  session.showEarlier();
  of("earlier")[1].resolve((now) => ({ ...now, begins: "older" }));
  await eventually("it came", () => session.earlier === "idle");
  assert.equal(session.transcript.begins, "older");
  session.showEarlier();
  session.enter(pretended().conversation);
  of("earlier")[2].resolve((now) => ({ ...now, begins: "another's" }));
  await eventually("it came", () => session.earlier === "idle");
  assert.equal(session.transcript.begins, "older", "what was asked of another conversation is nothing here");
  session.close();
});

test("answers are counted until they were seen, which is said once, and again when that was lost", async () => {
  const { session, of, feeds } = await following(2);
  assert.equal(session.unread, 1);
  session.sayRead();
  session.sayRead();
  assert.deepEqual([of("read").map((call) => call.args), session.unread], [[["m2"]], 0]);
  of("read")[0].reject(new ParlorError("busy", { status: 503 }));
  await eventually("it is unread again", () => session.unread === 1);
  session.sayRead();
  assert.equal(of("read").length, 2);
  feeds[0].tell({ id: "3", prev: "2", type: "conversation.read", at: "t", data: { reader: "customer", message_id: "m2" } });
  await came(session, "3");
  session.close();
  const next = opened({ kept: { transcript: session.transcript } });
  next.session.follow();
  next.feeds[0].state("connected");
  next.session.sayRead();
  assert.deepEqual([next.of("read"), next.session.unread], [[], 0], "the server knows");
  next.session.close();
});

test("nothing is said in passing while there is no line", async () => {
  const { session, feeds, of } = await following(2);
  feeds[0].state("reconnecting");
  session.typing(true);
  session.sayRead();
  assert.deepEqual([of("typing"), of("read")], [[], []]);
  feeds[0].state("connected");
  session.typing(true);
  assert.deepEqual(of("typing").map((call) => call.args), [[true]]);
  session.close();
});
