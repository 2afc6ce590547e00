// The loss along each axis through the crosshair, or through θ* while there is none.
import { displayOf } from "../ui/frame.js";
import { pointing } from "../ui/link.js";
import { formatNumber } from "../model/format.js";
import { createMemory } from "../ui/changed.js";
import { teller } from "../ui/caption.js";
import { createPanel } from "../ui/panel.js";
import { baseAxis, baseLayout, createPlot } from "../ui/plot.js";
import { ticksWithin, tickRoom } from "../ui/ticks.js";
import { modelAt } from "../model/quadratic.js";
import { shade } from "../model/scale.js";
import { quantityOf } from "../kernel/splits.js";
import { nearestNode, rangeOf } from "../model/values.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** Where plotly makes those of an axis. @type {{tickvals?: number[], ticktext?: string[]}} */
const NO_LABELS = {};

/** Free pixels beside a slice. */
const MARGIN = 12;

/**
 * @typedef {object} Slice
 * @property {"α" | "β"} name
 * @property {number[]} x
 * @property {number[]} loss  on the scale of the other views
 * @property {number[]} model  likewise; empty where it is not on show
 * @property {number} at  where the crosshair is
 * @property {string} fixed  the other coordinate
 */

/**
 * Both slices through the crosshair.
 * @param {Frame} frame
 * @param {SurfaceResult} surface
 * @returns {[Slice, Slice]}
 */
export function slicesThrough({ point, log, quadratic, errors, picture: { model } }, surface) {
  const { alpha, beta } = surface;
  const rows = log ? surface.rows.map((row) => row.map(Math.log10)) : surface.rows;
  const [i, j] = [nearestNode(beta, point?.beta ?? 0), nearestNode(alpha, point?.alpha ?? 0)];
  const shown = model && (quadratic || errors) ? model : null;
  const scaled = (/** @type {number} */ value) => (log ? Math.log10(value) : value);
  const [a, b] = [alpha[j], beta[i]];
  return [
    { name: "α", x: [...alpha], loss: [...rows[i]], model: shown ? [...alpha].map((x) => scaled(modelAt(shown, x, b))) : [], at: a, fixed: `β = ${formatNumber(b, 3)}` },
    { name: "β", x: [...beta], loss: rows.map((row) => row[j]), model: shown ? [...beta].map((y) => scaled(modelAt(shown, a, y))) : [], at: b, fixed: `α = ${formatNumber(a, 3)}` },
  ];
}

/** @param {Frame} frame @param {SurfaceResult} surface @param {HTMLElement} el */
function figure(frame, surface, el) {
  const { palette, log, picture } = frame;
  // Losses on the axis, as everywhere.
  const { title, ticks } = log ? shade(frame, surface) : { title: quantityOf(surface), ticks: () => NO_LABELS };
  const slices = slicesThrough(frame, surface);
  const colours = [palette.first, palette.second];
  const suffixes = ["", "2"];
  const data = slices.flatMap(({ name, x, loss, model, at }, k) => {
    const axes = { xaxis: `x${suffixes[k]}`, yaxis: `y${suffixes[k]}`, type: "scatter" };
    return [
      { ...axes, name: `${name} quadratic`, mode: "lines", x: model.length ? x : [], y: model, hoverinfo: "skip", line: { color: palette.muted, width: 1.5, dash: "dash" } },
      { ...axes, name, mode: "lines", x, y: loss, hoverinfo: "none", line: { color: colours[k], width: 2 } },
      { ...axes, name: `${name} here`, mode: "markers", x: [at], y: [loss[x.indexOf(at)]], hoverinfo: "skip", marker: { color: colours[k], size: 8, line: { color: palette.background, width: 1.5 } } },
    ];
  });
  const ranges = slices.map(({ loss }) => rangeOf(loss));
  const labels = ranges.map((range) => ticks(5, range));
  const [left, between] = ranges.map((range, k) => tickRoom(range, labels[k].ticktext));
  const width = Math.max(200, (el.clientWidth || 900) - left - MARGIN);
  const gap = (between + MARGIN) / width;
  const domains = [[0, (1 - gap) / 2], [(1 + gap) / 2, 1]];
  const plane = [picture.extent.slice(0, 2), picture.extent.slice(2)];
  const axes = slices.flatMap(({ name, fixed }, k) => [
    [`xaxis${suffixes[k]}`, { ...baseAxis(palette, `${name} <span style="font-size: 10px">\u2002(${fixed})</span>`), domain: domains[k], range: plane[k], ticklabelstandoff: 5, ...ticksWithin(plane[k], (width * (1 - gap)) / 2), anchor: `y${suffixes[k]}`, zeroline: false, fixedrange: true }],
    [`yaxis${suffixes[k]}`, { ...baseAxis(palette, title), range: ranges[k], anchor: `x${suffixes[k]}`, zeroline: false, fixedrange: true, nticks: 5, ...labels[k] }],
  ]);
  return {
    data,
    layout: {
      ...baseLayout(palette, el),
      ...Object.fromEntries(axes),
      margin: { l: left, r: MARGIN, t: 8, b: 44 },
      hovermode: "x",
      dragmode: false,
      shapes: slices.map(({ at }, k) => ({ type: "line", xref: `x${suffixes[k]}`, yref: `y${suffixes[k]} domain`, x0: at, x1: at, y0: 0, y1: 1, layer: "below", line: { color: palette.muted, width: 1 } })),
    },
  };
}

/** @param {Frame} frame */
function slicesTitle({ point, picture: { surface } }) {
  const through = point ? `(${formatNumber(point.alpha, 3)}, ${formatNumber(point.beta, 3)})` : "θ*";
  return surface ? `${surface.title}, slices through ${through}` : "";
}

/**
 * @param {HTMLElement} el
 * @param {import("../ui/link.js").Link} link
 */
export function createSlices(el, link) {
  const panel = createPanel("slices", "Slices", teller(() => last, slicesTitle));
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  const isNew = createMemory();
  const isMoved = createMemory();

  /** @param {any} event */
  function hover(event) {
    const at = event.points?.find((/** @type {any} */ { data }) => data.name === "α" || data.name === "β");
    if (!at) return;
    const { alpha, beta } = link.point.get() ?? { alpha: 0, beta: 0 };
    link.point.set({ ...(at.data.name === "α" ? { alpha: at.x, beta } : { alpha, beta: at.x }), source: "slices" });
  }

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { surface, provisional, composed, extent } = frame.picture;
    panel.setName(frame.name);
    panel.setProvisional(provisional);
    panel.wait(surface && frame.plotly ? null : frame.words.slices);
    if (!surface || !frame.plotly) return;
    plot ??= createPlot(panel.body, frame.plotly, {
      buttons: [],
      patient: true,
      on: { ...pointing(link, "slices"), plotly_hover: hover },
      onResize: () => last && update(last),
    });
    const anew = isNew(surface, frame.palette, extent.join(), panel.body.clientWidth, ...displayOf(frame));
    const moved = isMoved(frame.point);
    const make = (palette = frame.palette) => figure({ ...frame, palette }, surface, panel.body);
    if (anew) plot.draw(make, () => composed || panel.drawn(surface));
    else if (moved) plot.follow(make);
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
