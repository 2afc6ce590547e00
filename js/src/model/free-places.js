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
 * @param {(width: number) => [number, number]} away  from a point to the middle of words so wide, on either axis
 * @param {(label: T, box: [number, number, number, number]) => boolean} [stands]  whether words may be in a box, left, right, top and bottom from their point
 * @returns {(T & {side: [1 | -1, 1 | -1]})[]}
 */
export function freePlaces(labels, { width, height }, away, stands = () => true) {
  /** @type {number[][]} */
  const taken = [];
  return labels.flatMap((label) => {
    const wide = CHARACTER * label.text.length + AROUND;
    const [dx, dy] = away(wide);
    for (const side of SIDES) {
      const [x, y] = [label.x + side[0] * dx, label.y + side[1] * dy];
      const box = [x - wide / 2, x + wide / 2, y - LINE / 2, y + LINE / 2];
      const inside = box[0] >= 0 && box[1] <= width && box[2] >= 0 && box[3] <= height;
      if (!inside || taken.some(([x0, x1, y0, y1]) => x0 < box[1] && box[0] < x1 && y0 < box[3] && box[2] < y1)) continue;
      if (!stands(label, [box[0] - label.x, box[1] - label.x, box[2] - label.y, box[3] - label.y])) continue;
      taken.push(box);
      return [{ ...label, side }];
    }
    return [];
  });
}

/** @typedef {{x: number, y: number, z: number}} Vector */
/** @typedef {{eye: Vector, center?: Vector}} Camera  as plotly has it */
const minus = (/** @type {Vector} */ a, /** @type {Vector} */ b) => ({ x: a.x - b.x, y: a.y - b.y, z: a.z - b.z });
const dot = (/** @type {Vector} */ a, /** @type {Vector} */ b) => a.x * b.x + a.y * b.y + a.z * b.z;
const scaled = (/** @type {Vector} */ { x, y, z }, /** @type {number} */ by) => ({ x: by * x, y: by * y, z: by * z });

/** Tangent of half of plotly's angle of view. */
const VIEW = Math.tan(Math.PI / 8);

/** Ahead, to the right and up, where a camera's vertical stays vertical. @param {Camera} camera */
function directionsOf({ eye, center = { x: 0, y: 0, z: 0 } }) {
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
 * The first place of a surface on the line of sight of what is some pixels beside a point of the scene, as far away as
 * it: towards the camera it hides that, beyond it is what is seen around it.
 * @param {Camera} camera
 * @param {{width: number, height: number}} room
 * @param {(x: number, y: number) => number} heightAt  of the surface, NaN where there is none
 */
export function sightOf(camera, { height }, heightAt) {
  const { eye } = camera;
  const { ahead, right, up } = directionsOf(camera);
  const move = (/** @type {Vector} */ from, /** @type {Vector} */ along, /** @type {number} */ by) => minus(from, scaled(along, -by));
  /** @param {Vector} point @param {number} across @param {number} down @param {1 | -1} direction  1: to the camera @returns {Vector | null} */
  return (point, across, down, direction) => {
    const pixel = (2 * VIEW * dot(minus(point, eye), ahead)) / height;
    const from = move(move(point, right, across * pixel), up, -down * pixel);
    const sight = minus(eye, from);
    const step = (direction * LONGEST) / STEPS / Math.sqrt(dot(sight, sight));
    for (let i = 0; i < STEPS; i++) {
      const at = move(from, sight, step * i);
      if (heightAt(at.x, at.y) > at.z) return at;
    }
    return null;
  };
}
