// Parts of the plane: the one that the kernel would choose, and those that a person zooms and pans to.
import { HALF_WIDTHS, nearestPosition } from "./values.js";

/** @typedef {import("./values.js").Domain} Domain */
/** @typedef {[number, number]} Interval */

/**
 * The nodes of an axis as the kernel lays them: multiples of the spacing, so that grids of equal spacing share them.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function gridAxis(low, high, count) {
  const spacing = (high - low) / (count - 1);
  const first = Math.round(low / spacing);
  return Float64Array.from({ length: count }, (_, i) => (first + i) * spacing);
}

/** Half-widths at least this share of what a person drew a box around count as showing all of it. */
const NEARLY_ALL = 0.9;

/** A number without the digits that rounding errors leave. @param {number} value */
export const clean = (value) => Number(value.toPrecision(12));

/**
 * An interval of the kernel's nodes around `centre`.
 * @param {number} centre
 * @param {number} half
 * @param {number} count  nodes
 * @returns {Interval}
 */
function onNodes(centre, half, count) {
  const spacing = (2 * half) / (count - 1);
  const first = Math.round((centre - half) / spacing);
  return [clean(first * spacing), clean((first + count - 1) * spacing)];
}

/**
 * The interval to evaluate where a person asks for `next` in place of `now`: of the same width and moved by whole
 * nodes, or of the closest round half-width that shows it. Either way nodes that are known can be used again.
 * @param {Interval} now
 * @param {Interval} next
 * @param {number} count
 * @returns {Interval}
 */
function snapInterval(now, next, count) {
  const [half, wanted] = [(now[1] - now[0]) / 2, (next[1] - next[0]) / 2];
  const centre = (next[0] + next[1]) / 2;
  if (Math.abs(wanted - half) < 1e-3 * half) return onNodes(centre, half, count);
  const round = HALF_WIDTHS.find((value) => value >= NEARLY_ALL * wanted) ?? HALF_WIDTHS[HALF_WIDTHS.length - 1];
  return onNodes(centre, round, count);
}

/**
 * @param {Domain} now
 * @param {Domain} next
 * @param {number} count  nodes for each axis
 * @returns {Domain}
 */
export function snapDomain([a0, a1, b0, b1], [c0, c1, d0, d1], count) {
  /** @param {Interval} from @param {Interval} to @returns {Interval} */
  const snap = (from, to) => (from[0] === to[0] && from[1] === to[1] ? to : snapInterval(from, to, count));
  return [...snap([a0, a1], [c0, c1]), ...snap([b0, b1], [d0, d1])];
}

/**
 * One step closer or further away, with a point that stays where it is on screen.
 * @param {Domain} domain
 * @param {1 | -1} direction  1: closer
 * @param {{alpha: number, beta: number}} fixed
 * @param {number} count  nodes for each axis
 * @returns {Domain}
 */
export function stepZoom([a0, a1, b0, b1], direction, { alpha, beta }, count) {
  /** @param {Interval} interval @param {number} point @returns {Interval} */
  const step = ([low, high], point) => {
    const half = (high - low) / 2;
    const position = nearestPosition(HALF_WIDTHS, half) - direction;
    const next = HALF_WIDTHS[Math.min(HALF_WIDTHS.length - 1, Math.max(0, position))];
    return onNodes(point + ((low + high) / 2 - point) * (next / half), next, count);
  };
  return [...step([a0, a1], alpha), ...step([b0, b1], beta)];
}

/**
 * The neighbouring part of the plane, a share of the width away.
 * @param {Domain} domain
 * @param {number} right  in widths
 * @param {number} up  in heights
 * @param {number} count  nodes for each axis
 * @returns {Domain}
 */
export function pan(domain, right, up, count) {
  const [a0, a1, b0, b1] = domain;
  const [x, y] = [right * (a1 - a0), up * (b1 - b0)];
  return snapDomain(domain, [a0 + x, a1 + x, b0 + y, b1 + y], count);
}

/** Curvatures below this share of the largest count as this. */
const FLATTEST = 1e-3;
/** The domain reaches at least so many times as far as the critical point is away. */
const BESIDE = 3;

/**
 * The domain along two eigenvectors that the kernel begins with: on both axes it ends where ½|λ|w² is the same, the loss
 * at θ* at most, and within ‖θ*‖/20. The kernel cuts it further to where the quadratic model holds.
 * @param {[number, number]} curvatures  of the axes
 * @param {number[]} values  all eigenvalues known
 * @param {number} loss  at θ*
 * @param {number} thetaNorm
 * @param {boolean} equalAxes  whether both reach equally far instead
 * @param {[number, number]} [gradient]  along the axes: the domain shows what bends beside what slopes
 * @returns {Domain}
 */
export function automaticDomain(curvatures, values, loss, thetaNorm, equalAxes, gradient = [0, 0]) {
  const least = FLATTEST * Math.max(...values.map(Math.abs), 1e-12);
  const steep = curvatures.map((curvature) => Math.max(Math.abs(curvature), least));
  const height = Math.max(Math.abs(loss), 1);
  const limit = thetaNorm ? thetaNorm / 20 : 10;
  const equal = Math.min(Math.sqrt((2 * height) / Math.sqrt(steep[0] * steep[1])), limit);
  const most = Math.min(height, (Math.min(...steep) * limit ** 2) / 2);
  const [alpha, beta] = steep.map((curvature, i) => {
    const own = Math.min(Math.sqrt((2 * most) / curvature), limit);
    const beside = (BESIDE * Math.abs(gradient[i])) / curvature;
    const width = equalAxes ? equal : Math.max(own, Math.min(beside, equal));
    return HALF_WIDTHS[nearestPosition(HALF_WIDTHS, width)];
  });
  return [-alpha, alpha, -beta, beta];
}
