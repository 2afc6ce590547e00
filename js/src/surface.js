// The loss surface in three dimensions.
import { decodeSurface } from "./decode.js";
import { h, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { displayOf } from "./frame.js";
import { createMemory } from "./memory.js";
import { createPanel } from "./panel.js";
import { createPlot } from "./plot.js";
import { figure2d, figure3d, fromElsewhere, isNarrow } from "./surface-figure.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./decode.js").SurfaceResult} SurfaceResult */

/** Stands in until the first result: a browser takes longest for its first picture in three dimensions. @type {SurfaceResult} */
const PLACEHOLDER = decodeSurface({
  axes: ["", ""],
  alpha: Float64Array.of(-1, 0, 1),
  beta: Float64Array.of(-1, 0, 1),
  loss: Float32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2),
  done: new Uint8Array(9),
  minimum: { alpha: -1, beta: 0, loss: 0 },
});

/** Whether this browser draws WebGL at all. */
function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/**
 * @param {HTMLElement} el
 * @param {import("./link.js").Link} link
 */
export function createSurface(el, link) {
  const panel = createPanel("surface", "Surface");
  const notice = h("p", { class: "lw-notice", hidden: true });
  const again = h("button", { type: "button", class: "lw-link-button" }, "Try 3-D again");
  notice.append("The browser gave up this 3-D view; contours instead. ", again);
  panel.body.append(notice);
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  let flat = false;
  /** @type {object | null} */
  let camera = null;
  const isNew = createMemory();
  const isMoved = createMemory();

  /** @param {any} event */
  function hover(event) {
    const at = event.points?.[0];
    if (at) link.point.set({ alpha: at.x, beta: at.y, source: "surface" });
  }
  function leave() {
    if (link.point.get()?.source === "surface") link.point.set(null);
  }

  // Kept here: plotly forgets a turned camera when a figure comes while it is being turned.
  function turned(/** @type {any} */ event) {
    if (event["scene.camera"]) camera = event["scene.camera"];
    else if (event["scene.camera.eye"]) camera = null;
  }

  /** @param {boolean} next */
  function setFlat(next) {
    plot?.destroy();
    plot = null;
    flat = next;
    notice.hidden = !next;
    if (last) update(last);
  }
  again.addEventListener("click", () => setFlat(false));

  /** @param {import("./plot.js").Plotly} plotly */
  function makePlot(plotly) {
    if (flat) return createPlot(panel.body, plotly, { buttons: ["toImage"] });
    return createPlot(panel.body, plotly, {
      buttons: ["resetCameraDefault3d", "toImage"],
      on: { plotly_hover: hover, plotly_unhover: leave, plotly_relayout: turned, plotly_relayouting: turned },
      onContextLost: () => setFlat(true),
      onResize: () => last && update(last),
    });
  }

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { surface, note, composed, extent } = frame.picture;
    panel.setProvisional(note !== "", note);
    panel.wait(surface && frame.plotly ? null : frame.words.surface);
    if (!frame.plotly) return;
    if (!plot && !flat && !hasWebGL()) return setFlat(true);
    if (!surface) {
      if (plot || flat) return;
      plot = makePlot(frame.plotly);
      return plot.draw(figure3d(frame, PLACEHOLDER, panel.body, camera));
    }

    setText(panel.foot, `Height: loss, ${formatNumber(surface.range[0])} to ${formatNumber(surface.range[1])}`);
    plot ??= makePlot(frame.plotly);
    const narrow = isNarrow(panel.body);
    const anew = isNew(plot, surface, frame.palette, extent.join(), narrow, ...displayOf(frame));
    const moved = isMoved(fromElsewhere(frame.point));
    const make = (/** @type {Frame} */ now) => (flat ? figure2d(now, surface, panel.body) : figure3d(now, surface, panel.body, camera));
    if (anew) plot.draw(make(frame), () => composed || panel.drawn(surface));
    else if (moved && !flat) plot.follow(() => make(last ?? frame));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
