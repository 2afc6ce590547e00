/** A redraw that takes longer, in milliseconds, would make the pointer stick. */
const SLOW = 100;
/** Milliseconds without a move after which the pointer rests. */
const REST = 150;

/**
 * When to redraw for what follows the pointer: with the next animation frame, of several requests the newest;
 * if the last redraw was slow, only once the requests pause.
 */
export function createPace() {
  let cost = 0;
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {(() => void) | null} */
  let waiting = null;

  function cancel() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    waiting = null;
  }
  function run() {
    const now = waiting;
    cancel();
    now?.();
  }

  return {
    /** @param {() => void} redraw */
    ask(redraw) {
      waiting = redraw;
      if (cost > SLOW) {
        clearTimeout(timer);
        timer = setTimeout(run, REST);
      } else frame ||= requestAnimationFrame(run);
    },
    /** What the last redraw cost. @param {number} milliseconds */
    took(milliseconds) {
      cost = milliseconds;
    },
    /** Forgets a redraw that waits: a newer one is under way. */
    cancel,
  };
}
