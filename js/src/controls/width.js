// Half the width of a plane's domain: a slider, and a button that leaves it to the kernel.
import { h } from "../ui/dom.js";
import { formatShort } from "../model/format.js";
import { createSlider } from "../ui/slider.js";
import { HALF_WIDTHS, halfWidth, sameDomain, squareDomain } from "../model/values.js";

/** @typedef {import("../model/values.js").Domain} Domain */

/** The half-width in words; two numbers where the axes differ. @param {Domain} domain */
function describeWidth(domain) {
  const [alpha, beta] = [(domain[1] - domain[0]) / 2, (domain[3] - domain[2]) / 2];
  if (sameDomain(domain, squareDomain(alpha)) || Math.abs(alpha - beta) < 1e-6 * alpha) return formatShort(alpha);
  return `${formatShort(alpha)} × ${formatShort(beta)}`;
}

/**
 * @param {object} options
 * @param {string} options.name  test id of the slider
 * @param {string} options.auto  test id of the button
 * @param {string} options.label
 * @param {Node} [options.mark]  in place of the label, for the eye
 * @param {(domain: Domain | null) => void} options.send
 */
export function createWidth({ name, auto, label, mark, send }) {
  const title = "How far the picture reaches from θ* on either side";
  const slider = createSlider({ name, label, title, mark, values: HALF_WIDTHS, format: formatShort, send: (value) => send(squareDomain(value)) });
  const button = h("button", { type: "button", class: "lw-button", "data-testid": auto, title: "Let the kernel choose how far" }, "auto");
  button.addEventListener("click", () => send(null));
  slider.element.append(button);
  return {
    element: slider.element,
    /** @param {Domain | null} domain @param {Domain | undefined} shown  what the kernel chose */
    set(domain, shown) {
      const actual = domain ?? shown;
      if (actual) slider.set(halfWidth(actual), describeWidth(actual));
      else slider.set(1, "–");
      button.setAttribute("aria-pressed", String(domain === null));
    },
    destroy: slider.destroy,
  };
}
