// A part of the page that is folded away behind a button.
import { h, uniqueId } from "./dom.js";

/**
 * @param {object} options
 * @param {string} options.name  test id of the part; the button's is `${name}-open`
 * @param {string} options.label
 * @param {string} options.title
 * @param {string | Node} options.mark  on the button
 */
export function createFold({ name, label, title, mark }) {
  const id = uniqueId(name);
  const body = h("section", { id, class: "lw-fold", "data-testid": name, "aria-label": label, hidden: true });
  const attributes = { type: "button", class: "lw-button lw-icon", "data-testid": `${name}-open`, "aria-label": label, "aria-expanded": "false", "aria-controls": id, title };
  const button = h("button", attributes, mark);

  /** @param {boolean} open */
  function set(open) {
    body.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  }
  button.addEventListener("click", () => set(body.hidden));
  function close(/** @type {KeyboardEvent} */ { key }) {
    if (key !== "Escape") return;
    set(false);
    button.focus();
  }
  for (const part of [button, body]) part.addEventListener("keydown", close);
  return { button, body };
}
