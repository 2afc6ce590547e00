// A picture with fewer nodes: while it is refined it is drawn again and again, and interpolated anyway.

/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** The same object for the same surface, so that views see what changed. @type {WeakMap<SurfaceResult, SurfaceResult>} */
const made = new WeakMap();

/**
 * Every so many nodes, both ends among them: evenly where that leaves a good part of `most`.
 * @param {number} count
 * @param {number} most
 */
function spread(count, most) {
  const intervals = count - 1;
  let step = Math.ceil(intervals / (most - 1));
  while (intervals % step) step++;
  const kept = intervals / step + 1;
  const number = kept >= most / 2 ? kept : most;
  return Array.from({ length: number }, (_, k) => Math.round((k * intervals) / (number - 1)));
}

/** With the node of θ*, about which colours part. @param {Float64Array} axis @param {number[]} kept */
function withTheta(axis, kept) {
  const at = axis.indexOf(0);
  return at < 0 || kept.includes(at) ? kept : [...kept, at].sort((one, other) => one - other);
}

/**
 * A surface of so many nodes for each axis at most, and that of θ*.
 * @param {SurfaceResult} surface
 * @param {number} most  odd
 * @returns {SurfaceResult}
 */
export function thinned(surface, most) {
  const { alpha, beta, loss, done } = surface;
  if (Math.max(alpha.length, beta.length) <= most) return surface;
  const known = made.get(surface);
  if (known) return known;
  const [columns, lines] = [alpha, beta].map((axis) => withTheta(axis, spread(axis.length, Math.min(most, axis.length))));
  const from = lines.flatMap((i) => columns.map((j) => i * alpha.length + j));
  const [few, marks] = [Float32Array.from(from, (k) => loss[k]), Uint8Array.from(from, (k) => done[k])];
  const result = {
    ...surface,
    alpha: Float64Array.from(columns, (j) => alpha[j]),
    beta: Float64Array.from(lines, (i) => beta[i]),
    loss: few,
    rows: lines.map((_, i) => few.subarray(i * columns.length, (i + 1) * columns.length)),
    done: marks,
  };
  made.set(surface, result);
  return result;
}
