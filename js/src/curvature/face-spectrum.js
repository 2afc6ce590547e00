// How the Hessian's eigenvalues are spread, on a logarithmic scale, with the certified ones marked.
import { WORDS } from "../kernel/agreed.js";
import { withAxis } from "../kernel/axes.js";
import { h, setText } from "../ui/dom.js";
import { createEigenvalues } from "./eigenvalues.js";
import { formatCount, formatNumber } from "../model/format.js";
import { drawMark, headroom, zeroLine } from "./line-marks.js";
import { baseAxis, baseLayout } from "../ui/plot.js";
import { ticksWithin } from "../ui/ticks.js";
import { densityFloor, peakOf, splitAtZero } from "../model/spectrum.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */
/** @typedef {import("../kernel/curvature-decoders.js").SpectrumResult} SpectrumResult */
/** @typedef {import("../kernel/curvature-decoders.js").EigenResult} EigenResult */

/** A plot that is narrower, in pixels, names the ends in two rows. */
const CROWDED = 330;

/** How far each eigenvalue may still move. @param {EigenResult | null} eigenpairs */
const doubts = (eigenpairs) => eigenpairs?.residuals.map((residual, i) => (eigenpairs.converged[i] ? 0 : residual)) ?? [];

/** Before there is a density. */
const NO_PAIRS = { axes: [], symbols: [], values: [] };
const NO_DENSITY = { x: new Float64Array(0), density: new Float64Array(0), ends: null };

/**
 * The outermost eigenvalues as triangles on the axis, with their residuals while they settle.
 * @param {EigenResult | null} eigenpairs
 * @param {number} floor
 * @param {import("../ui/theme.js").Palette} palette
 */
function ticks(eigenpairs, floor, palette) {
  const { axes, symbols, values } = eigenpairs ?? NO_PAIRS;
  return {
    type: "scatter",
    mode: "markers",
    x: values,
    error_x: { type: "data", array: doubts(eigenpairs), color: palette.muted, thickness: 1.2, width: 3 },
    y: values.map(() => floor),
    text: symbols.map((symbol, i) => `${symbol} = ${formatNumber(values[i], 5)}`),
    customdata: axes,
    cliponaxis: false,
    marker: {
      symbol: "triangle-up",
      size: 11,
      color: values.map((value) => (value < 0 ? palette.kappaMinus : palette.kappaPlus)),
      line: { color: palette.background, width: 1 },
    },
    hovertemplate: "%{text}<br>Click: as α<br>Shift and click: as β<extra></extra>",
  };
}

/** @param {Frame} frame @param {HTMLElement} el */
function figure({ palette, snapshot }, el) {
  const { x, density, ends } = snapshot.spectrum ?? NO_DENSITY;
  const { eigenpairs, info } = snapshot;
  const peak = peakOf(density) || 1;
  const floor = densityFloor(peak, info.n_parameters);
  const colours = [palette.kappaMinus, palette.kappaPlus];
  const known = ends ? [ends.min, ends.max] : [];
  const margins = doubts(eigenpairs);
  const reach = eigenpairs?.values.flatMap((value, i) => [value - margins[i], value + margins[i]]) ?? [];
  const all = [...x, ...known, ...reach];
  const [low, high] = all.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const pad = high > low ? 0.04 * (high - low) : 1;
  const range = /** @type {[number, number]} */ (low <= high ? [low - pad, high + pad] : [-1, 1]);
  const crowded = el.clientWidth < CROWDED;
  const marks = known.map((value, k) => {
    const row = crowded && k === 0 ? 1 : 0;
    return drawMark({ name: k ? "λmax" : "λmin", value, color: colours[Number(value >= 0)], row, digits: 4 }, range, palette.background);
  });
  const decades = Math.log10(peak / floor);
  const bottom = Math.log10(floor);
  return {
    data: [
      // Below the axis, so that no line runs along it.
      ...splitAtZero(x, density, floor / 10).map((side, k) => ({
        ...side,
        type: "scatter",
        mode: "lines",
        fill: "tozeroy",
        fillcolor: `${colours[k]}55`,
        line: { color: colours[k], width: 1.5 },
        hovertemplate: "λ ≈ %{x:.4g}: density %{y:.2g}<extra></extra>",
      })),
      ticks(eigenpairs, floor, palette),
    ],
    layout: {
      ...baseLayout(palette, el),
      uirevision: "spectrum",
      margin: { l: 52, r: 14, t: 8, b: 40 },
      dragmode: "zoom",
      hovermode: "closest",
      xaxis: { ...baseAxis(palette, WORDS.eigenvalue), range, ...ticksWithin(range, el.clientWidth - 68, true), zeroline: false, showgrid: false },
      yaxis: {
        ...baseAxis(palette, WORDS.density),
        type: "log",
        range: [bottom, bottom + decades / (1 - headroom(el, crowded ? 2 : 1))],
        tickmode: "linear",
        tick0: Math.ceil(bottom),
        dtick: Math.ceil(decades / 4),
        minexponent: 0,
        fixedrange: true,
        zeroline: false,
        showticklabels: x.length > 0,
      },
      shapes: [zeroLine(palette.muted), ...marks.flatMap(({ shape }) => (shape ? [{ ...shape, line: { ...shape.line, width: 1.2 } }] : []))],
      annotations: marks.map(({ annotation }) => annotation),
    },
  };
}

/** What the spectrum comes to in numbers. @param {SpectrumResult} spectrum */
export const describeSpectrum = ({ words, probes, total, nHvp, final }) =>
  `${words} · ${final ? `${formatCount(nHvp)} products` : `${formatCount(probes)} of ${formatCount(total)} probes`}`;

/** How far the eigenvalues are, before there is a density. @param {EigenResult} eigenpairs */
export const describeSettling = ({ nHvp, final }) => `${formatCount(nHvp)} products${final ? "" : " so far"}`;

/** @param {import("../kernel/state.js").State} state */
export function createSpectrumFace(state) {
  const choose = (/** @type {number} */ which, /** @type {string} */ spec) =>
    state.set({ axes: withAxis(state.snapshot.axes, which, spec, state.snapshot.info.axes), domain: null });
  const eigenvalues = createEigenvalues(choose);
  const hint = h("span", { class: "lw-line" });
  const words = h("span", { class: "lw-line" });
  const foot = h("div", { class: "lw-face-foot" }, words, hint, eigenvalues.element);

  return {
    foot,
    /** @param {Snapshot} snapshot */
    result: ({ spectrum, eigenpairs }) => spectrum ?? (eigenpairs && { request: eigenpairs.request, final: false }),
    /** @param {Snapshot} snapshot */
    update({ spectrum, eigenpairs, axes }) {
      const settling = eigenpairs ? describeSettling(eigenpairs) : "";
      setText(words, spectrum ? describeSpectrum(spectrum) : settling);
      setText(hint, eigenpairs?.axes.length ? "Make an eigenvector an axis:" : "");
      eigenvalues.set(eigenpairs, axes);
    },
    /** @param {Frame} frame @param {HTMLElement} el */
    figure,
    /** @param {Frame} frame */
    inputs: ({ snapshot }) => [snapshot.spectrum, snapshot.eigenpairs, snapshot.info.n_parameters],
    /**
     * What a click on this point would do; null for nothing.
     * @param {any} point
     * @param {{shiftKey?: boolean}} [event]
     * @returns {(() => void) | null}
     */
    action({ customdata }, event) {
      return typeof customdata === "string" ? () => choose(Number(event?.shiftKey ?? false), customdata) : null;
    },
    /**
     * The certified eigenvalues, in one row.
     * @param {Frame} frame
     * @returns {import("../ui/keyboard-marks.js").Offer}
     */
    offer({ palette, snapshot }) {
      const { axes, symbols, values } = snapshot.eigenpairs ?? NO_PAIRS;
      const row = axes.map((spec, i) => ({
        x: values[i],
        width: 0,
        color: values[i] < 0 ? palette.kappaMinus : palette.kappaPlus,
        words: `${symbols[i]} = ${formatNumber(values[i], 5)}`,
        choose: (/** @type {{shiftKey: boolean}} */ { shiftKey }) => choose(Number(shiftKey), spec),
      }));
      return {
        label: "Spectrum. The arrow keys mark an eigenvalue, Enter makes its eigenvector α, Shift and Enter β.",
        invitation: "Enter: as α. Shift and Enter: as β.",
        rows: row.length ? [row.sort((a, b) => a.x - b.x)] : [],
      };
    },
  };
}
