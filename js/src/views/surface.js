// The loss surface in three dimensions.
import { decodeSurface } from "../kernel/decoders.js";
import { h, setText } from "../ui/dom.js";
import { digitsWithin, formatCount, formatNumber } from "../model/format.js";
import { displayOf } from "../ui/frame.js";
import { pointing } from "../ui/link.js";
import { createMemory } from "../ui/changed.js";
import { teller } from "../ui/caption.js";
import { createPanel } from "../ui/panel.js";
import { createPlot } from "../ui/plot.js";
import { thinned } from "../model/thinned.js";
import { quantityOf } from "../kernel/splits.js";
import { figure2d } from "./heatmap-figure.js";
import { steered } from "../model/camera.js";
import { cameraIn, figure3d, fitOf, fromElsewhere, sideOf } from "./surface-figure.js";
import { onlyAfterClick } from "./zoom.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** Stands in until the first result: a browser takes longest for its first picture in three dimensions. @type {SurfaceResult} */
const PLACEHOLDER = decodeSurface({
  axes: ["", ""],
  alpha: Float64Array.of(-1, 0, 1),
  beta: Float64Array.of(-1, 0, 1),
  split: "train",
  batch_norm: "frozen",
  loss: Float32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2),
  done: new Uint8Array(9),
  minimum: { alpha: -1, beta: 0, loss: 0 },
});

/** Milliseconds without a result after which the scene is built: a result that is about to come must not wait for it. */
const PATIENCE = 1000;

/** A picture that is refined is drawn again once it has so many times the nodes: twice as many along each axis. */
const STAGE = 4;

/** Nodes for each axis in the scene: more are smaller than can be seen; while they change, drawing must take little. */
const MOST = { atRest: 101, meanwhile: 51 };

/** What of a picture is in the scene. @param {Frame} frame  with a surface */
function inScene({ snapshot: { status }, picture: { surface, composed } }) {
  const { final } = /** @type {SurfaceResult} */ (surface);
  const rests = final || (status !== "computing" && !composed);
  return thinned(/** @type {SurfaceResult} */ (surface), rests ? MOST.atRest : MOST.meanwhile);
}

/** How much of a picture is there, until all of it is; then how much of it is in the scene. @param {Frame} frame */
function soFar(frame) {
  const { snapshot: { surface, kernel }, picture: { composed } } = frame;
  if (!surface || composed) return "";
  const { alpha, beta } = inScene(frame);
  if (surface.final) return alpha.length < surface.alpha.length ? ` · ${alpha.length} × ${beta.length} of its nodes` : "";
  return ` · ${formatCount(surface.nDone)} of ${formatCount(surface.done.length)} nodes${kernel === "gone" ? "" : " so far"}`;
}

/** Whether this browser draws WebGL at all. */
function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/**
 * @param {ParentNode} el
 * @param {import("../ui/link.js").Link} link
 * @param {string} [name]  the view's test id
 * @param {HTMLElement[]} tools  beside its title
 */
export function createSurface(el, link, name = "surface", ...tools) {
  const panel = createPanel(name, "Surface", teller(() => last), "lw-of-plane");
  const notice = h("p", { class: "lw-notice", hidden: true });
  const again = h("button", { type: "button", class: "lw-button", title: "Draw the surface in three dimensions again" }, "Try 3-D again");
  notice.append("The browser gave up this 3-D view; contours instead. ", again);
  panel.body.append(notice);
  panel.tools.append(...tools);
  onlyAfterClick(panel.body);
  const keys = { tabindex: "0", role: "group", "aria-label": "Loss as a surface. The arrow keys turn it, plus and minus go nearer and farther, 0 leads back" };
  for (const [key, value] of Object.entries(keys)) panel.body.setAttribute(key, value);
  panel.body.addEventListener("keydown", (event) => {
    if (flat || event.target !== panel.body || event.ctrlKey || event.metaKey || event.altKey) return;
    const back = event.key === "0";
    const next = back ? link.began.get() : steered(cameraIn(panel.body, link.camera.get()), event.key);
    if (!next && !back) return;
    event.preventDefault();
    link.camera.set(next);
    if (last) update(last);
  });
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  let flat = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let ahead;
  let turning = false;
  /** Where the scene was drawn to be seen from. @type {string | null} */
  let side = null;
  /** The kernel's picture in the scene. @type {SurfaceResult | null} */
  let scene = null;
  const isNew = createMemory();
  const isAsked = createMemory();
  const isMoved = createMemory();

  // Kept here: plotly forgets a turned camera when a figure comes while it is being turned.
  function keep(/** @type {any} */ event) {
    if (event["scene.camera"]) link.camera.set(event["scene.camera"]);
    // Who has turned it wants to see it as it is by now.
    scene = null;
    if (!turning && last) update(last);
  }
  function turned(/** @type {any} */ event) {
    turning = true;
    keep(event);
    turning = false;
  }
  // The view beside this one was turned; or this one, whose camera may run on a little after it was let go.
  const stopFollowing = link.camera.subscribe(() => {
    if (!turning && !flat && last?.picture.surface) plot?.follow(make(/** @type {Frame} */ (last)));
  });

  /** @param {boolean} next */
  function setFlat(next) {
    plot?.destroy();
    plot = null;
    flat = next;
    notice.hidden = !next;
    for (const [key, value] of Object.entries(keys)) next ? panel.body.removeAttribute(key) : panel.body.setAttribute(key, value);
    if (last) update(last);
  }
  again.addEventListener("click", () => setFlat(false));

  /** @param {import("../ui/plot.js").Plotly} plotly */
  function makePlot(plotly) {
    if (flat) return createPlot(panel.body, plotly, { buttons: [] });
    return createPlot(panel.body, plotly, {
      // Plotly's own goes to where plotly's scenes begin.
      buttons: [{ name: "reset", title: "Reset camera", icon: plotly.Icons.home, click: () => link.camera.set(link.began.get()) }],
      slow: true,
      patient: true,
      on: { ...pointing(link, "surface"), plotly_relayout: keep, plotly_relayouting: turned },
      onContextLost: () => setFlat(true),
      onResize: () => last && update(last),
    });
  }

  /** @param {Frame} frame  with a surface @returns {import("../ui/plot.js").Make} */
  const make = (frame) => (palette = frame.palette) => {
    const [surface, own] = [inScene(frame), { ...frame, palette }];
    return flat ? figure2d(own, surface, panel.body) : figure3d(own, surface, panel.body, link.camera.get());
  };

  /** Builds the scene unseen, where the first result lets wait for it. */
  function drawAhead() {
    const frame = /** @type {Frame} */ (last);
    if (plot || flat || !frame.plotly) return;
    plot = makePlot(frame.plotly);
    plot.draw(() => figure3d(frame, PLACEHOLDER, panel.body, link.camera.get()));
  }

  /**
   * Whether a picture is worth a scene, which in software takes a browser longer than all else: while the kernel
   * refines one, a few stages of it are, and whatever a person has changed.
   * @param {Frame} frame
   * @param {SurfaceResult} surface
   */
  function isDue({ snapshot, palette, log, scale, contours, quadratic, errors, colours, pins, paths, picture }, surface) {
    const asked = isAsked(plot, palette, picture.extent.join(), fitOf(panel.body), log, scale, contours, quadratic, errors, colours, JSON.stringify(pins), snapshot.landmarks?.final && paths);
    if (asked || snapshot.status !== "computing" || surface.final || picture.composed) return true;
    if (!scene || scene.request !== surface.request) return true;
    return scene.nExamples !== surface.nExamples || surface.nDone >= STAGE * scene.nDone;
  }

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    panel.setName(frame.name);
    const { surface, note, provisional, composed, extent } = frame.picture;
    panel.setProvisional(provisional, note);
    panel.wait(surface && frame.plotly ? null : frame.words.surface);
    if (!frame.plotly) return;
    if (!plot && !flat && !hasWebGL()) return setFlat(true);
    if (!surface) {
      if (!plot && !flat) ahead ??= setTimeout(drawAhead, PATIENCE);
      return;
    }
    clearTimeout(ahead);

    const [low, high] = [...surface.range].map((end) => formatNumber(end, digitsWithin(surface.range)));
    const heights = `Height: ${quantityOf(surface)}, ${low} to ${high}`;
    setText(panel.foot, heights + soFar(frame));
    plot ??= makePlot(frame.plotly);
    if (!turning) side = sideOf(cameraIn(panel.body, link.camera.get()));
    const anew = isDue(frame, surface) && isNew(plot, inScene(frame), frame.palette, extent.join(), fitOf(panel.body), side, ...displayOf(frame));
    const moved = isMoved(fromElsewhere(frame.point));
    if (anew) {
      scene = composed ? null : surface;
      const fit = fitOf(panel.body);
      plot.draw(make(frame), () => {
        if (!composed) panel.drawn(surface);
        // A host that swaps its style sheet may have given the place another size while this was made.
        if (last && fit !== fitOf(panel.body)) update(last);
      });
    } else if (moved && !flat) plot.follow(make(last ?? frame));
  }

  return {
    update,
    destroy() {
      stopFollowing();
      clearTimeout(ahead);
      plot?.destroy();
      panel.element.remove();
    },
  };
}
