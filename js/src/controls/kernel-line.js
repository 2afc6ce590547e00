// What can be had without a kernel: says so, and greys what needs one.
import { h, setText } from "../ui/dom.js";
import { tellReasons } from "../ui/reasons.js";

/** @type {Record<import("../kernel/pulse.js").Kernel, [string, string]>} with results and without */
const WORDS = {
  there: ["", ""],
  gone: ["No kernel: showing saved results; run the cell to go on.", "No kernel: run the cell to go on."],
  unclear: ["Kernel busy or gone: what is asked for waits until it answers.", "Kernel busy or gone: waiting until it answers."],
};

const SAVED = "A saved page: it shows the pictures that it was saved with, and what is grey is not among them.";

/**
 * @param {HTMLElement} el
 * @param {HTMLElement} root  of the page, in which controls that need a kernel have the attribute `data-asks`, with
 *   "held" for its value while the page can answer them itself
 */
export function createKernelLine(el, root) {
  const element = h("p", { class: "lw-kernel", role: "status", "data-testid": "kernel" });
  el.append(element);
  return {
    /** After all other parts. @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ kernel, surface, saved }) {
      setText(element, saved ? SAVED : WORDS[kernel][surface ? 0 : 1]);
      root.dataset.kernel = kernel;
      for (const control of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("[data-asks]"))) {
        control.disabled = kernel === "gone" && control.dataset.asks !== "held";
      }
      tellReasons(root, kernel !== "gone" ? "" : saved ? "This page does not hold it" : WORDS.gone[1]);
    },
    destroy() {
      element.remove();
    },
  };
}
