// The curvature panel: one of three faces at a time, in one plot.
import { h } from "../ui/dom.js";
import { createFaceControl } from "./face-control.js";
import { createProjectionsFace, lengthsOf } from "./face-projections.js";
import { createSpectrumFace } from "./face-spectrum.js";
import { createTraceFace } from "./face-trace.js";
import { createMemory } from "../ui/changed.js";
import { teller } from "../ui/caption.js";
import { createPanel } from "../ui/panel.js";
import { createPlot } from "../ui/plot.js";
import { createWalk, NOTHING } from "../ui/keyboard-marks.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */

/** What each face shows. @type {Record<import("../kernel/state.js").Face, string>} */
const TITLES = { projections: "Curvature of random planes", spectrum: "Spectrum of the Hessian", trace: "Trace of the Hessian" };

/** @param {Frame} frame */
const titleOf = ({ snapshot: { face, info } }) => TITLES[face] + (info.subject && ` of ${info.subject}`);

/** Of the picture of a plane, which is not this one. */
const ELSEWHERE = { "Half-widths": "", Resolution: "", Nodes: "", Accuracy: "", Scale: "", Colours: "" };

/** @param {Frame} frame */
const detailsOf = ({ snapshot }) => ({ ...ELSEWHERE, Directions: snapshot.face === "projections" ? lengthsOf(snapshot) : "" });

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createCurvature(el, state) {
  const panel = createPanel("curvature", "Curvature", teller(() => latest, titleOf, detailsOf));
  const control = createFaceControl((face) => state.set({ face }));
  panel.tools.append(control.element);
  const faces = { projections: createProjectionsFace(state), spectrum: createSpectrumFace(state), trace: createTraceFace() };
  const feet = Object.values(faces).map(({ foot }) => h("div", { hidden: true }, foot));
  /** @type {Frame | null} */
  let latest = null;
  const walk = createWalk(panel.body, () => latest && update(latest));
  panel.foot.append(walk.readout, ...feet);
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {import("../kernel/state.js").Face | null} */
  let shown = null;
  const isNew = createMemory();

  /** What a click would do where the pointer is. @param {any} event */
  const actionOf = (event) => (shown && event.points?.[0] ? faces[shown].action(event.points[0], event.event) : null);
  /** @param {boolean} clickable */
  const setClickable = (clickable) => {
    panel.body.dataset.clickable = String(clickable);
  };
  const on = {
    plotly_hover: (/** @type {any} */ event) => setClickable(actionOf(event) !== null),
    plotly_unhover: () => setClickable(false),
    plotly_click: (/** @type {any} */ event) => actionOf(event)?.(),
  };

  /** @param {Frame} frame */
  function update(frame) {
    latest = frame;
    const { face, former, kernel } = frame.snapshot;
    if (face !== shown) {
      shown = face;
      panel.element.dataset.face = face;
      control.set(face);
      Object.keys(faces).forEach((name, i) => (feet[i].hidden = name !== face));
      setClickable(false);
      walk.leave();
      panel.undrawn();
    }
    control.enable((name) => !frame.snapshot.saved || faces[name].result(frame.snapshot) !== null);
    const view = faces[face];
    const result = view.result(frame.snapshot);
    panel.setProvisional(former(result) && kernel !== "gone", former(result) ? "former curvature" : "");
    view.update(frame.snapshot);
    const drawable = result !== null && frame.plotly !== null;
    panel.wait(drawable ? null : frame.words.curvature[face]);
    if (!isNew(face, frame.palette, drawable, walk.at, panel.body.clientWidth, ...view.inputs(frame))) return;
    walk.set(drawable ? view.offer(frame) : NOTHING);
    if (!result || !frame.plotly) return panel.undrawn();
    plot ??= createPlot(panel.body, frame.plotly, { buttons: ["resetScale2d"], on, onResize: () => latest && update(latest) });
    plot.draw((palette = frame.palette) => walk.onto(view.figure({ ...frame, palette }, panel.body)), () => face === shown && panel.drawn(result));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
