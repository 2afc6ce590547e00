// Zooming and panning the plane evaluates what comes into view; all views follow one crosshair.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { fallsAt } from "../src/model/border.js";
import { modelAt } from "../src/model/quadratic.js";
import { controls, nextFrame, painted, settled, show } from "./show.js";

/** @typedef {import("../src/model/values.js").Domain} Domain */

/** @param {any} [t] */
async function setUp(t, traits = {}, options = {}) {
  const raw = mockSurface({ ...controls, request: 1, ...traits }, 1);
  const shown = await show({ _surface: raw, ...traits }, options);
  t?.mock.timers.enable({ apis: ["setTimeout"] });
  const plot = (/** @type {string} */ view) => shown.find(view).querySelector(".js-plotly-plot");
  return {
    ...shown,
    surface: decodeSurface(raw),
    drawn: (/** @type {string} */ view) => /** @type {any} */ (shown.plotly.drawn.get(plot(view))?.at(-1)),
    fire: (/** @type {string} */ view, /** @type {string} */ name, /** @type {any} */ event) => /** @type {any} */ (shown.plotly.events.get(plot(view)))[name](event),
    press: (/** @type {string} */ key, more = {}) => shown.find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key, ...more })),
  };
}
const BOX = { "xaxis.range[0]": -0.1, "xaxis.range[1]": 0.3, "yaxis.range[0]": -0.5, "yaxis.range[1]": -0.1 };

test("a box asks for the domain around it: the page at once, the kernel once the zooming pauses", async (t) => {
  const { model, find, fire, drawn } = await setUp(t);
  fire("heatmap", "plotly_relayout", BOX);
  assert.deepEqual(model.saves, []);
  await settled();
  assert.deepEqual(drawn("heatmap").layout.xaxis.range.map((/** @type {number} */ x) => Number(x.toFixed(6))), [-0.12, 0.28]);
  assert.equal(find("heatmap").dataset.provisional, "true");
  fire("heatmap", "plotly_relayout", { "xaxis.range[0]": 0, "xaxis.range[1]": 0.1, "yaxis.range[0]": 0, "yaxis.range[1]": 0.1 });
  t.mock.timers.tick(1000);
  assert.deepEqual(model.saves.map((/** @type {any} */ saved) => Object.keys(saved)), [["domain"]]);
});

test("what plotly tells of itself is no zoom", async (t) => {
  const { model, fire } = await setUp(t);
  fire("heatmap", "plotly_relayout", { autosize: true });
  t.mock.timers.tick(1000);
  assert.deepEqual(model.saves, []);
});

test("a drag along one axis leaves the other", async () => {
  const { model, fire } = await setUp(undefined, { domain: [-1, 1, -1, 1] });
  fire("heatmap", "plotly_relayout", { "xaxis.range[0]": -0.8, "xaxis.range[1]": 1.2 });
  assert.deepEqual(model.get("domain"), [-0.8, 1.2, -1, 1]);
});

test("a drag that comes to nothing is put back", async () => {
  const { model, fire, drawn, plotly, find } = await setUp(undefined, { domain: [-1, 1, -1, 1] });
  const before = drawn("heatmap").layout.uirevision;
  fire("heatmap", "plotly_relayout", { "xaxis.range[0]": -0.95, "xaxis.range[1]": 1.05 });
  await settled();
  assert.deepEqual(model.get("domain"), [-1, 1, -1, 1]);
  assert.notEqual(drawn("heatmap").layout.uirevision, before);
  assert.equal(plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.length, 2);
});

test("nothing is redrawn under a mouse that drags, and what waited comes when it is let go", async () => {
  const { plotly, find, fire, surface } = await setUp();
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  const count = () => plotly.drawn.get(plot)?.length ?? 0;
  const before = count();
  plot.dispatchEvent(new window.MouseEvent("mousedown", { bubbles: true }));
  fire("heatmap", "plotly_hover", { points: [{ x: surface.alpha[2], y: surface.beta[8] }] });
  await nextFrame();
  assert.equal(count(), before);
  document.dispatchEvent(new window.MouseEvent("mouseup"));
  await new Promise((resolve) => setTimeout(resolve));
  await settled();
  assert.equal(count(), before + 1);
});

test("a zoom of the second plane is its own", async (t) => {
  const second = { compared_axes: ["random", "random"], compared_domain: null };
  const compared = { ...mockSurface({ ...controls, request: 1, axes: second.compared_axes }, 1), sights: [["", ""], ["", ""]] };
  const { model, fire, find } = await setUp(t, { ...second, _compared: compared });
  fire("heatmap-2", "plotly_relayout", BOX);
  t.mock.timers.tick(1000);
  assert.deepEqual(model.saves.map((/** @type {any} */ saved) => Object.keys(saved)), [["compared_domain"]]);
  await settled();
  assert.deepEqual([find("undo-zoom").hidden, find("undo-zoom-2").hidden], [true, false]);
  find("undo-zoom-2").click();
  assert.equal(model.get("compared_domain"), null);
});

test("zooms are undone one by one, a double click goes back to the kernel's choice", async (t) => {
  const { model, find, fire } = await setUp(t);
  assert.equal(find("undo-zoom").hidden, true);
  fire("heatmap", "plotly_relayout", BOX);
  await settled();
  const first = model.get("domain");
  assert.equal(find("undo-zoom").hidden, false);
  fire("heatmap", "plotly_relayout", { "xaxis.range[0]": 0, "xaxis.range[1]": 0.1, "yaxis.range[0]": -0.3, "yaxis.range[1]": -0.2 });
  await settled();
  assert.notDeepEqual(model.get("domain"), first);
  find("undo-zoom").click();
  assert.deepEqual(model.get("domain"), first);
  await settled();
  find("undo-zoom").click();
  await settled();
  assert.equal(model.get("domain"), null);
  assert.equal(find("undo-zoom").hidden, true);
  fire("heatmap", "plotly_relayout", BOX);
  await settled();
  fire("heatmap", "plotly_doubleclick", undefined);
  await settled();
  assert.deepEqual([model.get("domain"), find("undo-zoom").hidden], [null, true]);
});

test("a zoom is not taken back once the domain has been set otherwise", async () => {
  const { model, find, fire } = await setUp();
  fire("heatmap", "plotly_relayout", BOX);
  await settled();
  assert.equal(find("undo-zoom").hidden, false);
  model.receive({ domain: [-3, 3, -3, 3] });
  await settled();
  assert.equal(find("undo-zoom").hidden, true);
});

test("a zoom of other axes is not taken back", async () => {
  const { model, find, fire } = await setUp();
  fire("heatmap", "plotly_relayout", BOX);
  model.set("axes", ["random", "random"]);
  await settled();
  assert.equal(find("undo-zoom").hidden, true);
});

test("where the loss still falls at the border the page says so and looks further at a click", async () => {
  const { model, find } = await setUp(undefined, { domain: [-0.5, 0.5, -0.5, 0.5] });
  assert.match(find("readout").textContent, /^× α = /);
  assert.equal(find("readout-distance").textContent, "the loss still falls at the border");
  assert.equal(find("widen").hidden, false);
  find("widen").click();
  assert.deepEqual(model.get("domain"), [-0.6, 0.6, -0.6, 0.6]);
  await settled();
  assert.equal(find("undo-zoom").hidden, false);
});

test("a minimum inside, a plain and rounding are no fall at the border", () => {
  const nodes = [-1, 0, 1];
  const falls = (/** @type {(a: number, b: number) => number} */ f, alpha = 0, beta = -1) => {
    const rows = nodes.map((b) => nodes.map((a) => f(a, b)));
    const all = rows.flat();
    return fallsAt(/** @type {any} */ ({ alpha: nodes, beta: nodes, rows, range: [Math.min(...all), Math.max(...all)] }), { alpha, beta });
  };
  assert.equal(falls((a, b) => a * a - b * b), true);
  assert.equal(falls((a, b) => a + b, -1, -1), true);
  assert.equal(falls((a, b) => a * a + b * b, 0, 0), false);
  assert.equal(falls((a) => a * a), false);
  assert.equal(falls(() => 1, -1, -1), false);
  assert.equal(falls((a, b) => a * a + 1e-9 * b), false);
  assert.equal(falls((a, b) => (b === 0 ? NaN : a * a)), false);
});

test("keys zoom, pan, reset and undo", async () => {
  const { model, press } = await setUp(undefined, { domain: [-1, 1, -1, 1] });
  press("+");
  await settled();
  assert.deepEqual(model.get("domain"), [-0.8, 0.8, -0.8, 0.8]);
  press("ArrowRight", { shiftKey: true });
  await settled();
  assert.deepEqual(model.get("domain"), [-0.64, 0.96, -0.8, 0.8]);
  press("Backspace");
  await settled();
  press("-");
  await settled();
  assert.deepEqual(model.get("domain"), [-1, 1, -1, 1]);
  press("0");
  assert.equal(model.get("domain"), null);
});

test("the wheel zooms with Ctrl only, and pinching adds up to steps", async () => {
  const { model, find } = await setUp(undefined, { domain: [-1, 1, -1, 1] });
  const body = find("heatmap").querySelector("[tabindex]");
  const area = body.appendChild(document.createElement("div"));
  area.className = "nsewdrag";
  area.getBoundingClientRect = () => /** @type {any} */ ({ left: 0, top: 0, width: 100, height: 100 });
  const wheel = (/** @type {number} */ deltaY, ctrlKey = true) => {
    const event = new window.WheelEvent("wheel", { deltaY, ctrlKey, clientX: 50, clientY: 50, cancelable: true });
    area.dispatchEvent(Object.assign(event));
    return event.defaultPrevented;
  };
  assert.equal(wheel(-120, false), false);
  assert.deepEqual(model.get("domain"), [-1, 1, -1, 1]);
  assert.equal(wheel(-40), true);
  assert.deepEqual(model.get("domain"), [-1, 1, -1, 1]);
  wheel(-40);
  await settled();
  assert.deepEqual(model.get("domain"), [-0.8, 0.8, -0.8, 0.8]);
});

test("the slices are the row and the column of the crosshair, and go through θ* without one", async () => {
  const { surface, fire, drawn } = await setUp();
  await painted();
  const slice = (/** @type {string} */ name) => drawn("slices").data.find((/** @type {any} */ trace) => trace.name === name);
  assert.deepEqual(slice("α").y, [...surface.rows[5]]);
  assert.deepEqual(slice("β").y, surface.rows.map((row) => row[5]));
  fire("heatmap", "plotly_hover", { points: [{ x: surface.alpha[2], y: surface.beta[8] }] });
  await nextFrame();
  assert.deepEqual([slice("α").x, slice("α").y], [[...surface.alpha], [...surface.rows[8]]]);
  assert.deepEqual([slice("β").x, slice("β").y], [[...surface.beta], surface.rows.map((row) => row[2])]);
  assert.deepEqual([slice("α here").x, slice("α here").y], [[surface.alpha[2]], [surface.rows[8][2]]]);
  assert.deepEqual([slice("β here").x, slice("β here").y], [[surface.beta[8]], [surface.rows[8][2]]]);
  assert.match(drawn("slices").layout.xaxis.title.text, /β = 0\.600/);
});

test("hovering a slice moves the crosshair of every view along its axis", async () => {
  const { surface, fire, find, drawn } = await setUp(undefined, {}, { webgl: true });
  fire("slices", "plotly_hover", { points: [{ x: surface.alpha[3], data: { name: "α" } }] });
  fire("slices", "plotly_hover", { points: [{ x: surface.beta[9], data: { name: "β" } }] });
  await nextFrame();
  assert.match(find("readout").textContent, /^α = −0\.400\s+β = 0\.800/);
  const shapes = drawn("heatmap").layout.shapes.slice(-2);
  assert.deepEqual([shapes[0].x0, shapes[1].y0], [surface.alpha[3], surface.beta[9]]);
  const [{ z: rows }] = drawn("surface").data;
  const lines = drawn("surface").data.find((/** @type {any} */ trace) => trace.name === "slices");
  assert.deepEqual(lines.z.slice(0, 11), [...rows[9]]);
  assert.deepEqual(lines.z.slice(12), rows.map((/** @type {Float32Array} */ row) => row[3]));
  fire("slices", "plotly_unhover", {});
  await settled();
  assert.match(find("readout").textContent, /^×/);
});

test("the slices of the quadratic model are dashed over those of the loss", async () => {
  const { surface, drawn, find } = await setUp();
  await painted();
  const dashed = () => drawn("slices").data.find((/** @type {any} */ trace) => trace.name === "β quadratic");
  assert.deepEqual(dashed().y, []);
  find("quadratic").checked = true;
  find("quadratic").dispatchEvent(new Event("change"));
  for (let frames = 0; frames < 100 && !dashed().y.length; frames++) await painted(); // on a busy machine pictures come later
  const model = /** @type {import("../src/model/quadratic.js").QuadraticModel} */ (surface.quadratic);
  assert.deepEqual(dashed().y, [...surface.beta].map((y) => modelAt(model, surface.alpha[5], y)));
});
