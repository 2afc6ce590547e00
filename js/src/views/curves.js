// Loss and curvature over the checkpoints of a training run, as the kernel puts them together; a click goes to one.
import { createMemory } from "../ui/changed.js";
import { checkpointOf } from "../controls/checkpoints.js";
import { decodeArray } from "../kernel/decoders.js";
import { h, setText } from "../ui/dom.js";
import { createPanel } from "../ui/panel.js";
import { baseAxis, baseLayout, createPlot } from "../ui/plot.js";
import { tickRoom } from "../ui/ticks.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */

/** Free pixels beside a picture. */
const GAP = 14;

/** @param {Frame} frame @param {HTMLElement} el */
function figure({ palette, snapshot }, el) {
  const { along, info } = snapshot;
  const steps = info.checkpoints.map(({ step }) => step);
  const here = steps[checkpointOf(snapshot)];
  const width = (el.clientWidth || 900) / along.pictures.length;
  /** @type {Record<string, any>} */
  const axes = {};
  const shapes = /** @type {any[]} */ ([]);
  const data = along.pictures.flatMap((/** @type {any} */ { title, axis, lines }, /** @type {number} */ k) => {
    const [x, y] = [`x${k + 1}`, `y${k + 1}`];
    const share = (/** @type {number} */ at) => (k + at / width) / along.pictures.length;
    axes[`xaxis${k + 1}`] = { ...baseAxis(palette, "step"), domain: [share(tickRoom(axis.range)), share(width - GAP)], anchor: y, zeroline: false, fixedrange: true, nticks: 4 };
    axes[`yaxis${k + 1}`] = { ...baseAxis(palette, title), ...axis, anchor: x, fixedrange: true, nticks: 5 };
    shapes.push({ type: "line", xref: x, yref: `${y} domain`, x0: here, x1: here, y0: 0, y1: 1, layer: "below", line: { color: palette.muted, width: 1 } });
    return lines.map((/** @type {any} */ { values, colour, trace }) => {
      const color = palette[/** @type {keyof typeof palette} */ (colour)];
      return { ...trace, type: "scatter", x: steps, y: [...decodeArray(values, Float64Array)], xaxis: x, yaxis: y, line: { ...trace.line, color }, marker: { ...trace.marker, color }, text: along.verdicts };
    });
  });
  return {
    data,
    layout: { ...baseLayout(palette, el), ...axes, shapes, margin: { l: 0, r: 0, t: 22, b: 40 }, showlegend: true, legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" }, hovermode: "x", dragmode: false },
  };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 * @param {(i: number) => void} choose  goes to a checkpoint
 */
export function createCurves(el, state, choose) {
  const panel = createPanel("curves", "Along the run", () => ({ caption: { title: "Along the training run", details: {} }, titled: true }));
  const button = h("button", { type: "button", class: "lw-button", "data-testid": "along", "data-asks": true, title: "Picture and curvature at all checkpoints, while nothing else is computed" });
  button.addEventListener("click", () => state.send(last?.snapshot.along.busy ? "cancel" : "along"));
  panel.tools.append(button);
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
    setText(panel.foot, along.words);
    setText(button, along.offer);
    button.hidden = !along.offer;
    panel.wait(plotly ? null : words.slices);
    if (!plotly || !isNew(along, frame.palette, checkpointOf(snapshot), info, panel.body.clientWidth)) return;
    plot ??= createPlot(panel.body, plotly, {
      buttons: [],
      patient: true,
      on: { plotly_click: ({ points: [{ pointIndex }], event }) => (event?.shiftKey ? state.set({ compared_checkpoint: pointIndex }) : choose(pointIndex)) },
      onResize: () => last && update(last),
    });
    plot.draw(figure(frame, panel.body));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
