// The path of training and other solutions, as the kernel tells where they lie on the planes on show.
import { decodeArray } from "./decoders.js";

/**
 * A path on a plane; a solution is one of a single point.
 * @typedef {object} PathOnPlane
 * @property {string} name
 * @property {boolean} solution
 * @property {string} caption  the name, and how much of it the plane shows
 * @property {string} remark  what the caption says beside how much of it lies in the plane; often nothing
 * @property {string} colour
 * @property {Float64Array} alpha  of the point of the plane that is nearest to each checkpoint
 * @property {Float64Array} beta
 * @property {Float64Array} offPlane  ‖Δθ‖ from there to the checkpoint
 * @property {Float64Array} loss  of the checkpoint itself, NaN where it is not finite
 * @property {string[]} steps  what its checkpoints are called
 * @property {Float64Array} sizes  diameters of marks, larger the farther off the plane
 * @property {[number, string][]} marks  checkpoints at which something changed, and what
 */

/** @typedef {{plane: string, of: [string, string, number], paths: PathOnPlane[]}} Landmarks  on one plane, by its fingerprint; split, batch norm and examples of the losses */

/** @typedef {{request: number, final: boolean, planes: [Landmarks | null, Landmarks | null]}} LandmarksResult  on both planes */

/** @param {any} raw @returns {LandmarksResult} */
export function decodeLandmarks({ request, final, planes }) {
  const numbers = (/** @type {any} */ view) => decodeArray(view, Float64Array);
  /** @param {any} path @returns {PathOnPlane} */
  const decode = ({ name, solution, caption, remark, colour, alpha, beta, off_plane, loss, steps, sizes, marks }) => ({
    name,
    solution,
    caption,
    remark,
    colour,
    alpha: numbers(alpha),
    beta: numbers(beta),
    offPlane: numbers(off_plane),
    loss: numbers(loss),
    steps,
    sizes: numbers(sizes),
    marks,
  });
  return { request, final, planes: planes.map((/** @type {any} */ on) => on && { plane: on.plane, of: on.of, paths: on.paths.map(decode) }) };
}

/**
 * What lies on the plane of a picture; nothing where that is another plane by now, or of other losses.
 * @param {LandmarksResult | null} landmarks
 * @param {import("./decoders.js").SurfaceResult | null} surface
 * @param {0 | 1} which  of the two pictures
 */
export function pathsOn(landmarks, surface, which) {
  const on = landmarks?.planes[which];
  if (!on || !surface || on.plane !== surface.plane) return NONE;
  return String(on.of) === String([surface.split, surface.batchNorm, surface.nExamples]) ? on.paths : NONE;
}

/** @type {PathOnPlane[]} */
const NONE = [];
