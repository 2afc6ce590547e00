// Zooming and panning the plane: what is asked for is evaluated, and can be taken back.
import { pan, snapDomain, stepZoom } from "../model/domains.js";
import { sameDomain } from "../model/values.js";

/** @typedef {import("../model/values.js").Domain} Domain */

/** Steps to take back at most. */
const MOST_STEPS = 50;

/**
 * @param {import("../kernel/state.js").State} state
 * @param {"domain" | "compared_domain"} control  the domain to change, that of the first or of the second plane
 */
export function createZoom(state, control) {
  /** What that domain is now, and of which plane. @returns {{axes: string, domain: Domain | null}} */
  const now = () => ({ axes: String(state.snapshot[control === "domain" ? "axes" : "compared_axes"]), domain: state.snapshot[control] });

  /** Where each zoom came from and led to. @type {{axes: string, from: Domain | null, to: Domain | null}[]} */
  let history = [];

  /** The last zoom, as long as it is what is on show. */
  function lastStep() {
    const { axes, domain } = now();
    const step = history.at(-1);
    if (step?.axes !== axes) return null;
    return step.to === domain || (step.to && domain && sameDomain(step.to, domain)) ? step : null;
  }

  /** @param {Domain | null} domain */
  function go(domain) {
    const { axes, domain: from } = now();
    const before = lastStep() ? history : [];
    const to = state.set({ [control]: domain }, true)[control];
    if (to !== from) history = [...before, { axes, from, to }].slice(-MOST_STEPS);
  }

  return {
    /** What a box or a dragged axis shows. @param {Domain} shown @param {Domain} next */
    show(shown, next) {
      const domain = snapDomain(shown, next, state.snapshot.resolution);
      if (!sameDomain(shown, domain)) go(domain);
    },
    /** @param {Domain} shown @param {1 | -1} direction  1: closer @param {{alpha: number, beta: number}} fixed */
    step: (shown, direction, fixed) => go(stepZoom(shown, direction, fixed, state.snapshot.resolution)),
    /** @param {Domain} shown @param {number} right  in widths @param {number} up  in heights */
    pan: (shown, right, up) => go(pan(shown, right, up, state.snapshot.resolution)),
    /** Back to the kernel's own choice, from which no zoom is left to take back. */
    reset() {
      history = [];
      if (now().domain !== null) state.set({ [control]: null }, true);
    },
    /** Back to what was shown before the last zoom. */
    undo() {
      const step = lastStep();
      if (!step) return;
      history = history.slice(0, -1);
      state.set({ [control]: step.from }, true);
    },
    get canUndo() {
      return lastStep() !== null;
    },
  };
}

/** @typedef {ReturnType<typeof createZoom>} Zoom */

/** A tenth of the picture, to each side. @type {Record<string, [number, number]>} */
const PANS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };

export const ZOOM_KEYS = "+ and − zoom, Shift and arrow keys pan, 0 resets, Backspace undoes.";
export const ZOOM_MOUSE = "Drag a box to zoom, Shift to pan, Ctrl and wheel to zoom step by step, double-click to reset.";

/**
 * The part of the plane that a drag has brought into view.
 * @param {any} event  plotly's
 * @param {Domain} now
 * @returns {Domain | null}  null where the event is about something else
 */
export function dragged(event, now) {
  const names = ["xaxis.range[0]", "xaxis.range[1]", "yaxis.range[0]", "yaxis.range[1]"];
  if (!names.some((name) => Number.isFinite(event[name]))) return null;
  return /** @type {Domain} */ (names.map((name, i) => event[name] ?? now[i]));
}

/**
 * Zooms as a key asks for.
 * @param {Zoom} zoom
 * @param {KeyboardEvent} event
 * @param {Domain} shown
 * @param {{alpha: number, beta: number}} fixed  stays where it is
 * @returns {boolean} whether the key was one that zooms
 */
export function zoomKey(zoom, { key, shiftKey }, shown, fixed) {
  if (key === "+" || key === "=") zoom.step(shown, 1, fixed);
  else if (key === "-") zoom.step(shown, -1, fixed);
  else if (key === "0") zoom.reset();
  else if (key === "Backspace") zoom.undo();
  else if (shiftKey && PANS[key]) zoom.pan(shown, ...PANS[key]);
  else return false;
  return true;
}

/** Wheel movement, in pixels, for one step. */
const NOTCH = 60;

/**
 * Zooms with the wheel while Ctrl or ⌘ is held, as pinching a touch pad does; without them the page scrolls.
 * @param {HTMLElement} el
 * @param {(direction: 1 | -1, event: WheelEvent) => void} step
 */
export function onWheelZoom(el, step) {
  let travelled = 0;
  /** @param {WheelEvent} event */
  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    // Before plotly hears of it, which would scroll the page.
    event.stopPropagation();
    travelled += event.deltaMode === 0 ? event.deltaY : event.deltaY * 30;
    if (Math.abs(travelled) < NOTCH) return;
    step(travelled > 0 ? -1 : 1, event);
    travelled = 0;
  }
  el.addEventListener("wheel", wheel, { passive: false, capture: true });
}

/**
 * Leaves the wheel to the page until the view was clicked, and again once the pointer has left it.
 * @param {HTMLElement} el
 */
export function onlyAfterClick(el) {
  let taken = false;
  el.addEventListener("pointerdown", () => (taken = true), { capture: true });
  el.addEventListener("pointerleave", () => (taken = false));
  // Before plotly hears of it.
  el.addEventListener("wheel", (event) => taken || event.stopPropagation(), { passive: true, capture: true });
}
