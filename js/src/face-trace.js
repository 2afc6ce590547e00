// Running estimates of the Hessian's trace, each with its standard error, by two methods.
import { bandOutline, bandRange, latest } from "./band.js";
import { h, setText } from "./dom.js";
import { formatCount, formatEstimate } from "./format.js";
import { createKey } from "./key.js";
import { baseAxis, baseLayout } from "./plot.js";
import { NOTHING } from "./walk.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./state.js").Snapshot} Snapshot */
/** @typedef {import("./decode-curvature.js").TraceResult} TraceResult */
/** @typedef {import("./decode-curvature.js").TraceMethod} TraceMethod */

const NAMES = ["hutchinson", "curvature-fit"];

/** @param {Frame} frame @param {TraceResult} trace @param {HTMLElement} el */
function figure({ palette }, { methods }, el) {
  const colour = ({ name = "" }) => (name === NAMES[1] ? palette.second : palette.first);
  const end = (/** @type {TraceMethod} */ method) => latest(method);
  const bands = methods.map((method) => ({
    ...bandOutline(method),
    type: "scatter",
    mode: "lines",
    fill: "toself",
    fillcolor: `${colour(method)}38`,
    line: { width: 0, color: colour(method) },
    hoverinfo: "skip",
  }));
  const lines = methods.map((method) => ({
    type: "scatter",
    mode: "lines",
    name: method.label,
    x: method.n,
    y: method.value,
    customdata: method.stderr,
    line: { color: colour(method), width: 2 },
    hovertemplate: `${method.label}, %{x} vectors:<br>%{y:.4g} ± %{customdata:.2g}<extra></extra>`,
  }));
  const ends = methods.flatMap((method) => {
    const last = end(method);
    if (!last) return [];
    const marker = { color: colour(method), size: 7, line: { color: palette.background, width: 1 } };
    return [{ type: "scatter", mode: "markers", x: [last.n], y: [last.value], marker, hoverinfo: "skip", cliponaxis: false }];
  });
  return {
    data: [...bands, ...lines, ...ends],
    layout: {
      ...baseLayout(palette, el),
      uirevision: "trace",
      margin: { l: 52, r: 14, t: 8, b: 40 },
      dragmode: "zoom",
      hovermode: "closest",
      xaxis: { ...baseAxis(palette, "random vectors"), rangemode: "tozero", zeroline: false, showgrid: false },
      yaxis: { ...baseAxis(palette, "tr(H)"), range: bandRange(methods) ?? undefined, zeroline: false, fixedrange: true, nticks: 5 },
    },
  };
}

/** The newest estimate of a method in words. @param {TraceMethod} method */
export function describeMethod(method) {
  const last = latest(method);
  if (!last) return `tr(H): no estimate yet (${method.label})`;
  const cost = `${formatCount(last.n)} ${Math.round(last.n) === 1 ? "vector" : "vectors"}`;
  return `tr(H) = ${formatEstimate(last)} (${method.label}, ${cost})`;
}

export function createTraceFace() {
  const keys = [createKey("first"), createKey("second")];
  const foot = h("div", { class: "lw-face-foot", "data-testid": "trace-text" });
  for (const { element } of keys) foot.append(h("span", { class: "lw-line" }, element));
  const note = h("span", { class: "lw-line" });
  foot.append(note);

  return {
    foot,
    /** @param {Snapshot} snapshot */
    result: ({ trace }) => trace,
    /** @param {Snapshot} snapshot */
    update({ trace }) {
      foot.hidden = !trace;
      if (!trace) return;
      keys.forEach(({ element, words }, k) => {
        const method = trace.methods.find(({ name }) => name === NAMES[k]);
        element.hidden = !method;
        setText(words, method ? describeMethod(method) : "");
      });
      setText(note, trace.final ? "Bands: one standard error to either side" : "So far; bands: one standard error to either side");
    },
    /** @param {Frame} frame @param {HTMLElement} el */
    figure: (frame, el) => figure(frame, /** @type {TraceResult} */ (frame.snapshot.trace), el),
    /** @param {Frame} frame */
    inputs: ({ snapshot }) => [snapshot.trace],
    /** @returns {(() => void) | null} */
    action: () => null,
    offer: () => NOTHING,
  };
}
