// One line of a legend.
import { h } from "./dom.js";

/**
 * A swatch in a colour of the style sheet, with words after it.
 * @param {string} colour  "kappa-minus", "kappa-plus", "first", "second" or "reference"
 */
export function createKey(colour) {
  const words = h("span");
  const element = h("span", { class: "lw-key" }, h("i", { class: `lw-swatch lw-${colour}`, "aria-hidden": "true" }), words);
  return { element, words };
}

/**
 * A swatch in a colour that a result brings with it, with words after it.
 * @param {string} colour
 * @param {string} words
 */
export const createSwatch = (colour, words) => h("span", { class: "lw-key" }, h("i", { class: "lw-swatch", style: `background: ${colour}`, "aria-hidden": "true" }), h("span", {}, words));
