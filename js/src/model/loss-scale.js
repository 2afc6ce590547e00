// The automatic scale of losses around θ*, as in the kernel's `planes/scale.py`: one table of values holds both to it.
import { isDifference } from "../kernel/splits.js";

/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {import("./quadratic.js").QuadraticModel} QuadraticModel */

/** A curvature whose share of the largest difference from L(θ*) is less than this counts as flat. */
const FLAT = 1e-4;
/** So does one that changes the loss by less than this share of L(θ*), which arrives in single precision. */
const ROUNDING = 1e-5;
/** Linear width as a share of the largest difference, where no curvature tells it. */
const UNTOLD = 1 / 30;

/**
 * Losses as positions asinh((L − L(θ*)) / s) on a scale with L(θ*) in its middle.
 * @typedef {object} LossScale
 * @property {number} centre  L(θ*)
 * @property {number} width  s, up to which the scale is linear
 * @property {[number, number]} range  positions of the lowest and the highest loss
 * @property {number} most  the largest distance of either from the middle
 */

/** @param {LossScale} scale @param {number} loss */
export const positionOf = ({ centre, width }, loss) => Math.asinh((loss - centre) / width);

/** @param {LossScale} scale @returns {(position: number) => number} */
export const lossOn = ({ centre, width }) => (position) => centre + width * Math.sinh(position);

/** Row and column of θ*; null where the domain does not contain it. @param {Pick<SurfaceResult, "alpha" | "beta">} surface @returns {[number, number] | null} */
export function theta({ alpha, beta }) {
  const [i, j] = [beta.indexOf(0), alpha.indexOf(0)];
  return i < 0 || j < 0 ? null : [i, j];
}

/**
 * ½|κ|w² of the smaller curvature, and by how much the slope exceeds the curvature along the gradient, with the axes in half-widths of the domain.
 * @param {SurfaceResult} surface
 * @param {QuadraticModel} model
 */
function linearWidths({ domain: [a0, a1, b0, b1] }, { gradient, hessian }) {
  const [x, y] = [(a1 - a0) / 2, (b1 - b0) / 2];
  const [a, b, c] = [hessian[0] * x * x, hessian[1] * x * y, hessian[2] * y * y];
  const [g, h] = [gradient[0] * x, gradient[1] * y];
  const slope = Math.hypot(g, h);
  const [u, v] = [g / (slope || 1), h / (slope || 1)];
  const smaller = Math.abs(Math.abs((a + c) / 2) - Math.hypot(b, (a - c) / 2));
  return [smaller / 2, slope - Math.hypot(a * u + b * v, b * u + c * v)];
}

/** Differences from L(θ*) up to this share of it are rounding. */
const NOTHING = 1e-12;

/** Beyond these differences a width, or a tick, is beyond what floating-point numbers tell apart. */
const [LEAST, MOST] = [1e-300, 1e300];

/**
 * The automatic scale of a surface; null where L(θ*) is not known or no other loss is on show, and for a difference.
 * @param {SurfaceResult} surface
 * @param {QuadraticModel | null} model  of the same losses
 * @param {[number, number]} [range]  losses to span, if other than the surface's own
 * @returns {LossScale | null}
 */
export function automaticScale(surface, model, range = surface.range) {
  const node = theta(surface);
  const centre = node ? surface.rows[node[0]][node[1]] : (model?.loss ?? NaN);
  const largest = Math.max(Math.abs(range[0] - centre), Math.abs(range[1] - centre));
  if (isDifference(surface) || !(largest > Math.max(NOTHING * Math.abs(centre), LEAST) && largest < MOST)) return null;
  const [small, excess] = model ? linearWidths(surface, model) : [0, 0];
  const told = small >= Math.max(FLAT * largest, ROUNDING * Math.abs(centre));
  const width = Math.min(Math.max(told ? small : UNTOLD * largest, excess), largest);
  const ends = /** @type {[number, number]} */ (range.map((loss) => Math.asinh((loss - centre) / width)));
  return { centre, width, range: ends, most: Math.max(...ends.map(Math.abs)) };
}

/** Lines on which the next node is farther away than so many, along either axis, are seen by that node only. */
const NEAR = 8;

/** How far the highest value lies above the higher one of the lowest before and the lowest after it. @param {number[]} line */
function drop(line) {
  let [most, before] = [0, Infinity];
  line.forEach((value, k) => {
    most = Math.max(most, value - Math.max(before, Math.min(...line.slice(k + 1))));
    before = Math.min(before, value);
  });
  return most;
}

/**
 * Whether some nodes near θ* are lower and some are higher.
 * @param {Pick<SurfaceResult, "rows">} surface
 * @param {readonly number[]} node  θ*
 */
export function turnsNear({ rows }, [i, j]) {
  const near = rows.slice(Math.max(0, i - NEAR), i + NEAR + 1).flatMap((row) => [...row.slice(Math.max(0, j - NEAR), j + NEAR + 1)]);
  return near.some((loss) => loss < rows[i][j]) && near.some((loss) => loss > rows[i][j]);
}

/**
 * How far the loss falls to both sides on lines of nodes through θ*, and how far it rises; along a slope it does neither.
 * @param {Pick<SurfaceResult, "alpha" | "beta" | "rows">} surface
 * @returns {[number, number]}
 */
export function fallAndRise({ alpha, beta, rows }) {
  const node = theta({ alpha, beta });
  let [fall, rise] = [0, 0];
  if (!node) return [fall, rise];
  const [i0, j0] = node;
  const reach = Math.max(rows.length, alpha.length);
  for (let i = 0; i < rows.length; i++) {
    for (let j = i ? -alpha.length : 1; j < alpha.length; j++) {
      const most = Math.max(i, Math.abs(j)) > NEAR ? 1 : reach;
      const line = [];
      for (let k = -most; k <= most; k++) {
        const loss = rows[i0 + k * i]?.[j0 + k * j];
        if (Number.isFinite(loss)) line.push(loss);
      }
      fall = Math.max(fall, drop(line));
      rise = Math.max(rise, drop(line.map((loss) => -loss)));
    }
  }
  return [fall, rise];
}

/**
 * Losses for a colour bar, evenly spread over it as far as they are round, each with the digits that it needs.
 * @param {[number, number]} range  positions
 * @param {(position: number) => number} lossAt
 * @param {number} [count]
 * @returns {[number, number][]}
 */
export function ticksOf([low, high], lossAt, count = 7) {
  const step = (high - low) / (count - 1);
  const round = (/** @type {number} */ value, /** @type {number} */ places) => {
    if (places > 20) return value;
    return places < 0 ? Math.round(value * 10 ** places) * 10 ** -places : Number(value.toFixed(places));
  };
  /** @type {[number, number][]} */
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k <= Math.floor(high / step + 1e-9); k++) {
    const [near, loss, far] = [-0.1, 0, 0.1].map((d) => lossAt(step * (k + d)));
    let places = -Math.floor(Math.log10(far - near));
    const inside = round(loss, places);
    if (inside < lossAt(low) || inside > lossAt(high)) places++;
    const rounded = round(loss, places);
    const digits = rounded === 0 ? 1 : Math.max(1, Math.floor(Math.log10(Math.abs(rounded))) + 1 + places);
    found.push([k === 0 ? loss : rounded, digits]);
  }
  return found;
}
