// What the marks in surface and plane stand for, in one line.
import { h } from "../ui/dom.js";
import { createMemory } from "../ui/changed.js";
import { createSwatch } from "../ui/legend-key.js";
import { WORDS } from "../kernel/agreed.js";
import { SIGNS } from "../kernel/splits.js";
import { shade } from "../model/scale.js";

/** Whether a place is in the picture. @param {import("../ui/frame.js").Frame} frame @param {number} alpha @param {number} beta */
const inSight = ({ picture: { extent: [a0, a1, b0, b1] } }, alpha, beta) => alpha >= a0 && alpha <= a1 && beta >= b0 && beta <= b1;

/** The paths, or the solutions, of which something is. @param {import("../ui/frame.js").Frame} frame @param {boolean} wanted */
const pathsIn = (frame, wanted) => frame.paths.filter(({ solution, alpha, beta }) => solution === wanted && alpha.some((a, i) => inSight(frame, a, beta[i])));

/** @type {{sign: string, words: string, shown: (frame: import("../ui/frame.js").Frame) => boolean}[]} */
const MARKS = [
  { sign: SIGNS.theta, words: "θ*", shown: () => true },
  { sign: "━", words: WORDS.level, shown: (frame) => frame.picture.surface !== null && shade(frame, frame.picture.surface).level !== null },
  { sign: SIGNS.train, words: WORDS.lowest.train, shown: ({ lowest }) => lowest.some(({ split }) => split === "train") },
  { sign: SIGNS.test, words: WORDS.lowest.test, shown: ({ lowest }) => lowest.some(({ split }) => split === "test") },
  { sign: "•", words: "path of training", shown: (frame) => pathsIn(frame, false).length > 0 },
  { sign: "▪", words: "solution", shown: (frame) => pathsIn(frame, true).length > 0 },
  { sign: "①", words: "pin", shown: (frame) => frame.pins.some(({ alpha, beta }) => inSight(frame, alpha, beta)) },
];

/** Runs by their colours, where there are several in sight. @param {import("../ui/frame.js").Frame} frame */
const runsOf = (frame) => (frame.paths.filter(({ solution }) => !solution).length > 1 ? pathsIn(frame, false) : []);

export function createLegend() {
  const named = h("span", { class: "lw-runs" });
  const isNew = createMemory();
  const entries = MARKS.map(({ sign, words }) => h("span", { class: "lw-key", hidden: true }, h("i", { "aria-hidden": "true" }, sign), words));
  const element = h("span", { class: "lw-marks", "data-testid": "legend" }, ...entries, named);
  return {
    element,
    /** @param {import("../ui/frame.js").Frame} frame */
    update(frame) {
      entries.forEach((entry, i) => (entry.hidden = !MARKS[i].shown(frame)));
      const runs = runsOf(frame);
      if (isNew(runs.map(({ name, colour }) => `${name} ${colour}`).join("\n"))) {
        named.replaceChildren(...runs.map(({ name, colour }) => createSwatch(colour, name)));
      }
    },
  };
}
