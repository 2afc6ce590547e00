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

/** The margin that labels and title of a vertical axis need. @param {number[] | undefined} range */
export const tickRoom = (range) => 32 + labelWidth(range);

/** How many labels stand side by side without touching. @param {number[] | undefined} range @param {number} width  in pixels */
export const tickCount = (range, width) => (width > 0 ? Math.max(2, Math.min(6, Math.floor(width / (labelWidth(range) + 10)))) : 6);
