// What the views of one explorer share and the kernel need not know.

/**
 * A value that others can watch.
 * @template T
 * @param {T} initial
 */
export function createCell(initial) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener(next);
    },
    /** @param {(value: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * A point of the plane that the crosshair marks, and the view it was set from.
 * @typedef {{alpha: number, beta: number, source: "surface" | "heatmap"}} Point
 */

/** The crosshair and the loss scale of one explorer's views. */
export function createLink() {
  return {
    point: createCell(/** @type {Point | null} */ (null)),
    log: createCell(false),
  };
}

/** @typedef {ReturnType<typeof createLink>} Link */
