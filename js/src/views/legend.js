// What the marks in surface and plane stand for, in one line.
import { h } from "../ui/dom.js";
import { WORDS } from "../kernel/agreed.js";
import { SIGNS } from "../kernel/splits.js";

/** @type {{sign: string, words: string, shown: (frame: import("../ui/frame.js").Frame) => boolean}[]} */
const MARKS = [
  { sign: SIGNS.theta, words: "θ*", shown: () => true },
  { sign: "━", words: WORDS.level, shown: () => true },
  { sign: SIGNS.train, words: WORDS.lowest.train, shown: ({ lowest }) => lowest.some(({ split }) => split === "train") },
  { sign: SIGNS.test, words: WORDS.lowest.test, shown: ({ lowest }) => lowest.some(({ split }) => split === "test") },
  { sign: "•", words: "path of training", shown: ({ paths }) => paths.some(({ solution }) => !solution) },
  { sign: "★", words: "solution", shown: ({ paths, picture: { extent: [a0, a1, b0, b1] } }) => paths.some(({ solution, alpha: [a], beta: [b] }) => solution && a >= a0 && a <= a1 && b >= b0 && b <= b1) },
  { sign: "①", words: "pin", shown: ({ pins }) => pins.length > 0 },
];

export function createLegend() {
  const entries = MARKS.map(({ sign, words }) => h("span", { class: "lw-key" }, h("i", { "aria-hidden": "true" }, sign), words));
  const element = h("span", { class: "lw-marks", "data-testid": "legend" }, ...entries);
  return {
    element,
    /** @param {import("../ui/frame.js").Frame} frame */
    update(frame) {
      entries.forEach((entry, i) => (entry.hidden = !MARKS[i].shown(frame)));
    },
  };
}
