// The directions a person can choose: their specs on the wire, and their names on screen.

/** @typedef {[string, string]} Axes */

/** @type {{value: string, label: string, title: string, axes: Axes}[]} */
export const PRESETS = [
  {
    value: "hessian",
    label: "Hessian λmax × λmin",
    title: "The directions of the largest and the smallest curvature",
    axes: ["hessian:max", "hessian:min"],
  },
  { value: "random", label: "Random", title: "Two directions with normally distributed entries", axes: ["random", "random"] },
  {
    value: "filter",
    label: "Filter-normalised",
    title: "Two random directions, each filter rescaled to the norm of the model's own",
    axes: ["random:filter", "random:filter"],
  },
];

/** The first eigenvector can be written with and without its number. @param {string} spec */
export const canonical = (spec) => spec.replace(/^(hessian:(?:max|min)):1$/, "$1");

/** @param {Axes} axes */
export function presetOf(axes) {
  const found = PRESETS.find((preset) => preset.axes.every((axis, i) => axis === canonical(axes[i])));
  return found?.value ?? "custom";
}

/**
 * A plane in a few words: Hessian λmax × λmin, Random (seed 3), λ₁ × random (seed 0).
 * @param {Axes} axes
 * @param {number} [seed]  of random axes, where it is to be told
 */
export function planeName(axes, seed) {
  const preset = PRESETS.find(({ value }) => value === presetOf(axes));
  const name = preset?.label ?? axes.map((axis) => (axis === "random:filter" ? "filter-normalised" : eigenName(axis))).join(" × ");
  return seed !== undefined && axes.some((axis) => axis.startsWith("random")) ? `${name} (seed ${seed})` : name;
}

/** @param {number} n */
const subscript = (n) => [...String(n)].map((digit) => String.fromCharCode(0x2080 + Number(digit))).join("");

/**
 * The name of an eigenvalue among all N of them in descending order: λ₁, λ₂ … λₙ₋₁, λₙ.
 * @param {string} spec
 */
export function eigenName(spec) {
  const [, end, rank] = spec.match(/^hessian:(max|min)(?::(\d+))?$/) ?? [];
  const k = Number(rank ?? 1);
  if (end === "max") return `λ${subscript(k)}`;
  if (end === "min") return k === 1 ? "λₙ" : `λₙ₋${subscript(k - 1)}`;
  return spec;
}

/**
 * Choices for an axis, in groups.
 * @param {number} kMax  eigenvectors offered at each end
 * @returns {{label: string, options: {value: string, label: string}[]}[]}
 */
export function axisChoices(kMax) {
  const ranks = Array.from({ length: Math.max(1, kMax) }, (_, i) => i + 1);
  const spec = (/** @type {string} */ end, /** @type {number} */ k) => canonical(`hessian:${end}:${k}`);
  return [
    {
      label: "Hessian eigenvectors",
      options: [
        ...ranks.map((k) => ({ value: spec("max", k), label: `${eigenName(spec("max", k))}${k === 1 ? " largest" : ""}` })),
        ...ranks.map((k) => ({ value: spec("min", k), label: `${eigenName(spec("min", k))}${k === 1 ? " smallest" : ""}` })),
      ],
    },
    {
      label: "Random directions",
      options: [
        { value: "random", label: "Random" },
        { value: "random:filter", label: "Random, filter-norm." },
      ],
    },
  ];
}
