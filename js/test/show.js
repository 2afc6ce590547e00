// Shows the widget on a mock model, for the tests of what a person does and sees.
import assert from "node:assert/strict";
import { createMockModel, defaults } from "../dev/mock.js";
import { render } from "../src/app/app.js";
import { createPlotly, later, openPage } from "./page.js";

export const controls = { axes: defaults.axes, seed: 0, domain: null, resolution: 11, examples: 1797, split: "train", equal_axes: false };

/** A camera that a person has turned, as plotly tells of it. */
export const TURNED = { up: { x: 0, y: 0, z: 1 }, eye: { x: 2, y: 0, z: 1 }, center: { x: 0, y: 0.1, z: 0 }, projection: { type: "perspective" } };

/**
 * Clicks the house of a surface.
 * @param {{find: (id: string) => any}} shown
 * @param {string} name
 */
export function resetCamera({ find }, name) {
  const [[button]] = find(name).querySelector(".js-plotly-plot").config.modeBarButtons;
  assert.equal(button.title, "Reset camera");
  button.click();
}

/** Lets promises that are already resolved run their course. */
export async function turn() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Past what waits until the page was painted. */
export async function painted() {
  await new Promise((resolve) => requestAnimationFrame(() => later(resolve, 5)));
  await turn();
}

/** Lets promises run their course, and what waits for a painted page, where there is anything to paint in three dimensions. */
export async function settled() {
  await turn();
  if (globalThis.document?.createElement("canvas").getContext("webgl")) await painted();
}

/** Past the next animation frame, and what it set in motion. */
export async function nextFrame() {
  await new Promise((resolve) => requestAnimationFrame(resolve));
  await settled();
}

/**
 * @param {object} [traits]
 * @param {{views?: number, host?: any, webgl?: boolean, pictures?: any[]}} [options]
 */
export async function show(traits = {}, { views = 1, host, webgl = false, pictures } = {}) {
  const { document } = openPage({ webgl });
  const model = Object.assign(createMockModel({ ...defaults, resolution: 11, ...traits }), { pictures });
  const plotly = createPlotly();
  const props = { model, host: host ?? { getWidget: async () => ({ exports: { load: async () => plotly } }) } };
  const shown = Array.from({ length: views }, () => {
    const el = document.body.appendChild(document.createElement("div"));
    const stop = /** @type {() => void} */ (render(/** @type {any} */ ({ ...props, el, signal: new AbortController().signal })));
    /** @param {string} id @returns {any} */
    const find = (id) => el.querySelector(`[data-testid="${id}"]`);
    return { el, stop, find };
  });
  await settled();
  /** Another explorer on the same page. @param {object} more */
  const beside = (more) => {
    const el = document.body.appendChild(document.createElement("div"));
    const second = createMockModel({ ...defaults, resolution: 11, ...more });
    const stop = /** @type {() => void} */ (render(/** @type {any} */ ({ ...props, model: second, el, signal: new AbortController().signal })));
    /** @param {string} id @returns {any} */
    const find = (id) => el.querySelector(`[data-testid="${id}"]`);
    return { el, stop, find, plotly, model: second };
  };
  return { model, plotly, views: shown, beside, ...shown[0] };
}

/**
 * Numbers of the scene, where lines stand a hair nearer to the eye than they are.
 * @param {number[]} drawn
 * @param {number[]} exact
 * @param {number} span  of the axis
 */
export function assertNearly(drawn, exact, span) {
  assert.equal(drawn.length, exact.length);
  drawn.forEach((value, i) => assert.ok(Number.isNaN(value) ? Number.isNaN(exact[i]) : Math.abs(value - exact[i]) <= 0.015 * span, `${value} is not near ${exact[i]}`));
}

/** @param {any} input @param {string | number} value @param {...string} events */
export function enter(input, value, ...events) {
  input.value = String(value);
  for (const name of events) input.dispatchEvent(new Event(name, { bubbles: true }));
}

/** @param {any} slider @param {number} value */
export const positionOf = (slider, value) => {
  const before = slider.value;
  for (let position = 0; position <= Number(slider.max); position++) {
    enter(slider, position, "input");
    if (Number(slider.dataset.value) === value) return position;
  }
  throw new Error(`The slider offers no ${value}; it stood at ${before}.`);
};
