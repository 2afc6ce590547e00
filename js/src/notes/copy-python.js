// The Python call that makes the picture again, to the clipboard.
import { createButton, h, setText } from "../ui/dom.js";
import { viewOf } from "../ui/link.js";

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

/** As Python writes it: numbers of four decimals, which no eye tells from more. @param {unknown} value @returns {string} */
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(Number(value.toFixed(4)));
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
}

/**
 * The kernel's call with how the page shows it, where that is not as usual.
 * @param {string} call
 * @param {import("../ui/link.js").View} view
 */
export const withView = (call, view) => (Object.keys(view).length ? call.replace(/^\)$/m, () => `    view=${literal(view)},\n)`) : call);

/**
 * The call, and a line on a model that holds other weights by now: the cell would show those.
 * @param {string} call
 * @param {Pick<import("../kernel/points.js").Points, "applied" | "drift">} points
 */
export function withWeights(call, { applied, drift }) {
  const since = applied ? `Your model holds the weights of ${applied}: explorer.restore() puts θ* back.` : drift?.words;
  return since ? call.replace(/^explorer = /m, () => `# this picture is of θ*. ${since}\nexplorer = `) : call;
}

/** @param {HTMLElement} el @param {import("../ui/link.js").Link} link */
export function createCopy(el, link) {
  const title = "Copy the call that makes this very picture";
  const button = createButton("copy-python", { title, disabled: true }, "Copy as Python");
  const words = h("span", { class: "lw-copied", role: "status", "data-testid": "copied" });
  const element = h("p", { class: "lw-copy" }, button, " ", words);
  el.append(element);
  let text = "";
  button.addEventListener("click", async () => {
    const done = await copy(withView(text, viewOf(link)), element);
    const first = /^# (.+ to be defined first)/m.exec(text)?.[1];
    setText(words, done ? `Copied.${first ? ` ${first}.` : ""}` : "The browser does not let this page copy.");
    button.focus();
  });

  return {
    /** @param {import("../kernel/state.js").Snapshot} snapshot */
    update({ surface, points }) {
      // Pins are set before the explorer is shown.
      const call = surface?.python ? withWeights(surface.python, points).replace(/^explorer$/m, () => `${points.python}explorer`) : "";
      if (call !== text) setText(words, "");
      text = call;
      button.disabled = text === "";
    },
    destroy() {
      element.remove();
    },
  };
}
