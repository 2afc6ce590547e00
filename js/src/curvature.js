// How random planes see the curvature: histograms of κ₋ and κ₊, and where the present plane stands.
import { h, setText } from "./dom.js";
import { formatCount, formatNumber, formatPercent } from "./format.js";
import { histogram } from "./histogram.js";
import { createMemory } from "./memory.js";
import { createPanel } from "./panel.js";
import { baseAxis, baseLayout, createPlot } from "./plot.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./decode.js").ProjectionResult} ProjectionResult */

/** How far beyond the histogram a plane's curvature may stretch the axis, in widths of the histogram. */
const STRETCH = 0.6;

/**
 * The axis range: all bins, zero if it is near, and each marked value unless it would squash the bins.
 * @param {ArrayLike<number>} edges
 * @param {number[]} marked
 * @returns {[number, number]}
 */
export function axisRange(edges, marked) {
  const [first, last] = [edges[0], edges[edges.length - 1]];
  const width = last - first;
  const near = [0, ...marked].filter((value) => value > first - STRETCH * width && value < last + STRETCH * width);
  const [low, high] = [Math.min(first, ...near), Math.max(last, ...near)];
  const pad = 0.05 * (high - low);
  return [low - pad, high + pad];
}

/**
 * A vertical line with its label, or an arrow at the edge where the value lies outside.
 * @param {{name: string, value: number, color: string, row: number}} mark
 * @param {[number, number]} range
 * @param {string} background
 */
function drawMark({ name, value, color, row }, [low, high], background) {
  const outside = value < low ? -1 : value > high ? 1 : 0;
  const text = `${name} = ${formatNumber(value, 3)}`;
  const position = Math.min(high, Math.max(low, value));
  // The label leans to the side where there is room.
  const left = outside === 1 || (outside === 0 && position > (low + high) / 2);
  const annotation = {
    x: position,
    y: 0.99 - row * 0.085,
    yref: "paper",
    yanchor: "top",
    xanchor: left ? "right" : "left",
    xshift: outside ? 0 : left ? -4 : 4,
    text: outside === 1 ? `${text} →` : outside === -1 ? `← ${text}` : text,
    showarrow: false,
    font: { size: 11, color },
    bgcolor: background,
    opacity: 0.92,
    borderpad: 1,
  };
  const line = { type: "line", x0: value, x1: value, y0: 0, y1: 1, yref: "paper", line: { color, width: 2, dash: "dash" } };
  return { annotation, shape: outside ? null : line };
}

/** @param {Frame} frame @param {ProjectionResult} projections @param {HTMLElement} el */
function figure({ palette }, { kappaMinus, kappaPlus, plane, samples }, el) {
  const bins = histogram([kappaMinus, kappaPlus]);
  const edges = bins?.edges ?? [-1, 1];
  const colours = [palette.kappaMinus, palette.kappaPlus];
  const values = plane ? [plane.kappaMinus, plane.kappaPlus] : [];
  const range = axisRange(edges, values);
  const marks = values.map((value, k) =>
    drawMark({ name: k ? "κ₊" : "κ₋", value, color: colours[k], row: k }, range, palette.background),
  );
  const zero = { type: "line", x0: 0, x1: 0, y0: 0, y1: 1, yref: "paper", layer: "below", line: { color: palette.muted, width: 1 } };
  return {
    data: colours.map((color, k) => ({
      type: "bar",
      name: k ? "κ₊" : "κ₋",
      x: bins ? bins.counts[k].map((_, i) => (edges[i] + edges[i + 1]) / 2) : [],
      y: bins?.counts[k] ?? [],
      width: edges[1] - edges[0],
      marker: { color, opacity: 0.62, line: { width: 0 } },
      hovertemplate: `${k ? "κ₊" : "κ₋"} ≈ %{x:.3g}: %{y} planes<extra></extra>`,
    })),
    layout: {
      ...baseLayout(palette, el),
      margin: { l: 48, r: 14, t: 8, b: 40 },
      barmode: "overlay",
      bargap: 0,
      dragmode: false,
      xaxis: { ...baseAxis(palette, "projected curvature κ"), range, zeroline: false, showgrid: false, fixedrange: true },
      yaxis: { ...baseAxis(palette, `of ${formatCount(samples)} random planes`), zeroline: false, fixedrange: true, rangemode: "tozero", nticks: 5 },
      shapes: [zero, ...marks.flatMap(({ shape }) => shape ?? [])],
      annotations: marks.map(({ annotation }) => annotation),
    },
  };
}

/** The line below in words. @param {ProjectionResult} projections */
export function describe({ samples, total, pNoSaddle, final }) {
  if (!final && samples < total) return `${formatCount(samples)} of ${formatCount(total)} random planes so far`;
  return pNoSaddle === null ? "" : `A random plane hides the saddle in ${formatPercent(pNoSaddle)}`;
}

/** @param {HTMLElement} el */
export function createCurvature(el) {
  const panel = createPanel("curvature", "Curvature");
  const key = (/** @type {string} */ name, /** @type {string} */ text) =>
    h("span", { class: "lw-key" }, h("i", { class: `lw-swatch lw-${name}`, "aria-hidden": "true" }), text);
  panel.tools.append(key("kappa-minus", "κ₋"), key("kappa-plus", "κ₊"));
  panel.tools.hidden = true;
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  const isNew = createMemory();

  return {
    /** @param {Frame} frame */
    update(frame) {
      const { projections, provisional } = frame.snapshot;
      panel.setProvisional(provisional);
      panel.tools.hidden = !projections || !frame.plotly;
      panel.wait(projections && frame.plotly ? null : frame.words.curvature);
      if (!projections || !frame.plotly) return;

      setText(panel.foot, describe(projections));
      plot ??= createPlot(panel.body, frame.plotly, { buttons: ["toImage"] });
      if (!isNew(projections, frame.palette)) return;
      plot.draw(figure(frame, projections, panel.body), () => panel.drawn(projections));
    },
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
