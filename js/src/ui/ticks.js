// Room for the labels of an axis, told beforehand: to let plotly measure them costs a second drawing of each figure.

/** Width of a digit of a label, in pixels. */
const DIGIT = 6;
/** Exponents beyond this are taken out of the labels, as a power of ten. */
const PLAIN = 4;

/** How wide the widest label is, about, in pixels. @param {number[] | undefined} range @param {string[]} [labels]  where plotly does not make them */
export function labelWidth(range, labels) {
  if (labels) return DIGIT * Math.max(0, ...labels.map(({ length }) => length));
  const [low, high] = range ?? [0, 0];
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const step = Math.abs(high - low) / 6;
  if (!(step > 0) || !Number.isFinite(largest)) return 4 * DIGIT;
  const exponent = Math.floor(Math.log10(largest));
  const power = Math.abs(exponent) > PLAIN ? exponent : 0;
  const decimals = Math.max(0, power - Math.floor(Math.log10(step)));
  const whole = power ? 1 : Math.max(1, exponent + 1 + Math.floor(exponent / 3));
  return DIGIT * (Number(Math.min(low, high) < 0) + whole + (decimals && decimals + 1) + (power ? 5 : 0));
}

/** The margin that labels and title of a vertical axis need. @param {number[] | undefined} range @param {string[]} [labels]  where plotly does not make them */
export const tickRoom = (range, labels) => 32 + labelWidth(range, labels);

/** The largest number of one digit, or 1.5, that is no more than this. @param {number} value  above 0 */
export function roundDown(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  const digits = value / unit;
  return (digits >= 1.5 && digits < 2 ? 1.5 : Math.floor(digits)) * unit;
}

/** Share of an axis of a scene that has no labels at either end: those of another one stand there. */
const CORNER = 0.09;

/**
 * Where labels stand along an axis of a scene: at multiples of a round step, three or more.
 * @param {[number, number]} range
 * @param {boolean} few  where there is little room
 * @param {number} [corner]
 */
export function roundTicks([low, high], few, corner = CORNER) {
  const span = high - low;
  if (!(span > 0)) return {};
  const margin = corner * span;
  const at = (/** @type {number} */ share) => {
    const step = roundDown(share * span);
    const first = Math.ceil((low + margin) / step);
    return Array.from({ length: Math.floor((high - margin) / step) - first + 1 }, (_, k) => step * (first + k));
  };
  const sparse = few ? at(0.375) : [];
  return { tickvals: sparse.length > 2 ? sparse : at(0.25) };
}

/**
 * Labels that stand side by side without touching, and never fewer than two: where there is no room for five, plotly's own
 * steps may leave but the one at 0. None of few stands at either end, where it would need room beside the picture.
 * @param {number[] | undefined} range
 * @param {number} width  in pixels
 * @param {boolean} [zoomed]  whether plotly changes the range by itself, so that its steps must be its own
 */
export function ticksWithin([low, high] = [0, 0], width, zoomed = false) {
  const most = width > 0 ? Math.min(6, Math.floor(width / (labelWidth([low, high]) + 10))) : 6;
  const half = (high - low) / 2;
  if (zoomed || most >= 5 || !(half > 0)) return { nticks: Math.max(5, most) };
  return { tick0: 0, dtick: roundDown(0.9 * half) };
}
