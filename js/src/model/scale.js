// What colour and height stand for: the loss, linear or as a logarithm, or what the quadratic model leaves of it.
import { errorMap } from "./quadratic.js";
import { isDifference, quantityOf } from "../kernel/splits.js";

/** Perceptually uniform and safe for colour-blind readers: names that plotly knows. */
export const COLOUR_MAPS = /** @type {const} */ ({ Viridis: "Viridis", Cividis: "Cividis" });

/** @typedef {keyof typeof COLOUR_MAPS} ColourMap */

/** Blue below, red above, both equally dark: safe for colour-blind readers too. @type {[number, string][]} */
const DIVERGING = ["#053061", "#2f79b5", "#a7cfe4", "#f7f7f7", "#f6b799", "#c94741", "#67001f"].map((colour, i) => [i / 6, colour]);

/**
 * Whether there is a logarithm: all losses are positive.
 * @param {[number, number]} range
 */
export const offersLog = ([low, high]) => low > 0 && high > low;

/**
 * @typedef {object} Shade
 * @property {Float32Array[]} rows  what colour and height stand for
 * @property {[number, number]} range
 * @property {string} title
 */

/**
 * With plotly's name or stops of a colour map; a diverging one is light in the middle, where the others are not.
 * @typedef {Shade & {scale: string | [number, string][], diverging: boolean}} Colouring
 */

/** @type {WeakMap<import("../kernel/decoders.js").SurfaceResult, Float32Array[]>} */
const logs = new WeakMap();

/**
 * A surface's losses on the chosen scale. The same arrays for the same surface, so that plotly sees what changed.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {boolean} log
 * @param {[number, number] | null} [common]  losses to span, if other than the surface's own
 * @returns {Shade}
 */
export function shade(surface, log, common = null) {
  const range = common ?? surface.range;
  if (!log || !offersLog(range)) return { rows: surface.rows, range, title: quantityOf(surface) };
  const rows = logs.get(surface) ?? surface.rows.map((row) => row.map(Math.log10));
  logs.set(surface, rows);
  return { rows, range: [Math.log10(range[0]), Math.log10(range[1])], title: `log₁₀ ${quantityOf(surface)}` };
}

/**
 * What the colours of a picture stand for.
 * @param {import("../ui/frame.js").Frame} frame
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @returns {Colouring}
 */
export function colouring({ picture: { model }, errors, log, colours, range }, surface) {
  const around = (/** @type {number} */ most) => ({ range: /** @type {[number, number]} */ ([-most, most]), scale: DIVERGING, diverging: true });
  if (errors && model) {
    const { rows, largest } = errorMap(surface, model);
    return { rows, title: "loss − quadratic", ...around(largest || 1) };
  }
  const shaded = shade(surface, log, range);
  if (!isDifference(surface)) return { ...shaded, scale: colours, diverging: false };
  return { ...shaded, ...around(Math.max(...shaded.range.map(Math.abs)) || 1) };
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
