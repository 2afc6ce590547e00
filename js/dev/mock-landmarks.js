// A path of training and another solution, as a kernel would send them.
import { wire } from "./wire.js";

/**
 * @param {any} surface  as the mock sends it
 * @param {number} [share]  of the path that is there
 */
export function mockLandmarks({ request, plane, split, batch_norm, n_examples }, share = 1) {
  const steps = Array.from({ length: Math.max(1, Math.round(24 * share)) }, (_, i) => i);
  const numbers = (/** @type {(i: number) => number} */ of, all = steps) => wire(Float64Array.from(all, of));
  const path = {
    name: "path", solution: false, caption: "path, 71.2 % of ‖Δθ‖² in the plane", remark: "", colour: "#009e73",
    alpha: numbers((i) => -0.8 * Math.exp(-i / 6)), beta: numbers((i) => 0.6 * Math.exp(-i / 10) * Math.cos(i / 4)),
    off_plane: numbers((i) => 2 * Math.exp(-i / 8)), loss: numbers((i) => 0.35 + 1.6 * Math.exp(-i / 5)), steps: steps.map((i) => `step ${10 * i}`),
    sizes: numbers((i) => 4 + 10 * Math.exp(-i / 8)), marks: [[0, "lr 0.1"], ...steps.filter((i) => i % 3 === 2).map((i) => [i, `epoch ${i}`])],
  };
  const one = (/** @type {number} */ value) => numbers(() => value, [0]);
  const other = {
    name: "other seed", solution: true, caption: "other seed, 30 % of ‖Δθ‖² in the plane", remark: "", colour: "#e69f00",
    alpha: one(0.5), beta: one(-0.5), off_plane: one(6.1), loss: one(0.4), steps: ["other seed"], sizes: one(14), marks: [],
  };
  return { request, final: share === 1, planes: [{ plane, of: [split, batch_norm, n_examples], paths: [path, other] }, null] };
}
