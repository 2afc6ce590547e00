// Running estimates as a line in a band of 95 % intervals.

/** @typedef {import("../kernel/curvature-decoders.js").TraceMethod} TraceMethod */

/** Where an estimate and its error are both known. @param {TraceMethod} method */
const known = ({ value, error }) => [...value.keys()].filter((i) => Number.isFinite(value[i]) && Number.isFinite(error[i]));

/**
 * The outline of the band: along its upper edge, and back along the lower one.
 * @param {TraceMethod} method
 * @returns {{x: number[], y: number[]}}
 */
export function bandOutline(method) {
  const { n, value, error } = method;
  const there = known(method);
  const back = [...there].reverse();
  return {
    x: [...there, ...back].map((i) => n[i]),
    y: [...there.map((i) => value[i] + error[i]), ...back.map((i) => value[i] - error[i])],
  };
}

/** Share of the run at its start whose wild first estimates may leave the picture. */
const WILD = 0.08;

/**
 * What the axis of estimates must show: all bands but their wild beginnings.
 * @param {TraceMethod[]} methods
 * @returns {[number, number] | null}
 */
export function bandRange(methods) {
  let [low, high] = [Infinity, -Infinity];
  for (const method of methods) {
    const { n, value, error } = method;
    const there = known(method);
    if (!there.length) continue;
    const from = WILD * n[there[there.length - 1]];
    for (const i of there) {
      if (n[i] < from) continue;
      low = Math.min(low, value[i] - error[i]);
      high = Math.max(high, value[i] + error[i]);
    }
  }
  if (!(low <= high)) return null;
  const pad = high > low ? 0.08 * (high - low) : Math.abs(high) / 10 || 1;
  return [low - pad, high + pad];
}

/** The newest estimate. @param {TraceMethod} method @returns {{n: number, value: number, error: number} | null} */
export function latest({ n, value, error }) {
  const last = value.findLastIndex(Number.isFinite);
  return last < 0 ? null : { n: n[last], value: value[last], error: error[last] };
}
