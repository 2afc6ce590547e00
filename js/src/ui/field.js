// A control with its name, in one line.
import { h, uniqueId } from "./dom.js";

/**
 * The name of a control: a sign for the eye where there is one, and always in words for screen readers.
 * @param {string} id  of the control
 * @param {string} words
 * @param {string | Node} [mark]
 */
export function nameOf(id, words, mark) {
  const spoken = h("span", { class: mark ? "lw-spoken" : undefined }, words);
  return h("label", { for: id }, ...(mark ? [h("span", { class: "lw-mark", "aria-hidden": "true" }, mark)] : []), spoken);
}

/**
 * @param {HTMLElement} control
 * @param {{label: string, title: string, mark?: string | Node}} words
 * @param {...HTMLElement} more  what belongs to the control and stands behind it
 */
export function createField(control, { label, title, mark }, ...more) {
  control.id ||= uniqueId("control");
  return h("div", { class: "lw-field", title }, nameOf(control.id, label, mark), control, ...more);
}

/** A group of controls under one name. @param {string} name @param {HTMLElement} group  with a name of its own */
export const createGroup = (name, group) => h("div", { class: "lw-field" }, h("span", { class: "lw-field-name", "aria-hidden": "true" }, name), group);
