// The figures of the plane from above: colours, contour lines, marks, paths and the crosshair.
import { flatLevel, flatMarks, flatPins, haloed, LEVEL, LINES, OVER } from "./pin-marks.js";
import { flatPaths, flatWords } from "./path-marks.js";
import { baseAxis, baseLayout, POINTER, squareIn } from "../ui/plot.js";
import { labelWidth, ticksWithin, tickRoom } from "../ui/ticks.js";
import { errorMap, modelRows } from "../model/quadratic.js";
import { colouring, contourLevels, shade } from "../model/scale.js";
import { thinned } from "../model/thinned.js";
import { axisTitles } from "../model/units.js";
import { nearestNode } from "../model/values.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** What lies around light lines: as faint as it may be, and strong where the line is not white. */
const [SHADE, STRONG] = ["rgba(0, 0, 0, 0.7)", "rgba(0, 0, 0, 0.9)"];
/** Where second order stops describing the loss: a colour of no map. */
const LIMIT = "#ff8fbf";
/** Width of the colour bar with its labels, in pixels, at least; beside labels it takes so many. */
const [BAR, BARE] = [64, 30];
/** A narrower view has no room for all of an axis's title in one line, and a line more takes so many pixels. */
const [NARROW, LINE] = [460, 13];
/** Beyond this many nodes their dots would hide the picture. */
const MOST_DOTS = 450;

/** Nodes for each axis that lines are drawn through: more would not be seen. */
const MOST_OF_LINES = 101;

/** Nodes that were evaluated, as long as the rest is interpolated between them. @param {SurfaceResult} surface */
function dots({ final, nDone, done, alpha, beta }) {
  /** @type {{x: number[], y: number[]}} */
  const at = { x: [], y: [] };
  if (final || nDone > MOST_DOTS) return at;
  done.forEach((evaluated, k) => {
    if (!evaluated) return;
    at.x.push(alpha[k % alpha.length]);
    at.y.push(beta[Math.floor(k / alpha.length)]);
  });
  return at;
}

/** @param {Frame} frame @param {SurfaceResult} surface */
function crosshair({ point }, surface) {
  if (!point) return [];
  const x = surface.alpha[nearestNode(surface.alpha, point.alpha)];
  const y = surface.beta[nearestNode(surface.beta, point.beta)];
  const lines = [
    { x0: x, x1: x, y0: 0, y1: 1, yref: "paper" },
    { x0: 0, x1: 1, xref: "paper", y0: y, y1: y },
  ];
  const style = (/** @type {string} */ color, /** @type {number} */ width) =>
    lines.map((line) => ({ type: "line", name: POINTER, ...line, line: { color, width } }));
  return [...style(SHADE, 3), ...style("#ffffff", 1)];
}

/** Where an earlier picture ends and the quadratic model begins. @param {import("../model/values.js").Domain} domain */
const outline = ([x0, x1, y0, y1]) =>
  [{ color: SHADE, width: 3 }, { color: "#ffffff", width: 1.2, dash: "dash" }].map((line) => ({ type: "rect", x0, x1, y0, y1, line }));

/**
 * The quadratic model's own contour lines, dashed, and the line where it is off by a tenth of the range.
 * @param {Frame} frame
 * @param {SurfaceResult} surface
 * @param {Record<string, any>} lines  what they share with those of the loss
 * @param {(loss: number) => number} of  what stands for a loss
 */
function secondOrder({ picture: { model }, quadratic, errors, contours }, surface, lines, of) {
  // Every other level, or the lines of both would hide the picture.
  const { start = 0, size = 0 } = lines.contours;
  const levels = { ...lines.contours, start: Math.ceil(start / (2 * size)) * 2 * size, size: 2 * size };
  const shown = model !== null && (quadratic || errors);
  const none = [[0]];
  const { rows, limit } = shown ? errorMap(surface, model) : { rows: none, limit: 1 };
  const own = shown && quadratic ? modelRows(model, surface.alpha, surface.beta) : [];
  const second = { ...lines, name: "quadratic", visible: shown && quadratic && contours && size > 0, contours: levels, z: own.map((row) => row.map(of)) };
  const end = { ...lines, name: "limit", visible: shown && limit > 0, z: rows.map((row) => row.map(Math.abs)), contours: { coloring: "none", start: limit, end: limit, size: limit || 1 } };
  return [...haloed(second, { color: LEVEL, width: 1.1, dash: "6px,4px" }), ...haloed(end, { color: LIMIT, width: 2 }, STRONG)];
}

/** @param {Frame} frame @param {SurfaceResult} surface @param {HTMLElement} el @param {number} drags  so far */
export function heatmapFigure(frame, surface, el, drags) {
  const { palette, picture } = frame;
  const { extent } = picture;
  const { rows, range, title, scale, diverging, ticks } = colouring(frame, surface);
  const few = thinned(surface, MOST_OF_LINES);
  const losses = shade(frame, few);
  const levels = contourLevels(losses.range);
  const narrow = el.clientWidth < NARROW;
  const titles = axisTitles(surface, extent, narrow);
  // A title's second line has room; below the plane it always has, so that two planes in one row are equally large.
  const beside = narrow && titles[1].includes("<br>") ? LINE : 0;
  const labels = ticks(7);
  const bar = Math.max(BAR, BARE + labelWidth(range, labels.ticktext));
  const { margin, room } = squareIn(el, { l: tickRoom(extent.slice(2)) + beside, r: bar, t: 24, b: narrow ? 40 + LINE : 40 });
  const pinned = flatPins(frame, room);
  const lines = { ...LINES, x: few.alpha, y: few.beta };
  const faint = diverging ? "rgba(0, 0, 0, 0.35)" : "rgba(255, 255, 255, 0.5)";
  return {
    data: [
      {
        x: surface.alpha,
        y: surface.beta,
        type: "heatmap",
        z: rows,
        zmin: range[0],
        zmax: range[1],
        colorscale: scale,
        hoverinfo: "none",
        hoverongaps: false,
        zsmooth: false,
        colorbar: {
          thickness: 9,
          outlinewidth: 0,
          tickfont: { size: 10, color: palette.muted },
          nticks: 6,
          ...labels,
          exponentformat: "power",
          x: 1.02,
          xpad: 0,
          ypad: 0,
        },
      },
      {
        ...lines,
        name: "loss",
        z: losses.rows,
        visible: frame.contours && levels !== null,
        contours: { coloring: "none", ...levels },
        line: { color: faint, width: 0.8, smoothing: 0.6 },
      },
      ...secondOrder(frame, few, { ...lines, contours: { coloring: "none", ...levels } }, losses.of),
      ...flatLevel(few, losses),
      { ...OVER, ...dots(surface), marker: { size: 2.5, color: "#ffffff", line: { color: "#000000", width: 0.5 } } },
      ...flatPaths(frame),
      ...pinned.traces,
      ...flatMarks(frame),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin,
      dragmode: "zoom",
      hovermode: "closest",
      // What a person has dragged into view is shown by what comes of it, never by plotly's own memory.
      uirevision: `${extent.join()} ${drags}`,
      xaxis: { ...baseAxis(palette, titles[0]), range: extent.slice(0, 2), ...ticksWithin(extent.slice(0, 2), room.width), zeroline: false, showgrid: false },
      yaxis: { ...baseAxis(palette, titles[1]), range: extent.slice(2), zeroline: false, showgrid: false },
      shapes: [...picture.outlines.flatMap(outline), ...crosshair(frame, surface)],
      // Above the colour bar and no title of its own, which plotly writes over long labels.
      annotations: [...flatWords(frame, room), ...pinned.numbers, { name: "quantity", text: title, xref: "paper", yref: "paper", x: 1, y: 1, xanchor: "right", yanchor: "bottom", xshift: bar - 2, yshift: 7, showarrow: false, font: { size: 11, color: palette.text } }],
    },
  };
}

/**
 * The same losses as bands, in the place of the surface where there is no WebGL.
 * @param {Frame} frame
 * @param {SurfaceResult} surface
 * @param {HTMLElement} el
 */
export function figure2d(frame, surface, el) {
  const { palette, picture: { extent } } = frame;
  const shaded = colouring(frame, surface);
  const [zmin, zmax] = shaded.range;
  const { margin, room } = squareIn(el, { l: 48, r: 12, t: 30, b: 40 });
  const pinned = flatPins(frame, room);
  return {
    data: [
      {
        ...LINES,
        x: surface.alpha,
        y: surface.beta,
        z: shaded.rows,
        zmin,
        zmax,
        colorscale: shaded.scale,
        contours: { coloring: "fill", ...contourLevels(shaded.range, 24) },
        line: { width: 0 },
        hoverinfo: "none",
      },
      ...flatLevel(surface, shade(frame, surface)),
      ...flatPaths(frame),
      ...pinned.traces,
      ...flatMarks(frame),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin,
      annotations: [...flatWords(frame, room), ...pinned.numbers],
      xaxis: { ...baseAxis(palette, "α"), range: extent.slice(0, 2), fixedrange: true },
      yaxis: { ...baseAxis(palette, "β"), range: extent.slice(2), fixedrange: true },
    },
  };
}
