// The directions and planes a person can choose, as the kernel offers them.

/** @typedef {[string, string]} Axes */

/** @typedef {{value: string, label: string, title: string, axes: Axes}} Preset */

/**
 * @typedef {object} Offer
 * @property {{label: string, options: {value: string, label: string}[]}[]} groups  axes to choose from
 * @property {Preset[]} presets  planes to choose from
 * @property {string[]} eigen  axes that are eigenvectors; ":2" and so on may follow
 */

/** @param {string} axis @param {string} kind */
const isOf = (axis, kind) => `${axis}:`.startsWith(`${kind}:`);

/** @param {Offer} offer @param {string} axis */
export const isEigen = ({ eigen }, axis) => eigen.some((kind) => isOf(axis, kind));

/** Why one of these axes cannot be had; "" where all can. @param {import("./state.js").Info} info @param {string[]} axes */
export const refusal = ({ refused }, axes) => Object.entries(refused).find(([kind]) => axes.some((axis) => isOf(axis, kind)))?.[1] ?? "";

/** The plane of these axes that a person can choose by one click. @param {Offer} offer @param {Axes} axes */
export const presetOf = ({ presets }, axes) => presets.find((preset) => preset.axes.every((axis, i) => axis === axes[i]));

/**
 * The axes with one of them set anew. Two equal axes span no plane, unless they are draws: then they change places.
 * @param {Axes} axes
 * @param {number} which
 * @param {string} spec
 * @param {Offer} offer
 * @returns {Axes}
 */
export function withAxis(axes, which, spec, offer) {
  const next = /** @type {Axes} */ ([...axes]);
  next[which] = spec;
  if (next[1 - which] === spec && !presetOf(offer, [spec, spec])) next[1 - which] = axes[which];
  return next;
}

/** A plane that the kernel has not told of yet. @param {Offer} offer @param {Axes} axes */
export const planeLabel = (offer, axes) => presetOf(offer, axes)?.label ?? axes.join(" × ");

/**
 * The plane that shows what this one may hide: one of eigenvectors or one of others.
 * @param {Offer} offer
 * @param {Axes} axes
 * @param {(axes: Axes) => boolean} [offers]  whether it can be had: one that can goes before one that cannot
 */
export function counterpart(offer, axes, offers = () => true) {
  const all = (/** @type {Axes} */ names) => names.every((name) => isEigen(offer, name));
  const { presets } = offer;
  const others = presets.filter((preset) => all(preset.axes) !== all(axes));
  return (others.find((preset) => offers(preset.axes)) ?? others[0] ?? presets[0]).axes;
}
