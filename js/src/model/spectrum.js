// A spectral density made fit for a logarithmic axis, and what it says in numbers.

/**
 * The smallest density to show: what one eigenvalue alone of `n` reaches must stand clear of it.
 * @param {number} peak
 * @param {number} n  eigenvalues there are
 */
export const densityFloor = (peak, n) => peak * Math.max(1e-12, Math.min(1e-6, 0.05 / Math.max(1, n)));

/** @param {Float64Array} density */
export const peakOf = (density) => density.reduce((peak, value) => (value > peak ? value : peak), 0);

/**
 * The curve left and right of zero, which both reach up to it; nothing falls below `floor`.
 * @param {Float64Array} x  ascending
 * @param {Float64Array} density
 * @param {number} floor
 * @returns {{x: number[], y: number[]}[]}  [negative, positive]
 */
export function splitAtZero(x, density, floor) {
  const sides = [{ x: [], y: [] }, { x: [], y: [] }].map((side) => /** @type {{x: number[], y: number[]}} */ (side));
  const put = (/** @type {number} */ side, /** @type {number} */ at, /** @type {number} */ value) => {
    sides[side].x.push(at);
    sides[side].y.push(value);
  };
  // Also where the density is not a number, as nothing may break the line.
  const y = Float64Array.from(density, (value) => (value > floor ? value : floor));
  for (let i = 0; i < x.length; i++) {
    if (i > 0 && x[i - 1] < 0 && x[i] > 0) {
      const share = -x[i - 1] / (x[i] - x[i - 1]);
      const crossing = y[i - 1] ** (1 - share) * y[i] ** share;
      put(0, 0, crossing);
      put(1, 0, crossing);
    }
    if (x[i] <= 0) put(0, x[i], y[i]);
    if (x[i] >= 0) put(1, x[i], y[i]);
  }
  return sides;
}
