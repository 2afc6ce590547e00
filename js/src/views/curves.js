// Loss and curvature over the checkpoints of a training run, as the kernel puts them together; a click goes to one.
import { createMemory } from "../ui/changed.js";
import { checkpointOf } from "../controls/checkpoints.js";
import { decodeArray } from "../kernel/decoders.js";
import { createButton, h, setText } from "../ui/dom.js";
import { createPanel } from "../ui/panel.js";
import { baseAxis, baseLayout, createPlot } from "../ui/plot.js";
import { tickRoom } from "../ui/ticks.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */

/** Free pixels beside a picture. */
const GAP = 14;
/** Where a picture is narrower, plotly would turn more than two labels of steps, down into the title; words are wide, too. */
const NARROW = 260;

/**
 * What comes of a click; nothing where no checkpoint can be had.
 * @param {Frame["snapshot"]} snapshot
 * @param {(i: number) => Partial<import("../kernel/state.js").Controls>} asked
 */
function clickWords(snapshot, asked) {
  if (snapshot.kernel !== "gone") return "A click goes to one.";
  const here = checkpointOf(snapshot);
  const held = snapshot.info.checkpoints.filter((_, i) => i !== here && snapshot.offers(asked(i)));
  return held.length ? `A click goes to one that this page holds: ${held.map(({ label }) => label).join(", ")}.` : "";
}

/** @param {Frame} frame @param {HTMLElement} el */
function figure({ palette, snapshot }, el) {
  const { along } = snapshot;
  const here = along.places[checkpointOf(snapshot)];
  const width = (el.clientWidth || 900) / along.pictures.length;
  /** @type {Record<string, any>} */
  const axes = {};
  const shapes = /** @type {any[]} */ ([]);
  const data = along.pictures.flatMap((/** @type {any} */ { title, x, y, line, lines }, /** @type {number} */ k) => {
    const share = (/** @type {number} */ at) => (k + at / width) / along.pictures.length;
    const few = width < NARROW;
    const ticktext = x.ticktext?.map((/** @type {string} */ text, /** @type {number} */ i) => (few && i === 1 && x.ticktext[2] ? "" : text));
    axes[`xaxis${k + 1}`] = { ...baseAxis(palette, along.axis), nticks: few ? 2 : 4, ...x, ticktext, domain: [tickRoom(y.range), width - GAP].map(share) };
    axes[`yaxis${k + 1}`] = { ...baseAxis(palette, title), ...y };
    shapes.push({ ...line, x0: here, x1: here, line: { color: palette.muted, width: 1 } });
    return lines.map((/** @type {any} */ { values, colour, trace }) => {
      const color = palette[/** @type {keyof typeof palette} */ (colour)];
      return { ...trace, x: along.places, y: [...decodeArray(values, Float64Array)], line: { ...trace.line, color }, marker: { ...trace.marker, color } };
    });
  });
  return { data, layout: { ...baseLayout(palette, el), ...axes, shapes, ...along.layout } };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 * @param {import("../controls/checkpoints.js").Checkpoints} checkpoints
 */
export function createCurves(el, state, checkpoints) {
  const panel = createPanel("curves", "Along the run", () => ({ caption: { title: "Along the run", details: {} }, titled: true }));
  const button = createButton("along", { "data-asks": true, title: "Picture and curvature at every checkpoint" });
  button.addEventListener("click", () => state.send(/** @type {Frame} */ (last).snapshot.along.asked ? "cancel" : "along"));
  const box = h("input", { type: "checkbox", "data-testid": "beside", "data-asks": true });
  const beside = (/** @type {number} */ i) => ({ compared_checkpoint: i });
  box.addEventListener("change", () => update(/** @type {Frame} */ (last)));
  panel.tools.append(h("label", { class: "lw-check", title: "A click shows it beside this one" }, box, "beside"), button);
  el.append(panel.element);
  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  const isNew = createMemory();

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { plotly, snapshot, words } = frame;
    const { along, info } = snapshot;
    panel.element.hidden = along?.verdicts?.length !== info.checkpoints.length;
    if (panel.element.hidden) return;
    const { kernel, offers } = snapshot;
    box.dataset.asks = kernel === "gone" && info.checkpoints.some((_, i) => offers(beside(i))) ? "held" : "true";
    setText(panel.foot, [along.words, clickWords(snapshot, box.checked ? beside : checkpoints.asked), along.marks].filter(Boolean).join(" "));
    setText(button, along.offer);
    button.hidden = !along.offer;
    panel.wait(plotly ? null : words.slices);
    if (!plotly || !isNew(along, frame.palette, checkpointOf(snapshot), info, panel.body.clientWidth)) return;
    plot ??= createPlot(panel.body, plotly, {
      buttons: [],
      patient: true,
      on: { plotly_click: ({ points: [{ pointIndex }] }) => (box.checked ? state.set(beside(pointIndex)) : checkpoints.choose(pointIndex)) },
      onResize: () => update(/** @type {Frame} */ (last)),
    });
    plot.draw((palette = frame.palette) => figure({ ...frame, palette }, panel.body));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
