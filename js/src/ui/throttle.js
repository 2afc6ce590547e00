/**
 * Calls `send` at once, then at most every `interval` milliseconds with the newest value.
 * @template T
 * @param {(value: T) => void} send
 * @param {number} interval
 */
export function createThrottle(send, interval) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {{value: T} | null} */
  let waiting = null;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    if (!waiting) return;
    const { value } = waiting;
    waiting = null;
    timer = setTimeout(flush, interval);
    send(value);
  }

  return {
    /** @param {T} value */
    push(value) {
      waiting = { value };
      if (timer === undefined) flush();
    },
    /** Sends what still waits, now. */
    flush,
    /** Forgets what still waits. */
    cancel() {
      clearTimeout(timer);
      timer = undefined;
      waiting = null;
    },
  };
}
