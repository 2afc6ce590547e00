// What is set once and then left alone: folded away, with a line that says what of it is not as usual.
import { WORDS } from "../kernel/agreed.js";
import { capitalised, formatCount } from "../model/format.js";
import { exampleCounts } from "../model/values.js";
import { h, setText } from "../ui/dom.js";
import { sign } from "../ui/drawing.js";
import { createField, createGroup } from "../ui/field.js";
import { createFold } from "../ui/fold.js";
import { createSegments } from "../ui/segments.js";
import { createSlider } from "../ui/slider.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/** @type {{value: import("../kernel/state.js").BatchNorm, label: string, title: string}[]} */
const BATCH_NORM = [
  { value: "frozen", label: "Frozen", title: "As training left them: one fixed function, the one whose curvature is told" },
  { value: "recomputed", label: "Recomputed", title: "Estimated anew from the data at every point of the plane" },
  { value: "difference", label: "Difference", title: capitalised(WORDS.recomputedLessFrozen) },
];

/** @typedef {import("../kernel/splits.js").Split | "beside"} Shown */

/** @type {{value: Shown, label: string, title: string}[]} */
const SPLITS = [
  { value: "train", label: "Training", title: "The loss that the weights were trained on" },
  { value: "test", label: "Test", title: "The loss on the data held out for testing, over the same plane" },
  { value: "beside", label: "Both", title: "Training and test loss side by side, on one scale" },
  { value: "difference", label: "Difference", title: `${capitalised(WORDS.splits.difference)}: the generalisation gap` },
];

/** What the line says of a choice. @type {Record<Shown, string>} */
const SPLIT_WORDS = { ...WORDS.splits, train: "", beside: "training and test loss" };

/** @param {Snapshot} snapshot @returns {Shown} */
const shownSplit = ({ compared_split, compared_axes, split }) => (compared_split && !compared_axes ? "beside" : split);

/** What is asked for to show a choice of these. @param {Shown} value @returns {Partial<import("../kernel/state.js").Controls>} */
function splitControls(value) {
  if (value === "beside") return { split: "train", compared_axes: null, compared_domain: null, compared_split: "test" };
  return { split: value, compared_split: null };
}

/** @param {(seed: number) => void} send @param {(seed: number) => boolean} offers */
function createSeed(send, offers) {
  const input = h("input", { type: "number", min: 0, step: 1, "data-testid": "seed", inputmode: "numeric", "data-asks": true });
  const fresh = h("button", { type: "button", class: "lw-button lw-icon", "data-testid": "new-seed", "data-asks": true, title: "Next seed", "aria-label": "Next seed" }, sign("next"));
  let current = 0;
  function commit() {
    const seed = input.valueAsNumber;
    if (!Number.isSafeInteger(seed) || seed < 0 || !offers(seed)) input.value = String(current);
    else if (seed !== current) send(seed);
  }
  input.addEventListener("change", commit);
  // Some hosts take the key for themselves, and the browser's own `change` with it.
  input.addEventListener("keydown", (event) => event.key === "Enter" && commit());
  fresh.addEventListener("click", () => send(current + 1));
  return {
    element: createField(input, { label: "Seed", title: "Equal seeds give equal random directions" }, fresh),
    /** @param {number} seed @param {boolean} held  whether the page itself has others */
    set(seed, held) {
      input.dataset.asks = held ? "held" : "true";
      fresh.dataset.asks = offers(seed + 1) ? "held" : "true";
      if (seed === current && input.value !== "") return;
      current = seed;
      input.value = String(seed);
    },
  };
}

/** What is not as usual, of the data and the random numbers. @param {Snapshot} snapshot */
export function unusual(snapshot) {
  const { seed, examples, info, batch_norm } = snapshot;
  return [
    seed ? `seed ${seed}` : "",
    examples < info.n_examples ? `${formatCount(examples)} of ${formatCount(info.n_examples)} examples` : "",
    SPLIT_WORDS[shownSplit(snapshot)],
    batch_norm === "frozen" ? "" : `batch norm ${batch_norm === "difference" ? WORDS.recomputedLessFrozen : batch_norm}`,
  ].filter(Boolean);
}

/** @param {import("../kernel/state.js").State} state */
export function createSettings(state) {
  const fold = createFold({ name: "settings", label: "Settings", title: "Seed, data and display", mark: sign("gear") });
  const seed = createSeed((value) => state.set({ seed: value }), (value) => state.snapshot.offers({ seed: value }));
  const examples = createSlider({
    name: "examples",
    label: "Examples",
    title: "How many examples the loss is the mean over",
    values: exampleCounts(state.snapshot.info.n_examples),
    format: formatCount,
    send: (value) => value !== state.snapshot.examples && state.set({ examples: value }),
    costly: true,
    asks: true,
  });
  const split = createSegments({ name: "split", label: "Loss on", choices: SPLITS, send: (value) => state.set(splitControls(value)) });
  const norm = createSegments({ name: "batch-norm", label: "Batch-norm statistics", choices: BATCH_NORM, send: (value) => state.set({ batch_norm: value }) });
  const splitField = createGroup("Loss on", split.element);
  const normField = createGroup("Batch-norm statistics", norm.element);
  const line = h("p", { class: "lw-holds", "data-testid": "holds", hidden: true });
  const data = h("div", { class: "lw-options", role: "group", "aria-label": "Data" }, seed.element, examples.element, splitField, normField);
  fold.body.append(data);

  return {
    button: fold.button,
    /** Place for other settings. */
    body: fold.body,
    /** Says what is not as usual, when all is folded away too. */
    line,
    /** @param {Snapshot} snapshot @param {string[]} display  what is not as usual in how losses are shown */
    update(snapshot, display) {
      const { info, choices, offers } = snapshot;
      seed.set(snapshot.seed, choices("seed", []).length > 1);
      examples.setValues(choices("examples", exampleCounts(info.n_examples)));
      examples.set(snapshot.examples);
      examples.element.hidden = info.divisible === false;
      splitField.hidden = !info.n_test_examples;
      split.set(shownSplit(snapshot));
      split.enable((value) => offers(splitControls(value)));
      normField.hidden = !info.batch_norm;
      norm.set(snapshot.batch_norm);
      norm.enable((value) => offers({ batch_norm: value }));
      const words = [...unusual(snapshot), ...display];
      line.hidden = !words.length;
      line.title = words.join(" · ");
      setText(line, `Set: ${words.join(" · ")}`);
    },
    destroy() {
      examples.destroy();
      fold.body.remove();
      line.remove();
    },
  };
}
