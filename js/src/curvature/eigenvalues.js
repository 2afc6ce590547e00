// The outermost eigenvalues as buttons: each can be made an axis of the plane.
import { canonical, eigenName } from "../kernel/axes.js";
import { h, setText } from "../ui/dom.js";
import { formatEstimate, formatNumber } from "../model/format.js";

/** @typedef {import("../kernel/curvature-decoders.js").EigenResult} EigenResult */

const AXES = ["α", "β"];

/** From the largest eigenvalue down to the smallest, whatever the values settle at. @param {string} spec */
const order = (spec) => {
  const rank = Number(spec.split(":")[2] ?? 1);
  return spec.startsWith("hessian:min") ? -rank : rank - Number.MAX_SAFE_INTEGER;
};

/**
 * The axes with one of them set anew. Two equal axes span no plane: then they change places.
 * @param {[string, string]} axes
 * @param {number} which
 * @param {string} spec
 * @returns {[string, string]}
 */
export function withAxis(axes, which, spec) {
  const next = /** @type {[string, string]} */ ([...axes]);
  next[which] = spec;
  if (canonical(next[1 - which]) === canonical(spec)) next[1 - which] = axes[which];
  return next;
}

/** @param {string} spec @param {(which: number, spec: string) => void} choose */
function createChip(spec, choose) {
  const name = eigenName(spec);
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
      parts.forEach((button, which) => button.setAttribute("aria-pressed", String(canonical(axes[which]) === canonical(spec))));
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
      const specs = [...new Set(eigenpairs.axes)].sort((a, b) => order(a) - order(b));
      if (specs.join() !== offered) {
        // Only then: a button that is replaced loses the focus.
        offered = specs.join();
        chips = specs.map((spec) => ({ spec, chip: createChip(spec, choose) }));
        element.replaceChildren(...chips.map(({ chip }) => chip.element));
      }
      for (const { spec, chip } of chips) {
        const i = eigenpairs.axes.indexOf(spec);
        chip.set(eigenpairs.values[i], eigenpairs.residuals[i], eigenpairs.converged[i], axes);
      }
    },
  };
}
