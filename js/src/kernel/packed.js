// What a saved page carries, unpacked: a JSON text whose buffers lie behind it, compressed, as base64.

/** Stands for a hole among losses of 16 bits. */
const HOLE = 65_535;

/**
 * Losses of 16 bits. They are spaced by the inverse hyperbolic sine of their distance from `about`, which is even near
 * it and a logarithm far from it, from `low` to `high`; some are told exactly.
 * @typedef {{codes: Uint8Array, about: number, unit: number, low: number, high: number, exact: [number, number][]}} Rounded
 */

/** @param {Rounded} rounded @returns {Float32Array} */
export function restore({ codes, about, unit, low, high, exact }) {
  const { buffer, byteOffset, byteLength } = codes;
  const view = new DataView(buffer, byteOffset, byteLength);
  const [first, last] = [low, high].map((loss) => Math.asinh((loss - about) / unit));
  const step = (last - first) / (HOLE - 1);
  const losses = Float32Array.from({ length: byteLength / 2 }, (_, i) => {
    const code = view.getUint16(2 * i, true);
    if (code === HOLE) return NaN;
    return Math.min(high, Math.max(low, about + unit * Math.sinh(first + code * step)));
  });
  for (const [i, loss] of exact) losses[i] = loss;
  return losses;
}

/**
 * @param {ArrayBuffer} bytes  the length of a JSON text, that text, and the buffers that it refers to by their places
 * @returns {any}
 */
export function unpack(bytes) {
  const length = new DataView(bytes).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  return JSON.parse(text, (_, value) => {
    if (value?.$bytes) return new Uint8Array(bytes, 4 + length + value.$bytes[0], value.$bytes[1]);
    return value?.$rounded ? restore(value.$rounded) : value;
  });
}

/** @param {string} text  base64 of what gzip made @returns {Promise<ArrayBuffer>} */
export function inflate(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
