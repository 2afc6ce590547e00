// The plane from above: colours, contour lines, the lowest point, and the crosshair.
import { h, isButton, setText } from "../ui/dom.js";
import { capitalised, formatNumber } from "../model/format.js";
import { createMemory } from "../ui/changed.js";
import { teller } from "../ui/caption.js";
import { createPanel } from "../ui/panel.js";
import { createLegend } from "./legend.js";
import { flatLevel, flatMarks, flatPins, haloed, LEVEL } from "./pin-marks.js";
import { flatPaths, flatWords, readPaths } from "./path-marks.js";
import { displayOf } from "../ui/frame.js";
import { baseAxis, baseLayout, createPlot, POINTER, roomOf } from "../ui/plot.js";
import { tickCount, tickRoom } from "../ui/ticks.js";
import { errorMap, modelAt, modelRows } from "../model/quadratic.js";
import { colouring, contourLevels, shade } from "../model/scale.js";
import { thinned } from "../model/thinned.js";
import { WORDS } from "../kernel/agreed.js";
import { isDifference, quantityOf, SIGNS, SPLIT_WORDS } from "../kernel/splits.js";
import { fallsAt } from "../model/border.js";
import { axisTitles, distanceWords } from "../model/units.js";
import { nearestNode } from "../model/values.js";
import { dragged, onWheelZoom, ZOOM_KEYS, ZOOM_MOUSE, zoomKey } from "./zoom.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** What lies around light lines: as faint as it may be, and strong where the line is not white. */
const [SHADE, STRONG] = ["rgba(0, 0, 0, 0.7)", "rgba(0, 0, 0, 0.9)"];
/** Where second order stops describing the loss: a colour of no map. */
const LIMIT = "#ff8fbf";
/** Milliseconds within which a browser takes a second click for a double click; plotly waits for 300 only. */
const DOUBLE_CLICK = 500;
/** Width of the colour bar with its labels, in pixels; longer labels get more. */
const BAR = 64;
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
function figure(frame, surface, el, drags) {
  const { palette, picture } = frame;
  const { extent } = picture;
  const { rows, range, title, scale, diverging, ticks } = colouring(frame, surface);
  const few = thinned(surface, MOST_OF_LINES);
  const losses = shade(frame, few);
  const levels = contourLevels(losses.range);
  const narrow = el.clientWidth < NARROW;
  const titles = axisTitles(surface, extent, narrow);
  // Of the two titles, the one with a second line has room for it.
  const [below, beside] = titles.map((title) => (narrow && title.includes("<br>") ? LINE : 0));
  const margin = { l: tickRoom(extent.slice(2)) + beside, r: BAR, t: 24, b: 40 + below };
  const lines = { x: few.alpha, y: few.beta, type: "contour", autocontour: false, showscale: false, hoverinfo: "skip" };
  const faint = diverging ? "rgba(0, 0, 0, 0.35)" : "rgba(255, 255, 255, 0.5)";
  const over = { type: "scatter", mode: "markers", hoverinfo: "skip", cliponaxis: false };
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
          ...ticks(7),
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
      { ...over, ...dots(surface), marker: { size: 2.5, color: "#ffffff", line: { color: "#000000", width: 0.5 } } },
      ...flatPaths(frame),
      ...flatMarks(frame),
      ...flatPins(frame),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin,
      dragmode: "zoom",
      hovermode: "closest",
      // What a person has dragged into view is shown by what comes of it, never by plotly's own memory.
      uirevision: `${extent.join()} ${drags}`,
      xaxis: { ...baseAxis(palette, titles[0]), range: extent.slice(0, 2), nticks: tickCount(extent.slice(0, 2), el.clientWidth - 120), zeroline: false, showgrid: false },
      yaxis: { ...baseAxis(palette, titles[1]), range: extent.slice(2), zeroline: false, showgrid: false },
      shapes: [...picture.outlines.flatMap(outline), ...crosshair(frame, surface)],
      // Above the colour bar and no title of its own, which plotly writes over long labels.
      annotations: [...flatWords(frame, roomOf(el, margin)), { name: "quantity", text: title, xref: "paper", yref: "paper", x: 1, y: 1, xanchor: "right", yanchor: "bottom", xshift: BAR - 2, yshift: 7, showarrow: false, font: { size: 11, color: palette.text } }],
    },
  };
}

/** @param {SurfaceResult} surface @param {number} alpha @param {number} beta */
function readAt(surface, alpha, beta) {
  const [i, j] = [nearestNode(surface.beta, beta), nearestNode(surface.alpha, alpha)];
  const [a, b] = [formatNumber(surface.alpha[j], 3), formatNumber(surface.beta[i], 3)];
  const loss = formatNumber(surface.rows[i][j]);
  return `α = ${a}\u2003β = ${b}\u2003${quantityOf(surface)} = ${loss}`;
}

/**
 * Writes a reading whose parts are not broken across lines.
 * @param {HTMLElement} element
 * @param {string} text  parts with wide spaces between them
 */
function setReading(element, text) {
  if (element.textContent === text) return;
  element.replaceChildren(...text.split("\u2003").flatMap((part, i) => [...(i ? ["\u2003"] : []), h("span", {}, part)]));
}

/** Whether the loss on show still falls where it is lowest. @param {Frame["lowest"]} lowest @param {SurfaceResult} surface */
const isCut = (lowest, surface) => !isDifference(surface) && lowest.some((point) => point.split === surface.split && fallsAt(surface, point));

/** Where the loss is lowest; of two losses, without what it is there. @param {Frame} frame @param {SurfaceResult} surface */
function readLowest({ lowest }, surface) {
  const [first] = lowest;
  if (!first) return "";
  if (lowest.length === 1) return `${SIGNS[first.split]} ${readAt(surface, first.alpha, first.beta)}`;
  const words = lowest.map(({ split, alpha, beta }) => `${SIGNS[split]} ${SPLIT_WORDS[split]} (${formatNumber(alpha, 3)}, ${formatNumber(beta, 3)})`);
  return `lowest ${words.join("\u2003")}`;
}

/** The same point: how far from θ*, and where the model is on show, what it says. @param {Frame} frame @param {SurfaceResult} surface @param {{alpha: number, beta: number}} at */
function readBelow({ quadratic, errors, picture: { model } }, surface, at) {
  const [a, b] = [surface.alpha[nearestNode(surface.alpha, at.alpha)], surface.beta[nearestNode(surface.beta, at.beta)]];
  const second = model && (quadratic || errors) ? `\u2003quadratic ${formatNumber(modelAt(model, a, b))}` : "";
  return distanceWords(surface, a, b) + second;
}

/** Nodes that an arrow key moves the crosshair by. @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

/**
 * @param {ParentNode} el
 * @param {import("../ui/link.js").Link} link
 * @param {import("./zoom.js").Zoom} zoom
 * @param {string} [name]  the view's test id
 */
export function createHeatmap(el, link, zoom, name = "heatmap") {
  const panel = createPanel(name, "Plane", teller(() => last));
  const id = name.replace("heatmap", "readout");
  const readout = h("output", { class: "lw-readout", "data-testid": id });
  const below = h("output", { class: "lw-readout", "data-testid": `${id}-distance` });
  const legend = createLegend();
  const along = h("output", { class: "lw-readout lw-along", "data-testid": `${id}-path`, hidden: true });
  panel.foot.append(readout, "\u2003", below, along);
  panel.body.setAttribute("tabindex", "0");
  panel.body.setAttribute("role", "group");
  panel.body.setAttribute("aria-label", `Loss in the plane. The arrow keys move the crosshair, Enter pins the point, Escape takes the crosshair away; ${ZOOM_KEYS}`);
  const undo = h("button", { type: "button", class: "lw-button", "data-testid": name.replace("heatmap", "undo-zoom"), title: ZOOM_MOUSE, hidden: true }, "↶ undo zoom");
  undo.addEventListener("click", () => zoom.undo());
  const title = `${capitalised(WORDS.falls)}: × is no minimum. A click looks a step further`;
  const widen = h("button", { type: "button", class: "lw-button", "data-testid": name.replace("heatmap", "widen"), title, hidden: true }, "⤢ widen");
  widen.addEventListener("click", () => zoom.step(extent, -1, { alpha: 0, beta: 0 }));
  panel.tools.append(undo, widen, legend.element);
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {SurfaceResult | null} */
  let shown = null;
  /** @type {import("../model/values.js").Domain} */
  let extent = [-1, 1, -1, 1];
  /** @type {Frame | null} */
  let last = null;
  let drags = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let click;
  const isNew = createMemory();
  const isMoved = createMemory();

  /** @param {any} event */
  function hover(event) {
    const at = event.points?.[0];
    if (at) link.point.set({ alpha: at.x, beta: at.y, source: "heatmap" });
  }
  /** A pin that waits for a second click, which would make it none. @type {(() => void) | null} */
  let pending = null;
  function settle() {
    clearTimeout(click);
    pending?.();
    pending = null;
  }
  function doubleClicked() {
    pending = null;
    zoom.reset();
  }
  // Of a slow double click plotly tells as of two clicks: the browser's count tells them apart.
  let clicks = 1;
  function pressed(/** @type {MouseEvent} */ { detail }) {
    clicks = detail;
    if (clicks > 1) pending = null;
  }
  panel.body.addEventListener("mousedown", pressed, { capture: true });
  function clicked(/** @type {any} */ event) {
    const at = event.points?.[0];
    if (clicks > 1) return doubleClicked();
    settle();
    if (!at) return;
    pending = () => last?.pin(last, { alpha: at.x, beta: at.y });
    click = setTimeout(settle, DOUBLE_CLICK);
  }
  function leave() {
    if (link.point.get()?.source === "heatmap") link.point.set(null);
  }

  /** @param {any} event */
  function relayout(event) {
    const next = dragged(event, extent);
    if (!next) return;
    drags++;
    zoom.show(extent, next);
    // Where that comes to what is on show already, no change will tell.
    if (last) update(last);
  }
  onWheelZoom(panel.body, (direction, { clientX, clientY }) => {
    const area = panel.body.querySelector(".nsewdrag")?.getBoundingClientRect();
    if (!area || !shown) return;
    const [a0, a1, b0, b1] = extent;
    const alpha = a0 + ((clientX - area.left) / area.width) * (a1 - a0);
    const beta = b1 - ((clientY - area.top) / area.height) * (b1 - b0);
    zoom.step(extent, direction, { alpha, beta });
  });

  panel.body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isButton(event.target)) return;
    if (event.key === "Escape") link.point.set(null);
    const point = link.point.get();
    if (event.key === "Enter" && point && shown && last) {
      event.preventDefault();
      last.pin(last, { alpha: shown.alpha[nearestNode(shown.alpha, point.alpha)], beta: shown.beta[nearestNode(shown.beta, point.beta)] });
    }
    const step = STEPS[event.key];
    if (!shown) return;
    const [a0, a1, b0, b1] = extent;
    if (zoomKey(zoom, event, extent, link.point.get() ?? { alpha: (a0 + a1) / 2, beta: (b0 + b1) / 2 })) return event.preventDefault();
    if (!step) return;
    event.preventDefault();
    const { alpha, beta } = shown;
    const from = link.point.get() ?? { alpha: 0, beta: 0 };
    const i = Math.min(beta.length - 1, Math.max(0, nearestNode(beta, from.beta) + step[0]));
    const j = Math.min(alpha.length - 1, Math.max(0, nearestNode(alpha, from.alpha) + step[1]));
    link.point.set({ alpha: alpha[j], beta: beta[i], source: "heatmap" });
  });

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { surface, note, composed } = frame.picture;
    shown = surface;
    ({ extent } = frame.picture);
    undo.hidden = !zoom.canUndo;
    panel.setName(frame.name);
    panel.setProvisional(note !== "", note);
    panel.element.dataset.coarse = String(surface !== null && !surface.final && !composed);
    panel.wait(surface && frame.plotly ? null : frame.words.heatmap);
    if (!surface || !frame.plotly) return;

    setReading(readout, frame.point ? readAt(surface, frame.point.alpha, frame.point.beta) : readLowest(frame, surface));
    const at = frame.point ?? (frame.lowest.length === 1 ? frame.lowest[0] : null);
    legend.update(frame);
    const cut = isCut(frame.lowest, surface);
    widen.hidden = composed || !cut;
    along.hidden = frame.paths.length === 0;
    setReading(along, readPaths(frame));
    setReading(below, cut && !frame.point ? WORDS.falls : at ? readBelow(frame, surface, at) : "");
    plot ??= createPlot(panel.body, frame.plotly, {
      buttons: [],
      zoomed: true,
      onResize: () => last && update(last),
      on: { plotly_hover: hover, plotly_unhover: leave, plotly_click: clicked, plotly_relayout: relayout, plotly_doubleclick: doubleClicked },
    });
    const anew = isNew(surface, frame.palette, extent.join(), drags, panel.body.clientWidth, ...displayOf(frame));
    const moved = isMoved(frame.point);
    const make = () => figure(frame, surface, panel.body, drags);
    if (anew) plot.draw(make(), () => composed || panel.drawn(surface));
    else if (moved) plot.follow(make);
  }

  return {
    update,
    destroy() {
      clearTimeout(click);
      plot?.destroy();
      panel.element.remove();
    },
  };
}
