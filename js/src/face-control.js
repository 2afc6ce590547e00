// Which face of the curvature panel is on show: one of three, side by side.
import { h, uniqueId } from "./dom.js";
import { FACES } from "./state.js";

/** @typedef {import("./state.js").Face} Face */

/** @type {Record<Face, [string, string]>} */
const LABELS = {
  projections: ["Projections", "The curvature that random planes show"],
  spectrum: ["Spectrum", "How the eigenvalues of the Hessian are spread"],
  trace: ["Trace", "Running estimates of the trace of the Hessian"],
};

/** @param {(face: Face) => void} send */
export function createFaceControl(send) {
  const group = uniqueId("face");
  const inputs = FACES.map((face) => h("input", { type: "radio", name: group, value: face, "data-testid": `face-${face}` }));
  const element = h("div", { class: "lw-segments", role: "radiogroup", "aria-label": "Curvature by", "data-testid": "face" });
  inputs.forEach((input, i) => {
    const [label, title] = LABELS[FACES[i]];
    input.addEventListener("change", () => send(FACES[i]));
    element.append(h("label", { class: "lw-segment", title }, input, h("span", {}, label)));
  });
  return {
    element,
    /** @param {Face} face */
    set(face) {
      inputs.forEach((input) => (input.checked = input.value === face));
    },
  };
}
