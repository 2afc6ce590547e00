// The data that a picture shows the loss on: training, test, or the difference.

import { QUANTITIES } from "./agreed.js";

/** @typedef {"train" | "test" | "difference"} Split  "difference": test − training */

/** @typedef {{split: Split, alpha: number, beta: number, loss: number}} Lowest  where the loss on a split is lowest */

/** Splits that have a lowest loss. */
const LOSSES = /** @type {const} */ (["train", "test"]);

/** In a narrow place. @type {Record<string, string>} */
export const SPLIT_WORDS = { train: "training", test: "test" };

/** What marks the lowest loss on a split, and θ*, in text. @type {Record<string, string>} */
export const SIGNS = { train: "×", test: "+", theta: "◇" };

/** Whether values have a sign that matters: they are what lies between two losses. @param {import("./decoders.js").SurfaceResult} surface */
export const isDifference = ({ split, batchNorm }) => split === "difference" || batchNorm === "difference";

/**
 * What the values of a surface are.
 * @param {import("./decoders.js").SurfaceResult} surface
 */
export const quantityOf = ({ split, batchNorm }) => QUANTITIES[split][batchNorm];

/**
 * The lowest points to mark in a picture: its own, or those of the losses that it is the difference of; and that of
 * another picture of the same plane.
 * @param {import("./decoders.js").SurfaceResult | null} surface
 * @param {import("./decoders.js").SurfaceResult | null} [other]
 * @returns {Lowest[]}
 */
export function lowestPoints(surface, other = null) {
  /** @type {Map<Split, Lowest>} */
  const found = new Map();
  for (const picture of [other, surface]) {
    if (!picture) continue;
    const { split, minimum, minima } = picture;
    const points = split === "difference" ? minima : { [split]: minimum };
    for (const name of LOSSES) {
      const point = points[name];
      if (point) found.set(name, { split: name, ...point });
    }
  }
  return LOSSES.flatMap((name) => found.get(name) ?? []);
}
