// Binning that a few extreme values cannot spoil.

/**
 * Value below which the share `q` of ascending `sorted` lies.
 * @param {ArrayLike<number>} sorted
 * @param {number} q
 */
export function quantile(sorted, q) {
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

/** Share of the values that the shown range may leave out at each end. */
const TAIL = 0.002;
const MOST_BINS = 80;

/**
 * One set of bins for several samples, and what each counts in them. The width follows Freedman and Diaconis,
 * by the narrowest sample; the range leaves out the outermost 0.2 % at each end.
 * @param {Float32Array[]} samples
 * @returns {{edges: Float64Array, counts: number[][]} | null}  null without a finite value
 */
export function histogram(samples) {
  const sorted = samples.map((sample) => sample.filter(Number.isFinite).sort()).filter((sample) => sample.length);
  if (!sorted.length) return null;
  let low = Math.min(...sorted.map((sample) => quantile(sample, TAIL)));
  let high = Math.max(...sorted.map((sample) => quantile(sample, 1 - TAIL)));
  if (low === high) {
    const half = Math.abs(low) / 2 || 0.5;
    [low, high] = [low - half, high + half];
  }
  const widths = sorted.map((sample) => (2 * (quantile(sample, 0.75) - quantile(sample, 0.25))) / Math.cbrt(sample.length));
  const width = Math.min(...widths.filter((value) => value > 0), high - low);
  const bins = Math.min(MOST_BINS, Math.max(1, Math.ceil((high - low) / width)));
  const edges = Float64Array.from({ length: bins + 1 }, (_, k) => low + ((high - low) * k) / bins);
  const counts = samples.map((sample) => {
    const count = new Array(bins).fill(0);
    for (const value of sample) {
      if (value >= low && value <= high) count[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]++;
    }
    return count;
  });
  return { edges, counts };
}
