// What can be had without a kernel: says so, and greys what needs one.
import { h, setText } from "../ui/dom.js";

/** @type {Record<import("../kernel/pulse.js").Kernel, [string, string]>} with results and without */
const WORDS = {
  there: ["", ""],
  gone: ["No kernel: showing saved results; run the cell to go on.", "No kernel: run the cell to go on."],
  unclear: ["Kernel busy or gone: what is asked for waits until it answers.", "Kernel busy or gone: waiting until it answers."],
};

/**
 * @param {HTMLElement} el
 * @param {HTMLElement} root  of the page, in which controls that need a kernel have the attribute `data-asks`
 */
export function createKernelLine(el, root) {
  const element = h("p", { class: "lw-kernel", role: "status", "data-testid": "kernel" });
  el.append(element);
  return {
    /** After all other parts. @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ kernel, surface }) {
      setText(element, WORDS[kernel][surface ? 0 : 1]);
      root.dataset.kernel = kernel;
      for (const control of root.querySelectorAll("[data-asks]")) /** @type {HTMLButtonElement} */ (control).disabled = kernel === "gone";
    },
    destroy() {
      element.remove();
    },
  };
}
