// The path of training and other solutions in the pictures: nearest points of the plane, at the loss that they really have.
import { formatNumber } from "../model/format.js";
import { freePlaces, seenBy } from "../model/free-places.js";
import { interpolate } from "../model/picture.js";
import { quantityOf } from "../kernel/splits.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/landmarks.js").PathOnPlane} PathOnPlane */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** Under the line of a path, light in dark, so that it is seen on every colour. @type {[string, number][]} */
const RIMS = [["#000000", 6], ["#ffffff", 4.5]];
/** A point is read where the crosshair is nearer to it than this share of the picture, or than half the way to the next node. */
const NEAR = 0.02;
/** Of ‖θ*‖: what parameters in single precision may be off a plane by rounding. */
const ROUNDING = 1e-6;

/** A solution has a mark of another shape than a checkpoint. @param {PathOnPlane} path */
const symbolOf = ({ solution }) => (solution ? "square" : "circle");
const least = (/** @type {PathOnPlane} */ path) => (path.solution ? 13 : 0);

/** Paths in the plane. @param {Frame} frame */
export const flatPaths = ({ paths }) =>
  paths.flatMap((path) => {
    const { name, solution, colour, alpha, beta, sizes } = path;
    const at = { type: "scatter", x: Array.from(alpha), y: Array.from(beta), cliponaxis: true };
    const size = Array.from(sizes, (each) => Math.max(each, least(path)));
    return [
      ...RIMS.map(([color, width]) => ({ ...at, name: `${name} rim`, mode: "lines+markers", hoverinfo: "skip", line: { color, width }, marker: { symbol: symbolOf(path), size: size.map((each) => each + width - 2.5), color } })),
      {
        ...at,
        name: `path ${name}`,
        mode: "lines+markers",
        hoverinfo: "none",
        line: { color: colour, width: 2.5 },
        marker: { symbol: symbolOf(path), size, color: colour },
      },
    ];
  });

/** From a point to the middle of its words, in pixels. */
const AWAY = 18;

/** Words on ground of their own, so that they are read wherever they lie. @param {string} text */
const onWhite = (text) => ({
  name: "path words",
  text: text.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
  font: { size: 10, color: "#1a1a1a" },
  bgcolor: "rgba(255, 255, 255, 0.8)",
  borderpad: 1,
});

/** Solutions first: what they are called is said nowhere else. @param {readonly PathOnPlane[]} paths */
const solutionsFirst = (paths) => [...paths].sort((a, b) => Number(b.solution) - Number(a.solution));

/**
 * Words beside checkpoints where something changed, and beside solutions, as many as there is room for.
 * @param {Frame} frame
 * @param {{width: number, height: number}} room  of the picture, in pixels
 */
export function flatWords({ paths, picture: { extent: [a0, a1, b0, b1] } }, room) {
  const labels = solutionsFirst(paths).flatMap(({ name, solution, colour, alpha, beta, marks }) =>
    (solution ? [/** @type {const} */ ([0, name])] : marks)
      .filter(([i]) => alpha[i] >= a0 && alpha[i] <= a1 && beta[i] >= b0 && beta[i] <= b1)
      .map(([i, text]) => ({ at: { x: alpha[i], y: beta[i] }, text, colour, x: ((alpha[i] - a0) / (a1 - a0)) * room.width, y: ((b1 - beta[i]) / (b1 - b0)) * room.height })),
  );
  return freePlaces(labels, room, () => [AWAY, AWAY]).map(({ at, text, colour, side }) => ({
    ...at,
    ...onWhite(text),
    arrowcolor: colour,
    arrowsize: 0.8,
    arrowwidth: 1.5,
    ax: AWAY * side[0],
    ay: AWAY * side[1],
  }));
}

/** More lines to the surface would hide it: of many checkpoints they are at so many. */
const MOST_DROPS = 30;
/** Parts of a line between two checkpoints that follow the surface. */
const PARTS = 8;
/** Of the height of the surface: by how much a line on it is raised. */
const LIFT = 0.004;

/** Values, and those on the straight lines between each two. @param {number[]} values */
const between = (values) =>
  values.flatMap((value, i) => (i + 1 < values.length ? Array.from({ length: PARTS }, (_, k) => value + (k / PARTS) * (values[i + 1] - value)) : [value]));

/**
 * Paths at their true loss, with lines from checkpoints to the surface above or below them. Where the surface hides a
 * path, a dashed line on it shows where the path runs, as one looks down on it.
 * @param {Frame} frame
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 */
export function raisedPaths({ paths }, surface, { rows, of, range: [low, high] }) {
  const ground = { ...surface, rows };
  return solutionsFirst(paths).flatMap((path) => {
    const { name, solution, colour, alpha, beta, loss, sizes, marks } = path;
    const { alpha: x, beta: y } = surface;
    const inside = Array.from(alpha, (a, i) => a >= x[0] && a <= x[x.length - 1] && beta[i] >= y[0] && beta[i] <= y[y.length - 1]);
    const only = (/** @type {number[]} */ values) => values.map((value, i) => (inside[i] ? value : NaN));
    const above = only(Array.from(loss, of));
    const below = above.map((_, i) => (inside[i] ? interpolate(ground, alpha[i], beta[i]) : NaN));
    const [xs, ys] = [only(Array.from(alpha)), only(Array.from(beta))];
    const words = new Map(solution ? [[0, name]] : marks);
    const few = Math.min(above.length, MOST_DROPS);
    const dropped = Array.from({ length: few }, (_, k) => Math.round((k * (above.length - 1)) / (few - 1 || 1)));
    const drops = (/** @type {(i: number) => number[]} */ each) => dropped.flatMap((i) => [...each(i), NaN]);
    const shared = { type: "scatter3d", connectgaps: false };
    const [along, across] = solution ? [[], []] : [between(xs), between(ys)];
    const raised = along.map((a, i) => (Number.isFinite(a) ? interpolate(ground, a, across[i]) + LIFT * (high - low) : NaN));
    return [
      {
        ...shared,
        name: `path ${name}`,
        mode: "lines+markers",
        x: xs,
        y: ys,
        z: above,
        text: above.map((_, i) => words.get(i) ?? ""), // that stands beside it, where there is room
        line: { color: colour, width: 7 },
        marker: { symbol: symbolOf(path), size: Array.from(sizes, (each) => 0.6 * Math.max(each, least(path))), color: colour },
        hoverinfo: "none",
      },
      {
        ...shared,
        name: `drop ${name}`,
        mode: "lines",
        x: drops((i) => [xs[i], xs[i]]),
        y: drops((i) => [ys[i], ys[i]]),
        z: drops((i) => [above[i], below[i]]),
        line: { color: colour, width: 2 },
        hoverinfo: "skip",
      },
      ...(solution ? [] : [{ ...shared, name: `from above ${name}`, mode: "lines", x: along, y: across, z: raised, line: { color: colour, width: 4, dash: "dash" }, hoverinfo: "skip" }]),
    ];
  });
}

/**
 * The scene as the camera sees it.
 * @typedef {object} Scene
 * @property {import("../model/free-places.js").Camera} camera
 * @property {{width: number, height: number}} room  of the picture, in pixels
 * @property {(point: Vector) => Vector} place  of a point of the axes in it
 * @property {(point: Vector) => boolean} hidden  whether the surface stands before it
 * @property {number} top  of the scene, which a stem leads up to from what is hidden
 */
/** @typedef {import("../model/free-places.js").Vector} Vector */

/** From a point of the scene to the nearest corner of its words, in pixels. */
const BESIDE = 4;

/**
 * Words beside points of raised paths, or where the surface stands before one beside the top of its stem; as many as
 * there is room for.
 * @param {ReturnType<typeof raisedPaths>} traces
 * @param {Scene} scene
 * @returns {{words: any[], stems: import("./pin-marks.js").Stem[]}}
 */
export function raisedWords(traces, { camera, room, place, hidden, top }) {
  const see = seenBy(camera, room);
  const labels = traces.flatMap((/** @type {any} */ { x, y, z, text, line }) =>
    (text ?? []).flatMap((/** @type {string} */ words, /** @type {number} */ i) => {
      if (!words || !Number.isFinite(z[i])) return [];
      const foot = { x: x[i], y: y[i], z: z[i] };
      const point = hidden(foot) ? { ...foot, z: top } : foot;
      return [{ foot, point, text: words, colour: line.color, ...see(place(point)) }];
    }),
  );
  const placed = freePlaces(labels, room, (wide, high) => [wide / 2 + BESIDE, high / 2 + BESIDE]);
  const stems = placed.flatMap(({ foot, point, colour }) => (point === foot ? [] : [{ ...foot, colour }]));
  const words = placed.map(({ point, text, side: [across, down] }) => ({
    ...point,
    ...onWhite(text),
    showarrow: false,
    xanchor: across < 0 ? "right" : "left",
    yanchor: down < 0 ? "bottom" : "top",
    xshift: BESIDE * across,
    yshift: -BESIDE * down,
  }));
  return { words, stems };
}

/**
 * What is to be read at the crosshair, or of all paths where it is at none of their points.
 * @param {Frame} frame
 * @returns {{text: string, all: string}}  `all`: of all paths in any case
 */
export function readPaths({ paths, point, picture: { surface, extent: [a0, a1, b0, b1] } }) {
  let best = { distance: Math.max(NEAR, 0.5 / ((surface?.alpha.length ?? 0) - 1)), text: "" };
  const several = paths.filter(({ solution }) => !solution).length > 1;
  const quantity = surface ? quantityOf(surface) : "loss";
  /** @param {PathOnPlane} path @param {number} i */
  const told = ({ name, solution, loss, offPlane, steps }, i) => {
    const off = offPlane[i] <= ROUNDING * (surface?.thetaNorm ?? 0) ? "in the plane" : `off the plane ‖Δθ‖ = ${formatNumber(offPlane[i], 3)}`;
    return [solution ? name : several ? `${name}, ${steps[i]}` : steps[i], `true ${quantity} ${formatNumber(loss[i])}`, off];
  };
  for (const path of paths) {
    path.alpha.forEach((a, i) => {
      const distance = point ? Math.hypot((a - point.alpha) / (a1 - a0), (path.beta[i] - point.beta) / (b1 - b0)) : Infinity;
      if (distance < best.distance) best = { distance, text: told(path, i).join("\u2003") };
    });
  }
  const whole = (/** @type {PathOnPlane} */ path) => [...told(path, 0), ...(path.remark ? [path.remark] : [])].join(", ");
  const all = paths.map((path) => (path.solution ? whole(path) : path.caption)).join("\u2003");
  return { text: best.text || all, all };
}
