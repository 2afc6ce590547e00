// A page that was saved with pictures and never had a kernel: it switches between them, and greys what it does not hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockEigenpairs, mockProjections, mockSpectrum } from "../dev/mock-curvature.js";
import { mockSurface } from "../dev/mock.js";
import { controls, enter, painted, positionOf, settled, show } from "./show.js";

const HESSIAN = ["hessian:max", "hessian:min"];
const RANDOM = ["random", "random"];
const TEN = { timeout: 10_000 };

/** @param {number} request @param {any} [asked] */
const picture = (request, asked = {}) => ({
  automatic: !asked.domain,
  sights: [`Sight ${request}, seen.`, `Sight ${request}, unseen.`],
  _surface: mockSurface({ ...controls, ...asked, request }, 1),
  _eigenpairs: { ...mockEigenpairs(request, 1), sentence: `Saddle. Picture ${request}.`, sights: null },
  _projections: mockProjections(request, 100, { kappa_minus: -request, kappa_plus: 2 }, 1),
  _spectrum: mockSpectrum(request, 10, 10, 1),
});

/** A page with pictures of these controls, the first on show. @param {...any} asked */
async function saved(...asked) {
  const pictures = asked.map((each, i) => picture(i + 1, each));
  const { axes, split, resolution, domain } = { ...controls, ...asked[0] };
  const shown = await show({ status: "done", axes, split, resolution, domain }, { pictures });
  const heatmap = () => shown.find("heatmap").dataset;
  return { ...shown, heatmap, root: /** @type {HTMLElement} */ (shown.el.querySelector(".lw-root")) };
}

test("it shows the first picture, says what it is, and sends nothing", TEN, async () => {
  const { find, heatmap, root, model, stop } = await saved({}, { axes: RANDOM });
  assert.match(find("kernel").textContent, /^A saved page/);
  assert.deepEqual([heatmap().request, heatmap().provisional, root.dataset.status], ["1", "false", "done"]);
  assert.match(find("verdict").textContent, /Picture 1/);
  for (const id of ["cancel", "recompute", "progress-text"]) assert.ok(find(id).closest("[hidden]"), id);
  find("preset-random").click();
  await settled();
  assert.deepEqual([model.saves, model.messages], [[], []]);
  stop();
});

test("presets and axes switch to the pictures that are held, with all that was found for them", TEN, async () => {
  const { find, heatmap, stop } = await saved({}, { axes: RANDOM }, { axes: ["hessian:max", "random"] });
  find("preset-random").click();
  await settled();
  assert.deepEqual([heatmap().request, heatmap().provisional], ["2", "false"]);
  assert.match(find("verdict").textContent, /Picture 2/);
  assert.ok(find("preset-filter").disabled && !find("preset-hessian").disabled);
  enter(find("axis-alpha"), "hessian:max", "change");
  await settled();
  assert.equal(heatmap().request, "3");
  const open = [...find("axis-beta").options].filter(({ disabled }) => !disabled).map(({ value }) => value);
  assert.deepEqual(open, ["hessian:min", "random"]);
  stop();
});

test("an axis that is held beside another one only brings that one along", TEN, async () => {
  const { find, heatmap, model, stop } = await saved({}, { axes: ["random:filter", "random"] }, { axes: ["random:filter", "hessian:max"] });
  const open = (/** @type {string} */ name) => [...find(name).options].filter(({ disabled }) => !disabled).map(({ value }) => value);
  assert.deepEqual([open("axis-alpha"), open("axis-beta")], [["hessian:max", "random:filter"], ["hessian:max", "hessian:min", "random"]]);
  enter(find("axis-beta"), "random", "change");
  await settled();
  assert.deepEqual([heatmap().request, model.get("axes")], ["2", ["random:filter", "random"]]);
  enter(find("axis-beta"), "hessian:max", "change");
  await settled();
  assert.deepEqual([heatmap().request, model.get("axes")], ["3", ["random:filter", "hessian:max"]]);
  stop();
});

test("resolutions, seeds and zoom levels are those that are held", TEN, async () => {
  const close = { domain: [-0.5, 0.5, -0.5, 0.5] };
  const { find, heatmap, model, stop } = await saved({ axes: RANDOM }, { axes: RANDOM, resolution: 31 }, { axes: RANDOM, ...close }, { axes: RANDOM, seed: 1 });
  assert.ok(!find("resolution").disabled && find("resolution").max === "1");
  enter(find("resolution"), 1, "input", "change");
  await settled();
  assert.equal(heatmap().request, "2");
  enter(find("resolution"), 0, "input", "change");
  await settled();
  enter(find("half-width"), positionOf(find("half-width"), 0.5), "input", "change");
  await settled();
  assert.deepEqual([heatmap().request, heatmap().provisional], ["3", "false"]);
  find("domain-auto").click();
  await settled();
  assert.deepEqual([heatmap().request, model.get("domain")], ["1", null]);
  find("new-seed").click();
  await settled();
  assert.equal(heatmap().request, "4");
  assert.ok(find("new-seed").disabled, "no third seed");
  enter(find("seed"), 7, "change");
  await settled();
  assert.deepEqual([heatmap().request, find("seed").value], ["4", "1"]);
  stop();
});

test("where nothing else is held, all that would need it is grey and not hidden", TEN, async () => {
  const { find, stop } = await saved({});
  for (const id of ["preset-random", "preset-filter", "resolution", "seed", "new-seed", "examples", "compare", "half-width", "equal-axes", "face-trace"]) assert.ok(find(id).disabled, id);
  for (const id of ["preset-hessian", "domain-auto", "scale", "face-projections", "face-spectrum", "settings-open"]) assert.ok(!find(id).disabled, id);
  find("face-spectrum").click();
  await settled();
  assert.equal(find("curvature").dataset.face, "spectrum");
  stop();
});

test("a split that is held of this plane is on offer, and both beside each other", TEN, async () => {
  const info = { n_test_examples: 30 };
  const { find, heatmap, model, stop } = await saved({}, { split: "test" }, { axes: RANDOM });
  model.receive({ _info: { ...model.get("_info"), ...info } });
  await settled();
  assert.ok(!find("split-test").disabled && !find("split-beside").disabled && find("split-difference").disabled);
  find("split-test").click();
  await settled();
  assert.equal(heatmap().request, "2");
  find("split-beside").click();
  await settled();
  assert.deepEqual([heatmap().request, find("heatmap-2").dataset.request], ["1", "2"]);
  // The other plane has no test loss.
  find("preset-random").click();
  await settled();
  assert.ok(find("split-test").disabled);
  stop();
});

test("any two planes that are held stand side by side, with what each shows of the saddle", TEN, async () => {
  const { find, stop } = await saved({ axes: RANDOM }, { axes: HESSIAN });
  find("compare").click();
  await settled();
  assert.deepEqual([find("heatmap").dataset.request, find("heatmap-2").dataset.request], ["1", "2"]);
  assert.match(find("sight-1").textContent, /^Sight 1, /);
  assert.match(find("sight-2").textContent, /^Sight 2, /);
  assert.ok([...find("compared-preset").options].find(({ value }) => value === "filter")?.disabled);
  find("compare").click();
  await settled();
  assert.ok(!find("heatmap-2") || find("heatmap-2").closest("[hidden]"));
  stop();
});

test("the slider of checkpoints goes through those that are held, and play, too", TEN, async () => {
  const checkpoints = [0, 1, 2, 3].map((step) => ({ label: `epoch ${step}` }));
  const page = async (/** @type {any[]} */ ...asked) => {
    const shown = await saved(...asked);
    shown.model.receive({ _info: { ...shown.model.get("_info"), checkpoints } });
    await settled();
    return shown;
  };
  const one = await page({});
  assert.ok(one.find("checkpoint").disabled && one.find("play").disabled);
  assert.equal(one.find("checkpoint-value").textContent, "epoch 3 (4 of 4)");
  one.stop();
  const { find, heatmap, stop } = await page({}, { checkpoint: 1 }, { axes: RANDOM, checkpoint: 2 });
  assert.ok(!find("checkpoint").disabled && !find("play").disabled);
  assert.equal(find("checkpoint").max, "1", "the third one is held of another plane");
  enter(find("checkpoint"), 0, "input", "change");
  await settled();
  assert.deepEqual([heatmap().request, find("checkpoint-value").textContent], ["2", "epoch 1 (2 of 4)"]);
  find("play").click();
  await settled();
  assert.deepEqual([heatmap().request, find("checkpoint-value").textContent], ["1", "epoch 3 (4 of 4)"]);
  stop();
});

test("another checkpoint comes beside where it is held, goes again, and what a click brings is said", TEN, async () => {
  const checkpoints = [0, 1, 2, 3].map((step) => ({ label: `epoch ${step}` }));
  const none = { pictures: [], places: [0, 1, 2, 3], verdicts: ["", "", "", ""], layout: {}, words: "Curvature at 0 of 4 checkpoints.", marks: "", offer: "", busy: false };
  const { find, model, heatmap, plotly, stop } = await saved({}, { checkpoint: 1 }, { axes: RANDOM, checkpoint: 2 });
  model.receive({ _info: { ...model.get("_info"), checkpoints }, _along: none });
  await settled();
  const words = () => find("curves").querySelector(".lw-panel-foot").textContent;
  assert.match(words(), /A click goes to one that this page holds: epoch 1\./);
  await painted();
  const click = (/** @type {number} */ pointIndex) => plotly.events.get(find("curves").querySelector(".lw-plot"))?.plotly_click({ points: [{ pointIndex }] });
  find("beside").click();
  assert.ok(!find("beside").disabled);
  click(2);
  await settled();
  assert.equal(model.get("compared_checkpoint"), null, "of which no such plane is held");
  click(1);
  await settled();
  assert.deepEqual([model.get("compared_checkpoint"), heatmap().request, find("heatmap-2").dataset.request, find("heatmap-2").dataset.provisional], [1, "1", "2", "false"]);
  assert.match(find("sight-2").textContent, /^Sight 2, /);
  find("compare").click();
  await settled();
  assert.equal(model.get("compared_checkpoint"), null);
  assert.ok(!find("heatmap-2") || find("heatmap-2").closest("[hidden]"));
  find("beside").click();
  click(1);
  await settled();
  assert.deepEqual([model.get("checkpoint"), heatmap().request], [1, "2"]);
  stop();
});

test("a part is looked at in what is held, goes no farther, and stays while that is changed which it is a part of", TEN, async () => {
  const { find, heatmap, model, stop } = await saved({ axes: RANDOM, resolution: 21 }, { axes: RANDOM, resolution: 31 }, { axes: RANDOM, seed: 1, resolution: 21, domain: [-0.2, 0.2, -0.2, 0.2] });
  const press = async (/** @type {string} */ key, more = {}) => {
    find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));
    await settled();
  };
  for (let i = 0; i < 4; i++) await press("+");
  for (let i = 0; i < 12; i++) await press("ArrowRight", { shiftKey: true });
  assert.deepEqual([model.get("domain").map((/** @type {number} */ each) => +each.toFixed(2)), heatmap().request, heatmap().provisional], [[0.2, 1, -0.4, 0.4], "1", "false"]);
  assert.ok(find("half-width").disabled && !find("domain-auto").disabled);
  enter(find("resolution"), 1, "input", "change");
  await settled();
  assert.deepEqual([model.get("domain")[1], model.get("resolution")], [1, 31]);
  await press("Backspace");
  assert.notEqual(model.get("domain"), null, "a step back");
  find("new-seed").click();
  await settled();
  assert.deepEqual([model.get("seed"), find("half-width-value").textContent], [1, "0.2"], "the one picture of it");
  assert.ok(find("domain-auto").disabled, "which is not the kernel's choice");
  stop();
});

test("no width is more than what is held, and a resolution keeps the nearest of them", TEN, async () => {
  const wide = { domain: [-15, 15, -15, 15] };
  const { find, heatmap, model, stop } = await saved({ axes: RANDOM }, { axes: RANDOM, ...wide }, { axes: RANDOM, resolution: 31, ...wide }, { axes: RANDOM, resolution: 31, domain: [-1.5, 1.5, -1.5, 1.5] });
  assert.equal(find("half-width").max, "2");
  enter(find("resolution"), 1, "input", "change");
  await settled();
  assert.deepEqual([heatmap().request, find("half-width-value").textContent], ["4", "1.5"]);
  enter(find("half-width"), 2, "input", "change");
  await settled();
  assert.deepEqual([heatmap().request, model.get("resolution")], ["3", 31]);
  enter(find("half-width"), 0, "input", "change");
  await settled();
  assert.deepEqual([heatmap().request, model.get("resolution"), model.get("domain")], ["1", 11, null], "of which there is one resolution");
  stop();
});

test("what cannot stay beside another plane gives way", TEN, async () => {
  const info = { n_test_examples: 30 };
  const { find, model, stop } = await saved({}, { split: "test" }, { axes: RANDOM });
  model.receive({ _info: { ...model.get("_info"), ...info } });
  await settled();
  find("split-beside").click();
  await settled();
  find("preset-random").click();
  await settled();
  assert.equal(find("heatmap").dataset.request, "3");
  assert.ok(!find("heatmap-2") || find("heatmap-2").closest("[hidden]"));
  stop();
});

test("two losses on one plane are as wide", TEN, async () => {
  const { find, model, stop } = await saved({}, { split: "test", domain: [-0.5, 0.5, -0.5, 0.5] });
  model.receive({ _info: { ...model.get("_info"), n_test_examples: 30 } });
  await settled();
  assert.ok(!find("split-test").disabled && find("split-beside").disabled);
  stop();
});

test("a pin is marked on the plane that it was set on, and there alone", TEN, async () => {
  const pin = { number: 1, alpha: 0.2, beta: 0.1, axes: RANDOM, plane: "Random", fingerprint: `${RANDOM} 0`, symbols: ["r", "r"], n_examples: 1797, here: true, centred: true, places: [null, null], batch_norm: null, train: null, test: null, gradient_norm: null, hessian: null, curvatures: null, done: true, error: "" };
  const { find, model, stop } = await saved({}, { axes: RANDOM });
  model.receive({ _pins: { ...model.get("_pins"), pins: [pin] } });
  await settled();
  assert.match(find("pin-1-place").textContent, /on Random/);
  find("preset-random").click();
  await settled();
  assert.doesNotMatch(find("pin-1-place").textContent, /on Random/);
  stop();
});

test("sliders with one value stand where it has its place, and those of which more are held among these", TEN, async () => {
  const { find, stop } = await saved({ axes: RANDOM, resolution: 31 }, { axes: HESSIAN, resolution: 51 });
  const place = (/** @type {string} */ id) => [find(id).disabled, Number(find(id).value), Number(find(id).max)];
  const [, at, most] = place("resolution");
  assert.deepEqual(place("examples").slice(0, 2), [true, place("examples")[2]], "all examples, at the right end");
  assert.ok(find("resolution").disabled && at > 0 && at < most, `${at} of ${most}`);
  find("preset-hessian").click();
  await settled();
  assert.ok(Number(find("resolution").value) > at, "51 is finer than 31");
  stop();
});

test("a control that cannot be used says why, and one that can what it does", TEN, async () => {
  const { find, root, stop } = await saved({}, { axes: RANDOM });
  const said = (/** @type {string} */ id) => find(id).closest("[title]")?.getAttribute("title");
  for (const id of ["resolution", "examples", "seed", "new-seed", "equal-axes", "preset-filter"]) {
    assert.ok(find(id).disabled, id);
    assert.equal(said(id), "This page does not hold it", id);
  }
  const option = /** @type {HTMLOptionElement} */ ([...find("axis-alpha").options].find(({ disabled }) => disabled));
  assert.equal(option.title, "This page does not hold it");
  assert.match(said("colour-map"), /about L\(θ\*\) has colours of its own/);
  enter(find("scale"), "linear", "change");
  await settled();
  assert.equal(said("colour-map"), "The colours; all maps are safe for the colour-blind");
  for (const part of root.querySelectorAll("button, input, select")) assert.ok(/** @type {any} */ (part).disabled || !/kernel/i.test(part.closest("[title]")?.getAttribute("title") ?? ""), part.outerHTML);
  stop();
});
