// The bar: which plane, how far, how fine. Each control writes to the state and follows it; none keeps a value of its own.
import { axisChoices, canonical, planeName, presetOf, PRESETS } from "../kernel/axes.js";
import { counterpart } from "./compare.js";
import { h } from "../ui/dom.js";
import { sign } from "../ui/drawing.js";
import { createField } from "../ui/field.js";
import { createSegments } from "../ui/segments.js";
import { createSlider } from "../ui/slider.js";
import { resolutions } from "../model/values.js";
import { createWidth } from "./width.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/** A choice of an axis. @param {string} name @param {string} mark @param {(spec: string) => void} send */
function createAxisSelect(name, mark, send) {
  const select = h("select", { "data-testid": name });
  select.addEventListener("change", () => send(select.value));
  let offered = "";

  return {
    element: createField(select, { label: `${mark} direction`, mark, title: `The direction that ${mark} runs along: an eigenvector of the Hessian, or a random one` }),
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
  const element = h("button", { type: "button", class: "lw-button lw-compare", "data-testid": "compare" }, sign("pair"), h("span", {}, "Compare"));
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

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 * @param {...HTMLElement} tools  buttons at the end
 */
export function createControls(el, state, ...tools) {
  const presets = createPresets((axes) => state.set({ axes, domain: null }));
  const setAxis = (/** @type {0 | 1} */ which) => (/** @type {string} */ spec) => {
    const axes = /** @type {[string, string]} */ ([...state.snapshot.axes]);
    axes[which] = spec;
    state.set({ axes, domain: null });
  };
  const compare = createCompare(state);
  const alpha = createAxisSelect("axis-alpha", "α", setAxis(0));
  const beta = createAxisSelect("axis-beta", "β", setAxis(1));
  const width = createWidth({ name: "half-width", auto: "domain-auto", label: "Half-width", mark: sign("width"), send: (domain) => state.set({ domain }) });
  const resolution = createSlider({
    name: "resolution",
    label: "Resolution",
    mark: sign("grid"),
    title: "How many points the picture has along either axis",
    values: resolutions(state.snapshot.info.max_resolution),
    format: (value) => `${value} × ${value}`,
    send: (value) => state.set({ resolution: value }),
  });
  const fields = h("div", { class: "lw-fields" }, ...[alpha, beta, width, resolution].map(({ element }) => element));
  const buttons = h("div", { class: "lw-tools" }, compare.element, ...tools);
  const bar = h("div", { class: "lw-bar", role: "group", "aria-label": "Plane and accuracy" }, presets.element, fields, buttons);
  el.append(bar);

  return {
    /** @param {Snapshot} snapshot */
    update(snapshot) {
      const { axes, info, domain, surface } = snapshot;
      compare.set(snapshot);
      presets.set(axes, info.differentiable);
      alpha.set(axes[0], info);
      beta.set(axes[1], info);
      width.set(domain, surface?.domain);
      resolution.setValues(resolutions(info.max_resolution));
      resolution.set(snapshot.resolution);
    },
    destroy() {
      for (const slider of [width, resolution]) slider.destroy();
      bar.remove();
    },
  };
}
