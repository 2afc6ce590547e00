// Parts of the plane that a person zooms and pans to, on nodes as the kernel lays them.
import { HALF_WIDTHS, nearestPosition, sameDomain } from "./values.js";

/** @typedef {import("./values.js").Domain} Domain */
/** @typedef {[number, number]} Interval */

/** To the nearest integer, a half to the even one as the kernel does. @param {number} value */
function round(value) {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}

/**
 * The spacing of an axis as the kernel lays it, and which multiple of it the first node is.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
function laid(low, high, count) {
  const spacing = (high - low) / (count - 1);
  return { spacing, first: round(low / spacing) };
}

/**
 * The nodes of an axis as the kernel lays them: multiples of the spacing, so that grids of equal spacing share them.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function gridAxis(low, high, count) {
  const { spacing, first } = laid(low, high, count);
  return Float64Array.from({ length: count }, (_, i) => (first + i) * spacing);
}

/**
 * Whether a picture has the nodes that the kernel lays for a domain, whose ends need not lie on them.
 * @param {{alpha: Float64Array, domain: Domain}} surface
 * @param {Domain} asked
 */
export function isOfDomain({ alpha: { length }, domain }, [a0, a1, b0, b1]) {
  const axes = [laid(a0, a1, length), laid(b0, b1, length)];
  const ends = axes.flatMap(({ spacing, first }) => [first * spacing, (first + length - 1) * spacing]);
  return sameDomain(domain, /** @type {Domain} */ (ends));
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
  const first = round((centre - half) / spacing);
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
  const closest = HALF_WIDTHS.find((value) => value >= NEARLY_ALL * wanted) ?? HALF_WIDTHS[HALF_WIDTHS.length - 1];
  return onNodes(centre, closest, count);
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
