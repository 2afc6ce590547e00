// Numbers as a person reads them: few digits, a true minus sign, thin groups of thousands.

const MINUS = "\u2212";
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** @param {string} text */
const withMinus = (text) => text.replace(/-/g, MINUS);

/** With a capital letter. @param {string} text */
export const capitalised = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** @param {number} exponent */
function superscript(exponent) {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return (exponent < 0 ? "⁻" : "") + digits;
}

/**
 * A number with `digits` significant digits: plain from 1e-3 up to 1e5, else as a power of ten.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function formatNumber(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent < -3 || exponent >= 5) return withMinus(`${Number(mantissa)} × 10`) + superscript(exponent);
  const decimals = Math.max(0, digits - 1 - exponent);
  return withMinus(Number(`${mantissa}e${power}`).toFixed(decimals));
}

/**
 * Digits that tell losses of a picture apart: four, and more where they differ little; seven are all that the page has.
 * @param {ArrayLike<number>} range
 */
export function digitsWithin({ 0: low, 1: high }) {
  const share = Math.max(Math.abs(low), Math.abs(high)) / (high - low);
  return share < Infinity ? Math.min(7, Math.max(4, 3 + Math.ceil(Math.log10(share)))) : 4;
}

/**
 * A number in as few characters as its value needs, for slider outputs: 0.4, 15, 1e-4 → 0.0001.
 * @param {number} value
 */
export const formatShort = (value) => formatTick(value, 3);

/**
 * The same with so many significant digits, for scales.
 * @param {number} value
 * @param {number} digits
 */
export function formatTick(value, digits) {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e5)) return formatNumber(value, digits);
  return withMinus(String(Number(value.toPrecision(digits))));
}

/**
 * A whole number with groups of three digits.
 * @param {number} value
 */
export function formatCount(value) {
  return withMinus(String(Math.round(value))).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * How many examples of all a picture rests on.
 * @param {number} part
 * @param {number} all
 */
export const formatPart = (part, all) => `${formatCount(part)} of ${formatCount(all)} examples`;

/**
 * A share between 0 and 1 in per cent, never rounded to a certainty that was not measured.
 * @param {number} share
 */
export function formatPercent(share) {
  if (share === 0 || share === 1) return `${share * 100} %`;
  if (share < 0.0005) return "< 0.1 %";
  if (share > 0.9995) return "> 99.9 %";
  return `${(share * 100).toFixed(1)} %`;
}

/** Decimals that a standard error leaves meaning to: its first digit, or two where that is a 1. @param {number} stderr */
function meaningful(stderr) {
  const [mantissa, power] = stderr.toExponential(1).split("e");
  return (mantissa.startsWith("1") ? 1 : 0) - Number(power);
}

/**
 * An estimate as far as its standard error lets it be known: 601 ± 4, (6.01 ± 0.04) × 10⁷.
 * @param {{value: number, stderr: number | null}} estimate
 */
export function formatEstimate({ value, stderr }) {
  if (!Number.isFinite(value) || !stderr || !Number.isFinite(stderr)) return formatNumber(value);
  const size = Math.max(Math.abs(value), stderr);
  const exponent = Math.floor(Math.log10(size));
  const power = exponent < -3 || exponent >= 6 ? exponent : 0;
  const decimals = Math.min(20, Math.max(0, meaningful(stderr) + power));
  const [centre, error] = [value, stderr].map((number) => (number / 10 ** power).toFixed(decimals));
  const text = withMinus(`${centre} ± ${error}`);
  return power ? `(${text}) × 10${superscript(power)}` : text;
}

/**
 * Seconds as a person says them.
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  if (seconds < 1) return "< 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
