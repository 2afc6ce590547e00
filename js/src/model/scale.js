// What colour and height stand for: the loss around L(θ*), linear or as a logarithm, or what the quadratic model leaves of it.
import { divergingStops } from "./colours.js";
import { formatTick } from "./format.js";
import { automaticScale, fallAndRise, lossOn, positionOf, theta, ticksOf, turnsNear } from "./loss-scale.js";
import { errorMap } from "./quadratic.js";
import { WORDS } from "../kernel/agreed.js";
import { isDifference, quantityOf } from "../kernel/splits.js";

/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {import("./colours.js").Stops} Stops */
/** @typedef {import("./loss-scale.js").LossScale} LossScale */

/** @typedef {"auto" | "linear" | "log"} ScaleName  "auto": about L(θ*), linear near it and a logarithm beyond */

/** Colours of a scale, from its lowest to its highest. */
const N_COLOURS = 256;
/** A saddle is seen where it falls and rises by more than so many colours. */
const LEAST_COLOURS = 2;

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
 * @property {(loss: number) => number} of  what stands for a loss
 * @property {number | null} level  what stands for L(θ*)
 * @property {LossScale | null} around  the automatic scale, where it is on show
 * @property {(count: number, range?: [number, number]) => {tickvals?: number[], ticktext?: string[]}} ticks  of an axis that shows losses where rows are something else; of `range` of it, if other than its own
 */

/**
 * With plotly's name or stops of a colour map; a diverging one is light in the middle, where the others are not.
 * @typedef {Pick<Shade, "rows" | "range" | "title" | "ticks"> & {scale: string | Stops, diverging: boolean}} Colouring
 */

/** The same arrays for the same surface on the same scale, so that plotly sees what changed. @type {WeakMap<SurfaceResult, {key: string, rows: Float32Array[]}>} */
const transformed = new WeakMap();
/** How far the loss of each surface falls and rises: every frame asks for it. @type {WeakMap<SurfaceResult, [number, number]>} */
const turned = new WeakMap();

/** @param {SurfaceResult} surface @param {string} key @param {(loss: number) => number} of */
function transform(surface, key, of) {
  const known = transformed.get(surface);
  if (known?.key === key) return known.rows;
  const rows = surface.rows.map((row) => row.map(of));
  transformed.set(surface, { key, rows });
  return rows;
}

/** @type {Shade["ticks"]} */
const none = () => ({});

/**
 * Labels that are losses where rows are something else.
 * @param {[number, number]} all
 * @param {(loss: number) => number} of
 * @param {(position: number) => number} lossAt
 * @returns {Shade["ticks"]}
 */
const marks = (all, of, lossAt) => (count, range = all) => {
  const losses = ticksOf(range, lossAt, count);
  return { tickvals: losses.map(([loss]) => of(loss)), ticktext: losses.map(([loss, digits]) => formatTick(loss, digits)) };
};

/** One hue alone, where all are of one sign: about zero, they would often be of one colour. @param {[number, number]} range */
const hueOf = ([low, high]) => (low < high && low > 0 ? divergingStops(0, 1) : low < high && high < 0 ? divergingStops(-1, 0) : null);

/** What `shade` needs of a frame. @typedef {Pick<import("../ui/frame.js").Frame, "scale" | "range" | "basis"> & {picture: Pick<import("./picture.js").Picture, "surface" | "model">}} Scaling */

/**
 * A surface's losses on the chosen scale; a linear one where that is not to be had.
 * @param {Scaling} frame
 * @param {SurfaceResult} surface
 * @returns {Shade}
 */
export function shade({ scale, range: common, basis, picture }, surface) {
  const range = common ?? surface.range;
  const title = quantityOf(surface);
  const { surface: first, model } = basis ?? { surface, model: picture.model };
  const around = automaticScale(first ?? surface, model, range);
  // The line goes through the picture's own θ*, whatever the scale is about.
  const own = basis ? automaticScale(surface, picture.model) : around;
  if (scale === "auto" && around) {
    const of = (/** @type {number} */ loss) => positionOf(around, loss);
    return {
      rows: transform(surface, `${around.centre} ${around.width}`, of),
      range: around.range,
      title,
      of,
      level: own && of(own.centre),
      around,
      ticks: marks(around.range, of, lossOn(around)),
    };
  }
  const level = own?.centre ?? null;
  if (scale !== "log" || !offersLog(range)) return { rows: surface.rows, range, title, of: (loss) => loss, level, around: null, ticks: none };
  const rows = transform(surface, "log", Math.log10);
  const ends = /** @type {[number, number]} */ (range.map(Math.log10));
  const ticks = marks(ends, Math.log10, (position) => 10 ** position);
  return { rows, range: ends, title: `${title} (log)`, of: Math.log10, level: level === null ? null : Math.log10(level), around: null, ticks };
}

/**
 * Whether a picture shows a saddle at θ* to the eye, where its plane curves both ways.
 * @param {Scaling} frame
 * @param {SurfaceResult} surface
 */
export function seesSaddle(frame, surface) {
  const { of, level, around, range } = shade(frame, surface);
  const node = theta(surface);
  if (level === null || !node) return false;
  const centre = surface.rows[node[0]][node[1]];
  const known = turned.get(surface) ?? (turnsNear(surface, node) ? fallAndRise(surface) : [0, 0]);
  turned.set(surface, known);
  const [fall, rise] = known;
  const span = around ? 2 * around.most : range[1] - range[0];
  const colours = [-fall, rise].map((difference) => (N_COLOURS * Math.abs(of(centre + difference) - of(centre))) / span);
  return Math.min(...colours) > LEAST_COLOURS;
}

/**
 * Whether the picture on show has the colours for a saddle that lies in its plane, or does not tell: only losses whose
 * curvature is told do.
 * @param {Scaling} frame
 */
export const isSeen = (frame) => !frame.picture.surface || !frame.picture.model || seesSaddle(frame, frame.picture.surface);

/**
 * What is said of the picture on show; where it is another picture's scale that hides a saddle, that, and not the domain.
 * @param {Scaling} frame
 * @param {readonly string[]} sights  where it is seen, and where it is not
 */
export function sightOn(frame, [yes, no]) {
  const seen = isSeen(frame);
  const shared = !seen && frame.range !== null && isSeen({ ...frame, range: null, basis: null });
  return { seen, shared, words: seen ? yes : shared ? no.replace(WORDS.here, "on the scale that the pictures share") : no };
}

/**
 * What the colours of a picture stand for.
 * @param {import("../ui/frame.js").Frame} frame
 * @param {SurfaceResult} surface
 * @returns {Colouring}
 */
export function colouring(frame, surface) {
  const { picture: { model }, errors, colours } = frame;
  const zero = (/** @type {number} */ most) => ({ range: /** @type {[number, number]} */ ([-most, most]), scale: divergingStops(-1, 1), diverging: true, ticks: none });
  if (errors && model) {
    const { rows, largest } = errorMap(surface, model);
    return { rows, title: "loss − quadratic", ...zero(largest || 1) };
  }
  const shaded = shade(frame, surface);
  const { rows, range, title, ticks, around } = shaded;
  if (isDifference(surface)) {
    const hue = hueOf(range);
    if (hue) return { rows, title, range, scale: hue, diverging: true, ticks: none };
    return { rows, title, ...zero(Math.max(...range.map(Math.abs)) || 1) };
  }
  if (!around) return { rows, range, title, ticks, scale: colours, diverging: false };
  return { rows, range, title, ticks, scale: hueOf(range) ?? divergingStops(range[0] / around.most, range[1] / around.most), diverging: true };
}

export const [BLACK, WHITE] = ["#000000", "#ffffff"];

/** Black or white, whichever is seen on the colour of a value. @param {Colouring} colours @returns {(value: number) => string} */
export const inkOn = ({ range: [low, high], diverging }) => (value) => {
  const light = Math.min(high, Math.max(low, 0));
  const dark = diverging ? Math.abs(value - light) > 0.4 * Math.max(light - low, high - light) : value < (low + high) / 2;
  return dark ? WHITE : BLACK;
};

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
