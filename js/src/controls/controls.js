// The bar: which plane, how far, how fine. Each control writes to the state and follows it; none keeps a value of its own.
import { counterpart, planeLabel, presetOf, refusal, withAxis } from "../kernel/axes.js";
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
  const title = `The direction that ${mark} runs along: an eigenvector of the Hessian, or a random one`;
  const element = createField(select, { label: `${mark} direction`, mark, title });

  return {
    element,
    /** @param {string} value @param {import("../kernel/state.js").Info} info @param {(value: string) => boolean} offers */
    set(value, info, offers) {
      const { groups } = info.axes;
      const listed = groups.some(({ options }) => options.some((option) => option.value === value));
      const wanted = JSON.stringify([groups, listed ? "" : value]);
      if (wanted !== offered) {
        offered = wanted;
        const nodes = groups.map(({ label, options }) => h("optgroup", { label }, ...options.map((option) => h("option", { value: option.value }, option.label))));
        select.replaceChildren(...nodes, ...(listed ? [] : [h("option", { value }, value)]));
      }
      select.value = value;
      // Where there is no room for all of its words.
      element.title = `${select.selectedOptions[0].label}. ${title}`;
      for (const option of select.options) {
        const why = (option.dataset.why = refusal(info, [option.value]));
        option.disabled = option.value !== value && (why !== "" || !offers(option.value));
      }
    },
  };
}

/**
 * The axes to ask for where one is set anew: beside the other one, or where that cannot be had, those of a plane that the
 * page holds and no preset leads to; null where there is none.
 * @param {0 | 1} which
 * @param {string} spec
 * @param {Snapshot} snapshot
 */
function axesWith(which, spec, { axes, info, offers, planes }) {
  const own = withAxis(axes, which, spec, info.axes);
  if (offers({ axes: own })) return own;
  return planes.find((plane) => plane[which] === spec && !presetOf(info.axes, plane)) ?? null;
}

/** @param {import("../kernel/axes.js").Offer} offer @param {(axes: [string, string]) => void} send */
function createPresets(offer, send) {
  const { presets } = offer;
  const axesOf = (/** @type {string} */ name) => /** @type {import("../kernel/axes.js").Preset} */ (presets.find(({ value }) => value === name)).axes;
  const segments = createSegments({ name: "preset", label: "Plane", choices: presets, send: (value) => send([...axesOf(value)]) });
  return {
    element: segments.element,
    /** @param {Snapshot} snapshot */
    set({ axes, info, offers }) {
      segments.set(presetOf(offer, axes)?.value ?? "custom");
      segments.enable((value) => offers({ axes: axesOf(value) }), (value) => refusal(info, axesOf(value)));
    },
  };
}

/** One click to the other kind of plane beside this one, another to take it away. @param {import("../kernel/state.js").State} state */
function createCompare(state) {
  const element = h("button", { type: "button", class: "lw-button lw-compare", "data-testid": "compare", "data-asks": true }, sign("pair"), h("span", {}, "Compare"));
  /** @param {import("../kernel/axes.js").Axes | null} axes */
  const beside = (axes) => ({ compared_axes: axes && /** @type {[string, string]} */ ([...axes]), compared_domain: null, compared_split: null, compared_checkpoint: null });
  /** @param {Snapshot} snapshot */
  const asked = ({ axes, compared_axes, compared_checkpoint, info, offers }) => beside(compared_axes || compared_checkpoint !== null ? null : counterpart(info.axes, axes, (plane) => !refusal(info, plane) && offers(beside(plane))));
  element.addEventListener("click", () => state.set(asked(state.snapshot)));
  return {
    element,
    /** @param {Snapshot} snapshot */
    set(snapshot) {
      const { compared_axes, compared_checkpoint, info, offers } = snapshot;
      const next = asked(snapshot);
      element.setAttribute("aria-pressed", String(compared_axes !== null || compared_checkpoint !== null));
      element.dataset.asks = offers(next) ? "held" : "true";
      element.title = next.compared_axes ? `${planeLabel(info.axes, next.compared_axes)} of the same model beside this plane` : "One plane again";
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 * @param {...HTMLElement} tools  buttons at the end
 */
export function createControls(el, state, ...tools) {
  const presets = createPresets(state.snapshot.info.axes, (axes) => state.set({ axes, domain: null }));
  const setAxis = (/** @type {0 | 1} */ which) => (/** @type {string} */ spec) => {
    const axes = axesWith(which, spec, state.snapshot);
    if (axes) state.set({ axes, domain: null });
  };
  const compare = createCompare(state);
  const alpha = createAxisSelect("axis-alpha", "α", setAxis(0));
  const beta = createAxisSelect("axis-beta", "β", setAxis(1));
  const width = createWidth({
    name: "half-width",
    auto: "domain-auto",
    equal: "equal-axes",
    label: "Half-width",
    mark: sign("width"),
    state,
    control: "domain",
  });
  const resolution = createSlider({
    name: "resolution",
    label: "Resolution",
    mark: sign("grid"),
    title: "How many points the picture has along either axis",
    values: resolutions(state.snapshot.info.max_resolution),
    format: (value) => `${value} × ${value}`,
    send: (value) => value !== state.snapshot.resolution && state.set({ resolution: value }),
    costly: true,
    asks: true,
  });
  const fields = h("div", { class: "lw-fields" }, ...[alpha, beta, width, resolution].map(({ element }) => element));
  const buttons = h("div", { class: "lw-tools" }, compare.element, ...tools);
  const bar = h("div", { class: "lw-bar", role: "group", "aria-label": "Plane and accuracy" }, presets.element, fields, buttons);
  el.append(bar);

  return {
    /** @param {Snapshot} snapshot */
    update(snapshot) {
      const { axes, info, domain, surface, choices } = snapshot;
      compare.set(snapshot);
      presets.set(snapshot);
      alpha.set(axes[0], info, (value) => axesWith(0, value, snapshot) !== null);
      beta.set(axes[1], info, (value) => axesWith(1, value, snapshot) !== null);
      width.set(domain, surface?.domain, snapshot);
      resolution.setValues(choices("resolution", resolutions(info.max_resolution)));
      resolution.set(snapshot.resolution);
    },
    destroy() {
      for (const slider of [width, resolution]) slider.destroy();
      bar.remove();
    },
  };
}
