// The queue of what was written and is not in the conversation yet.

import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyTranscript, Outbox, ParlorError, reduce } from "../../web/client/parlor-client.js";
import { eventually } from "./harness/eventually.js";

/** The transcript with these messages of the visitor in it. */
function said(...messages) {
  let prev = "0";
  return messages.reduce((transcript, { id, text = "", files = [] }, at) => {
    const data = { message_id: id, conversation_id: "cv_1", author: { type: "customer" }, text, attachments: files, created_at: "t" };
    const frame = { id: String(at + 1), prev, type: "message.inbound", at: "t", data };
    prev = frame.id;
    return reduce(transcript, frame);
  }, emptyTranscript());
}

/** An outbox whose deliveries a test answers one by one. */
function outbox(kept = []) {
  const calls = [];
  const stored = [];
  const deliver = (entry) => new Promise((resolve, reject) => calls.push({ entry, resolve, reject }));
  const box = new Outbox(deliver, kept, (entries) => stored.push(JSON.parse(JSON.stringify(entries))));
  return { box, calls, stored, states: () => box.entries.map((entry) => entry.state) };
}

test("one goes out at a time, in order, and leaves when the feed has brought it", async () => {
  const { box, calls, states } = outbox();
  box.add("one", emptyTranscript());
  box.add("two", emptyTranscript());
  assert.deepEqual(states(), ["sending", "waiting"]);
  calls[0].resolve("m1");
  await eventually("the next goes out", () => calls.length === 2);
  assert.deepEqual(states(), ["sent", "sending"]);
  assert.deepEqual(box.shown(emptyTranscript()).map((entry) => entry.text), ["one", "two"]);
  assert.deepEqual(box.shown(said({ id: "m1", text: "one" })).map((entry) => entry.text), ["two"]);
  calls[1].resolve("m2");
  await eventually("it is sent", () => states().join() === "sent");
  assert.deepEqual(box.shown(said({ id: "m1", text: "one" }, { id: "m2", text: "two" })), []);
  assert.deepEqual(box.entries, []);
});

test("what was delivered without being named leaves when something like it has come", async () => {
  const { box, calls, states } = outbox();
  box.add("hello", emptyTranscript());
  calls[0].resolve(null);
  await eventually("it is sent", () => states()[0] === "sent");
  assert.equal(box.shown(said({ id: "m1", text: "other" })).length, 1);
  assert.equal(box.shown(said({ id: "m1", text: "other" }, { id: "m2", text: "hello" })).length, 0);
  assert.deepEqual(box.entries, []);
});

test("a file is known by its size, and two alike are two", async () => {
  const { box, calls } = outbox();
  const file = { name: "a.txt", size: 3 };
  box.add("", emptyTranscript(), { key: "k1", file });
  box.add("", emptyTranscript(), { key: "k2", file });
  calls[0].resolve(null);
  await eventually("the next goes out", () => calls.length === 2);
  const one = { id: "m1", files: [{ id: 1, filename: "a.txt", size: 3, mime_type: "text/plain" }] };
  assert.deepEqual(box.shown(said(one)).map((entry) => entry.key), ["k2"]);
  calls[1].resolve(null);
  await eventually("both are sent", () => box.entries.every((entry) => entry.state === "sent"));
  assert.deepEqual(box.shown(said(one, { ...one, id: "m2" })), []);
});

test("a message that the feed brought first is not shown twice, nor mistaken for one before", async () => {
  const { box } = outbox();
  box.add("again", said({ id: "m1", text: "again" }));
  assert.equal(box.shown(said({ id: "m1", text: "again" })).length, 1, "that one was there before");
  assert.equal(box.shown(said({ id: "m1", text: "again" }, { id: "m2", text: "again" })).length, 0);
  assert.equal(box.entries.length, 1, "but its answer is waited for");
});

test("what failed in passing is tried again under its key, what was refused waits for the writer", async () => {
  const { box, calls, states } = outbox();
  box.add("one", emptyTranscript());
  box.add("two", emptyTranscript());
  calls[0].reject(new ParlorError("busy", { status: 503, retryAfterMs: 10 }));
  await eventually("it waits", () => states().join() === "waiting,waiting");
  box.pump();
  assert.equal(calls[1].entry.key, calls[0].entry.key);
  calls[1].reject(new ParlorError("no", { status: 422 }));
  await eventually("the next goes out", () => calls.length === 3);
  assert.deepEqual([states(), box.entries[0].reason], [["refused", "sending"], "no"]);
  calls[2].resolve("m2");
  await eventually("it is sent", () => states()[1] === "sent");
  box.retry(box.entries[0].key);
  assert.equal(calls[3].entry.key, calls[0].entry.key);
  box.close();
});

test("what a page left goes out under the same key; what is held stays", async () => {
  const first = outbox();
  first.box.add("one", emptyTranscript());
  const kept = first.stored.at(-1);
  assert.equal(kept[0].state, "sending");
  const { box, calls } = outbox(kept);
  box.hold(true);
  box.pump();
  assert.equal(calls.length, 0);
  box.hold(false);
  assert.deepEqual([calls.length, calls[0].entry.key], [1, kept[0].key]);
});

test("a file that was called lost and stands in the feed all the same leaves", async () => {
  const { box, calls, states } = outbox();
  box.add("", emptyTranscript(), { key: "k1", file: { name: "a.txt", size: 3 } });
  calls[0].reject(new ParlorError("lost", { status: 410, type: "lost" }));
  await eventually("it is called lost", () => states()[0] === "refused");
  const file = { id: 1, filename: "a.txt", size: 3, mime_type: "text/plain" };
  assert.equal(box.shown(said({ id: "m1", files: [{ ...file, size: 4 }] })).length, 1);
  assert.deepEqual(box.shown(said({ id: "m1", files: [file] })), []);
  assert.deepEqual(box.entries, []);
});

test("what was sent before is never taken for what is written after it", async () => {
  const { box, calls, states } = outbox();
  box.add("hi", emptyTranscript());
  box.add("hi", emptyTranscript());
  calls[0].resolve("m1");
  await eventually("the second goes out", () => calls.length === 2);
  const one = said({ id: "m1", text: "hi" });
  assert.equal(box.shown(one).length, 1);
  assert.deepEqual([box.entries[0].since, box.entries[0].after], ["m1", "1"]);
  calls[1].resolve(null);
  await eventually("it is sent", () => states().join() === "sent");
  assert.equal(box.shown(one).length, 1, "its own message has not come");
  assert.equal(box.shown(said({ id: "m1", text: "hi" }, { id: "m2", text: "hi" })).length, 0);
});

test("what was sent and has not come is sent again under its key when the feed begins again", async () => {
  const { box, calls, states } = outbox();
  box.add("one", emptyTranscript());
  calls[0].resolve("m1");
  await eventually("it is sent", () => states().join() === "sent");
  box.resend();
  assert.deepEqual([calls.length, calls[1].entry.key], [2, calls[0].entry.key]);
  calls[1].resolve("m1");
  await eventually("it is sent again", () => states().join() === "sent");
  assert.deepEqual(box.shown(said({ id: "m1", text: "one" })), []);
});

test("where it was written is known by what stood before it, however many older entries come and go", () => {
  const all = said({ id: "m1", text: "again" }, { id: "m2", text: "other" });
  const { box } = outbox();
  box.add("again", all);
  assert.equal(box.shown({ ...all, entries: all.entries.slice(1) }).length, 1, "the older one was let go");
  assert.equal(box.shown(all).length, 1, "and is there again");
});
