// The axes and planes that a kernel offers, and its words for them.

const RANKS = [1, 2, 3, 4];
const LOW = ["", "₁", "₂", "₃", "₄"];

/** Short names of the axes. @type {Record<string, string>} */
const SYMBOLS = { random: "random", "random:filter": "filter-normalised" };
for (const k of RANKS) {
  SYMBOLS[`hessian:max${k > 1 ? `:${k}` : ""}`] = `λ${LOW[k]}`;
  SYMBOLS[`hessian:min${k > 1 ? `:${k}` : ""}`] = k > 1 ? `λₙ₋${LOW[k - 1]}` : "λₙ";
}

/** What the first ones are called in the list of choices. @type {Record<string, string>} */
const CHOICES = { "hessian:max": "λ₁ largest", "hessian:min": "λₙ smallest" };

const eigen = Object.keys(SYMBOLS).filter((value) => value.startsWith("hessian"));
const ends = ["hessian:max", "hessian:min"];
const sorted = ends.flatMap((end) => eigen.filter((value) => value.startsWith(end)));

/** @type {import("../src/kernel/axes.js").Offer} */
export const OFFER = {
  groups: [
    { label: "Hessian eigenvectors", options: sorted.map((value) => ({ value, label: CHOICES[value] ?? SYMBOLS[value] })) },
    { label: "Random directions", options: [{ value: "random", label: "Random" }, { value: "random:filter", label: "Filter-normalised" }] },
  ],
  presets: [
    { value: "hessian", label: "Hessian λmax × λmin", title: "Two eigenvectors", axes: ["hessian:max", "hessian:min"] },
    { value: "random", label: "Random", title: "Two random directions", axes: ["random", "random"] },
    { value: "filter", label: "Filter-normalised", title: "Two directions in proportion", axes: ["random:filter", "random:filter"] },
  ],
  eigen: ends,
};

/** @param {string[]} axes */
export const symbolsOf = (axes) => axes.map((axis) => SYMBOLS[axis]);

/** @param {string[]} axes @param {number} seed */
export function planeOf(axes, seed) {
  const seeded = axes.some((axis) => axis.startsWith("random"));
  const preset = OFFER.presets.find((each) => String(each.axes) === String(axes));
  const name = `${preset?.label ?? symbolsOf(axes).join(" × ")}${seeded ? ` (seed ${seed})` : ""}`;
  return { name, seeded };
}

/** What a kernel offers where a trajectory and another solution were given. @param {import("../src/kernel/axes.js").Offer} offer @returns {import("../src/kernel/axes.js").Offer} */
export const withPaths = ({ groups, presets, eigen }) => ({
  groups: [...groups, { label: "Trajectory", options: [1, 2].map((k) => ({ value: `trajectory:${k}`, label: `Component ${k}` })) }],
  presets: [...presets, { value: "trajectory", label: "Trajectory", title: "Two components of the path", axes: ["trajectory:1", "trajectory:2"] }],
  eigen,
});
