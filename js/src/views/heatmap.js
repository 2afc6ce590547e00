// The plane from above: its picture, the legend, what is read off it, and what mouse and keys do to it.
import { createButton, h, isButton } from "../ui/dom.js";
import { capitalised } from "../model/format.js";
import { createMemory } from "../ui/changed.js";
import { teller } from "../ui/caption.js";
import { createPanel } from "../ui/panel.js";
import { createLegend } from "./legend.js";
import { heatmapFigure } from "./heatmap-figure.js";
import { readPaths } from "./path-marks.js";
import { isCut, readAt, readBelow, readLowest, setReading } from "./readings.js";
import { displayOf } from "../ui/frame.js";
import { pointing } from "../ui/link.js";
import { createPlot } from "../ui/plot.js";
import { WORDS } from "../kernel/agreed.js";
import { nearestNode } from "../model/values.js";
import { dragged, onWheelZoom, ZOOM_KEYS, ZOOM_MOUSE, zoomKey } from "./zoom.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** Milliseconds within which a browser takes a second click for a double click; plotly waits for 300 only. */
const DOUBLE_CLICK = 500;
/** Pixels that a hand moves the pointer by in a click, at most. */
const NEAR = 4;
/** Nodes that an arrow key moves the crosshair by. @type {Record<string, [number, number]>} */
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };

/** @typedef {{ alpha: number, beta: number }} Place */

/** The node nearest to a place. @param {SurfaceResult} surface @param {Place} place */
function nodeAt({ alpha, beta }, place) {
  return { alpha: alpha[nearestNode(alpha, place.alpha)], beta: beta[nearestNode(beta, place.beta)] };
}

/**
 * @param {ParentNode} el
 * @param {import("../ui/link.js").Link} link
 * @param {import("./zoom.js").Zoom} zoom
 * @param {string} [name]  the view's test id
 */
export function createHeatmap(el, link, zoom, name = "heatmap") {
  const panel = createPanel(name, "Plane", teller(() => last), "lw-of-plane");
  const id = name.replace("heatmap", "readout");
  const readout = h("output", { class: "lw-readout", "data-testid": id });
  const below = h("output", { class: "lw-readout", "data-testid": `${id}-distance` });
  const legend = createLegend();
  const shares = "How much of the squared distance ‖Δθ‖² of its checkpoints from θ* lies in this plane; the rest of it is off the plane. Point at a checkpoint to read its own";
  const along = h("output", { class: "lw-readout lw-along", "data-testid": `${id}-path`, hidden: true });
  panel.foot.append(readout, " ", below, along);
  panel.body.setAttribute("tabindex", "0");
  panel.body.setAttribute("role", "group");
  panel.body.setAttribute("aria-label", `Loss in the plane. The arrow keys move the crosshair, Enter pins the point, Escape takes the crosshair away; ${ZOOM_KEYS}`);
  const undo = createButton(name.replace("heatmap", "undo-zoom"), { title: ZOOM_MOUSE, hidden: true }, "↶ undo zoom");
  undo.addEventListener("click", () => zoom.undo());
  const title = `${capitalised(WORDS.falls)}: × is no minimum. A click looks a step further`;
  const widen = createButton(name.replace("heatmap", "widen"), { title, hidden: true, "data-asks": true }, "⤢ widen");
  widen.addEventListener("click", () => zoom.step(extent, -1, { alpha: 0, beta: 0 }));
  panel.tools.append(undo, widen, legend.element);
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {SurfaceResult | null} */
  let shown = null;
  /** @type {import("../model/values.js").Domain} */
  let extent = [-1, 1, -1, 1];
  /** @type {Frame | null} */
  let last = null;
  let drags = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let click;
  const isNew = createMemory();
  const isMoved = createMemory();

  /** A pin that waits for a second click, which would make it none. @type {(() => void) | null} */
  let pending = null;
  function settle() {
    clearTimeout(click);
    pending?.();
    pending = null;
  }
  // Of a slow double click plotly tells as of two clicks, and of a click elsewhere right after a double click as of another
  // one: the browser's count tells them apart. Of a click on what is drawn anew since the pointer moved it tells nothing:
  // then the node nearest to it is meant.
  let press = { clicks: 1, told: true };
  function doubleClicked() {
    press.told = true;
    pending = null;
    zoom.reset();
  }
  function pressed(/** @type {MouseEvent} */ { detail, button, clientX, clientY, target }) {
    const mine = { clicks: detail, told: button !== 0 || !/** @type {Element} */ (target).closest(".nsewdrag") };
    press = mine;
    if (mine.clicks > 1) pending = null;
    const released = (/** @type {MouseEvent} */ event) =>
      setTimeout(() => {
        if (mine.told || mine !== press) return; // a later press may come before this
        const at = Math.hypot(event.clientX - clientX, event.clientY - clientY) < NEAR ? placeOf({ clientX, clientY }) : null;
        if (at && shown) clicked(nodeAt(shown, at));
      });
    document.addEventListener("mouseup", released, { capture: true, once: true });
  }
  panel.body.addEventListener("mousedown", pressed, { capture: true });
  /** @param {Place} at */
  function clicked(at) {
    press.told = true;
    if (press.clicks > 1) return doubleClicked();
    settle();
    pending = () => last?.pin(last, at);
    click = setTimeout(settle, DOUBLE_CLICK);
  }

  /** @param {any} event */
  function relayout(event) {
    const next = dragged(event, extent);
    if (!next) return;
    drags++;
    zoom.show(extent, next);
    // Where that comes to what is on show already, no change will tell.
    if (last) update(last);
  }
  /** Where on the plane the pointer is. @param {{clientX: number, clientY: number}} pointer */
  function placeOf({ clientX, clientY }) {
    const area = panel.body.querySelector(".nsewdrag")?.getBoundingClientRect();
    if (!area || !shown) return null;
    const [a0, a1, b0, b1] = extent;
    return { alpha: a0 + ((clientX - area.left) / area.width) * (a1 - a0), beta: b1 - ((clientY - area.top) / area.height) * (b1 - b0) };
  }
  onWheelZoom(panel.body, (direction, pointer) => {
    const at = placeOf(pointer);
    if (at) zoom.step(extent, direction, at);
  });

  panel.body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isButton(event.target)) return;
    if (event.key === "Escape") link.point.set(null);
    const point = link.point.get();
    if (event.key === "Enter" && point && shown && last) {
      event.preventDefault();
      last.pin(last, nodeAt(shown, point));
    }
    const step = STEPS[event.key];
    if (!shown) return;
    const [a0, a1, b0, b1] = extent;
    if (zoomKey(zoom, event, extent, link.point.get() ?? { alpha: (a0 + a1) / 2, beta: (b0 + b1) / 2 })) return event.preventDefault();
    if (!step) return;
    event.preventDefault();
    const { alpha, beta } = shown;
    const from = link.point.get() ?? { alpha: 0, beta: 0 };
    const i = Math.min(beta.length - 1, Math.max(0, nearestNode(beta, from.beta) + step[0]));
    const j = Math.min(alpha.length - 1, Math.max(0, nearestNode(alpha, from.alpha) + step[1]));
    link.point.set({ alpha: alpha[j], beta: beta[i], source: "heatmap" });
  });

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { surface, note, provisional, composed } = frame.picture;
    shown = surface;
    ({ extent } = frame.picture);
    undo.hidden = !zoom.canUndo;
    panel.setName(frame.name);
    panel.setProvisional(provisional, note);
    panel.element.dataset.coarse = String(surface !== null && !surface.final && !composed);
    panel.wait(surface && frame.plotly ? null : frame.words.heatmap);
    if (!surface || !frame.plotly) return;

    setReading(readout, frame.point ? readAt(surface, frame.point.alpha, frame.point.beta) : readLowest(frame, surface));
    const at = frame.point ?? (frame.lowest.length === 1 ? frame.lowest[0] : null);
    legend.update(frame);
    const cut = isCut(frame.lowest, surface);
    widen.hidden = composed || !cut;
    // One line for all: beside paths, how far away that is has no room.
    along.hidden = frame.paths.length === 0;
    below.hidden = !along.hidden && !frame.quadratic && !frame.errors;
    const { text, all } = readPaths(frame);
    setReading(along, text);
    along.title = `${all.replaceAll("\u2003", "\n")}\n${shares}`;
    const far = cut && !frame.point ? WORDS.falls : at ? readBelow(frame, surface, at) : "";
    setReading(below, far);
    readout.title = below.hidden ? far : "";
    plot ??= createPlot(panel.body, frame.plotly, {
      buttons: [],
      zoomed: true,
      onResize: () => last && update(last),
      on: { ...pointing(link, "heatmap"), plotly_click: (/** @type {any} */ { points: [at] }) => at && clicked({ alpha: at.x, beta: at.y }), plotly_relayout: relayout, plotly_doubleclick: () => (press.told || press.clicks > 1) && doubleClicked() },
    });
    const anew = isNew(surface, frame.palette, extent.join(), drags, panel.body.clientWidth, panel.body.clientHeight, ...displayOf(frame));
    const moved = isMoved(frame.point);
    const make = (palette = frame.palette) => heatmapFigure({ ...frame, palette }, surface, panel.body, drags);
    if (anew) plot.draw(make, () => composed || panel.drawn(surface));
    else if (moved) plot.follow(make);
  }

  return {
    update,
    destroy() {
      clearTimeout(click);
      plot?.destroy();
      panel.element.remove();
    },
  };
}
