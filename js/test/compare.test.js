// Two planes side by side: asked for in one click, linked, named at both ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { mockEigenpairs } from "../dev/mock-curvature.js";
import { OFFER, planeOf } from "../dev/mock-axes.js";
import { counterpart } from "../src/kernel/axes.js";
import { commonRange } from "../src/views/second-picture.js";
import { wire } from "../dev/wire.js";
import { controls, enter, nextFrame, positionOf, resetCamera, settled, show, TURNED } from "./show.js";

const HIDDEN = "Hides the saddle, looks like a minimum: κ₋ 1, κ₊ 2.";
const sights = [["Shows the saddle: κ₋ −1, κ₊ 2.", "The saddle lies in this plane but cannot be seen: κ₋ −1, κ₊ 2."], [HIDDEN, HIDDEN]];
/** @param {object} [change] */
const second = (change) => ({ ...mockSurface({ ...controls, request: 1, axes: ["random", "random"], seed: 5, ...change }, 1), ...planeOf(["random", "random"], 3), seed: 3, sights });
const both = { seed: 3, compared_axes: ["random", "random"], _surface: mockSurface({ ...controls, seed: 3, request: 1 }, 1), _compared: second() };

/** The newest figure of a view. @param {any} shown @param {string} name */
const drawn = ({ find, plotly }, name) => /** @type {any} */ (plotly.drawn.get(find(name).querySelector(".js-plotly-plot"))?.at(-1));

test("one click asks for the other kind of plane, another takes it away", async () => {
  const { model, find } = await show({ compared_domain: [-3, 3, -3, 3] });
  find("compare").click();
  await settled();
  assert.equal(find("compare").getAttribute("aria-pressed"), "true");
  find("compare").click();
  assert.deepEqual(model.saves, [
    { compared_axes: ["random", "random"], compared_domain: null },
    { compared_axes: null },
  ]);
  assert.deepEqual(counterpart(OFFER, ["hessian:max:2", "hessian:min"]), ["random", "random"]);
  assert.deepEqual(counterpart(OFFER, ["hessian:max", "random"]), ["hessian:max", "hessian:min"]);
});

test("both planes are drawn with their own losses and named in every title", async () => {
  const shown = await show(both);
  enter(shown.find("scale"), "linear", "change");
  await settled();
  for (const [name, surface] of /** @type {const} */ ([["heatmap", both._surface], ["heatmap-2", both._compared]])) {
    const loss = new Float32Array(surface.loss.buffer.slice(surface.loss.byteOffset, surface.loss.byteOffset + surface.loss.byteLength));
    const { z } = drawn(shown, name).data[0];
    assert.deepEqual(Float32Array.from(z.flatMap((/** @type {Float32Array} */ row) => [...row])), loss, name);
  }
  const title = (/** @type {string} */ name) => shown.find(name).querySelector("h3").textContent;
  assert.deepEqual(["surface", "heatmap", "surface-2", "heatmap-2"].map(title), [
    "Surface · Hessian λmax × λmin",
    "Plane · Hessian λmax × λmin",
    "Surface · Random (seed 3)",
    "Plane · Random (seed 3)",
  ]);
  assert.deepEqual([shown.find("sight-1").textContent, shown.find("sight-2").textContent], [sights[0][0], HIDDEN]);
});

/** A saddle of these curvatures on [−1, 1]². @param {number} fall */
function saddle(fall) {
  const quadratic = { loss: 3, gradient: [0, 0], hessian: [4, 0, -fall] };
  const surface = mockSurface({ ...controls, resolution: 41, request: 1 }, 1);
  const loss = Float32Array.from({ length: 41 * 41 }, (_, k) => 3 + 2 * (((k % 41) - 20) / 20) ** 2 - (fall / 2) * ((Math.floor(k / 41) - 20) / 20) ** 2);
  return { ...surface, loss: wire(loss), quadratic };
}

test("what either plane shows is told of the scale on show, one by one", async () => {
  const [seen, unseen] = ["Shows the saddle.", "The saddle lies in this plane but cannot be seen."];
  const saddles = { sights: [[seen, unseen], [seen, unseen]] };
  const { find, model } = await show({ ...both, resolution: 41, seed: 0, _surface: saddle(0.01), _compared: { ...second({ resolution: 41 }), ...saddle(2), axes: ["random", "random"], ...saddles } });
  const told = () => [find("sight-1").textContent, find("sight-2").textContent];
  assert.deepEqual(told(), [seen, seen]);
  // Linear, a fall of a four-hundredth of the rise is less than a colour.
  enter(find("scale"), "linear", "change");
  await settled();
  assert.deepEqual(told(), [unseen, seen]);
  model.receive({ _compared: { ...second({ resolution: 41 }), ...saddle(0.01), axes: ["random", "random"], ...saddles } });
  await settled();
  assert.deepEqual(told(), [unseen, unseen]);
  enter(find("scale"), "auto", "change");
  await settled();
  assert.deepEqual(told(), [seen, seen]);
});

test("without a second plane there are no second views, and titles are short", async () => {
  const { model, find, plotly } = await show(both);
  const plots = ["surface-2", "heatmap-2"].map((name) => find(name).querySelector(".js-plotly-plot"));
  model.receive({ compared_axes: null, _compared: null });
  await settled();
  assert.equal(find("surface-2"), null);
  assert.equal(find("comparison").hidden, true);
  assert.equal(find("surface").querySelector("h3").textContent, "Surface");
  for (const plot of plots) assert.ok(plotly.purged.includes(plot));
});

test("a camera turned in one surface turns the other, and a reset resets both", async () => {
  const shown = await show(both, { webgl: true });
  const events = (/** @type {string} */ name) => /** @type {any} */ (shown.plotly.events.get(shown.find(name).querySelector(".js-plotly-plot")));
  const camera = (/** @type {string} */ name) => drawn(shown, name).layout.scene.camera;
  const start = camera("surface");
  events("surface-2").plotly_relayouting({ "scene.camera": TURNED });
  await nextFrame();
  assert.deepEqual(camera("surface"), TURNED);
  resetCamera(shown, "surface");
  await nextFrame();
  assert.deepEqual(camera("surface-2"), start);
  assert.notEqual(drawn(shown, "surface-2").layout.scene.uirevision, JSON.stringify(TURNED));
});

test("keys turn both surfaces, and 0 leads back", async () => {
  const shown = await show(both, { webgl: true });
  const camera = (/** @type {string} */ name) => drawn(shown, name).layout.scene.camera;
  const start = camera("surface");
  const body = shown.find("surface").querySelector(".lw-panel-body");
  const press = async (/** @type {string} */ key) => {
    const event = new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    body.dispatchEvent(event);
    await nextFrame();
    return event.defaultPrevented;
  };
  assert.equal(body.getAttribute("tabindex"), "0");
  assert.ok(await press("ArrowLeft"));
  assert.notDeepEqual(camera("surface").eye, start.eye);
  assert.equal(camera("surface").eye.z, start.eye.z, "around the vertical");
  assert.deepEqual(camera("surface-2"), camera("surface"));
  assert.equal(await press("a"), false);
  await press("0");
  assert.deepEqual([camera("surface"), camera("surface-2")], [start, start]);
});

test("one scale gives both pictures the colours and heights of both ranges together", async () => {
  const shown = await show(both, { webgl: true });
  const span = (/** @type {string} */ name) => [drawn(shown, name).data[0].zmin, drawn(shown, name).data[0].zmax];
  assert.notDeepEqual(span("heatmap"), span("heatmap-2"));
  shown.find("one-scale").click();
  await settled();
  // About the first picture's L(θ*), as far from it as its own curvatures say.
  assert.deepEqual(span("heatmap"), span("heatmap-2"));
  assert.deepEqual(drawn(shown, "heatmap").data[0].colorbar.ticktext, drawn(shown, "heatmap-2").data[0].colorbar.ticktext);
  shown.find("one-scale").click();
  enter(shown.find("scale"), "linear", "change");
  await settled();
  const apart = ["heatmap", "heatmap-2"].map(span);
  assert.notDeepEqual(apart[0], apart[1]);
  shown.find("one-scale").click();
  await settled();
  const together = [Math.min(apart[0][0], apart[1][0]), Math.max(apart[0][1], apart[1][1])];
  assert.deepEqual(["heatmap", "heatmap-2"].map(span), [together, together]);
  for (const name of ["surface", "surface-2"]) {
    const { data, layout } = drawn(shown, name);
    assert.deepEqual([data[0].cmin, data[0].cmax], together);
    assert.deepEqual(layout.scene.zaxis.range, together);
  }
});

test("a picture of holes leaves the common scale to the other", () => {
  const of = (/** @type {number[]} */ range) => /** @type {any} */ ({ range });
  assert.deepEqual(commonRange(true, [of([NaN, NaN]), of([1, 2])]), [1, 2]);
  assert.deepEqual(commonRange(true, [of([0, 1.5]), of([1, 2])]), [0, 2]);
  assert.equal(commonRange(false, [of([0, 1]), of([1, 2])]), null);
  assert.equal(commonRange(true, [null, of([1, 2])]), null);
});

test("two losses on one plane share a scale where both are seen on it", () => {
  const of = (/** @type {number[]} */ range) => /** @type {any} */ ({ range });
  assert.deepEqual(commonRange(null, [of([0, 1]), of([0.5, 2])]), [0, 2]);
  assert.deepEqual(commonRange(null, [of([3, 3]), of([3, 3])]), [3, 3], "constant losses");
  assert.equal(commonRange(null, [of([0, 1]), of([9, 10])]), null, "far apart");
  assert.equal(commonRange(null, [of([0, 0.01]), of([0, 1])]), null, "one much flatter");
});

test("each plane has a crosshair of its own: a point of the one is no point of the other", async () => {
  const shown = await show(both);
  const before = shown.find("readout").textContent;
  shown.find("heatmap-2").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  await nextFrame();
  assert.match(shown.find("readout-2").textContent, /^α = 0\.200\s+β = 0/);
  assert.equal(drawn(shown, "heatmap-2").layout.shapes.length, 4);
  assert.equal(shown.find("readout").textContent, before);
  assert.equal(drawn(shown, "heatmap").layout.shapes.length, 0);
});

test("the second plane and its half-width are chosen beside what it shows", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { model, find } = await show({ ...both, compared_domain: [-1, 1, -1, 1] });
  enter(find("compared-preset"), "filter", "change");
  assert.deepEqual(model.saves, [{ compared_axes: ["random:filter", "random:filter"], compared_domain: null }]);
  enter(find("compared-half-width"), positionOf(find("compared-half-width"), 0.5), "change");
  assert.deepEqual(model.get("compared_domain"), [-0.5, 0.5, -0.5, 0.5]);
  find("compared-domain-auto").click();
  assert.equal(model.get("compared_domain"), null);
});

test("a second plane asked for anew is provisional until its own answer comes", async () => {
  const { model, find } = await show(both);
  assert.equal(find("heatmap-2").dataset.provisional, "false");
  model.receive({ compared_domain: [-0.5, 0.5, -0.5, 0.5] });
  await settled();
  assert.equal(find("heatmap-2").dataset.provisional, "true");
  model.receive({ _surface: mockSurface({ ...controls, seed: 3, request: 2 }, 1) });
  await settled();
  assert.deepEqual([find("heatmap").dataset.provisional, find("heatmap-2").dataset.provisional], ["false", "true"]);
  model.receive({ _compared: second({ request: 2, domain: [-0.5, 0.5, -0.5, 0.5] }) });
  await settled();
  assert.equal(find("heatmap-2").dataset.provisional, "false");
});

test("one scale says whose θ* it is about, where the pictures are around several", async () => {
  const words = (/** @type {any} */ { find }) => find("one-scale").closest("label").textContent;
  const planes = await show(both, { webgl: true });
  planes.find("one-scale").click();
  await settled();
  assert.equal(words(planes), "one scale", "two planes around one θ*");
  planes.stop();
  const shown = await show({ ...both, compared_checkpoint: 0, _info: { ...defaults._info, checkpoints: [{ step: 0, label: "step 0" }, { step: 9, label: "step 9" }] } }, { webgl: true });
  assert.equal(words(shown), "one scale, about first θ*");
  shown.find("one-scale").click();
  await settled();
  assert.equal(words(shown), "one scale", "each has its own");
  shown.find("one-scale").click();
  enter(shown.find("scale"), "linear", "change");
  await settled();
  assert.equal(words(shown), "one scale", "about no loss");
  shown.stop();
});

test("models whose losses lie far apart have scales of their own; on one scale it says what hides a saddle, and the way out", async () => {
  const seen = "A saddle; this plane shows it.";
  const unseen = "A saddle; it lies in this plane but cannot be seen at this domain.";
  /** @param {number} scale */
  const traits = (scale) => ({ _group: "apart", domain: [-1, 1, -1, 1], _surface: mockSurface({ ...controls, request: 1 }, 1, { scale }), _eigenpairs: { ...mockEigenpairs(1), sentence: seen, sights: [seen, unseen] } });
  const shown = await show(traits(1), { webgl: true });
  const other = shown.beside(traits(1e-3));
  await settled();
  const words = (/** @type {any} */ { find }) => find("verdict").querySelector(".lw-sentence").textContent;
  assert.deepEqual([shown, other].map(({ find }) => find("one-scale").checked), [false, false]);
  assert.deepEqual([shown, other].map(words), [seen, seen]);
  other.find("one-scale").click();
  await settled();
  assert.equal(words(shown), seen);
  assert.equal(words(other), "A saddle; it lies in this plane but cannot be seen on the scale that the pictures share.");
  assert.deepEqual([other.find("show-saddle").hidden, other.find("show-saddle").textContent], [false, "Own scale"]);
  other.find("show-saddle").click();
  await settled();
  assert.deepEqual([shown, other].map(({ find }) => find("one-scale").checked), [false, false]);
  assert.deepEqual([words(other), other.model.get("domain")], [seen, [-1, 1, -1, 1]]);
  other.stop();
  shown.stop();
});

test("a picture around another θ* has the line of its own L(θ*), on one scale, too", async () => {
  const checkpoints = [{ label: "step 0" }, { label: "step 9" }];
  const _compared = { ...mockSurface({ ...controls, request: 1, checkpoint: 0 }, 1, { scale: 0.9 }), sights: [["", ""], ["", ""]] };
  const shown = await show({ _info: { ...defaults._info, checkpoints }, _surface: mockSurface({ ...controls, request: 1 }, 1), _compared, compared_checkpoint: 0 }, { webgl: true });
  assert.ok(shown.find("one-scale").checked);
  for (const name of ["heatmap", "heatmap-2"]) {
    const { data } = drawn(shown, name);
    const { contours: { start }, z } = data.find((/** @type {any} */ trace) => trace.name === "level");
    assert.ok(Math.abs(start - z[5][5]) < 1e-6, `${name}: the line goes through θ*`);
  }
  for (const name of ["surface", "surface-2"]) {
    const { data, layout } = drawn(shown, name);
    const [low, high] = layout.scene.zaxis.range;
    const { z } = data.find((/** @type {any} */ trace) => trace.name === "level");
    assert.ok(Math.abs(z[0] - data[0].z[5][5]) < 0.005 * (high - low), `${name}: so it does in space`);
  }
  shown.stop();
});

test("explorers of one group share camera, colours and heights, and each its own crosshair", async () => {
  const traits = (/** @type {object} */ change) => ({ _group: "g", _surface: mockSurface({ ...controls, request: 1, ...change }, 1) });
  const shown = await show(traits({}), { webgl: true });
  const other = shown.beside(traits({ domain: [-0.8, 0.8, -0.8, 0.8], seed: 9 }));
  await settled();
  const span = (/** @type {any} */ each, /** @type {string} */ name) => [drawn(each, name).data[0].zmin, drawn(each, name).data[0].zmax];
  assert.deepEqual(span(shown, "heatmap"), span(other, "heatmap"));
  assert.ok(shown.find("one-scale").checked && other.find("one-scale").checked);
  other.find("one-scale").click();
  await settled();
  assert.notDeepEqual(span(shown, "heatmap"), span(other, "heatmap"));
  assert.ok(!shown.find("one-scale").checked);
  /** @type {any} */ (shown.plotly.events.get(shown.find("surface").querySelector(".js-plotly-plot"))).plotly_relayouting({ "scene.camera": TURNED });
  await nextFrame();
  assert.deepEqual(drawn(other, "surface").layout.scene.camera, TURNED);
  shown.find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  await nextFrame();
  assert.notEqual(drawn(shown, "heatmap").layout.shapes.length, drawn(other, "heatmap").layout.shapes.length, "a crosshair in one of them");
  other.find("one-scale").click();
  other.stop();
  await settled();
  assert.equal(drawn(shown, "heatmap").data[0].zmin === undefined, false);
  shown.stop();
  const alone = await show(traits({}), { webgl: true });
  assert.ok(!alone.find("one-scale").checked, "nobody else is there");
  assert.notDeepEqual(drawn(alone, "surface").layout.scene.camera, TURNED, "a group ends with its last member");
  alone.stop();
});

test("pictures around two checkpoints are both named by them, a solution by its own name", async () => {
  const checkpoints = [{ label: "step 0" }, { label: "step 30" }, { label: "as given" }];
  const { find, model } = await show({ ...both, compared_axes: null, compared_checkpoint: 0, checkpoint: 1, _compared: second({ checkpoint: 0 }) });
  model.receive({ _info: { ...model.get("_info"), checkpoints } });
  await settled();
  const titles = () => ["heatmap", "heatmap-2"].map((name) => find(name).querySelector("h3").textContent);
  assert.deepEqual(titles(), ["Plane · Hessian λmax × λmin, step 30", "Plane · Random (seed 3), step 0"]);
  model.receive({ checkpoint: null, compared_checkpoint: "other seed" });
  await settled();
  assert.match(titles()[0], /, as given$/);
  assert.match(titles()[1], /, other seed$/);
});
