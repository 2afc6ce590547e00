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
 * @typedef {{alpha: number, beta: number, source: "surface" | "heatmap" | "slices"}} Point
 */

/** @param {Point | null} a @param {Point | null} b */
export const samePoint = (a, b) => a === b || (!!a && !!b && a.alpha === b.alpha && a.beta === b.beta && a.source === b.source);

/** @typedef {"loss" | "error"} Colouring  the loss itself, or what the quadratic model leaves of it */

/** The crosshair and the camera of one explorer's views, and how they show losses. */
export function createLink() {
  return {
    point: createCell(/** @type {Point | null} */ (null), samePoint),
    scale: createCell(/** @type {import("../model/scale.js").ScaleName} */ ("auto")),
    contours: createCell(true),
    quadratic: createCell(false),
    colour: createCell(/** @type {Colouring} */ ("loss")),
    map: createCell(/** @type {import("../model/colours.js").ColourMap} */ ("Viridis")),
    /** Whether a title stands in saved pictures. */
    titled: createCell(true),
    /** Where a person has turned the surfaces to; null: where they start. */
    camera: createCell(/** @type {object | null} */ (null)),
    /** Whether two pictures side by side share colours and heights. */
    oneScale: createCell(false),
  };
}

/** @typedef {ReturnType<typeof createLink>} Link */
