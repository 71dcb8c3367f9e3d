/**
 * What tells a visitor who looks elsewhere that an answer came: a short sound, and the count before
 * the page's title. The sound can be switched off by the visitor, both by the shop.
 */

/** The two notes, in hertz, and how long each is heard. */
const NOTES = [660, 880];
const NOTE_S = 0.12;
const LOUDNESS = 0.06;
const COUNT = /^\(\d+\) /;

export class Alerts {
  /** @param {{sound: boolean, badge: boolean}} options */
  constructor({ sound, badge }) {
    this.sound = sound;
    this.badge = badge;
    this.unread = 0;
    /** @type {AudioContext | null} */
    this.audio = null;
    this.marked = false;
  }

  /**
   * There are that many answers that nobody has seen.
   * @param {number} unread
   */
  count(unread) {
    if (unread > this.unread && this.sound) this.chime();
    this.unread = unread;
    this.title();
  }

  /** Brings the page's title up to date: a count while the page is not looked at. */
  title() {
    const marks = this.badge && this.unread > 0 && document.hidden;
    if (!marks && !this.marked) return;
    // The page may have changed its title meanwhile.
    const own = this.marked ? document.title.replace(COUNT, "") : document.title;
    document.title = marks ? `(${this.unread}) ${own}` : own;
    this.marked = marks;
  }

  /** @private */
  chime() {
    // A browser lets a page sound only after somebody used it.
    if (!navigator.userActivation?.hasBeenActive || !("AudioContext" in window)) return;
    const audio = (this.audio ??= new AudioContext());
    const volume = new GainNode(audio, { gain: LOUDNESS });
    volume.connect(audio.destination);
    NOTES.forEach((frequency, at) => {
      const note = new OscillatorNode(audio, { type: "sine", frequency });
      note.connect(volume);
      note.start(audio.currentTime + at * NOTE_S);
      note.stop(audio.currentTime + (at + 1) * NOTE_S);
    });
  }

  close() {
    this.unread = 0;
    this.title();
    this.audio?.close();
  }
}
