// Losses along several lines from θ*: to other solutions, or along random directions of several seeds.
import { createMemory } from "../ui/changed.js";
import { h, setText } from "../ui/dom.js";
import { createSwatch } from "../ui/legend-key.js";
import { createPanel } from "../ui/panel.js";
import { baseAxis, baseLayout, createPlot } from "../ui/plot.js";
import { createSegments } from "../ui/segments.js";
import { tickRoom } from "../ui/ticks.js";
import { refusal } from "../kernel/axes.js";
import { rangeOf } from "../model/values.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/lines.js").LinesResult} LinesResult */

const TITLE = "Lines from θ*";
/** What stands for no lines among the choices. */
const NONE = "none";

/** @type {{value: import("../kernel/state.js").Lines | typeof NONE, label: string, title: string}[]} */
const CHOICES = [
  { value: NONE, label: "None", title: "No losses along lines" },
  { value: "solutions", label: "To solutions", title: "The loss on the straight line from θ* to each solution, with the barrier between them" },
  { value: "random", label: "Random", title: "The loss along random directions of five seeds" },
  { value: "random:filter", label: "Filter-normalised", title: "The loss along filter-normalised random directions of five seeds" },
];

/** Free room beside the curves, as a share of what they span, and in pixels. */
const ROOM = 0.06;
const MARGIN = 12;

/** The curves of the training data, and those of the test data. @param {LinesResult} result */
const curvesOf = ({ lines }) =>
  lines.flatMap(({ name, colour, t, loss, test }) => [
    { name: test ? `${name}, training` : name, colour, t, loss, dash: "solid" },
    ...(test ? [{ name: `${name}, test`, colour, t, loss: test, dash: "dash" }] : []),
  ]);

/** Whether all losses can be drawn on a logarithmic scale. @param {{loss: Float64Array}[]} curves */
const positive = (curves) => curves.every(({ loss }) => loss.every((value) => !(value <= 0)));

/** @param {Frame} frame @param {LinesResult} result @param {HTMLElement} el */
function figure({ palette, log }, result, el) {
  const curves = curvesOf(result);
  const decades = log && positive(curves);
  const range = rangeOf(curves.flatMap(({ loss }) => [...loss].map(decades ? Math.log10 : Number)), ROOM);
  const ts = curves.flatMap(({ t }) => [t[0], t[t.length - 1]]);
  return {
    data: curves.map(({ name, colour, t, loss, dash }) => ({
      type: "scatter",
      mode: "lines",
      name,
      x: [...t],
      y: [...loss],
      // What was not evaluated yet is no hole.
      connectgaps: !result.final,
      line: { color: colour, dash, width: dash === "solid" ? 2 : 1.5 },
      hovertemplate: "%{y:.5g}<extra>%{fullData.name}</extra>",
    })),
    layout: {
      ...baseLayout(palette, el),
      xaxis: { ...baseAxis(palette, result.axis), range: ts.length ? [Math.min(...ts), Math.max(...ts)] : undefined, zeroline: false, fixedrange: true, hoverformat: ".4g" },
      yaxis: { ...baseAxis(palette, "loss"), type: decades ? "log" : "linear", range, zeroline: false, fixedrange: true, nticks: 6 },
      margin: { l: tickRoom(range), r: MARGIN, t: 8, b: 44 },
      hovermode: "x",
      dragmode: false,
      showlegend: false,
      shapes: result.marks.map((at) => ({ type: "line", x0: at, x1: at, yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: palette.muted, width: 1, dash: "dot" } })),
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createLines(el, state) {
  const panel = createPanel("lines", TITLE, () => ({ caption: { title: TITLE, details: {} }, titled: true }));
  const control = createSegments({ name: "lines-along", label: TITLE, choices: CHOICES, send: (value) => state.set({ lines: value === NONE ? null : value }) });
  panel.tools.append(control.element);
  const keys = h("div", { class: "lw-marks" });
  const words = h("div");
  panel.foot.append(keys, words);
  el.append(panel.element);
  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  const isNew = createMemory();
  const hasKeys = createMemory();

  /** @param {LinesResult | null} result */
  function tell(result) {
    if (!hasKeys(result?.lines.map(({ name }) => name).join("\n"))) return;
    keys.replaceChildren(
      ...(result?.lines ?? []).map(({ name, colour }) => createSwatch(colour, name)),
    );
  }

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { snapshot, plotly, log } = frame;
    const { lines, info, former } = snapshot;
    const result = lines !== null && snapshot.line_losses?.along === lines ? snapshot.line_losses : null;
    panel.element.hidden = snapshot.saved && !result;
    panel.element.dataset.along = lines ?? NONE;
    control.set(lines ?? NONE);
    control.enable(
      (value) => snapshot.offers({ lines: value === NONE ? null : value }),
      (value) => (value === NONE ? "" : value === "solutions" ? (info.solutions ? "" : "There are none: give them to LandscapeExplorer(…, solutions={…}).") : refusal(info, [value])),
    );
    tell(result);
    setText(words, result?.words ?? "");
    const outdated = result !== null && (former(result) || result.nExamples !== snapshot.examples);
    panel.setProvisional(outdated, outdated ? "former losses" : "");
    const empty = result !== null && !result.lines.length;
    panel.wait(result && !empty && plotly ? null : empty ? result.words : snapshot.status === "computing" ? "Once the pictures above are there." : frame.words.slices);
    if (lines === null || !result || empty || !plotly) return panel.undrawn();
    if (!isNew(result, frame.palette, log, panel.body.clientWidth)) return;
    plot ??= createPlot(panel.body, plotly, { buttons: [], patient: true, on: {}, onResize: () => last && update(last) });
    plot.draw((palette = frame.palette) => figure({ ...frame, palette }, result, panel.body), () => panel.drawn(result));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
