// A labelled range input over a list of values, which can also show a value that is not on the list.
import { h, setText, uniqueId } from "./dom.js";
import { nameOf } from "./field.js";
import { createThrottle } from "./throttle.js";
import { nearestPosition } from "../model/values.js";

/** Milliseconds between two values sent while a slider is dragged. */
const INTERVAL = 100;

/**
 * @param {object} options
 * @param {string} options.name  test id of the input; the output's is `${name}-value`
 * @param {string} options.label
 * @param {string} options.title
 * @param {Node} [options.mark]  in place of the label, for the eye
 * @param {readonly number[]} options.values  ascending, positive
 * @param {(value: number) => string} options.format
 * @param {(value: number) => void} options.send  called while dragging and on release
 * @param {boolean} [options.costly]  whether every value costs much: then it is called on release only
 * @param {boolean} [options.asks]  whether nothing comes of it without a kernel
 */
export function createSlider({ name, label, title, mark, values: initial, format, send, costly = false, asks = false }) {
  const id = uniqueId(name);
  const input = h("input", { type: "range", id, "data-testid": name, min: 0, max: initial.length - 1, step: 1, "data-asks": asks });
  const output = h("output", { for: id, "data-testid": `${name}-value` });
  const element = h("div", { class: "lw-field lw-slider", title }, nameOf(id, label, mark), h("span", { class: "lw-range" }, output, input));

  let values = initial;
  let held = false;
  /** What the kernel last said, while the slider is held. @type {{value: number, text: string} | null} */
  let missed = null;
  /** @type {number | null} */
  let pushed = null;
  /** A costly value that was chosen and not sent yet. @type {number | null} */
  let chosen = null;
  const throttle = createThrottle(send, INTERVAL);

  /** @param {number} value @param {string} text */
  function show(value, text) {
    input.value = String(nearestPosition(values, value));
    input.style.setProperty("--lw-fill", `${(100 * Number(input.value)) / Math.max(1, values.length - 1)}%`);
    input.dataset.value = String(value);
    input.setAttribute("aria-valuetext", text);
    setText(output, text);
  }

  function moved() {
    const value = values[Number(input.value)];
    show(value, format(value));
    missed = null;
    if (costly) chosen = value;
    else if (value !== pushed) throttle.push(value);
    pushed = value;
  }

  // Comes before `change`, and what the kernel says in between would put the slider back.
  function commit() {
    if (chosen !== null) {
      missed = null;
      send(chosen);
    }
    chosen = null;
    release();
  }

  function release() {
    held = false;
    pushed = null;
    if (missed) show(missed.value, missed.text);
    missed = null;
  }

  input.addEventListener("input", () => {
    held = true;
    moved();
  });
  input.addEventListener("change", () => {
    moved();
    throttle.flush();
    commit();
  });
  // A drag that ends where it began fires no `change`.
  for (const event of ["pointerup", "pointercancel", "blur"]) input.addEventListener(event, commit);

  return {
    element,
    /**
     * Follows the kernel, except while a person holds the slider.
     * @param {number} value
     * @param {string} [text]
     */
    set(value, text = format(value)) {
      if (held) missed = { value, text };
      else show(value, text);
    },
    /**
     * Other values, except while a person holds the slider: its thumb would run away. A single one has its place
     * among those of the beginning.
     * @param {readonly number[]} next
     * @param {boolean} [able]  whether there is one to choose without a kernel
     */
    setValues(next, able = next.length > 1) {
      if (held) return;
      // Without a kernel they are those that the page can show.
      if (asks) input.dataset.asks = able ? "held" : "true";
      if (next.length < 2) next = initial;
      if (next.length === values.length && next.every((value, i) => value === values[i])) return;
      values = next;
      input.max = String(next.length - 1);
    },
    destroy() {
      throttle.cancel();
    },
  };
}
