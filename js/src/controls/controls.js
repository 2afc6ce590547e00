// What a person can set. Each control writes to the state and follows it; none keeps a value of its own.
import { axisChoices, canonical, planeName, presetOf, PRESETS } from "../kernel/axes.js";
import { counterpart } from "./compare.js";
import { h, uniqueId } from "../ui/dom.js";
import { formatCount } from "../model/format.js";
import { createSegments } from "../ui/segments.js";
import { createSlider } from "../ui/slider.js";
import { exampleCounts, resolutions } from "../model/values.js";
import { createWidth } from "./width.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/**
 * A label above a control.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {...HTMLElement} more
 */
function field(label, control, ...more) {
  control.id = uniqueId("control");
  const row = more.length ? h("span", { class: "lw-field-row" }, control, ...more) : control;
  return h("div", { class: "lw-field" }, h("span", { class: "lw-field-head" }, h("label", { for: control.id }, label)), row);
}

/** A choice of an axis. @param {string} name @param {string} label @param {(spec: string) => void} send */
function createAxisSelect(name, label, send) {
  const select = h("select", { "data-testid": name });
  select.addEventListener("change", () => send(select.value));
  let offered = "";

  return {
    element: field(label, select),
    /** @param {string} spec @param {{k_max: number, differentiable: boolean}} info */
    set(spec, { k_max, differentiable }) {
      const value = canonical(spec);
      const groups = axisChoices(k_max);
      const listed = groups.some(({ options }) => options.some((option) => option.value === value));
      const offer = `${k_max} ${differentiable} ${listed ? "" : value}`;
      if (offer !== offered) {
        offered = offer;
        const nodes = groups.map(({ label: name, options }, i) =>
          h(
            "optgroup",
            { label: name, disabled: i === 0 && !differentiable },
            ...options.map((option) => h("option", { value: option.value }, option.label)),
          ),
        );
        select.replaceChildren(...nodes, ...(listed ? [] : [h("option", { value }, value)]));
      }
      select.value = value;
    },
  };
}

/** @type {{value: import("../kernel/state.js").BatchNorm, label: string, title: string}[]} */
const BATCH_NORM = [
  { value: "frozen", label: "Frozen", title: "As training left them: one fixed function, the one whose curvature is told" },
  { value: "recomputed", label: "Recomputed", title: "Estimated anew from the data at every point of the plane" },
  { value: "difference", label: "Difference", title: "Recomputed − frozen" },
];

/** @typedef {import("../kernel/splits.js").Split | "beside"} Shown */

/** @type {{value: Shown, label: string, title: string}[]} */
const SPLITS = [
  { value: "train", label: "Training", title: "The loss that the weights were trained on" },
  { value: "test", label: "Test", title: "The loss on the data held out for testing, over the same plane" },
  { value: "beside", label: "Both", title: "Training and test loss side by side, on one scale" },
  { value: "difference", label: "Difference", title: "Test − training loss: the generalisation gap" },
];

/** What is asked for to show a choice of these. @param {Shown} value @returns {Partial<import("../kernel/state.js").Controls>} */
function splitControls(value) {
  if (value === "beside") return { split: "train", compared_axes: null, compared_domain: null, compared_split: "test" };
  return { split: value, compared_split: null };
}

/** @param {(axes: [string, string]) => void} send */
function createPresets(send) {
  const segments = createSegments({
    name: "preset",
    label: "Plane",
    choices: PRESETS,
    send: (value) => send([.../** @type {typeof PRESETS[0]} */ (PRESETS.find((preset) => preset.value === value)).axes]),
  });
  return {
    element: segments.element,
    /** @param {[string, string]} axes @param {boolean} differentiable */
    set(axes, differentiable) {
      segments.set(presetOf(axes));
      segments.enable((value) => value !== "hessian" || differentiable);
    },
  };
}

/** One click to the other kind of plane beside this one, another to take it away. @param {import("../kernel/state.js").State} state */
function createCompare(state) {
  const element = h("button", { type: "button", class: "lw-button lw-toggle", "data-testid": "compare" }, "Compare");
  element.addEventListener("click", () => {
    const { axes, compared_axes } = state.snapshot;
    state.set({ compared_axes: compared_axes ? null : counterpart(axes), compared_domain: null, compared_split: null });
  });
  return {
    element,
    /** @param {Snapshot} snapshot */
    set({ axes, compared_axes }) {
      element.setAttribute("aria-pressed", String(compared_axes !== null));
      element.title = compared_axes ? "One plane again" : `${planeName(counterpart(axes))} of the same model beside this plane`;
    },
  };
}

/** @param {(seed: number) => void} send */
function createSeed(send) {
  const input = h("input", { type: "number", min: 0, step: 1, "data-testid": "seed", inputmode: "numeric" });
  const fresh = h("button", { type: "button", class: "lw-icon-button", "data-testid": "new-seed", title: "Next seed", "aria-label": "Next seed" });
  fresh.textContent = "⟳";
  let current = 0;
  function commit() {
    const seed = input.valueAsNumber;
    if (!Number.isSafeInteger(seed) || seed < 0) input.value = String(current);
    else if (seed !== current) send(seed);
  }
  input.addEventListener("change", commit);
  // Some hosts take the key for themselves, and the browser's own `change` with it.
  input.addEventListener("keydown", (event) => event.key === "Enter" && commit());
  fresh.addEventListener("click", () => send(current + 1));
  return {
    element: field("Seed", input, fresh),
    /** @param {number} seed */
    set(seed) {
      if (seed === current && input.value !== "") return;
      current = seed;
      input.value = String(seed);
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createControls(el, state) {
  const presets = createPresets((axes) => state.set({ axes, domain: null }));
  const setAxis = (/** @type {0 | 1} */ which) => (/** @type {string} */ spec) => {
    const axes = /** @type {[string, string]} */ ([...state.snapshot.axes]);
    axes[which] = spec;
    state.set({ axes, domain: null });
  };
  const compare = createCompare(state);
  const alpha = createAxisSelect("axis-alpha", "α direction", setAxis(0));
  const beta = createAxisSelect("axis-beta", "β direction", setAxis(1));
  const seed = createSeed((value) => state.set({ seed: value }));

  const width = createWidth({ name: "half-width", auto: "domain-auto", label: "Half-width", send: (domain) => state.set({ domain }) });
  const resolution = createSlider({
    name: "resolution",
    label: "Resolution",
    values: resolutions(state.snapshot.info.max_resolution),
    format: (value) => `${value} × ${value}`,
    send: (value) => value !== state.snapshot.resolution && state.set({ resolution: value }),
    costly: true,
  });
  const examples = createSlider({
    name: "examples",
    label: "Examples",
    values: exampleCounts(state.snapshot.info.n_examples),
    format: formatCount,
    send: (value) => value !== state.snapshot.examples && state.set({ examples: value }),
    costly: true,
  });

  const element = h("div", { class: "lw-controls", role: "group", "aria-label": "Plane and accuracy" });
  const bar = h("div", { class: "lw-bar" }, presets.element, compare.element);
  const norm = createSegments({
    name: "batch-norm",
    label: "Batch-norm statistics",
    choices: BATCH_NORM,
    send: (value) => state.set({ batch_norm: value }),
  });
  const split = createSegments({ name: "split", label: "Loss on", choices: SPLITS, send: (value) => state.set(splitControls(value)) });
  /** @param {string} name @param {HTMLElement} control */
  const group = (name, control) => h("div", { class: "lw-field" }, h("span", { class: "lw-field-head" }, h("span", { class: "lw-field-name" }, name)), control);
  const splitField = group("Loss on", split.element);
  const normField = group("Batch-norm statistics", norm.element);
  const parts = [alpha, beta, seed, width, resolution, examples];
  element.append(...parts.map((part) => part.element), splitField, normField);
  el.append(bar, element);

  return {
    /** Place for what belongs beside the presets. */
    bar,
    /** @param {Snapshot} snapshot */
    update(snapshot) {
      const { axes, info, domain, surface } = snapshot;
      compare.set(snapshot);
      presets.set(axes, info.differentiable);
      alpha.set(axes[0], info);
      beta.set(axes[1], info);
      seed.set(snapshot.seed);
      width.set(domain, surface?.domain);
      resolution.setValues(resolutions(info.max_resolution));
      resolution.set(snapshot.resolution);
      examples.setValues(exampleCounts(info.n_examples));
      examples.set(snapshot.examples);
      examples.element.hidden = info.divisible === false;
      splitField.hidden = !info.n_test_examples;
      split.set(snapshot.compared_split && !snapshot.compared_axes ? "beside" : snapshot.split);
      normField.hidden = !info.batch_norm;
      norm.set(snapshot.batch_norm);
    },
    destroy() {
      for (const slider of [width, resolution, examples]) slider.destroy();
      bar.remove();
      element.remove();
    },
  };
}
