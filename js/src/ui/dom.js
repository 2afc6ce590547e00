// Building elements without a framework.

/**
 * An element with attributes and children. `true` sets an empty attribute; `false` and `undefined` leave it out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | undefined>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * A button of the usual look.
 * @param {string} id  for tests
 * @param {Record<string, string | number | boolean | undefined>} attributes
 * @param {...string} words
 */
export const createButton = (id, attributes, ...words) => h("button", { type: "button", class: "lw-button", "data-testid": id, ...attributes }, ...words);

let serial = 0;

/**
 * An id that no other element of the page has: two views of one explorer share a document.
 * @param {string} name
 */
export const uniqueId = (name) => `lw-${name}-${++serial}`;

/** Whether a key belongs to a button, and not to the picture that the button lies in. @param {EventTarget | null} target */
export const isButton = (target) => /** @type {Element | null} */ (target)?.closest("button") != null;

/**
 * Writes text only where it differs, so that screen readers and selections are left in peace.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
