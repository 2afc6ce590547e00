// The whole page side on a mock model: what a person does reaches the model, and what the kernel says is shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMockModel, defaults, mockEigenpairs, mockProjections, mockSurface } from "../dev/mock.js";
import explorer from "../src/index.js";
import { createPlotly, openPage } from "./page.js";

const controls = { axes: defaults.axes, seed: 0, domain: null, resolution: 11, examples: 1797 };

/** Lets promises that are already resolved run their course. */
async function settled() {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/**
 * @param {object} [traits]
 * @param {{views?: number, host?: any}} [options]
 */
async function show(traits = {}, { views = 1, host } = {}) {
  const { document } = openPage();
  const model = createMockModel({ ...defaults, resolution: 11, ...traits });
  const plotly = createPlotly();
  const props = { model, host: host ?? { getWidget: async () => ({ exports: { Plotly: plotly } }) } };
  const shown = Array.from({ length: views }, () => {
    const el = document.body.appendChild(document.createElement("div"));
    const stop = /** @type {() => void} */ (explorer.render(/** @type {any} */ ({ ...props, el, signal: new AbortController().signal })));
    /** @param {string} id @returns {any} */
    const find = (id) => el.querySelector(`[data-testid="${id}"]`);
    return { el, stop, find };
  });
  await settled();
  return { model, plotly, views: shown, ...shown[0] };
}

/** @param {any} input @param {string | number} value @param {...string} events */
function enter(input, value, ...events) {
  input.value = String(value);
  for (const name of events) input.dispatchEvent(new Event(name, { bubbles: true }));
}

/** @param {any} slider @param {number} value */
const positionOf = (slider, value) => {
  const before = slider.value;
  for (let position = 0; position <= Number(slider.max); position++) {
    enter(slider, position, "input");
    if (Number(slider.dataset.value) === value) return position;
  }
  throw new Error(`The slider offers no ${value}; it stood at ${before}.`);
};

test("showing asks the kernel once, and does not write any control", async () => {
  const { model } = await show();
  assert.deepEqual(model.messages, [{ type: "shown" }]);
  assert.deepEqual(model.saves, []);
});

test("a preset sets both axes and the automatic domain in one save", async () => {
  const { model, find } = await show({ domain: [-1, 1, -1, 1] });
  assert.equal(find("preset").value, "hessian");
  enter(find("preset"), "filter", "change");
  assert.deepEqual(model.saves, [{ axes: ["random:filter", "random:filter"], domain: null }]);
  await settled();
  assert.equal(find("axis-alpha").value, "random:filter");
});

test("an axis sets itself and the automatic domain, and makes the preset custom", async () => {
  const { model, find } = await show({ domain: [-1, 1, -1, 1] });
  enter(find("axis-beta"), "hessian:max:3", "change");
  assert.deepEqual(model.saves, [{ axes: ["hessian:max", "hessian:max:3"], domain: null }]);
  await settled();
  assert.equal(find("preset").value, "custom");
});

test("a slider sends while it is dragged, at a pace, and its last value on release", async (t) => {
  const { model, find } = await show();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const slider = find("half-width");
  for (let position = 10; position <= 14; position++) enter(slider, position, "input");
  assert.equal(model.saves.length, 1);
  t.mock.timers.tick(100);
  assert.equal(model.saves.length, 2);
  enter(slider, 15, "input", "change");
  assert.equal(model.saves.length, 3);
  const width = Number(slider.dataset.value);
  assert.deepEqual(model.saves[2], { domain: [-width, width, -width, width] });
  t.mock.timers.tick(1000);
  assert.equal(model.saves.length, 3);
});

test("resolution and examples send the value, not the position", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, find } = await show();
  for (const [name, value] of /** @type {const} */ ([["resolution", 101], ["examples", 1500]])) {
    enter(find(name), positionOf(find(name), value), "change");
    assert.equal(model.get(name), value);
  }
  assert.equal(find("resolution-value").textContent, "101 × 101");
  assert.equal(find("examples-value").textContent, "1,500");
});

test("controls follow the kernel without writing anything back", async () => {
  const { model, find } = await show();
  model.receive({ resolution: 77, seed: 12, axes: ["random", "hessian:min:2"], domain: [-0.3, 0.3, -0.1, 0.1], examples: 123 });
  await settled();
  assert.equal(find("resolution-value").textContent, "77 × 77");
  assert.equal(find("seed").value, "12");
  assert.equal(find("axis-beta").value, "hessian:min:2");
  assert.equal(find("half-width-value").textContent, "0.3 × 0.1");
  assert.equal(find("examples-value").textContent, "123");
  assert.deepEqual(model.saves, []);
});

test("an axis that the page does not know is shown as it is", async () => {
  const { find } = await show({ axes: ["trajectory:1", "random"] });
  assert.equal(find("axis-alpha").value, "trajectory:1");
  assert.equal(find("preset").value, "custom");
});

test("a slider that is held keeps its place, and follows the kernel when let go", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, find } = await show();
  enter(find("resolution"), positionOf(find("resolution"), 51), "input");
  model.receive({ resolution: 21 });
  await settled();
  assert.equal(find("resolution").dataset.value, "51");
  find("resolution").dispatchEvent(new Event("pointerup"));
  assert.equal(find("resolution").dataset.value, "21");
});

test("with an automatic domain the slider shows the half-width of the surface", async () => {
  const { model, find } = await show({ _surface: mockSurface({ ...controls, request: 1, domain: [-0.4, 0.4, -0.4, 0.4] }, 1) });
  assert.equal(find("half-width-value").textContent, "0.4");
  assert.equal(find("domain-auto").getAttribute("aria-pressed"), "true");
  model.set("domain", [-2, 2, -2, 2]);
  find("domain-auto").click();
  assert.equal(model.get("domain"), null);
});

test("a seed that is no whole number is put back", async () => {
  const { model, find } = await show({ seed: 3 });
  enter(find("seed"), "-4", "change");
  assert.equal(find("seed").value, "3");
  assert.deepEqual(model.saves, []);
  find("new-seed").click();
  assert.deepEqual(model.saves, [{ seed: 4 }]);
});

test("buttons stand where they can do something", async () => {
  const { model, find } = await show({ status: "computing" });
  assert.deepEqual([find("cancel").hidden, find("recompute").hidden], [false, true]);
  find("cancel").click();
  model.receive({ status: "cancelled" });
  await settled();
  assert.deepEqual([find("cancel").hidden, find("recompute").hidden], [true, false]);
  find("recompute").click();
  assert.deepEqual(model.messages, [{ type: "shown" }, { type: "cancel" }, { type: "compute" }]);
  model.receive({ status: "done" });
  await settled();
  assert.deepEqual([find("cancel").hidden, find("recompute").hidden], [true, true]);
});

test("each view is drawn with the kernel's values and tells which result it shows", async () => {
  const { model, find, plotly } = await show();
  const surface = mockSurface({ ...controls, request: 7 }, 1, { holes: true });
  model.receive({ _surface: surface, _projections: mockProjections(7, 2000, { kappa_minus: -1, kappa_plus: 2 }), _eigenpairs: mockEigenpairs(7) });
  await settled();
  for (const name of ["surface", "heatmap", "curvature"]) {
    assert.deepEqual([find(name).dataset.request, find(name).dataset.final], ["7", "true"], name);
  }
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  const loss = new Float32Array(surface.loss.buffer.slice(surface.loss.byteOffset, surface.loss.byteOffset + surface.loss.byteLength));
  assert.deepEqual(Float32Array.from(data[0].z.flatMap((/** @type {Float32Array} */ row) => [...row])), loss);
  assert.ok(Number.isNaN(data[0].z[10][10]));
  assert.deepEqual([layout.xaxis.range, layout.xaxis.title.text, layout.yaxis.title.text], [[-1, 1], "α", "β"]);
  assert.match(find("verdict").textContent, /^Saddle: λmax 3\.821/);
  assert.match(find("curvature").textContent, /hides the saddle in 29\.3 %/);
});

test("hovering the heatmap reads the values out, and leaving gives the lowest point again", async () => {
  const { model, find, plotly } = await show();
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  await settled();
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  const events = /** @type {any} */ (plotly.events.get(plot));
  events.plotly_hover({ points: [{ x: 0.2, y: -0.6 }] });
  await settled();
  assert.match(find("readout").textContent, /^α = 0\.200\s+β = −0\.600\s+loss = \d/);
  assert.equal(plotly.drawn.get(plot)?.at(-1)?.layout.shapes.length, 4);
  events.plotly_unhover({});
  await settled();
  assert.match(find("readout").textContent, /^×/);
});

test("the arrow keys move the crosshair from node to node", async () => {
  const { model, find } = await show();
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  await settled();
  const body = find("heatmap").querySelector("[tabindex]");
  for (const key of ["ArrowRight", "ArrowRight", "ArrowUp"]) body.dispatchEvent(new KeyboardEvent("keydown", { key }));
  assert.match(find("readout").textContent, /^α = 0\.400\s+β = 0\.200/);
});

test("a changed control marks the old picture as provisional and frames it anew at once", async () => {
  const { model, find, plotly } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  assert.equal(find("heatmap").dataset.provisional, "false");
  model.receive({ domain: [-0.5, 0.5, -0.5, 0.5] });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "true");
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  assert.deepEqual(plotly.drawn.get(plot)?.at(-1)?.layout.xaxis.range, [-0.5, 0.5]);
});

test("an error is shown beside the last good picture", async () => {
  const { model, find } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  assert.equal(find("error").hidden, true);
  model.receive({ status: "failed", error: "ValueError: empty loader" });
  await settled();
  assert.deepEqual([find("error").hidden, find("error").textContent], [false, "ValueError: empty loader"]);
  assert.equal(find("heatmap").dataset.request, "1");
  assert.ok(find("heatmap").querySelector(".js-plotly-plot"));
});

test("a host without the plotting library gets words and working controls", async () => {
  const host = { getWidget: () => Promise.reject(new Error("no such widget")) };
  const { model, find } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) }, { host });
  assert.match(find("error").textContent, /could not be loaded: no such widget/);
  enter(find("preset"), "random", "change");
  assert.deepEqual(model.get("axes"), ["random", "random"]);
});

test("two views follow one another, and closing one leaves the other alone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, views, plotly } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) }, { views: 2 });
  const [one, two] = views;
  enter(one.find("resolution"), positionOf(one.find("resolution"), 31), "change");
  await settled();
  assert.equal(two.find("resolution-value").textContent, "31 × 31");
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);

  one.stop();
  assert.equal(one.el.childElementCount, 0);
  assert.ok(plotly.purged.length >= 2);
  model.receive({ resolution: 61 });
  await settled();
  assert.equal(two.find("resolution-value").textContent, "61 × 61");
  two.stop();
  assert.equal(model.count("change:resolution"), 0);
});

test("every control has a label", async () => {
  const { el } = await show();
  for (const control of el.querySelectorAll("input, select, progress")) {
    const { labels } = /** @type {HTMLInputElement} */ (control);
    assert.ok(labels?.length, control.outerHTML);
  }
});
