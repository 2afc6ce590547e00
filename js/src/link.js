// What the views of one explorer share and the kernel need not know.

/**
 * A value that others can watch.
 * @template T
 * @param {T} initial
 * @param {(a: T, b: T) => boolean} [same]
 */
export function createCell(initial, same = Object.is) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (same(next, value)) return;
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

/** @param {Point | null} a @param {Point | null} b */
const samePoint = (a, b) => a === b || (!!a && !!b && a.alpha === b.alpha && a.beta === b.beta && a.source === b.source);

/** The crosshair and the loss scale of one explorer's views. */
export function createLink() {
  return {
    point: createCell(/** @type {Point | null} */ (null), samePoint),
    log: createCell(false),
  };
}

/** @typedef {ReturnType<typeof createLink>} Link */
