// A browser's tabs without a browser: locks that one tab holds, and a channel between all.

/** Locks as `navigator.locks` has them, as far as the client asks. */
export function lockManager() {
  const held = new Map();
  const aborted = () => Object.assign(new Error("aborted"), { name: "AbortError" });
  const grant = (name) => {
    const lock = held.get(name);
    if (lock.holder || lock.waiting.length === 0) return;
    const next = (lock.holder = lock.waiting.shift());
    const done = () => {
      if (lock.holder === next) lock.holder = null;
      grant(name);
    };
    Promise.resolve(next.hold({ name })).then((value) => (done(), next.resolve(value)), (error) => (done(), next.reject(error)));
  };
  const request = (name, { signal, steal = false }, hold) =>
    new Promise((resolve, reject) => {
      if (!held.has(name)) held.set(name, { holder: null, waiting: [] });
      const lock = held.get(name);
      const asked = { hold, resolve, reject };
      signal?.addEventListener("abort", () => {
        const at = lock.waiting.indexOf(asked);
        if (at >= 0) lock.waiting.splice(at, 1)[0].reject(aborted());
      });
      if (steal && lock.holder) {
        lock.holder.reject(aborted());
        lock.holder = null;
      }
      if (steal) lock.waiting.unshift(asked);
      else lock.waiting.push(asked);
      queueMicrotask(() => grant(name));
    });
  return { request };
}

/**
 * What tabs of one browser meet by. A tab that is `frozen` hears nothing and says nothing.
 */
export function browser() {
  const locks = lockManager();
  const channels = new Set();
  const tab = () => {
    const self = { locks, frozen: false, lose: (_said) => false };
    self.channel = (name) => {
      const channel = {
        name,
        onmessage: null,
        postMessage(data) {
          if (self.frozen) return;
          const copy = structuredClone(data);
          for (const other of channels) {
            if (other === channel || other.name !== name) continue;
            queueMicrotask(() => other.self.frozen || other.self.lose(copy) || other.onmessage?.({ data: structuredClone(copy) }));
          }
        },
        close: () => channels.delete(channel),
        self,
      };
      channels.add(channel);
      return channel;
    };
    return self;
  };
  return { tab };
}
