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
 * The bin that holds a value; -1 outside of all bins. The last bin holds its upper edge, too.
 * @param {ArrayLike<number>} edges  equally spaced (B + 1,)
 * @param {number} value
 */
export function binOf(edges, value) {
  const bins = edges.length - 1;
  const [low, high] = [edges[0], edges[bins]];
  if (!(value >= low && value <= high)) return -1;
  return Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
}

/**
 * Of the values in one bin the one nearest to its centre: the bin's most typical member.
 * @param {ArrayLike<number>} edges
 * @param {number} bin
 * @param {ArrayLike<number>} values
 * @returns {number}  its index; -1 for an empty bin
 */
export function typicalOf(edges, bin, values) {
  const centre = (edges[bin] + edges[bin + 1]) / 2;
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (binOf(edges, values[i]) !== bin) continue;
    if (best < 0 || Math.abs(values[i] - centre) < Math.abs(values[best] - centre)) best = i;
  }
  return best;
}

/**
 * A Gaussian as high as a histogram of normally distributed samples: density × samples × bin width.
 * @param {{mean: number, std: number}} fit
 * @param {ArrayLike<number>} edges
 * @param {number} samples
 * @param {number} [points]
 */
export function gaussianCurve({ mean, std }, edges, samples, points = 161) {
  const [low, high] = [edges[0], edges[edges.length - 1]];
  const peak = (samples * (edges[1] - edges[0])) / (std * Math.sqrt(2 * Math.PI));
  const x = Float64Array.from({ length: points }, (_, k) => low + ((high - low) * k) / (points - 1));
  return { x, y: x.map((value) => peak * Math.exp(-0.5 * ((value - mean) / std) ** 2)) };
}

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
      const bin = binOf(edges, value);
      if (bin >= 0) count[bin]++;
    }
    return count;
  });
  return { edges, counts };
}
