// The Hessian's trace, exact or nearly so, and two methods that estimate it from random vectors, with 95 % intervals.
import { WORDS } from "../kernel/agreed.js";
import { bandOutline, bandRange, latest } from "../model/band.js";
import { h, setText } from "../ui/dom.js";
import { formatCount, formatEstimate, formatNumber, formatShort } from "../model/format.js";
import { createKey } from "../ui/legend-key.js";
import { baseAxis, baseLayout } from "../ui/plot.js";
import { tickRoom } from "../ui/ticks.js";
import { NOTHING } from "../ui/keyboard-marks.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */
/** @typedef {import("../kernel/curvature-decoders.js").TraceResult} TraceResult */
/** @typedef {import("../kernel/curvature-decoders.js").TraceMethod} TraceMethod */
/** @typedef {import("../kernel/curvature-decoders.js").TraceReference} TraceReference */

const NAMES = ["hutchinson", "curvature-fit"];

/** @param {Frame} frame @param {TraceResult} trace @param {HTMLElement} el */
function figure({ palette }, { reference, methods }, el) {
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
    customdata: method.error,
    line: { color: colour(method), width: 2 },
    hovertemplate: `${method.label}, %{x} vectors:<br>%{y:.4g} ± %{customdata:.2g}<extra></extra>`,
  }));
  const ends = methods.flatMap((method) => {
    const last = end(method);
    if (!last) return [];
    const marker = { color: colour(method), size: 7, line: { color: palette.background, width: 1 } };
    return [{ type: "scatter", mode: "markers", x: [last.n], y: [last.value], marker, hoverinfo: "skip", cliponaxis: false }];
  });
  const across = reference ? acrossOf(reference, methods) : null;
  const limits = across
    ? [
        { ...bandOutline(across), type: "scatter", mode: "lines", fill: "toself", fillcolor: `${palette.text}26`, line: { width: 0 }, hoverinfo: "skip" },
        {
          type: "scatter",
          mode: "lines",
          name: across.label,
          x: across.n,
          y: across.value,
          line: { color: palette.text, width: 1.5, dash: "dot" },
          hovertemplate: `${describeReference(/** @type {TraceReference} */ (reference))}<extra></extra>`,
        },
      ]
    : [];
  const range = bandRange(across ? [...methods, across] : methods) ?? undefined;
  return {
    data: [...bands, ...lines, ...limits, ...ends],
    layout: {
      ...baseLayout(palette, el),
      uirevision: "trace",
      margin: { l: tickRoom(range), r: 16, t: 8, b: 40 },
      dragmode: "zoom",
      hovermode: "closest",
      xaxis: { ...baseAxis(palette, WORDS.vectors), rangemode: "tozero", zeroline: false, showgrid: false },
      yaxis: { ...baseAxis(palette, WORDS.trace), range, zeroline: false, fixedrange: true, nticks: 5 },
    },
  };
}

/**
 * The exact or deflated trace as a line across the picture.
 * @param {TraceReference} reference @param {TraceMethod[]} methods
 * @returns {TraceMethod}
 */
function acrossOf({ name, label, value, error }, methods) {
  const end = Math.max(1, ...methods.map((method) => latest(method)?.n ?? 0));
  const both = (/** @type {number} */ x) => Float64Array.of(x, x);
  return { name, label, n: Float64Array.of(0, end), value: both(value), error: both(error), stderr: null, bias: 0, halfWidth: null };
}

/** The exact or deflated trace in words. @param {TraceReference} reference */
export function describeReference({ name, value, error, nHvp }) {
  const products = `${formatCount(nHvp)} ${nHvp === 1 ? "product" : "products"}`;
  if (name === "exact") return `${WORDS.trace} = ${formatNumber(value)}, exact (${products})`;
  return `${WORDS.trace} = ${formatEstimate({ value, stderr: error })} (best estimate, ${products})`;
}

/**
 * The newest estimate of a method in words.
 * @param {TraceMethod} method
 * @param {TraceReference | null} [reference]  what it should come to
 * @param {TraceMethod} [twin]  Hutchinson's method, on the same vectors
 */
export function describeMethod(method, reference = null, twin = undefined) {
  const last = latest(method);
  if (!last) return `${WORDS.trace}: no estimate (${method.label})`;
  const { n, value, error } = last;
  const cost = `${formatCount(n)} ${Math.round(n) === 1 ? "vector" : "vectors"}`;
  const where = method.halfWidth ? `, |α| ≤ ${formatShort(method.halfWidth)}` : "";
  const remark = remarkOn(method, last, reference, twin && latest(twin));
  return `${WORDS.trace} = ${formatEstimate({ value, stderr: error })} (${method.label}, ${cost}${where})${remark}`;
}

/** Share of half an interval from which on two estimates from the same vectors differ. */
const APART = 0.25;

/**
 * What is to be said of an estimate that is off.
 * @param {TraceMethod} method
 * @param {{n: number, value: number, error: number}} last
 * @param {TraceReference | null} reference
 * @param {{n: number, value: number} | null | undefined} twin
 */
function remarkOn({ bias, stderr }, { n, value, error }, reference, twin) {
  const off = (/** @type {number} */ by) => `${formatNumber(Math.abs(by), 2)} too ${by > 0 ? "high" : "low"}`;
  if (bias) return `, about ${off(bias)}: that far from θ* the loss is no parabola`;
  if (twin && twin.n === n && Math.abs(value - twin.value) > APART * error) {
    return `, about ${off(value - twin.value)} for these vectors: the loss has kinks there`;
  }
  const miss = reference && Math.abs(value - reference.value);
  return miss && stderr && miss > error + reference.error ? `, misses the line by ${formatNumber(miss / stderr, 2)} standard errors` : "";
}

export function createTraceFace() {
  const keys = [createKey("first"), createKey("second")];
  const best = createKey("reference");
  const foot = h("div", { class: "lw-face-foot", "data-testid": "trace-text" });
  for (const { element } of [best, ...keys]) foot.append(h("span", { class: "lw-line" }, element));
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
      best.element.hidden = !trace.reference;
      setText(best.words, trace.reference ? describeReference(trace.reference) : "");
      const [hutchinson, fit] = NAMES.map((name) => trace.methods.find((method) => method.name === name));
      keys.forEach(({ element, words }, k) => {
        const method = [hutchinson, fit][k];
        element.hidden = !method;
        setText(words, method ? describeMethod(method, trace.reference, hutchinson) : "");
      });
      const one = hutchinson && fit ? "; both from the same vectors: not independent" : "";
      setText(note, `${trace.final ? "" : "So far; "}± and bands: 95 % intervals${one}`);
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
