// Whether the user's model has been trained on since its weights were taken, and what takes the new ones.
import { createButton, h, setText } from "../ui/dom.js";

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createDrift(el, state) {
  const words = h("span");
  const button = createButton("update", { "data-asks": true, title: "Your model's present weights become θ*; the former ones stay to go back to" }, "Take the new weights");
  button.addEventListener("click", () => state.send("update"));
  const element = h("p", { class: "lw-kernel lw-drift", role: "status", "data-testid": "drift", hidden: true }, words, button);
  el.append(element);
  return {
    /** @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ points: { drift } }) {
      element.hidden = !drift;
      setText(words, drift ? drift.words : "");
      button.hidden = !drift?.takes;
    },
    destroy() {
      element.remove();
    },
  };
}
