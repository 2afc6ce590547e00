// How θ* and the user's model differ: what takes the weights of a model that was trained on, and the way back from another centre.
import { createButton, h, setText } from "../ui/dom.js";
import { formatNumber } from "../model/format.js";

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createDrift(el, state) {
  const words = h("span");
  const button = createButton("update", { "data-asks": true, title: "Your model's present weights become θ*; the former ones stay to go back to" }, "Take the new weights");
  button.addEventListener("click", () => state.send("update"));
  const moved = h("span");
  const back = createButton("centre-back", { "data-asks": true, title: "Return to the centre before this one" }, "Back");
  back.addEventListener("click", () => state.send("back"));
  const [trained, centre] = [["drift", words, button], ["centre", moved, back]].map(([name, ...parts]) => h("span", { class: "lw-pins-line", "data-testid": String(name), hidden: true }, ...parts));
  const element = h("p", { class: "lw-kernel lw-drift", role: "status", hidden: true }, centre, trained);
  el.append(element);
  return {
    /** @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ points: { drift, centre: { depth, moved: distance } } }) {
      trained.hidden = !drift;
      centre.hidden = depth === 0;
      element.hidden = trained.hidden && centre.hidden;
      setText(moved, distance ? `θ* is ${formatNumber(distance, 3)} away from your model's weights.` : "θ* are your model's weights as they were last taken.");
      setText(words, drift ? drift.words : "");
      button.hidden = !drift?.takes;
    },
    destroy() {
      element.remove();
    },
  };
}
