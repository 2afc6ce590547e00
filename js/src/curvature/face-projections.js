// How random planes see the curvature: histograms of κ₋ and κ₊, and how often they hide a saddle.
import { WORDS } from "../kernel/agreed.js";
import { planeLabel } from "../kernel/axes.js";
import { createButton, h, setText } from "../ui/dom.js";
import { formatCount, formatEstimate, formatNumber, formatShort } from "../model/format.js";
import { gaussianCurve, histogram, typicalOf } from "../model/histogram.js";
import { createKey } from "../ui/legend-key.js";
import { drawMark, headroom, zeroLine } from "./line-marks.js";
import { baseAxis, baseLayout } from "../ui/plot.js";
import { ticksWithin, tickRoom } from "../ui/ticks.js";
import { NOTHING } from "../ui/keyboard-marks.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */
/** @typedef {import("../kernel/curvature-decoders.js").ProjectionResult} ProjectionResult */

const NAMES = ["κ₋", "κ₊"];
/** Why they may lie beyond the eigenvalues. */
const LENGTHS = "ηᵀHη and the like for random directions η ~ N(0, 1): sums over all eigenvalues, with mean tr(H), often beyond λmax. Divided by N they are curvatures along a unit of length";
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

/** @param {Frame} frame @param {ProjectionResult} projections @param {HTMLElement} el */
function figure({ palette }, { kappaMinus, kappaPlus, plane, samples, fits, seeds }, el) {
  const bins = histogram([kappaMinus, kappaPlus]);
  const edges = bins?.edges ?? [-1, 1];
  const colours = [palette.kappaMinus, palette.kappaPlus];
  const values = plane ? [plane.kappaMinus, plane.kappaPlus] : [];
  const range = axisRange(edges, values);
  const marks = values.map((value, k) => drawMark({ name: NAMES[k], value, color: colours[k], row: k }, range, palette.background));
  const invitation = seeds === null ? "" : "<br>A click shows one of them";
  const bars = colours.map((color, k) => ({
    type: "bar",
    name: NAMES[k],
    x: bins ? bins.counts[k].map((_, i) => (edges[i] + edges[i + 1]) / 2) : [],
    y: bins?.counts[k] ?? [],
    width: edges[1] - edges[0],
    marker: { color, opacity: 0.5, line: { width: 0 } },
    hovertemplate: `${NAMES[k]} ≈ %{x:.3g}: %{y} planes${invitation}<extra></extra>`,
  }));
  const curves = [fits.kappaMinus, fits.kappaPlus].flatMap((fit, k) =>
    fit && bins
      ? [{ type: "scatter", mode: "lines", hoverinfo: "skip", ...gaussianCurve(fit, edges, samples), line: { color: colours[k], width: 1.8 } }]
      : [],
  );
  const highest = Math.max(1, ...[...bars, ...curves].flatMap(({ y }) => [...y]));
  return {
    data: [...bars, ...curves],
    layout: {
      ...baseLayout(palette, el),
      uirevision: "projections",
      margin: { l: tickRoom([0, highest]), r: 16, t: 8, b: 44 },
      barmode: "overlay",
      bargap: 0,
      dragmode: false,
      hovermode: "closest",
      xaxis: { ...baseAxis(palette, WORDS.projected), range, ticklabelstandoff: 5, ...ticksWithin(range, el.clientWidth - 64), zeroline: false, showgrid: false, fixedrange: true },
      yaxis: {
        ...baseAxis(palette, `of ${formatCount(samples)} ${WORDS.planes}`),
        zeroline: false,
        fixedrange: true,
        range: [0, highest / (1 - headroom(el, marks.length))],
        nticks: 5,
      },
      shapes: [zeroLine(palette.muted), ...marks.flatMap(({ shape }) => shape ?? [])],
      annotations: marks.map(({ annotation }) => annotation),
    },
  };
}

/**
 * The random plane that a clicked bar stands for.
 * @param {ProjectionResult} projections
 * @param {number} which  0: a bar of κ₋, 1: of κ₊
 * @param {number} bin
 * @returns {number | null}  its seed
 */
export function seedOfBar({ kappaMinus, kappaPlus, seeds }, which, bin) {
  const edges = histogram([kappaMinus, kappaPlus])?.edges;
  if (!edges || seeds === null) return null;
  const found = typicalOf(edges, bin, which ? kappaPlus : kappaMinus);
  return found < 0 ? null : seeds + found;
}

/**
 * How long the directions are whose curvatures stand on one axis.
 * @param {Snapshot} snapshot
 */
export function lengthsOf({ projections, surface, info }) {
  const random = `Lengths: random ≈ √N ≈ ${formatShort(Math.sqrt(info.n_parameters))}`;
  const [eta, delta] = (projections?.plane && surface?.request === projections.request ? surface.norms : []).map(formatShort);
  return eta ? `${random}, dashed ${eta}${eta === delta ? "" : ` and ${delta}`}` : random;
}

/**
 * The line below in words.
 * @param {ProjectionResult} projections
 * @param {boolean} [saddle]  whether there is one to hide
 */
export function describe({ samples, total, blindness, final }, saddle = true) {
  if (!final && samples < total) return `${formatCount(samples)} of ${formatCount(total)} ${WORDS.planes} so far`;
  if (!blindness) return "";
  return saddle ? "A random plane hides the saddle in" : "A random plane shows no saddle in";
}

/** Ways to the same probability, and when each holds. @type {[string, string][]} */
const WAYS = [
  ["measured, the one to go by", "Counted among the random planes drawn: it holds for any spectrum"],
  ["if no eigenvalue stood out", "The closed form of tr H and tr H²: it holds for many eigenvalues of similar size; where a few stand out, it misses them"],
  ["by the spectrum", "The closed form of all eigenvalues: it holds for any spectrum, as far as the spectral density does, whose middle is an estimate"],
];

/** Three ways to the same probability, side by side, each as an interval. */
function createBlindness() {
  const cells = WAYS.map(([label, title]) => {
    const figure = h("dd");
    return { figure, element: h("div", { title }, figure, h("dt", {}, label)) };
  });
  return {
    element: h("dl", { class: "lw-figures", "data-testid": "blindness" }, ...cells.map(({ element }) => element)),
    /** @param {NonNullable<ProjectionResult["blindness"]>} blindness */
    set({ measured, closedForm, spectral }) {
      [measured, closedForm, spectral].forEach((estimate, i) => setText(cells[i].figure, estimate ?? "–"));
    },
  };
}

/** @param {import("../kernel/state.js").State} state */
export function createProjectionsFace(state) {
  const keys = [createKey("kappa-minus"), createKey("kappa-plus")];
  const words = h("span", { class: "lw-line" });
  const blindness = createBlindness();
  const lengths = h("span", { "data-testid": "lengths" });
  const back = createButton("former-plane", { "data-asks": true, hidden: true, title: "The plane before the click" });
  const legend = h("span", { class: "lw-line lw-legend", title: LENGTHS }, ...keys.map(({ element }) => element), lengths, back);
  const foot = h("div", { class: "lw-face-foot" }, legend, words, blindness.element);
  /** What a click on a bar has replaced. @type {Pick<Snapshot, "axes" | "seed" | "domain">} */
  let former;
  /** The seed of that bar's plane. */
  let clicked = NaN;
  back.addEventListener("click", () => state.set(former));
  function show(/** @type {number} */ seed) {
    const { axes, seed: old, domain, info } = state.snapshot;
    if (back.hidden) {
      former = { axes, seed: old, domain };
      setText(back, `↶ ${planeLabel(info.axes, axes)}`);
    }
    clicked = seed;
    state.set({ axes: ["random", "random"], seed, domain: null });
  }

  return {
    foot,
    /** @param {Snapshot} snapshot */
    result: ({ projections }) => projections,
    /** @param {Snapshot} snapshot */
    update(snapshot) {
      const { projections, eigenpairs } = snapshot;
      foot.hidden = !projections;
      if (!projections) return;
      back.hidden = snapshot.seed !== clicked || String(snapshot.axes) !== "random,random";
      setText(lengths, lengthsOf(snapshot));
      [projections.means.kappaMinus, projections.means.kappaPlus].forEach((mean, k) =>
        setText(keys[k].words, mean ? `mean ${NAMES[k]} ${formatEstimate(mean)}` : NAMES[k]),
      );
      setText(words, describe(projections, eigenpairs?.verdict === "saddle"));
      blindness.element.hidden = !projections.blindness;
      if (projections.blindness) blindness.set(projections.blindness);
    },
    /** @param {Frame} frame @param {HTMLElement} el */
    figure: (frame, el) => figure(frame, /** @type {ProjectionResult} */ (frame.snapshot.projections), el),
    /** @param {Frame} frame */
    inputs: ({ snapshot }) => [snapshot.projections],
    /**
     * What a click on this point would do; null for nothing.
     * @param {any} point
     * @returns {(() => void) | null}
     */
    action({ curveNumber, pointNumber }) {
      const { projections } = state.snapshot;
      const seed = projections && curveNumber < 2 ? seedOfBar(projections, curveNumber, pointNumber) : null;
      return seed === null ? null : () => show(seed);
    },
    /**
     * The bars that hold planes, κ₋ and κ₊ each in a row.
     * @param {Frame} frame
     * @returns {import("../ui/keyboard-marks.js").Offer}
     */
    offer({ palette, snapshot }) {
      const projections = /** @type {ProjectionResult} */ (snapshot.projections);
      const bins = histogram([projections.kappaMinus, projections.kappaPlus]);
      if (!bins || projections.seeds === null) return NOTHING;
      const { edges, counts } = bins;
      const rows = counts.map((row, k) =>
        row.flatMap((count, i) => {
          const x = (edges[i] + edges[i + 1]) / 2;
          const words = `${NAMES[k]} ≈ ${formatNumber(x, 3)}: ${formatCount(count)} ${count === 1 ? "plane" : "planes"}`;
          const choose = () => show(/** @type {number} */ (seedOfBar(projections, k, i)));
          return count ? [{ x, width: edges[1] - edges[0], color: k ? palette.kappaPlus : palette.kappaMinus, words, choose }] : [];
        }),
      );
      return {
        label: "Histogram. The arrow keys mark a bar, Enter shows a random plane with those curvatures.",
        invitation: "Enter shows one of them.",
        rows: rows.filter((row) => row.length),
      };
    },
  };
}
