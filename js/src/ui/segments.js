// A choice of one of a few values, all of them in sight.
import { h, uniqueId } from "./dom.js";

/**
 * @template {string} T
 * @param {object} options
 * @param {string} options.name  the group's test id; that of a value is `${name}-${value}`
 * @param {string} options.label
 * @param {readonly {value: T, label: string, title?: string}[]} options.choices
 * @param {(value: T) => void} options.send
 */
export function createSegments({ name, label, choices, send }) {
  const group = uniqueId(name);
  const inputs = choices.map(({ value }) => h("input", { type: "radio", name: group, value, "data-testid": `${name}-${value}` }));
  const element = h("div", { class: "lw-segments", role: "radiogroup", "aria-label": label, "data-testid": name });
  inputs.forEach((input, i) => {
    const { value, label: text, title } = choices[i];
    input.addEventListener("change", () => send(value));
    element.append(h("label", { class: "lw-segment", title }, input, h("span", {}, text)));
  });
  return {
    element,
    /** @param {string} value  one that is not on offer checks none */
    set(value) {
      inputs.forEach((input) => (input.checked = input.value === value));
    },
    /** @param {(value: T) => boolean} allowed @param {(value: T) => string} [refusal]  why one is not, if that is known */
    enable(allowed, refusal = () => "") {
      inputs.forEach((input, i) => {
        const { value, title = "" } = choices[i];
        const reason = refusal(value);
        input.disabled = reason !== "" || !allowed(value);
        input.dataset.why = reason;
        /** @type {HTMLElement} */ (input.parentElement).title = reason || title;
      });
    },
  };
}
