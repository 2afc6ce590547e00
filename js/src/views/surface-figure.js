// The figure of the surface in three dimensions.
import { LEVEL, LIGHT, numbersOf, PIN, raisedPins, rimmed, withStems } from "./pin-marks.js";
import { raisedPaths, raisedWords } from "./path-marks.js";
import { baseAxis, baseLayout, POINTER, roomOf } from "../ui/plot.js";
import { roundTicks } from "../ui/ticks.js";
import { completed, START } from "../model/camera.js";
import { directionsOf, hiddenFrom, scaled } from "../model/free-places.js";
import { interpolate } from "../model/picture.js";
import { modelRows } from "../model/quadratic.js";
import { BLACK, colouring, contourLevels, inkOn, shade, WHITE } from "../model/scale.js";
import { SIGNS } from "../kernel/splits.js";
import { levelSegments } from "../model/level.js";
import { nearestNode } from "../model/values.js";

/** @typedef {import("../model/free-places.js").Camera} Camera */
/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/**
 * How far away the camera starts: further in a narrow place, so that nothing is cut off. In steps, since a scene takes
 * long to be drawn anew.
 * @param {HTMLElement} el
 */
const distanceTo = ({ clientWidth, clientHeight }) => (clientWidth ? Math.max(1, Math.ceil((22 * clientHeight) / clientWidth) / 20) : 1);

/**
 * The camera in a place, with all that it may lack.
 * @param {HTMLElement} el
 * @param {Camera | null} camera  where a person has turned it to, or as the page was told
 */
export const cameraIn = (el, camera) => completed(camera, { ...START, eye: scaled(START.eye, distanceTo(el)) });

/** Height of the scene by its width. */
const DEPTH = 0.72;

/** Of the width of the scene: by how much lines and their rims stand before one another. */
const HAIR = 0.003;

/**
 * Where a scene is seen from, so coarsely that a line and its rims keep their order as it is turned that far.
 * @param {Camera} camera
 */
export const sideOf = (camera) => Object.values(directionsOf(camera).ahead).map((each) => Math.round(2 * each)).join();

/** Whether there is room for few labels. @param {HTMLElement} el */
const isNarrow = (el) => el.clientWidth < 420;

/** What of a place its figure depends on. @param {HTMLElement} el */
export const fitOf = (el) => `${isNarrow(el)} ${distanceTo(el)}`;

/**
 * The node closest to a point, in plot coordinates.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {{alpha: number, beta: number}} point
 */
function place(surface, { rows }, point) {
  const [i, j] = [nearestNode(surface.beta, point.beta), nearestNode(surface.alpha, point.alpha)];
  return { x: surface.alpha[j], y: surface.beta[i], z: rows[i][j] };
}

/** @typedef {(x: number, y: number) => string} Ink  black or white, whichever is seen on the surface there */

/** @param {SurfaceResult} surface @param {import("../model/scale.js").Colouring} colours @returns {Ink} */
function inkOf(surface, colours) {
  const ink = inkOn(colours);
  return (x, y) => ink(colours.rows[nearestNode(surface.beta, y)][nearestNode(surface.alpha, x)]);
}

/** The plus of most fonts is smaller than their multiplication sign. @type {Record<string, number>} */
const SIZES = { theta: 20, train: 22, test: 30 };

/**
 * Where the signs at θ* and at the lowest points are, and how low they reach.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {Frame} frame
 * @param {number} height  of the scene
 */
function signed(surface, shaded, { lowest }, height) {
  const { alpha, beta } = surface;
  const centre = alpha.includes(0) && beta.includes(0) ? [{ split: "theta", alpha: 0, beta: 0 }] : [];
  // Raised a little, else the slope in front hides their lower half.
  const lift = 0.04 * height;
  return [...lowest, ...centre].map((point) => {
    const at = place(surface, shaded, point);
    return { ...at, z: at.z + lift, low: at.z + lift / 2, split: point.split };
  });
}

/**
 * The signs: text, since fonts lack what plotly takes for its own cross.
 * @param {ReturnType<typeof signed>} places
 * @param {Ink} ink
 */
function signs(places, ink) {
  const on = {
    type: "scatter3d",
    mode: "text",
    x: places.map(({ x }) => x),
    y: places.map(({ y }) => y),
    z: places.map(({ z }) => z),
    text: places.map(({ split }) => SIGNS[split]),
    textposition: "middle center",
    hoverinfo: "skip",
  };
  const inks = places.map(({ x, y }) => ink(x, y));
  const sizes = places.map(({ split }) => SIZES[split]);
  // A rim of the other ink: at the edge of the surface the page is behind them, of whatever colour.
  const rim = { size: sizes.map((size) => size + 3), weight: 900, color: inks.map((each) => (each === WHITE ? BLACK : WHITE)) };
  return [
    { ...on, name: "rims of signs", textfont: rim },
    { ...on, name: "lowest", textfont: { size: sizes, color: inks } },
  ];
}

/**
 * The crosshair, if another view set it: under the pointer, plotly's own highlight marks the place.
 * @param {import("../ui/link.js").Point | null} point
 */
export const fromElsewhere = (point) => (point?.source === "surface" ? null : point);

/**
 * A pin in the surface, tall enough to be seen where a slope hides its foot.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {import("../ui/frame.js").Frame} frame
 */
function pin(surface, shaded, { point, palette }) {
  const shown = fromElsewhere(point);
  const at = shown && place(surface, shaded, shown);
  const [x, y, z] = at ? [[at.x, at.x], [at.y, at.y], [at.z, shaded.range[1]]] : [[], [], []];
  return {
    type: "scatter3d",
    name: "crosshair",
    meta: POINTER,
    mode: "lines+markers",
    x,
    y,
    z,
    hoverinfo: "skip",
    line: { color: palette.text, width: 2 },
    marker: { symbol: "circle", size: [9, 0], color: PIN },
  };
}

/**
 * Where the slices through the crosshair run over the surface.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {Frame} frame
 * @param {Ink} ink
 */
function cuts(surface, shaded, { point }, ink) {
  const shown = fromElsewhere(point);
  const at = shown && place(surface, shaded, shown);
  const { alpha, beta } = surface;
  const line = { type: "scatter3d", name: "slices", meta: POINTER, mode: "lines", connectgaps: false, hoverinfo: "skip" };
  if (!at) return { ...line, x: [], y: [], z: [] };
  const [i, j] = [beta.indexOf(at.y), alpha.indexOf(at.x)];
  const x = [...alpha, NaN, ...beta.map(() => at.x)];
  const y = [...alpha.map(() => at.y), NaN, ...beta];
  const color = x.map((_, k) => ink(x[k], y[k]));
  return { ...line, x, y, z: [...shaded.rows[i], NaN, ...shaded.rows.map((row) => row[j])], line: { color, width: 3 } };
}

/**
 * The contour at L(θ*), on the surface itself: at a saddle it crosses itself.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {Ink} ink
 */
function levelLine(surface, { rows, level, range: [low, high] }, ink) {
  const { x, y } = level === null ? { x: [], y: [] } : levelSegments(surface, rows, level);
  // Raised a little, else the surface hides half of it.
  const z = x.map(() => (level ?? 0) + 0.004 * (high - low));
  return { type: "scatter3d", name: "level", mode: "lines", connectgaps: false, hoverinfo: "skip", x, y, z, line: { color: x.map((_, k) => ink(x[k], y[k])), width: 5 } };
}

/** Lines of the wire frame in each direction. */
const WIRES = 11;

/**
 * The quadratic model as a wire frame, within the heights that the loss takes.
 * @param {SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 * @param {Frame} frame
 */
function wires({ alpha, beta }, { range: [low, high], of }, { picture: { model }, quadratic, errors }) {
  /** @type {{x: number[], y: number[], z: number[]}} */
  const at = { x: [], y: [], z: [] };
  const line = { type: "scatter3d", name: "quadratic", mode: "lines", connectgaps: false, hoverinfo: "skip", line: { color: errors ? "#8a8a8a" : LEVEL, width: 2 }, ...at };
  if (!quadratic || !model) return line;
  const rows = modelRows(model, alpha, beta);
  const margin = 0.05 * (high - low);
  const add = (/** @type {number} */ i, /** @type {number} */ j) => {
    const z = of(rows[i][j]);
    at.x.push(alpha[j]);
    at.y.push(beta[i]);
    at.z.push(z >= low - margin && z <= high + margin ? z : NaN);
  };
  const gap = () => [at.x, at.y, at.z].forEach((values) => values.push(NaN));
  const spread = (/** @type {number} */ count) => Array.from({ length: WIRES }, (_, k) => Math.round((k * (count - 1)) / (WIRES - 1)));
  for (const i of spread(beta.length)) {
    alpha.forEach((_, j) => add(i, j));
    gap();
  }
  for (const j of spread(alpha.length)) {
    beta.forEach((_, i) => add(i, j));
    gap();
  }
  return line;
}

/**
 * @param {Frame} frame
 * @param {SurfaceResult} surface
 * @param {HTMLElement} el
 * @param {Camera | null} camera  where a person has turned it to
 */
export function figure3d(frame, surface, el, camera) {
  const { palette, picture, range } = frame;
  const shaded = shade(frame, surface);
  const raised = raisedPaths(frame, surface, shaded);
  const [low, high] = shaded.range;
  // Paths have losses of their own, off the plane: also below all of the surface.
  const reached = raised.flatMap(({ z }) => z.filter(Number.isFinite));
  const [bottom, top] = range ? shaded.range : [Math.min(low, ...reached), Math.max(high, ...reached)];
  const standing = cameraIn(el, camera);
  const colours = colouring(frame, surface);
  const ink = inkOf(surface, colours);
  const [a0, a1, b0, b1] = picture.extent;
  const share = (/** @type {number} */ value, /** @type {number} */ from, /** @type {number} */ to) => (value - from) / (to - from || 1) - 0.5;
  const upright = (/** @type {number} */ z) => DEPTH * share(z, bottom, top);
  const back = (/** @type {number} */ x, /** @type {number} */ y) => /** @type {const} */ ([a0 + (x + 0.5) * (a1 - a0), b0 + (y + 0.5) * (b1 - b0)]);
  const { ahead } = directionsOf(standing);
  const nearer = { x: -HAIR * ahead.x * (a1 - a0), y: -HAIR * ahead.y * (b1 - b0), z: (-HAIR * ahead.z * (top - bottom)) / DEPTH };
  const ground = { ...surface, rows: shaded.rows };
  const inBox = (/** @type {import("../model/free-places.js").Vector} */ { x, y, z }) => ({ x: share(x, a0, a1), y: share(y, b0, b1), z: upright(z) });
  const behind = hiddenFrom(standing, (x, y) => (Math.max(Math.abs(x), Math.abs(y)) > 0.5 ? NaN : upright(interpolate(ground, ...back(x, y)))));
  const { words, stems } = raisedWords(raised, { camera: standing, room: roomOf(el), place: inBox, hidden: (point) => behind(inBox(point)), top });
  const marked = signed(surface, shaded, frame, top - bottom);
  const unseen = marked.filter(({ x, y, low: z }) => behind(inBox({ x, y, z }), true));
  const pinned = raisedPins(frame, (point) => place(surface, shaded, point), shaded.range[1]);
  const narrow = isNarrow(el);
  /** @type {{tickvals?: number[], ticktext?: string[]}} */
  const own = shaded.ticks(narrow ? 4 : 5, [bottom, top]);
  const ticks = own.tickvals ? own : roundTicks([bottom, top], narrow, 0);
  const levels = frame.contours ? contourLevels(shaded.range, 14) : null;
  // WebGL lines take no transparency.
  const solid = palette.theme === "dark" ? "#3d3d3d" : "#d9d9d9";
  const axis = { ...baseAxis(palette, ""), showbackground: false, showspikes: false, gridcolor: solid, linecolor: solid, zerolinecolor: solid };
  /** @param {string} text */
  const title = (text) => ({ text, font: { size: 13, color: palette.text } });
  return {
    data: [
      {
        type: "surface",
        x: surface.alpha,
        y: surface.beta,
        z: shaded.rows,
        ...(colours.rows !== shaded.rows && { surfacecolor: colours.rows }),
        cmin: colours.range[0],
        cmax: colours.range[1],
        colorscale: colours.scale,
        showscale: false,
        hoverinfo: "none",
        connectgaps: false,
        lighting: { ambient: 0.72, diffuse: 0.55, specular: 0.06, roughness: 0.9, fresnel: 0.05 },
        contours: {
          x: { highlightcolor: palette.text, highlightwidth: 1 },
          y: { highlightcolor: palette.text, highlightwidth: 1 },
          z: { show: levels !== null, ...levels, usecolormap: false, color: "#b4c4c6", width: 1, highlight: false },
        },
      },
      levelLine(surface, shaded, ink),
      ...signs(marked.map((mark) => (unseen.includes(mark) ? { ...mark, z: top } : mark)), ink),
      cuts(surface, shaded, frame, ink),
      ...rimmed(nearer, LIGHT)(wires(surface, shaded, frame)),
      ...[pin(surface, shaded, frame), ...raised, withStems(pinned, [...stems, ...unseen.map((mark) => ({ ...mark, colour: WHITE }))], top)].flatMap((trace) => rimmed(nearer)(trace)),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin: { l: 0, r: 0, t: 0, b: 0 },
      // Plotly has one distance for all titles of axes, and some labels need more: it stands above.
      annotations: [{ ...title(`↑ ${shaded.title}`), showarrow: false, xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "top" }],
      scene: {
        camera: standing,
        dragmode: "turntable",
        // The camera is kept here, for two pictures to share it: plotly must not hold on to one of its own.
        uirevision: JSON.stringify(camera),
        annotations: [...words, ...numbersOf(pinned)],
        aspectmode: "manual",
        aspectratio: { x: 1, y: 1, z: DEPTH },
        xaxis: { ...axis, title: title("α"), range: [a0, a1], ...roundTicks([a0, a1], narrow) },
        yaxis: { ...axis, title: title("β"), range: [b0, b1], ...roundTicks([b0, b1], narrow) },
        zaxis: { ...axis, ...ticks, ...(range && { range: shaded.range }) },
      },
    },
  };
}
