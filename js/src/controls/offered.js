// Which controls there are on the page, where somebody has named those that are wanted.

/** The test ids of what belongs to each control. @type {Record<string, readonly string[]>} */
const PARTS = {
  axes: ["preset", "axis-alpha", "axis-beta"],
  domain: ["half-width"],
  resolution: ["resolution"],
  compared_axes: ["compare"],
  checkpoint: ["checkpoints"],
  face: ["face"],
  lines: ["lines"],
  seed: ["seed"],
  examples: ["examples"],
  split: ["split"],
  batch_norm: ["batch-norm"],
  scale: ["scale"],
  colour: ["colour"],
  map: ["colour-map"],
  contours: ["contours"],
  quadratic: ["quadratic"],
  titled: ["titled"],
};

/** Those that the settings hold. */
const SETTINGS = ["seed", "examples", "split", "batch_norm", "colour", "map", "contours", "quadratic", "titled"];

/**
 * Leaves out all controls but those that are wanted.
 * @param {ParentNode} root
 * @param {readonly string[] | null} wanted  null for all
 */
export function offerControls(root, wanted) {
  const left = (/** @type {string} */ id, /** @type {boolean} */ out) => {
    const part = root.querySelector(`[data-testid="${id}"]`);
    (part?.closest(".lw-field, .lw-check") ?? part)?.classList.toggle("lw-left-out", out);
  };
  for (const [name, ids] of Object.entries(PARTS)) for (const id of ids) left(id, !!wanted && !wanted.includes(name));
  left("settings-open", !!wanted && !SETTINGS.some((name) => wanted.includes(name)));
}
