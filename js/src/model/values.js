// The values that the sliders snap to, and what a domain means to them.

import { MANTISSAS } from "../kernel/agreed.js";

/** @typedef {[number, number, number, number]} Domain  (α min, α max, β min, β max) */

/**
 * Round numbers, evenly spread on a logarithmic scale, from `10**first` up to `10**last`.
 * @param {number} first
 * @param {number} last
 */
function roundNumbers(first, last) {
  const values = [];
  for (let exponent = first; exponent < last; exponent++) {
    // Parsed, not multiplied: 3e-4 must be the number that a person types.
    for (const mantissa of MANTISSAS) values.push(Number(`${mantissa}e${exponent}`));
  }
  values.push(Number(`1e${last}`));
  return values;
}

export const HALF_WIDTHS = roundNumbers(-4, 3);

/** The values of a slider reach so many times as far as its middle, and as little. */
const REACH = 100;

/**
 * Half-widths that are of use around one of them, `shown` included: of all there are, most are far too wide or narrow.
 * @param {number} middle
 * @param {number} [shown]
 */
export function halfWidthsAround(middle, shown = middle) {
  const [first, last] = [Math.min(middle / REACH, shown), Math.max(middle * REACH, shown)].map((end) => nearestPosition(HALF_WIDTHS, end));
  return HALF_WIDTHS.slice(first, last + 1);
}

const RESOLUTIONS = [11, 21, 31, 41, 51, 61, 81, 101, 151, 201];

/**
 * Odd node counts per axis that the kernel accepts.
 * @param {number} largest
 */
export function resolutions(largest) {
  const allowed = RESOLUTIONS.filter((value) => value <= largest);
  return allowed.length ? allowed : [RESOLUTIONS[0]];
}

/**
 * Numbers of examples up to all `total` of them.
 * @param {number} total
 */
export function exampleCounts(total) {
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(total, 1))));
  const below = roundNumbers(0, decades).filter((value) => Number.isInteger(value) && value < total);
  return [...below, total];
}

/**
 * Position in ascending positive `values` that is closest to `value` on a logarithmic scale.
 * @param {readonly number[]} values
 * @param {number} value
 */
export function nearestPosition(values, value) {
  if (!(value > 0)) return 0;
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(Math.log(values[i] / value)) < Math.abs(Math.log(values[best] / value))) best = i;
  }
  return best;
}

/**
 * Index of the node closest to `value` in ascending `nodes`.
 * @param {ArrayLike<number>} nodes
 * @param {number} value
 */
export function nearestNode(nodes, value) {
  let low = 0;
  let high = nodes.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (nodes[middle] <= value) low = middle;
    else high = middle;
  }
  return Math.abs(nodes[high] - value) < Math.abs(value - nodes[low]) ? high : low;
}

/** Whether a domain lies in another one, to rounding. @param {Domain} domain @param {Domain} other */
export function isWithin([a0, a1, b0, b1], [c0, c1, d0, d1]) {
  const [wide, high] = [1e-6 * (c1 - c0), 1e-6 * (d1 - d0)];
  return a0 >= c0 - wide && a1 <= c1 + wide && b0 >= d0 - high && b1 <= d1 + high;
}

/** The part of `outer` that is nearest to a domain: moved into it, and cut to its size. @param {Domain} domain @param {Domain} outer @returns {Domain} */
export function into([a0, a1, b0, b1], [c0, c1, d0, d1]) {
  const fit = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ from, /** @type {number} */ to) => {
    const width = Math.min(high - low, to - from);
    const start = Math.min(Math.max(low, from), to - width);
    return [start, width === to - from ? to : start + width];
  };
  return /** @type {Domain} */ ([...fit(a0, a1, c0, c1), ...fit(b0, b1, d0, d1)]);
}

/** How far a domain is from another: what its sides grow by, as logarithms, and what its centre moves, in half sides. @param {Domain} from @param {Domain} to */
export function domainDistance(from, to) {
  const axes = [0, 2].map((i) => {
    const [side, other] = [from, to].map((domain) => domain[i + 1] - domain[i]);
    return Math.abs(Math.log(other / side)) + Math.abs(to[i] + to[i + 1] - from[i] - from[i + 1]) / side;
  });
  return axes[0] + axes[1];
}

/**
 * Half of a domain's width along its wider axis.
 * @param {Domain} domain
 */
export const halfWidth = ([a0, a1, b0, b1]) => Math.max(a1 - a0, b1 - b0) / 2;

/**
 * The square domain around θ* with this half-width.
 * @param {number} h
 * @returns {Domain}
 */
export const squareDomain = (h) => [-h, h, -h, h];

/**
 * Whether two domains are the same but for rounding.
 * @param {Domain} a
 * @param {Domain} b
 * @param {number} [tolerance]  in half-widths
 */
export function sameDomain(a, b, tolerance = 1e-6) {
  const [alpha, beta] = [0, 2].map((i) => Math.max(a[i + 1] - a[i], b[i + 1] - b[i]) / 2);
  return a.every((value, i) => Math.abs(value - b[i]) <= tolerance * (i < 2 ? alpha : beta));
}

/**
 * The range of some losses, with room above and below; none where no loss is finite.
 * @param {number[]} values
 * @param {number} [share]  of what they span
 */
export function rangeOf(values, share = 0.08) {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const room = share * (high - low) || 0.5;
  return finite.length ? /** @type {[number, number]} */ ([low - room, high + room]) : undefined;
}
