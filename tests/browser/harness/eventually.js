// Waiting for a condition, by name.

import { setTimeout as pause } from "node:timers/promises";

/** Answers what `condition` answers once that is truthy; fails by name when it never is. */
export async function eventually(what, condition, withinMs = 30_000) {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > until) throw new Error(`Waited ${withinMs} ms in vain until ${what}.`);
    await pause(25);
  }
}
