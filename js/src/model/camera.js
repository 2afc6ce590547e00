// Where a scene is seen from.
import { directionsOf } from "./free-places.js";

/** @typedef {import("./free-places.js").Camera} Camera */
/** @typedef {Required<Camera>} Standing  a camera that lacks nothing */

/** Where a surface is seen from at first. A little to the right of the middle: the title of the loss axis stands on the left. @type {Standing} */
export const START = {
  eye: { x: 1.2, y: -1.3, z: 1.05 },
  center: { x: -0.07, y: -0.06, z: -0.17 },
  up: { x: 0, y: 0, z: 1 },
  projection: { type: "perspective" },
};

/** @param {any} point @param {import("./free-places.js").Vector} other */
function pointOf(point, other) {
  const at = (/** @type {"x" | "y" | "z"} */ axis) => (Number.isFinite(point?.[axis]) ? point[axis] : other[axis]);
  return { x: at("x"), y: at("y"), z: at("z") };
}

/**
 * A camera that looks somewhere: what another one lacks, or has that is no number, is as at first.
 * @param {any} camera  whatever a page was told
 * @param {Standing} [start]
 * @returns {Standing}
 */
export function completed(camera, start = START) {
  const [eye, center, up] = /** @type {const} */ (["eye", "center", "up"]).map((part) => pointOf(camera?.[part], start[part]));
  const type = camera?.projection?.type === "orthographic" ? "orthographic" : start.projection.type;
  // Of a direction nothing is left where there is none, or it is beyond floating-point numbers.
  const { ahead } = directionsOf({ eye, center });
  const looks = Math.hypot(ahead.x, ahead.y, ahead.z) > 0.5 && Math.hypot(up.x, up.y, up.z) > 0;
  return looks ? { eye, center, up, projection: { type } } : start;
}

/** What keys do to a camera's angles around the vertical and above the ground, and to its distance. @type {Record<string, [number, number, number]>} */
const KEYS = {
  ArrowLeft: [-1, 0, 1],
  ArrowRight: [1, 0, 1],
  ArrowUp: [0, 1, 1],
  ArrowDown: [0, -1, 1],
  "+": [0, 0, 0.9],
  "-": [0, 0, 1 / 0.9],
};
/** The angle of a key, and the largest above the ground. */
const [TURN, STEEP] = [Math.PI / 24, 1.5];

/**
 * A camera after a key; null where it is none of its keys.
 * @param {Standing} camera
 * @param {string} key
 * @returns {Standing | null}
 */
export function steered({ eye, center, ...rest }, key) {
  const [turn, rise, share] = KEYS[key] ?? [];
  if (share === undefined) return null;
  const [x, y, z] = [eye.x - center.x, eye.y - center.y, eye.z - center.z];
  const far = Math.hypot(x, y, z);
  const around = Math.atan2(y, x) + TURN * turn;
  const above = Math.min(STEEP, Math.max(-STEEP, Math.asin(z / far) + TURN * rise));
  const flat = share * far * Math.cos(above);
  return { ...rest, center, eye: { x: center.x + flat * Math.cos(around), y: center.y + flat * Math.sin(around), z: center.z + share * far * Math.sin(above) } };
}

/** Whether a camera stands where all do at first. @param {any} camera */
export const isStart = (camera) => JSON.stringify(completed(camera)) === JSON.stringify(START);
