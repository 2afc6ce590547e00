// Loss on a linear or a logarithmic scale: one choice for colour and height.

/** Perceptually uniform and safe for colour-blind readers. */
export const COLOURS = "Viridis";

/**
 * Whether a logarithm helps: all losses positive, over more than three decades.
 * @param {[number, number]} range
 */
export const offersLog = ([low, high]) => low > 0 && high / low > 1000;

/**
 * @typedef {object} Shade
 * @property {Float32Array[]} rows  what colour and height stand for
 * @property {[number, number]} range
 * @property {string} title
 */

/** @type {WeakMap<import("./decode.js").SurfaceResult, Shade>} */
const logs = new WeakMap();

/**
 * A surface's losses on the chosen scale. The same arrays for the same surface, so that plotly sees what changed.
 * @param {import("./decode.js").SurfaceResult} surface
 * @param {boolean} log
 * @returns {Shade}
 */
export function shade(surface, log) {
  if (!log || !offersLog(surface.range)) return { rows: surface.rows, range: surface.range, title: "loss" };
  const known = logs.get(surface);
  if (known) return known;
  const rows = surface.rows.map((row) => row.map(Math.log10));
  const made = { rows, range: /** @type {[number, number]} */ (surface.range.map(Math.log10)), title: "log₁₀ loss" };
  logs.set(surface, made);
  return made;
}

/**
 * Round contour levels, about `count` of them, the same in every view.
 * @param {[number, number]} range
 * @param {number} [count]
 * @returns {{start: number, end: number, size: number} | null}  null where there is nothing to tell apart
 */
export function contourLevels([low, high], count = 14) {
  if (!(high > low)) return null;
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = power * (/** @type {number} */ ([1, 2, 5, 10].find((step) => step * power >= rough * 0.999)));
  const [start, end] = [Math.ceil(low / size) * size, Math.floor(high / size) * size];
  return start <= end ? { start, end, size } : null;
}
