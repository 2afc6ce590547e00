// The page tells which pictures it has drawn, and shows no more of a computation that was cancelled.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { thinned } from "../src/model/thinned.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { controls, painted, settled, show } from "./show.js";

const surfaceOf = (/** @type {number} */ request, step = 1, more = {}) => mockSurface({ ...controls, request, ...more }, step);
/** @param {any} model */
const drawn = (model) => model.messages.filter((/** @type {any} */ { type }) => type === "drawn");
const computing = { status: "computing", progress: { request: 2, stage: "loss surface", fraction: 0.1, eta: 3, elapsed: 1, parts: {} } };

/** Past two paints. */
async function drawnOut() {
  for (let i = 0; i < 4; i++) await painted();
}

test("a picture is acknowledged by its number once it is painted, and only once", async () => {
  const { model, find, plotly } = await show();
  model.receive({ _surface: { ...surfaceOf(1), sent: 7 } });
  await settled();
  assert.deepEqual(drawn(model), []);
  assert.ok(plotly.drawn.has(find("heatmap").querySelector(".js-plotly-plot")));
  await drawnOut();
  assert.deepEqual(drawn(model), [{ type: "drawn", number: 7 }]);
  model.receive({ status: "done" });
  await drawnOut();
  assert.equal(drawn(model).length, 1);
});

test("a view that throws keeps neither the others from drawing nor the kernel waiting, and says so", async (t) => {
  const { model, find, plotly } = await show({ _surface: surfaceOf(1) });
  await drawnOut();
  const said = t.mock.method(console, "error", () => {});
  const broken = () => assert.fail("it is broken");
  Object.defineProperty(find("verdict"), "hidden", { set: broken });
  find("heatmap").setAttribute = broken;
  const pictures = () => ["surface", "heatmap", "slices"].map((name) => plotly.drawn.get(find(name).querySelector(".js-plotly-plot"))?.length);
  const before = pictures();
  model.receive({ _surface: { ...surfaceOf(2), sent: 7 } });
  await drawnOut();
  assert.deepEqual(pictures().map((count, i) => Number(count) - Number(before[i])), [1, 0, 1]);
  assert.deepEqual(drawn(model), [{ type: "drawn", number: 7 }]);
  assert.ok(said.mock.callCount() >= 2);
  assert.equal(find("error").hidden, false);
  assert.match(find("error").textContent, /^A part of this page could not be drawn: .*it is broken/);
  model.receive({ error: "The loss is not finite." });
  await drawnOut();
  assert.match(find("error").textContent, /^The loss is not finite\.\nA part of this page could not be drawn: .*it is broken/);
});

test("a computation is done once its last picture is drawn", async () => {
  const { model, find } = await show();
  const progress = { ...computing.progress, fraction: 1, eta: 0 };
  model.receive({ _surface: { ...surfaceOf(1), sent: 7 }, status: "done", progress });
  await settled();
  assert.equal(find("progress-text").textContent, "100 %");
  assert.equal(find("progress").previousElementSibling.textContent, "Drawing");
  assert.ok(find("cancel").hidden, "the kernel has nothing to cancel any more");
  await drawnOut();
  assert.equal(find("progress-text").textContent, "Done in 1 s");
  model.receive({ status: "computing" });
  model.receive({ status: "done" });
  await settled();
  assert.equal(find("progress-text").textContent, "Done in 1 s", "there is nothing to draw");
});

test("a page that comes later tells of no computation that was over before", async () => {
  const { find } = await show({ _surface: { ...surfaceOf(1), sent: 7 }, status: "done", progress: { ...computing.progress, fraction: 1, eta: 0 } });
  assert.equal(find("progress-text").textContent, "Done in 1 s");
});

test("of pictures that come while one is drawn the newest is acknowledged", async () => {
  const { model } = await show();
  for (const sent of [1, 2, 3]) {
    model.receive({ _surface: { ...surfaceOf(1), sent } });
    await settled();
  }
  await drawnOut();
  assert.deepEqual(drawn(model).map((/** @type {any} */ { number }) => number), [1, 3]);
});

test("a page that comes later acknowledges what it finds, and a page without the plotting library too", async () => {
  const host = { getWidget: async () => Promise.reject(new Error("missing")) };
  const { model } = await show({ _surface: { ...surfaceOf(1), sent: 4 } }, { host });
  await drawnOut();
  assert.deepEqual(drawn(model), [{ type: "drawn", number: 4 }]);
});

test("Cancel shows at once, and nothing that is still on its way is drawn until the kernel answers", async () => {
  const { model, find, plotly } = await show({ _surface: surfaceOf(1), status: "done" });
  model.receive({ ...computing, _surface: surfaceOf(2, 2) });
  await settled();
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  const before = plotly.drawn.get(plot)?.length;
  find("cancel").click();
  await settled();
  assert.equal(find("progress-text").textContent, "Cancelling …");
  assert.equal(model.messages.at(-1).type, "cancel");
  model.receive({ _surface: { ...surfaceOf(2), sent: 2 }, progress: { ...computing.progress, fraction: 0.5 } });
  await settled();
  assert.equal(plotly.drawn.get(plot)?.length, before);
  assert.equal(find("progress-text").textContent, "Cancelling …");
  model.receive({ status: "cancelled" });
  await settled();
  assert.equal(find("progress-text").textContent, "Cancelled");
});

test("a control that is changed after Cancel asks for something new", async () => {
  const { model, find } = await show({ _surface: surfaceOf(1), ...computing });
  find("cancel").click();
  await settled();
  model.receive({ domain: [-2, 2, -2, 2] });
  model.receive({ progress: { ...computing.progress, request: 3 }, _surface: surfaceOf(3, 1, { domain: [-2, 2, -2, 2] }) });
  await settled();
  assert.equal(find("progress-text").textContent, "10 % · 3 s left");
  assert.equal(find("surface").dataset.request, "3");
});

test("while the kernel refines a picture the heatmap follows all of it, the scene a few stages and the last", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const count = (/** @type {string} */ name) => plotly.drawn.get(find(name).querySelector(".js-plotly-plot"))?.length ?? 0;
  /** @param {number} nDone */
  async function refine(nDone, final = false, status = "computing") {
    model.receive({ ...computing, status, _surface: { ...surfaceOf(2, final ? 1 : 2), n_done: nDone, final } });
    await drawnOut();
    return [count("heatmap"), count("surface")];
  }
  const [flat, scene] = await refine(100);
  assert.deepEqual(await refine(200), [flat + 1, scene]);
  assert.deepEqual(await refine(399), [flat + 2, scene]);
  assert.deepEqual(await refine(400), [flat + 3, scene + 1]);
  assert.deepEqual(await refine(500), [flat + 4, scene + 1]);
  // Whoever has turned the scene sees it as it is by now.
  /** @type {any} */ (plotly.events.get(find("surface").querySelector(".js-plotly-plot"))).plotly_relayout({ "scene.camera": { eye: { x: 2, y: 0, z: 1 } } });
  await drawnOut();
  assert.equal(count("surface"), scene + 2);
  assert.deepEqual(await refine(600, true), [flat + 5, scene + 3]);
});

test("a picture on more examples is drawn in three dimensions however many of its nodes are there", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const count = () => plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.length ?? 0;
  /** @param {number} n_examples */
  async function on(n_examples) {
    model.receive({ ...computing, _surface: { ...surfaceOf(2, 2), n_done: 100, n_examples, final: false } });
    await drawnOut();
    return count();
  }
  const first = await on(64);
  assert.equal(await on(256), first + 1);
  assert.equal(await on(898), first + 2);
});

test("the last picture of a cancelled computation is drawn in three dimensions too", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const count = () => plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.length ?? 0;
  for (const n_done of [100, 200]) {
    model.receive({ ...computing, _surface: { ...surfaceOf(2, 2), n_done, final: false } });
    await drawnOut();
  }
  const before = count();
  model.receive({ status: "cancelled" });
  await drawnOut();
  assert.equal(count(), before + 1);
});

for (const [resolution, kept] of [[101, 101], [151, 77], [201, 101], [301, 101], [401, 101], [203, 101], [501, 101]]) {
  test(`of ${resolution} nodes for each axis a thinned picture has ${kept}`, () => {
    const wide = decodeSurface(surfaceOf(1, 2, { resolution }));
    const few = thinned(wide, 101);
    assert.deepEqual([few.alpha.length, few.beta.length, few.loss.length], [kept, kept, kept * kept]);
    assert.ok(few.alpha.includes(0) && few.beta.includes(0), "θ*, about which colours part");
    assert.deepEqual([few.alpha[0], few.alpha.at(-1), few.beta[0], few.beta.at(-1)], wide.domain);
    few.rows.forEach((row, i) =>
      row.forEach((loss, j) => assert.equal(loss, wide.rows[wide.beta.indexOf(few.beta[i])][wide.alpha.indexOf(few.alpha[j])])),
    );
    assert.equal(thinned(wide, 101), few);
  });
}

test("the scene has fewer nodes than the heatmap: few while the kernel computes, at the end as many as can be seen", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  /** @param {object} traits */
  async function nodes(traits) {
    model.receive(traits);
    await drawnOut();
    return ["heatmap", "surface"].map((name) => plotly.drawn.get(find(name).querySelector(".js-plotly-plot"))?.at(-1)?.data[0].x.length);
  }
  const of = (/** @type {number} */ request, /** @type {number} */ resolution, final = false) => ({ _surface: { ...surfaceOf(request, final ? 1 : 2, { resolution }), final } });
  assert.deepEqual(await nodes({ ...computing, ...of(2, 41) }), [41, 41]);
  assert.deepEqual(await nodes(of(3, 101)), [101, 51]);
  assert.deepEqual(await nodes({ status: "cancelled" }), [101, 101]);
  assert.deepEqual(await nodes({ ...computing, ...of(4, 201) }), [101, 51]);
  assert.deepEqual(await nodes(of(4, 201, true)), [201, 101]);
  assert.deepEqual(await nodes({ status: "done" }), [201, 101]);
  assert.match(find("surface").querySelector(".lw-panel-foot").textContent, /^Height: loss, .* · 101 × 101 of its nodes$/);
  const { data } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  assert.deepEqual(new Set(data.filter((/** @type {any} */ { type }) => type === "contour").map((/** @type {any} */ { x }) => x.length)), new Set([101]));
});
