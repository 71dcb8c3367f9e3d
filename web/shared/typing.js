/** Tells others that somebody types: again and again while it goes on, and when it is over. */

/** It is said again this often while it goes on, and is over after this much quiet. */
const EVERY_MS = 3000;
const QUIET_MS = 4000;

export class Typing {
  /** @param {(typing: boolean) => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.saidAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.quiet = undefined;
  }

  /**
   * The field holds this now.
   * @param {string} text
   */
  written(text) {
    const typing = text.trim() !== "";
    if (!typing || Date.now() - this.saidAt >= EVERY_MS) this.say(typing);
    clearTimeout(this.quiet);
    if (typing) this.quiet = setTimeout(() => this.over(), QUIET_MS);
  }

  over() {
    this.say(false);
  }

  /**
   * @param {boolean} typing
   * @private
   */
  say(typing) {
    if (!typing && this.saidAt === 0) return;
    clearTimeout(this.quiet);
    this.saidAt = typing ? Date.now() : 0;
    this.tell(typing);
  }
}
