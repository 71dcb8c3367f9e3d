// The fold, given frames, when the next one comes, then this is what a reader sees.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isTranscript } from "../../web/client/checked.js";
import { emptyTranscript, prepended, reduce, transcriptOf, trimmed } from "../../web/client/transcript.js";

let cursors = 0;

/** A frame of the next cursor; what a fold does not look at is left out. */
const frame = (type, data = {}) => ({ id: `c${++cursors}`, prev: `c${cursors - 1}`, type, at: "2026-06-16T10:00:00Z", data });
const asked = (id, text = "What are your opening hours?") =>
  frame("message.inbound", { message_id: id, author: { type: "customer" }, text, language: "en", created_at: "t" });
const answered = (id, text, more = {}) =>
  frame("message.outbound", { message_id: id, author: { type: "bot", name: "Aria" }, text, created_at: "t", ...more });
const started = (id, to) => frame("reply.started", { reply_id: id, in_reply_to: to, author: { type: "bot", name: "Aria" } });
const chunk = (id, offset, text) => frame("reply.chunk", { reply_id: id, offset, text });

const folded = (...frames) => frames.reduce(reduce, emptyTranscript());
const texts = (state) => state.entries.filter((entry) => entry.kind === "message").map((entry) => entry.text);
const notices = (state) => state.entries.filter((entry) => entry.kind === "notice").map((entry) => entry.what);

test("a turn goes from waiting to a reply under way to a message", () => {
  let state = folded(asked("m1"));
  assert.deepEqual([state.waiting, state.replies], [["m1"], []]);
  state = reduce(state, started("r1", "m1"));
  assert.deepEqual([state.waiting, state.replies[0].text, state.replies[0].author.name], [[], "", "Aria"]);
  state = [chunk("r1", 0, "We are "), chunk("r1", 7, "open.")].reduce(reduce, state);
  assert.deepEqual([state.replies[0].text, state.replies[0].length], ["We are open.", 12]);
  state = reduce(state, answered("r1", "We are open.", { in_reply_to: "m1" }));
  assert.deepEqual([state.replies, state.mismatches], [[], 0]);
  assert.deepEqual(texts(state), ["What are your opening hours?", "We are open."]);
});

test("the cursor is the last frame's", () => {
  const last = asked("m1");
  assert.equal(folded(frame("conversation.started"), last).cursor, last.id);
});

test("a state is never changed in place", () => {
  const deep = (value) => {
    if (value && typeof value === "object") Object.values(Object.freeze(value)).forEach(deep);
    return value;
  };
  const frames = [
    asked("m1"), started("r1", "m1"), chunk("r1", 0, "a"), chunk("r1", 5, "b"), frame("reply.restarted", { reply_id: "r1" }),
    chunk("r1", 0, "abc"), frame("typing", { author: { type: "agent" }, typing: true }), answered("r1", "abc", { in_reply_to: "m1" }),
    frame("reply.stopped", { reply_id: "r1", in_reply_to: "m1" }), frame("conversation.read", { reader: "agent", message_id: "m1" }),
    frame("conversation.escalated", { assigned_agent: null }), frame("conversation.resolved"),
  ];
  let state = deep(emptyTranscript());
  for (const each of frames) state = deep(reduce(state, deep(each)));
  assert.equal(state.status, "resolved");
});

test("a state survives being stored and read again in the middle of a reply", () => {
  const before = folded(asked("m1"), started("r1", "m1"), chunk("r1", 0, "Good "));
  const after = JSON.parse(JSON.stringify(before));
  assert.equal(reduce(after, chunk("r1", 5, "day")).replies[0].text, "Good day");
});

test("offsets count code points, not UTF-16 units", () => {
  const state = folded(asked("m1"), started("r1", "m1"), chunk("r1", 0, "👋🏽 नम"), chunk("r1", 5, "स्ते"));
  assert.deepEqual([state.replies[0].text, state.replies[0].length, state.replies[0].broken], ["👋🏽 नमस्ते", 9, false]);
});

test("a chunk that overlaps adds only what is new", () => {
  const begun = folded(asked("m1"), started("r1", "m1"), chunk("r1", 0, "👋 Hello"));
  const text = (...chunks) => chunks.reduce(reduce, begun).replies[0].text;
  assert.equal(text(chunk("r1", 0, "👋 Hello")), "👋 Hello");
  assert.equal(text(chunk("r1", 2, "Hello there")), "👋 Hello there");
  assert.equal(text(chunk("r1", 2, "Hel")), "👋 Hello");
});

test("a hole or a contradiction marks the reply and adds nothing", () => {
  const begun = folded(asked("m1"), started("r1", "m1"), chunk("r1", 0, "Hello"));
  for (const wrong of [chunk("r1", 6, "there"), chunk("r1", 2, "XYZ and")]) {
    const [reply] = reduce(begun, wrong).replies;
    assert.deepEqual([reply.text, reply.broken], ["Hello", true]);
  }
  const holed = reduce(begun, chunk("r1", 9, "!"));
  assert.equal(reduce(holed, chunk("r1", 5, " all")).replies[0].broken, false, "the hole is closed");
  const ended = reduce(holed, answered("r1", "Hello all!", { in_reply_to: "m1" }));
  assert.deepEqual([texts(ended).at(-1), ended.mismatches], ["Hello all!", 1]);
});

test("a restarted reply forgets its text and begins at nought", () => {
  const state = folded(
    asked("m1"), started("r1", "m1"), chunk("r1", 0, "lost words"), frame("reply.restarted", { reply_id: "r1" }), chunk("r1", 0, "Again"),
  );
  assert.deepEqual([state.replies[0].text, state.replies[0].length, state.replies[0].restarts], ["Again", 5, 1]);
});

test("who arrives in the middle of a reply gets the text so far", () => {
  const state = folded(chunk("r1", 0, "The text so far"), chunk("r1", 15, " and on"));
  assert.equal(state.replies[0].text, "The text so far and on");
});

test("a stopped reply keeps what was shown and says so", () => {
  const state = folded(
    asked("m1"), started("r1", "m1"), chunk("r1", 0, "We are"),
    answered("r1", "We are", { in_reply_to: "m1", partial: true }), frame("reply.stopped", { reply_id: "r1", in_reply_to: "m1" }),
  );
  assert.deepEqual([state.replies, notices(state), state.entries.at(-1).partial], [[], [], true]);
});

test("a reply stopped before its first word leaves a note", () => {
  const state = folded(asked("m1"), started("r1", "m1"), frame("reply.stopped", { reply_id: "r1", in_reply_to: "m1" }));
  assert.deepEqual([state.replies, state.waiting, notices(state)], [[], [], ["stopped"]]);
});

test("a failed or discarded reply disappears", () => {
  const begun = [asked("m1"), started("r1", "m1"), chunk("r1", 0, "We")];
  const failed = folded(...begun, frame("reply.failed", { in_reply_to: "m1", reason: "upstream" }));
  assert.deepEqual([failed.replies, failed.waiting, notices(failed)], [[], [], ["failed"]]);
  const discarded = folded(...begun, frame("reply.discarded", { reply_id: "r1", in_reply_to: "m1" }));
  assert.deepEqual([discarded.replies, discarded.waiting, notices(discarded)], [[], [], []]);
});

test("two questions at once are two replies", () => {
  let state = folded(asked("m1"), asked("m2", "And on Sunday?"), started("r1", "m1"), started("r2", "m2"));
  state = [chunk("r2", 0, "Closed"), chunk("r1", 0, "Nine")].reduce(reduce, state);
  assert.deepEqual(state.replies.map((reply) => reply.text), ["Nine", "Closed"]);
  state = reduce(state, answered("r1", "Nine", { in_reply_to: "m1" }));
  assert.deepEqual([state.replies.length, state.waiting], [1, []]);
});

test("a person takes over, joins, leaves and comes back", () => {
  let state = folded(asked("m1"), frame("conversation.escalated", { trigger_message: { text: "x" }, assigned_agent: null }));
  assert.deepEqual([state.status, state.agent, state.waiting], ["escalated", null, []]);
  state = reduce(state, frame("conversation.assigned", { agent: { name: "Maya" } }));
  assert.deepEqual([state.status, state.agent], ["assigned", "Maya"]);
  assert.deepEqual(reduce(state, asked("m2")).waiting, [], "nobody waits for a bot while a person answers");
  state = reduce(state, frame("conversation.resolved"));
  assert.equal(state.status, "resolved");
  assert.deepEqual(reduce(state, asked("m3")).waiting, ["m3"]);
  state = reduce(state, frame("conversation.reopened"));
  assert.deepEqual([state.status, notices(state)], ["bot", ["escalated", "assigned", "resolved", "reopened"]]);
});

test("typing ends when it is said or when the message comes", () => {
  const typing = (on) => frame("typing", { author: { type: "agent", name: "Maya" }, typing: on });
  assert.deepEqual(folded(typing(true), typing(true)).typing, [{ type: "agent", name: "Maya" }]);
  assert.deepEqual(folded(typing(true), typing(false)).typing, []);
  assert.deepEqual(folded(typing(true), answered("m1", "Hi", { author: { type: "agent", name: "Maya" } })).typing, []);
});

test("read receipts are kept for each side", () => {
  const read = (reader, id) => frame("conversation.read", { reader, message_id: id });
  assert.deepEqual(folded(read("agent", "m1"), read("customer", "r1"), read("agent", "m2")).read, { agent: "m2", customer: "r1" });
});

test("the same message folded twice is there once", () => {
  const state = folded(asked("m1"), asked("m1"), answered("r1", "Hi"), answered("r1", "Hi"), chunk("r1", 0, "Hi"));
  assert.deepEqual([texts(state).length, state.replies], [2, []]);
});

test("a frame of a kind to come moves the cursor and nothing else", () => {
  const before = folded(asked("m1"));
  const next = frame("conversation.blessed", { by: "someone" });
  assert.deepEqual(reduce(before, next), { ...before, cursor: next.id });
});

test("a snapshot goes on where the feed does", () => {
  const view = {
    conversation_id: "cv_1", status: "bot", cursor: "c9",
    messages: [{ message_id: "m1", author: { type: "customer" }, text: "Hi", created_at: "t" }],
    reply: { reply_id: "r1", in_reply_to: "m1", text: "Good 👋" },
  };
  let state = transcriptOf(view);
  assert.deepEqual([state.cursor, state.replies[0].length], ["c9", 6]);
  state = reduce(state, chunk("r1", 6, "!"));
  assert.equal(state.replies[0].text, "Good 👋!");
});

/** A chain of frames from the conversation's beginning. */
function chained(...frames) {
  let prev = "0";
  return frames.map((each) => {
    const linked = { ...each, prev };
    prev = each.id;
    return linked;
  });
}

test("a restart makes all that was read void", () => {
  const state = reduce(folded(asked("m1"), started("r1", "m1")), { id: "0", prev: "0", type: "restart", at: "t", data: {} });
  assert.deepEqual(state, emptyTranscript());
});

test("what was let go is put in again, page by page, in its order and once", () => {
  const frames = chained(
    frame("conversation.started"), asked("m1"), answered("r1", "one"), asked("m2"), frame("conversation.escalated", { assigned_agent: { name: "Mia" } }),
    answered("r2", "two", { author: { type: "agent", name: "Mia" } }), asked("m3"), answered("r3", "three"),
  );
  const all = frames.reduce(reduce, emptyTranscript());
  for (let kept = 1; kept <= all.entries.length + 1; kept++) {
    let state = trimmed(all, kept);
    assert.equal(state.entries.length, Math.min(kept, all.entries.length));
    for (let turns = 0; state.begins !== "0"; turns++) {
      assert.ok(turns < 20);
      const at = frames.findIndex((each) => each.id === state.begins);
      state = prepended(state, state.begins, frames.slice(Math.max(0, at - 2), at));
    }
    assert.deepEqual(state, all, `${kept} kept`);
  }
});

test("a page that is not next to what is shown changes nothing; one without frames is the beginning", () => {
  const frames = chained(asked("m1"), asked("m2"), asked("m3"));
  const state = trimmed(frames.reduce(reduce, emptyTranscript()), 1);
  assert.equal(prepended(state, frames[1].id, [frames[0]]), state);
  assert.equal(prepended(state, state.begins, []).begins, "0");
});

test("a reply that was stopped is no notice beside its own message, wherever pages were cut", () => {
  const stopped = frame("reply.stopped", { reply_id: "r1", in_reply_to: "m1" });
  const frames = chained(asked("m1"), answered("r1", "Good", { partial: true }), stopped, asked("m2"));
  const late = prepended({ ...emptyTranscript(), begins: "end" }, "end", frames.slice(2));
  assert.deepEqual(notices(late), ["stopped"]);
  const whole = prepended(late, late.begins, frames.slice(0, 2));
  assert.deepEqual([notices(whole), texts(whole)], [[], [texts(whole)[0], "Good", texts(whole)[2]]]);
  assert.equal(whole.begins, "0");
});

test("what a fold makes is of the form that is asked of what was stored", () => {
  const state = folded(
    asked("m1"), started("r1", "m1"), chunk("r1", 0, "a"), frame("typing", { author: { type: "agent" }, typing: true }),
    frame("conversation.assigned", { agent: { name: "Mia" } }), frame("conversation.read", { reader: "agent", message_id: "m1" }),
    answered("r0", "yes", { buttons: ["x"], attachments: [{ activity_id: 3, id: 1, filename: "a", size: 0, mime_type: "text/plain" }] }),
    started("r9", "m1"), chunk("r9", 3, "x"),
  );
  for (const each of [state, trimmed(state, 1), emptyTranscript()]) assert.ok(isTranscript(JSON.parse(JSON.stringify(each))));
});

test("what is of another form is not taken for a transcript", () => {
  const state = folded(asked("m1"), started("r1", "m1"), answered("r0", "yes", { attachments: [] }));
  const [message] = state.entries;
  const wrong = [
    null, [], "text", 1, {}, { ...state, entries: "[]" }, { ...state, entries: [null] }, { ...state, entries: [{}] }, { ...state, entries: undefined },
    { ...state, entries: [{ ...message, text: 1 }] }, { ...state, entries: [{ ...message, author: null }] }, { ...state, entries: [{ ...message, author: { type: "x" } }] },
    { ...state, entries: [{ ...message, files: [null] }] }, { ...state, entries: [{ ...message, files: "[]" }] }, { ...state, entries: [{ ...message, kind: "x" }] },
    { ...state, entries: [message, message] }, { ...state, cursor: { seq: 1 } }, { ...state, begins: undefined }, { ...state, replies: [{}] }, { ...state, read: null },
    { ...state, status: "x" }, { ...state, waiting: [1] }, { ...state, typing: [null] }, { ...state, mismatches: "0" },
  ];
  for (const each of wrong) assert.equal(isTranscript(each), false, JSON.stringify(each));
});
