// What the kernel is doing: how far, how long still, and the buttons to stop it or start again.
import { createButton, h, setText, uniqueId } from "../ui/dom.js";
import { capitalised, formatDuration } from "../model/format.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/** @param {Snapshot} snapshot */
export function progressText({ status, progress, cancelling, kernel }) {
  if (kernel === "gone") return "No kernel";
  if (status === "computing") {
    if (cancelling) return "Cancelling …";
    if (!progress) return "Starting …";
    const percent = `${Math.floor(100 * progress.fraction)} %`;
    return progress.eta === null ? percent : `${percent} · ${formatDuration(progress.eta)} left`;
  }
  if (status === "done") return progress?.elapsed ? `Done in ${formatDuration(progress.elapsed)}` : "Done";
  if (status === "cancelled") return "Cancelled";
  if (status === "failed") return "Failed";
  return "";
}

/** What a long computation takes in all, and the time left of each part, where there are several. @param {Snapshot} snapshot */
export function partsText({ status, progress }) {
  if (status !== "computing" || !progress) return "";
  const parts = Object.entries(progress.parts);
  const words = (/** @type {number | null} */ left) => (left === null ? "not known yet" : left > 0 ? `${formatDuration(left)} left` : "done");
  const each = parts.length < 2 ? [] : parts.map(([name, left]) => `${name}: ${words(left)}`);
  return [progress.plan, ...each].filter(Boolean).map(capitalised).join("\n");
}

/** Said aloud once per change; the numbers in between are for the eye. @type {Record<Snapshot["status"], string>} */
const SPOKEN = { idle: "", computing: "Computing", done: "Done", cancelled: "Cancelled", failed: "Failed" };

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createProgress(el, state) {
  const id = uniqueId("progress");
  const bar = h("progress", { id, max: 1, value: 0, "data-testid": "progress" });
  const stage = h("label", { for: id });
  const text = h("output", { "data-testid": "progress-text", "aria-live": "off" });
  const cancel = createButton("cancel", { title: "Stop, and keep what is there" }, "Cancel");
  const recompute = createButton("recompute", { title: "Go on from what is known already" }, "Recompute");
  const spoken = h("span", { class: "lw-spoken", "aria-live": "polite" });
  cancel.addEventListener("click", () => state.send("cancel"));
  recompute.addEventListener("click", () => state.send("compute"));

  const element = h(
    "div",
    { class: "lw-progress" },
    stage,
    bar,
    text,
    cancel,
    recompute,
    spoken,
  );
  el.append(element);

  return {
    /** @param {Snapshot} computed @param {boolean} drawing  what was computed is not on show yet */
    update(computed, drawing) {
      const snapshot = /** @type {Snapshot} */ (drawing ? { ...computed, status: "computing", progress: { ...computed.progress, stage: "drawing", eta: null } } : computed);
      const { status, progress } = snapshot;
      if (status === "computing" && !progress) bar.removeAttribute("value");
      else bar.value = status === "done" ? 1 : (progress?.fraction ?? 0);
      setText(stage, capitalised(progress?.stage || "computing"));
      setText(text, progressText(snapshot));
      element.title = partsText(snapshot);
      setText(spoken, SPOKEN[status] ?? "");
      element.dataset.status = snapshot.kernel === "gone" ? "cancelled" : status;
      element.hidden = snapshot.saved;
      cancel.hidden = computed.status !== "computing";
      recompute.hidden = snapshot.kernel === "gone" || (status !== "cancelled" && status !== "failed");
    },
    destroy() {
      element.remove();
    },
  };
}
