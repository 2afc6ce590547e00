// Half the width of a plane's domain: a slider that scales both axes, a button that leaves it to the kernel, and a
// switch for the same distance on both axes.
import { isEigen } from "../kernel/axes.js";
import { clean } from "../model/domains.js";
import { createButton } from "../ui/dom.js";
import { formatShort } from "../model/format.js";
import { createSlider } from "../ui/slider.js";
import { halfWidth, halfWidthsAround, sameDomain, squareDomain } from "../model/values.js";

/** @typedef {import("../model/values.js").Domain} Domain */

/** The half-width in words; two numbers where the axes differ. @param {Domain} domain */
function describeWidth(domain) {
  const [alpha, beta] = [(domain[1] - domain[0]) / 2, (domain[3] - domain[2]) / 2];
  if (sameDomain(domain, squareDomain(alpha)) || Math.abs(alpha - beta) < 1e-6 * alpha) return formatShort(alpha);
  return `${formatShort(alpha)} × ${formatShort(beta)}`;
}

/**
 * The domain around θ* that reaches so far along its wider axis, and along the other in proportion.
 * @param {Domain} domain
 * @param {number} width
 * @returns {Domain}
 */
export function scaledDomain([a0, a1, b0, b1], width) {
  const [alpha, beta] = [a1 - a0, b1 - b0].map((side) => clean((width * side) / Math.max(a1 - a0, b1 - b0)));
  return [-alpha, alpha, -beta, beta];
}

/**
 * @param {object} options
 * @param {string} options.name  test id of the slider
 * @param {string} options.auto  test id of the button
 * @param {string} options.equal  test id of the switch
 * @param {string} options.label
 * @param {Node} [options.mark]  in place of the label, for the eye
 * @param {import("../kernel/state.js").State} options.state
 * @param {"domain" | "compared_domain"} options.control  whose width it is
 */
export function createWidth({ name, auto, equal, label, mark, state, control }) {
  const send = (/** @type {Domain | null} */ domain) => state.set({ [control]: domain });
  /** Whose proportions are kept; null for a square. @type {Domain | null} */
  let kept = null;
  /** The half-width that the slider's range lies around, and of which plane it is. */
  const middle = { width: 1, plane: "" };
  const title = "How far the picture reaches from θ* on either side";
  /** Those that there are without a kernel; null for any. @type {readonly Domain[] | null} */
  let held = null;
  const domainOf = (/** @type {number} */ width) => held?.find((each) => halfWidth(each) === width) ?? (kept ? scaledDomain(kept, width) : squareDomain(width));
  const slider = createSlider({ name, label, title, mark, values: halfWidthsAround(middle.width), format: (width) => describeWidth(domainOf(width)), send: (width) => send(domainOf(width)), asks: true });
  const button = createButton(auto, { "data-asks": true, title: "As far as it reaches by itself" }, "auto");
  button.addEventListener("click", () => send(null));
  const square = createButton(equal, { "data-asks": true, title: "The same distance on both axes; else each axis by its own curvature, so that both are seen" }, "1:1");
  square.addEventListener("click", () => state.set({ equal_axes: square.getAttribute("aria-pressed") !== "true", [control]: null }));
  slider.element.append(button, square);
  return {
    element: slider.element,
    /**
     * @param {Domain | null} domain
     * @param {Domain | undefined} shown  what the kernel chose
     * @param {Pick<import("../kernel/state.js").Snapshot, "axes" | "equal_axes" | "info" | "offers" | "domains">} plane
     */
    set(domain, shown, { axes, equal_axes, info, offers, domains }) {
      const actual = domain ?? shown;
      const eigenvectors = axes.every((axis) => isEigen(info.axes, axis)); // each with a half-width by its own curvature
      kept = actual && eigenvectors && !equal_axes ? actual : null;
      const plane = String([axes, equal_axes]);
      // The kernel's own choice; of a plane that it has not chosen for, what is on show.
      if (actual && (domain === null || plane !== middle.plane)) Object.assign(middle, { width: halfWidth(actual), plane });
      held = domains(control);
      slider.setValues(held?.map(halfWidth) ?? halfWidthsAround(middle.width, actual ? halfWidth(actual) : middle.width));
      if (actual) slider.set(halfWidth(actual), describeWidth(actual));
      else slider.set(1, "–");
      button.setAttribute("aria-pressed", String(domain === null));
      button.dataset.asks = offers({ [control]: null }) ? "held" : "true";
      square.hidden = !eigenvectors;
      square.setAttribute("aria-pressed", String(equal_axes));
      square.dataset.asks = offers({ equal_axes: !equal_axes, domain: null }) ? "held" : "true";
    },
    destroy: slider.destroy,
  };
}
