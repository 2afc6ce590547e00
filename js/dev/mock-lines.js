// Losses along lines, as the kernel sends them.
import { wire } from "./wire.js";

const COLOURS = ["#1f6fb2", "#c8620a"];

/** @param {number} request @param {string} along @param {number} examples */
export function mockLines(request, along, examples) {
  const t = Float64Array.from({ length: 65 }, (_, i) => -0.5 + i / 32);
  const lines = COLOURS.map((colour, k) => ({
    name: along === "solutions" ? `solution ${k + 1}` : `seed ${k}`,
    colour,
    t: wire(t),
    loss: wire(t.map((at) => 0.2 + at * at * (1 - at) ** 2 * (4 + k))),
    test: wire(t.map((at) => 0.4 + at * at * (1 - at) ** 2 * (3 + k))),
  }));
  return { request, final: true, along, n_examples: examples, axis: "t: 0 is θ*, 1 the solution", marks: [0, 1], lines, words: "Solid: training data, dashed: test data." };
}
