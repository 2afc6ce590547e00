// Losses along lines from θ*, as the kernel tells them.
import { decodeArray } from "./decoders.js";

/**
 * @typedef {object} Line
 * @property {string} name  of the solution that it leads to, or its seed
 * @property {string} colour
 * @property {Float64Array} t  where: 0 is θ*
 * @property {Float64Array} loss  of training data, NaN where it is not there
 * @property {Float64Array | null} test  the same of test data, null without any
 */

/**
 * @typedef {object} LinesResult
 * @property {number} request
 * @property {boolean} final
 * @property {import("./state.js").Lines} along  what they follow
 * @property {number} nExamples
 * @property {string} axis  what t is
 * @property {number[]} marks  values of t that are something
 * @property {Line[]} lines
 * @property {string} words
 */

/** @param {any} raw @returns {LinesResult} */
export function decodeLines({ request, final, along, n_examples, axis, marks, lines, words }) {
  const numbers = (/** @type {any} */ view) => decodeArray(view, Float64Array);
  /** @param {any} line @returns {Line} */
  const decode = ({ name, colour, t, loss, test }) => ({ name, colour, t: numbers(t), loss: numbers(loss), test: test && numbers(test) });
  return { request, final, along, nExamples: n_examples, axis, marks: [...marks], lines: lines.map(decode), words };
}
