// The checkpoints of a training run: which one is on show, and play from one to the next.
import { formatNumber } from "../model/format.js";
import { createButton, h, setText } from "../ui/dom.js";
import { createSlider } from "../ui/slider.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/** Milliseconds that a finished picture stays before the next one is asked for. */
const PAUSE = 600;

/** The number of the checkpoint on show. @param {Snapshot} snapshot */
export const checkpointOf = ({ checkpoint, info }) => checkpoint ?? info.checkpoints.length - 1;

/** Whether picture and eigenvalues that are asked for are there, as good as they are to be. @param {Snapshot} snapshot */
const isThere = ({ surface, eigenpairs, provisional, status }) =>
  surface !== null && !provisional && (status === "done" || (surface.final && eigenpairs !== null && eigenpairs.final && eigenpairs.request === surface.request));

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createCheckpoints(el, state) {
  const play = createButton("play", { "data-asks": true, title: "Shows one checkpoint of the run after the other, each once its picture and its eigenvalues are there" });
  const labelOf = (/** @type {number} */ i) => state.snapshot.info.checkpoints[i]?.label ?? "";
  const slider = createSlider({
    name: "checkpoint",
    label: "Checkpoint",
    title: "The weights of the training run that θ* are; the last ones are your model's as they were last taken",
    values: [0, 1],
    format: (i) => `${labelOf(i)} (${i + 1} of ${state.snapshot.info.checkpoints.length})`,
    send: (i) => {
      stop();
      go(i);
    },
    asks: true,
  });
  const away = h("span", { "data-testid": "checkpoint-away" });
  const element = h("div", { class: "lw-bar lw-checkpoints", role: "group", "aria-label": "Training run", "data-testid": "checkpoints", hidden: true }, play, slider.element, away);
  el.append(element);

  /** The checkpoint that play has asked for; null while it does not play. @type {number | null} */
  let target = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** Checkpoints that can be had: all from a kernel, without one those whose pictures the page holds. @type {number[]} */
  let offered = [];

  /** @param {number} i */
  const asked = (i) => ({ checkpoint: i === state.snapshot.info.checkpoints.length - 1 ? null : i });
  const go = (/** @type {number} */ i) => state.set(asked(i));
  /** The next one that play shows. @returns {number | undefined} */
  const following = () => offered.find((i) => i > checkpointOf(state.snapshot));

  function stop() {
    clearTimeout(timer);
    timer = undefined;
    target = null;
    tell();
  }

  function tell() {
    setText(play, target === null ? "▶ Play" : "❚❚ Pause");
    play.setAttribute("aria-pressed", String(target !== null));
  }

  function next() {
    timer = undefined;
    target = target === null ? null : (following() ?? null);
    if (target === null) return stop();
    go(target);
  }

  play.addEventListener("click", () => {
    if (target !== null) return stop();
    target = following() ?? offered[0];
    tell();
    go(target);
  });
  tell();

  return {
    element,
    asked,
    /** Shows a checkpoint that was chosen elsewhere. @param {number} i */
    choose(i) {
      stop();
      go(i);
    },
    /** @param {Snapshot} snapshot */
    update(snapshot) {
      const { info, kernel, status, offers, points } = snapshot;
      const n = info.checkpoints.length;
      element.hidden = n < 2;
      if (n < 2) return stop();
      offered = info.checkpoints.map((_, i) => i).filter((i) => offers(asked(i)));
      play.dataset.asks = kernel === "gone" && offered.length > 1 ? "held" : "true";
      const here = checkpointOf(snapshot);
      // The thumb stands where one is, among those that can be had; where none can, among all.
      const able = offered.some((i) => i !== here);
      slider.setValues(info.checkpoints.map((_, i) => i).filter((i) => !able || i === here || offered.includes(i)), able);
      slider.set(here);
      const { moved } = points.centre;
      setText(away, moved ? `θ* is a point ‖Δθ‖ = ${formatNumber(moved, 3)} away from it` : "");
      if (target === null) return;
      // What could not be had is told below; a cancel is a pause, too.
      const refused = checkpointOf(snapshot) !== target;
      if (refused || status === "failed" || status === "cancelled") stop();
      else if (timer === undefined && isThere(snapshot)) timer = setTimeout(next, PAUSE);
    },
    destroy() {
      clearTimeout(timer);
      slider.destroy();
      element.remove();
    },
  };
}

/** @typedef {ReturnType<typeof createCheckpoints>} Checkpoints */
