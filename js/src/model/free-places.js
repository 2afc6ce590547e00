// Words beside points of a picture: as many as stand clear of each other and of its border.

/** Pixels of a character and of a line, at most, with what is around them. */
const [CHARACTER, AROUND, LINE] = [6, 6, 16];

/** Sides of a point that words may stand on, the best first: to the right and down. @type {[1 | -1, 1 | -1][]} */
const SIDES = [[1, -1], [-1, -1], [1, 1], [-1, 1]];

/**
 * Labels with the side of their point that they have room on; those without any are left out.
 * @template {{x: number, y: number, text: string}} T  pixels from the upper left corner
 * @param {T[]} labels  the most important first
 * @param {{width: number, height: number}} room
 * @param {(wide: number, high: number) => [number, number]} away  from a point to the middle of words of that size, on either axis
 * @returns {(T & {side: [1 | -1, 1 | -1]})[]}
 */
export function freePlaces(labels, { width, height }, away) {
  /** @type {number[][]} */
  const taken = [];
  return labels.flatMap((label) => {
    const wide = CHARACTER * label.text.length + AROUND;
    const [dx, dy] = away(wide, LINE);
    for (const side of SIDES) {
      const [x, y] = [label.x + side[0] * dx, label.y + side[1] * dy];
      const box = [x - wide / 2, x + wide / 2, y - LINE / 2, y + LINE / 2];
      const inside = box[0] >= 0 && box[1] <= width && box[2] >= 0 && box[3] <= height;
      if (!inside || taken.some(([x0, x1, y0, y1]) => x0 < box[1] && box[0] < x1 && y0 < box[3] && box[2] < y1)) continue;
      taken.push(box);
      return [{ ...label, side }];
    }
    return [];
  });
}

/** @typedef {{x: number, y: number, z: number}} Vector */
/** @typedef {{eye: Vector, center?: Vector, up?: Vector, projection?: {type: string}}} Camera  as plotly has it */
const minus = (/** @type {Vector} */ a, /** @type {Vector} */ b) => ({ x: a.x - b.x, y: a.y - b.y, z: a.z - b.z });
const dot = (/** @type {Vector} */ a, /** @type {Vector} */ b) => a.x * b.x + a.y * b.y + a.z * b.z;
export const scaled = (/** @type {Vector} */ { x, y, z }, /** @type {number} */ by) => ({ x: by * x, y: by * y, z: by * z });

/** Tangent of half of plotly's angle of view. */
const VIEW = Math.tan(Math.PI / 8);

/** Ahead, to the right and up, where a camera's vertical stays vertical. @param {Camera} camera */
export function directionsOf({ eye, center = { x: 0, y: 0, z: 0 } }) {
  const sight = minus(center, eye);
  const ahead = scaled(sight, 1 / Math.sqrt(dot(sight, sight)));
  const level = Math.hypot(ahead.x, ahead.y) || 1;
  const right = { x: ahead.y / level, y: -ahead.x / level, z: 0 };
  return { ahead, right, up: { x: -right.y * -ahead.z, y: right.x * -ahead.z, z: level } };
}

/**
 * Where a camera of plotly sees points of its scene, in pixels.
 * @param {Camera} camera
 * @param {{width: number, height: number}} room
 * @returns {(point: Vector) => {x: number, y: number}}
 */
export function seenBy(camera, { width, height }) {
  const { ahead, right, up } = directionsOf(camera);
  return (point) => {
    const to = minus(point, camera.eye);
    const scale = height / 2 / VIEW / dot(to, ahead);
    return { x: width / 2 + scale * dot(to, right), y: height / 2 - scale * dot(to, up) };
  };
}

/** Parts of a line of sight through the scene, which is 1 wide: none in it is longer than 1.5. */
const [STEPS, LONGEST] = [48, 1.5];

/**
 * Whether a surface stands between a point of the scene and the camera: whether the line of sight goes through it.
 * Of a point it can be told that it is above the surface, or below it; else the line tells a little way on.
 * @param {Camera} camera
 * @param {(x: number, y: number) => number} heightAt  of the surface, NaN where there is none
 */
export const hiddenFrom = ({ eye }, heightAt) => (/** @type {Vector} */ point, /** @type {boolean | undefined} */ above = undefined) => {
  const sight = minus(eye, point);
  const step = LONGEST / STEPS / Math.sqrt(dot(sight, sight));
  // Not from the point itself, which may lie in the surface.
  for (let i = 1; i < STEPS; i++) {
    const at = minus(point, scaled(sight, -step * i));
    const height = heightAt(at.x, at.y);
    if (Number.isNaN(height)) continue;
    if (above !== undefined && above !== at.z >= height) return true;
    above = at.z >= height;
  }
  return false;
};
