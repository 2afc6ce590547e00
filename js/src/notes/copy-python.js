// The Python call that makes the picture again, to the clipboard.
import { h, setText } from "../ui/dom.js";

/**
 * Copies text, also where a page has no clipboard: in a frame without the right, or without https.
 * @param {string} text
 * @param {HTMLElement} place  where a field may stand for a moment
 */
async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h("textarea", { readonly: true, "aria-hidden": "true", style: "position: fixed; opacity: 0" });
    field.value = text;
    place.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** @param {HTMLElement} el */
export function createCopy(el) {
  const title = "Copy the call that makes this very picture, with the domain on show";
  const button = h("button", { type: "button", class: "lw-button", "data-testid": "copy-python", title, disabled: true }, "Copy as Python");
  const words = h("span", { class: "lw-copied", role: "status", "data-testid": "copied" });
  const element = h("p", { class: "lw-copy" }, button, " ", words);
  el.append(element);
  let text = "";
  button.addEventListener("click", async () => {
    const done = await copy(text, element);
    setText(words, done ? "Copied." : "The browser does not let this page copy.");
    button.focus();
  });

  return {
    /** @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ surface }) {
      if (surface?.python !== text) setText(words, "");
      text = surface?.python ?? "";
      button.disabled = text === "";
    },
    destroy() {
      element.remove();
    },
  };
}
