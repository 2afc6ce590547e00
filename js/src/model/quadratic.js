// The loss to second order in a plane, and how far it describes the true one.

/**
 * L(θ*) + g·x + ½ x·Hx with x = (α, β).
 * @typedef {object} QuadraticModel
 * @property {number} loss  L(θ*)
 * @property {[number, number]} gradient  (∂L/∂α, ∂L/∂β)
 * @property {[number, number, number]} hessian  (A, B, C)
 */

/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {import("../kernel/curvature-decoders.js").EigenResult} EigenResult */

/**
 * @param {QuadraticModel} model
 * @param {number} x
 * @param {number} y
 */
export const modelAt = ({ loss, gradient: [g, h], hessian: [a, b, c] }, x, y) => loss + g * x + h * y + (a * x * x + 2 * b * x * y + c * y * y) / 2;

/**
 * The model's losses on a grid, one array per row.
 * @param {QuadraticModel} model
 * @param {Float64Array} alpha
 * @param {Float64Array} beta
 */
export const modelRows = (model, alpha, beta) => Array.from(beta, (y) => Float32Array.from(alpha, (x) => modelAt(model, x, y)));

/**
 * The model in a plane of two eigenvectors: their eigenvalues are its curvatures. Null where one of them is not known.
 * @param {EigenResult | null} pairs
 * @param {[string, string]} axes
 * @param {number} examples  that the loss is averaged over
 * @returns {QuadraticModel | null}
 */
export function modelOfEigenvectors(pairs, axes, examples) {
  if (!pairs?.slopes || pairs.centreLoss === null || pairs.nExamples !== examples) return null;
  const [i, j] = axes.map((axis) => pairs.axes.indexOf(axis));
  if (i < 0 || j < 0) return null;
  return { loss: pairs.centreLoss, gradient: [pairs.slopes[i], pairs.slopes[j]], hessian: [pairs.values[i], 0, pairs.values[j]] };
}

/** Share of the range of losses from which on the model counts as wrong. */
export const TOLERANCE = 0.1;

/**
 * @typedef {object} ErrorMap
 * @property {Float32Array[]} rows  loss − model
 * @property {number} largest  of its absolute values, NaN without any
 * @property {number} limit  the absolute error from which on the model counts as wrong
 * @property {number} share  of the nodes where it is not wrong, 0 to 1
 * @property {{alpha: number, beta: number} | null} first  the node closest to θ* where it is
 */

/** @type {WeakMap<SurfaceResult, {model: QuadraticModel, map: ErrorMap}>} */
const maps = new WeakMap();

/**
 * Where and by how much the loss departs from the model. Distances are those in parameter space.
 * @param {SurfaceResult} surface
 * @param {QuadraticModel} model
 * @returns {ErrorMap}
 */
export function errorMap(surface, model) {
  const known = maps.get(surface);
  if (known?.model === model) return known.map;
  const { alpha, beta, rows: losses, range } = surface;
  const rows = losses.map((row, i) => row.map((loss, j) => loss - modelAt(model, alpha[j], beta[i])));
  const limit = TOLERANCE * (range[1] - range[0]);
  let [largest, right, finite, nearest] = [NaN, 0, 0, Infinity];
  /** @type {ErrorMap["first"]} */
  let first = null;
  rows.forEach((row, i) =>
    row.forEach((value, j) => {
      const error = Math.abs(value);
      if (!Number.isFinite(error)) return;
      finite++;
      if (!(error <= largest)) largest = error;
      if (error < limit || limit === 0) return void right++;
      const distance = displacement(surface, alpha[j], beta[i]);
      if (distance >= nearest) return;
      nearest = distance;
      first = { alpha: alpha[j], beta: beta[i] };
    }),
  );
  const map = { rows, largest, limit, share: finite ? right / finite : 0, first };
  maps.set(surface, { model, map });
  return map;
}

/**
 * ‖αη + βδ‖, the distance from θ* in parameter space.
 * @param {{norms: [number, number], cosine: number}} plane
 * @param {number} alpha
 * @param {number} beta
 */
export function displacement({ norms: [eta, delta], cosine }, alpha, beta) {
  const [x, y] = [alpha * eta, beta * delta];
  return Math.sqrt(Math.max(0, x * x + y * y + 2 * cosine * x * y));
}
