// What a person does reaches the model, and what the kernel says reaches the controls.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { controls, enter, positionOf, settled, show } from "./show.js";

test("showing asks the kernel once, and does not write any control", async () => {
  const { model } = await show();
  assert.deepEqual(model.messages, [{ type: "shown" }]);
  assert.deepEqual(model.saves, []);
});

test("a preset sets both axes and the automatic domain in one save", async () => {
  const { model, find } = await show({ domain: [-1, 1, -1, 1] });
  assert.ok(find("preset-hessian").checked);
  find("preset-filter").click();
  assert.deepEqual(model.saves, [{ axes: ["random:filter", "random:filter"], domain: null }]);
  await settled();
  assert.equal(find("axis-alpha").value, "random:filter");
});

test("an axis sets itself and the automatic domain, and chooses no preset", async () => {
  const { model, find } = await show({ domain: [-1, 1, -1, 1] });
  enter(find("axis-beta"), "hessian:max:3", "change");
  assert.deepEqual(model.saves, [{ axes: ["hessian:max", "hessian:max:3"], domain: null }]);
  await settled();
  assert.equal(find("preset").querySelector(":checked"), null);
});

test("the same axis twice spans no plane: then they change places", async () => {
  const { model, find } = await show();
  enter(find("axis-beta"), "hessian:max", "change");
  assert.deepEqual(model.saves, [{ axes: ["hessian:min", "hessian:max"] }]);
});

test("a plane that cannot be had is grey in every menu, and says why", async () => {
  const reason = "Expected parameters that form filters";
  const random = /** @type {[string, string]} */ (["random", "random"]);
  const { model, find } = await show({ compared_axes: random, _info: { ...defaults._info, refused: { "random:filter": reason } } });
  const title = (/** @type {any} */ el) => [el.disabled, (el.closest("label") ?? el).title];
  assert.deepEqual(title(find("preset-filter")), [true, reason]);
  for (const name of ["axis-alpha", "axis-beta"]) {
    assert.deepEqual(title(find(name).querySelector("[value='random:filter']")), [true, reason], name);
    assert.deepEqual(title(find(name).querySelector("[value='random']")), [false, ""], name);
  }
  assert.deepEqual(title(find("compared-preset").querySelector("[value=filter]")), [true, reason]);
  assert.deepEqual(title(find("preset-random")), [false, "Two random directions"]);
  model.receive({ _info: defaults._info });
  await settled();
  assert.deepEqual([title(find("preset-filter"))[0], title(find("axis-beta").querySelector("[value='random:filter']"))], [false, [false, ""]]);
});

test("what the kernel refuses is put back, and the picture on show is the answer again", async () => {
  const surface = mockSurface({ ...controls, request: 1 }, 1);
  const { model, find } = await show({ status: "done", _surface: surface });
  find("preset-filter").click();
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "true");
  model.receive({ axes: [...defaults.axes], domain: null, error: "Expected parameters" });
  await settled();
  assert.deepEqual([find("preset-hessian").checked, find("heatmap").dataset.provisional], [true, "false"]);
  assert.deepEqual([find("error").hidden, find("error").textContent], [false, "Expected parameters"]);
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

test("a half-width is told of both axes while it is dragged as afterwards", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, find } = await show({ domain: [-0.2, 0.2, -2, 2] });
  assert.equal(find("half-width-value").textContent, "0.2 × 2");
  enter(find("half-width"), positionOf(find("half-width"), 3), "input");
  assert.equal(find("half-width-value").textContent, "0.3 × 3");
  enter(find("half-width"), find("half-width").value, "change");
  await settled();
  assert.deepEqual(model.get("domain"), [-0.3, 0.3, -3, 3]);
  assert.equal(find("half-width-value").textContent, "0.3 × 3");
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
  assert.equal(find("preset").querySelector(":checked"), null);
});

test("a slider that is held keeps its place, and follows the kernel when let go", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, find } = await show();
  const slider = find("half-width");
  enter(slider, 10, "input");
  const held = slider.dataset.value;
  model.receive({ domain: [-0.4, 0.4, -0.4, 0.4] });
  await settled();
  assert.equal(slider.dataset.value, held);
  slider.dispatchEvent(new Event("pointerup"));
  assert.equal(slider.dataset.value, "0.4");
});

for (const name of ["resolution", "examples"]) {
  test(`${name} is costly: it is sent once, when the slider is let go`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { model, find } = await show();
    const slider = find(name);
    for (const position of [4, 3, 2]) enter(slider, position, "input");
    t.mock.timers.tick(1000);
    assert.deepEqual(model.saves, []);
    const value = Number(slider.dataset.value);
    // The kernel goes on telling of the old value.
    model.receive({ progress: { request: 1, stage: "", fraction: 0, eta: null, elapsed: 0, parts: {} } });
    await settled();
    slider.dispatchEvent(new Event("pointerup"));
    await settled();
    slider.dispatchEvent(new Event("change"));
    assert.deepEqual(model.saves, [{ [name]: value }]);
    assert.equal(Number(slider.dataset.value), value);
  });
}

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

test("Enter in the seed sends it once, and plain keys stay inside", async () => {
  const { model, el, find } = await show({ seed: 3 });
  /** @type {string[]} */
  const outside = [];
  el.addEventListener("keydown", ({ key }) => outside.push(key));
  find("seed").value = "7";
  find("seed").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  await settled();
  enter(find("seed"), 7, "change");
  assert.deepEqual(model.saves, [{ seed: 7 }]);
  find("seed").dispatchEvent(new KeyboardEvent("keydown", { key: "s", ctrlKey: true, bubbles: true }));
  assert.deepEqual(outside, ["s"]);
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

test("a host without the plotting library gets words and working controls", async () => {
  const host = { getWidget: () => Promise.reject(new Error("no such widget")) };
  const { model, find } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) }, { host });
  assert.match(find("error").textContent, /could not be loaded: no such widget/);
  find("preset-random").click();
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

test("the half-widths to choose from lie around the automatic one, and reach what is on show", async () => {
  const { find, model } = await show({ _surface: mockSurface({ ...controls, domain: [-0.02, 0.02, -0.2, 0.2], request: 1 }, 1) });
  const slider = find("half-width");
  const [last, first] = [Number(slider.max), 0].map((position) => {
    enter(slider, position, "input", "change");
    return Number(slider.dataset.value);
  });
  assert.deepEqual([first, last], [0.002, 20]);
  model.receive({ domain: [-1000, 1000, -1000, 1000] });
  await settled();
  assert.equal(slider.value, slider.max);
  assert.equal(slider.dataset.value, "1000");
  model.receive({ domain: [-0.2, 0.2, -0.2, 0.2] });
  await settled();
  enter(slider, Number(slider.max), "input", "change");
  assert.equal(Number(slider.dataset.value), 20);
});
