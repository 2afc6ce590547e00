// How losses are shown: the same choice for every view of the plane, and how far second order describes them.
import { h, setText, uniqueId } from "../ui/dom.js";
import { formatNumber, formatPercent } from "../model/format.js";
import { displacement, errorMap, TOLERANCE } from "../model/quadratic.js";
import { COLOUR_MAPS } from "../model/colours.js";
import { offersLog } from "../model/scale.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../ui/link.js").Link} Link */

/** @type {{value: import("../model/scale.js").ScaleName, label: string, title: string, why?: string}[]} */
const SCALES = [
  { value: "auto", label: "about L(θ*)", title: "Blue below L(θ*), red above; linear near it, a logarithm beyond, so that both curvatures are seen" },
  { value: "linear", label: "linear", title: "The loss as it is" },
  { value: "log", label: "log", title: "The loss as a logarithm; for positive losses", why: "A logarithm needs positive losses that differ" },
];

const NO_MODEL = "No quadratic model is known of this picture";
const OWN_COLOURS = "The scale about L(θ*) has colours of its own; other scales have maps";

const [FIRST_MAP] = Object.keys(COLOUR_MAPS);

/**
 * A check box that shows a cell of the link and sets it.
 * @param {string} name  test id
 * @param {string} text
 * @param {string} title
 * @param {{get(): boolean, set(value: boolean): void}} value
 */
function createCheck(name, text, title, value) {
  const input = h("input", { type: "checkbox", "data-testid": name, "data-why": NO_MODEL });
  input.addEventListener("change", () => value.set(input.checked));
  const element = h("label", { class: "lw-check", title }, input, text);
  return {
    element,
    /** @param {boolean} possible */
    update(possible) {
      input.disabled = !possible;
      input.checked = possible && value.get();
    },
  };
}

/**
 * @param {string} name  test id
 * @param {string} label
 * @param {string} title
 * @param {readonly {value: string, label: string, title?: string, why?: string}[]} choices  `why`: in case that it cannot be had
 * @param {{get(): string, set(value: any): void}} value
 */
function createChoice(name, label, title, choices, value) {
  const id = uniqueId(name);
  const options = choices.map((choice) => h("option", { value: choice.value, title: choice.title, "data-why": choice.why }, choice.label));
  const select = h("select", { id, "data-testid": name, "data-why": OWN_COLOURS }, ...options);
  select.addEventListener("change", () => value.set(select.value));
  return {
    element: h("div", { class: "lw-field", title }, h("label", { for: id }, label), select),
    options,
    /** @param {boolean} [possible] */
    update(possible = true) {
      select.disabled = !possible;
      select.value = value.get();
    },
  };
}

/**
 * How far the quadratic model describes the losses on show.
 * @param {Frame} frame
 */
export function modelWords({ picture: { surface, model, composed } }) {
  if (!surface || !model || composed) return "";
  const { share, first } = errorMap(surface, model);
  const limit = `${100 * TOLERANCE} % of the loss range`;
  if (!first) return `Second order describes all of this picture to ${limit}.`;
  const distance = formatNumber(displacement(surface, first.alpha, first.beta), 3);
  return `Second order is right to ${limit} on ${formatPercent(share)} of this picture, and first wrong at ‖Δθ‖ = ${distance}.`;
}

/** What is not as usual. @param {Frame} frame */
const unusual = ({ scale, log, contours, quadratic, errors, colours, titled }) => {
  const plain = scale !== "auto"; // else colours are not those of a map
  return [
    quadratic && "quadratic",
    errors && "colours of loss − quadratic",
    plain && (log ? "log scale" : "linear scale"),
    plain && colours !== FIRST_MAP && colours,
    !contours && "no contours",
    !titled && "no titles in saved pictures",
  ].filter((words) => words !== false);
};

/**
 * @param {HTMLElement} el
 * @param {HTMLElement} foot  where it says how far second order goes, below the pictures
 * @param {Link} link
 */
export function createViewOptions(el, foot, link) {
  const colour = createChoice(
    "colour",
    "Colour",
    "What the colours stand for",
    [
      { value: "loss", label: "loss" },
      { value: "error", label: "loss − quadratic", why: NO_MODEL },
    ],
    link.colour,
  );
  const map = createChoice("colour-map", "Map", "The colours; all maps are safe for the colour-blind", Object.keys(COLOUR_MAPS).map((name) => ({ value: name, label: name })), link.map);
  const scale = createChoice("scale", "Scale", "How losses become colours and heights", SCALES, link.scale);
  const contours = createCheck("contours", "contours", "Lines of equal loss", link.contours);
  const quadratic = createCheck("quadratic", "quadratic", "The loss to second order at θ* over the true one, dashed or as a wire frame", link.quadratic);
  const titled = createCheck("titled", "titles in saved pictures", "Whether PNG and SVG have a line above that says what they show; their files say it in any case", link.titled);
  const words = h("output", { "data-testid": "model-words" });
  const key = h("p", { class: "lw-key lw-model-words", hidden: true }, h("i", { class: "lw-swatch lw-limit", "aria-hidden": "true" }), words);
  const parts = [colour, map, contours, quadratic, titled];
  const element = h("div", { class: "lw-options", role: "group", "aria-label": "Display" }, ...parts.map((part) => part.element));
  el.append(element);
  foot.append(key);

  return {
    /** The scale of losses, for a place in sight. */
    scale: scale.element,
    /** @param {Frame} frame */
    update(frame) {
      const { surface, model } = frame.picture;
      colour.options[1].disabled = model === null;
      colour.update();
      scale.options[2].disabled = surface === null || !offersLog(frame.range ?? surface.range);
      scale.update();
      map.update(frame.scale !== "auto");
      contours.update(true);
      titled.update(true);
      quadratic.update(model !== null);
      const asked = link.quadratic.get() || link.colour.get() === "error";
      const text = asked ? modelWords(frame) : "";
      key.hidden = text === "";
      setText(words, text);
    },
    unusual,
    destroy() {
      for (const part of [element, scale.element, key]) part.remove();
    },
  };
}
