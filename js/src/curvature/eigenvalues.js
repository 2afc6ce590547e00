// The outermost eigenvalues as buttons: each can be made an axis of the plane.
import { h, setText } from "../ui/dom.js";
import { formatEstimate, formatNumber } from "../model/format.js";

/** @typedef {import("../kernel/curvature-decoders.js").EigenResult} EigenResult */

const AXES = ["α", "β"];

/** @param {string} spec @param {string} name @param {(which: number, spec: string) => void} choose */
function createChip(spec, name, choose) {
  const main = h("button", {
    type: "button",
    "data-testid": `eigenvalue-${spec}`,
    title: "Click: as α. Shift and click: as β.",
  });
  main.addEventListener("click", (event) => choose(Number(event.shiftKey), spec));
  const parts = AXES.map((axis, which) => {
    const label = `${name} as ${axis}`;
    const button = h("button", { type: "button", "data-testid": `eigenvalue-${spec}-${which ? "beta" : "alpha"}`, title: label, "aria-label": label }, axis);
    button.addEventListener("click", () => choose(which, spec));
    return button;
  });
  return {
    element: h("span", { class: "lw-chip", role: "group", "aria-label": name }, main, ...parts),
    /** @param {number} value @param {number} residual @param {boolean} converged @param {[string, string]} axes */
    set(value, residual, converged, axes) {
      setText(main, `${name} ${converged ? formatNumber(value) : formatEstimate({ value, stderr: residual })}`);
      main.dataset.sign = value < 0 ? "negative" : "positive";
      main.classList.toggle("lw-settling", !converged);
      parts.forEach((button, which) => button.setAttribute("aria-pressed", String(axes[which] === spec)));
    },
  };
}

/** @param {(which: number, spec: string) => void} choose */
export function createEigenvalues(choose) {
  const element = h("div", { class: "lw-chips", role: "group", "aria-label": "Eigenvalues" });
  let offered = "";
  /** @type {{spec: string, chip: ReturnType<typeof createChip>}[]} */
  let chips = [];

  return {
    element,
    /** @param {EigenResult | null} eigenpairs @param {[string, string]} axes */
    set(eigenpairs, axes) {
      element.hidden = !eigenpairs?.axes.length;
      if (!eigenpairs) return;
      const { axes: specs, symbols } = eigenpairs;
      if (specs.join() !== offered) {
        // Only then: a button that is replaced loses the focus.
        offered = specs.join();
        chips = specs.map((spec, i) => ({ spec, chip: createChip(spec, symbols[i], choose) }));
        element.replaceChildren(...chips.map(({ chip }) => chip.element));
      }
      chips.forEach(({ chip }, i) => chip.set(eigenpairs.values[i], eigenpairs.residuals[i], eigenpairs.converged[i], axes));
    },
  };
}
