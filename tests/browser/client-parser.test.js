// The parser against the words of the standard, and against every way a network may cut a stream.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SseParser } from "../../web/client/sse-parser.js";

const bytes = (text) => new TextEncoder().encode(text);

/** Everything that a stream reports when it comes in these pieces. */
function parsed(...pieces) {
  const events = [];
  const comments = [];
  const retries = [];
  const parser = new SseParser({
    onEvent: (event) => events.push(event),
    onComment: (text) => comments.push(text),
    onRetry: (ms) => retries.push(ms),
  });
  for (const piece of pieces) parser.push(typeof piece === "string" ? bytes(piece) : piece);
  return { events, comments, retries };
}

const data = (...pieces) => parsed(...pieces).events.map((event) => event.data);

test("an event has a type, data and an id", () => {
  const { events } = parsed('event: reply.chunk\nid: c1\ndata: {"text":"Hi"}\n\n');
  assert.deepEqual(events, [{ type: "reply.chunk", id: "c1", data: '{"text":"Hi"}' }]);
});

test("lines end with LF, CR or CRLF, mixed as they like", () => {
  assert.deepEqual(data("data: a\n\n"), ["a"]);
  assert.deepEqual(data("data: a\r\r"), ["a"]);
  assert.deepEqual(data("data: a\r\n\r\n"), ["a"]);
  assert.deepEqual(data("data: a\rdata: b\ndata: c\r\n\r\n\ndata: d\n\r"), ["a\nb\nc", "d"]);
});

test("CRLF split between two chunks is one line end", () => {
  assert.deepEqual(data("data: a\r", "\ndata: b\r", "\n\r", "\n"), ["a\nb"]);
  assert.deepEqual(data("data: a\r", "\r", "data: b\r\r"), ["a", "b"]);
});

test("an event ended by CR is reported at once, not when the next byte comes", () => {
  assert.deepEqual(data("data: a\r\n\r"), ["a"]);
});

test("one byte order mark at the start is dropped, also when it is split", () => {
  assert.deepEqual(data("\uFEFFdata: a\n\n"), ["a"]);
  assert.deepEqual(data(Uint8Array.of(0xef), Uint8Array.of(0xbb), Uint8Array.of(0xbf), "data: a\n\n"), ["a"]);
  assert.deepEqual(data("\uFEFF\uFEFFdata: a\n\n"), [], "the second is part of the field's name");
  assert.deepEqual(data("data: a\n\n\uFEFFdata: b\n\n"), ["a"], "a later one too");
});

test("a character split between chunks comes out whole", () => {
  const whole = bytes("data: नमस्ते 👋🏽\n\n");
  for (let at = 1; at < whole.length; at++) {
    assert.deepEqual(data(whole.slice(0, at), whole.slice(at)), ["नमस्ते 👋🏽"], `cut at ${at}`);
  }
});

test("any stream means the same cut at every byte", () => {
  const stream = bytes(
    "\uFEFFretry: 1000\r\n: hello\r\rid: 1\nevent: a\r\ndata: é1\rdata:2\n\ndata\r\n\r\n:x\nid\ndata:  y\n\nid: 3\r\r",
  );
  const whole = parsed(stream);
  assert.deepEqual(whole.events, [
    { type: "a", id: "1", data: "é1\n2" },
    { type: "message", id: "1", data: "" },
    { type: "message", id: "", data: " y" },
  ]);
  assert.deepEqual([whole.retries, whole.comments], [[1000], [" hello", "x"]]);
  assert.deepEqual(parsed(...Array.from(stream, (byte) => Uint8Array.of(byte))), whole);
  for (let at = 1; at < stream.length; at++) {
    assert.deepEqual(parsed(stream.slice(0, at), stream.slice(at)), whole, `cut at ${at}`);
  }
});

test("an event without data is none, but its id is kept for the next", () => {
  const { events } = parsed("event: a\nid: 7\n\ndata: b\n\n");
  assert.deepEqual(events, [{ type: "message", id: "7", data: "b" }]);
});

test("one empty data line is an event, one leading space is dropped", () => {
  assert.deepEqual(data("data\n\n"), [""]);
  assert.deepEqual(data("data\ndata\n\n"), ["\n"]);
  assert.deepEqual(data("data:a\n\ndata: a\n\ndata:  a\n\n"), ["a", "a", " a"]);
  assert.deepEqual(data("data: a:b: c\n\n"), ["a:b: c"]);
});

test("comments and unknown fields say nothing", () => {
  const { events, comments } = parsed(": ping\n\nDATA: x\nfoo: bar\ndata : y\ndata: a\n: in between\ndata: b\n\n");
  assert.deepEqual(events.map((event) => event.data), ["a\nb"]);
  assert.deepEqual(comments, [" ping", " in between"]);
});

test("an id with a NUL is ignored, retry takes digits only", () => {
  const { events, retries } = parsed("id: a\ndata: x\n\nid: b\0c\ndata: y\n\nretry: 5\nretry: 5s\nretry: -5\nretry\nretry: 070\n");
  assert.deepEqual(events.map((event) => event.id), ["a", "a"]);
  assert.deepEqual(retries, [5, 70]);
});

test("what is unfinished at the end is never reported", () => {
  assert.deepEqual(data("data: a\n\ndata: b\n"), ["a"]);
  assert.deepEqual(data("data: a\n\ndata: b"), ["a"]);
});

test("a long line in many chunks costs no more than its length", () => {
  const piece = "x".repeat(1024);
  const pieces = ["data: ", ...Array(4096).fill(piece), "\n\n"];
  const [text] = data(...pieces);
  assert.equal(text.length, 4096 * 1024);
});
