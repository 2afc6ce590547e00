// How losses are shown: colours, contours, logarithm, and the quadratic model over them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { errorMap, modelRows } from "../src/model/quadratic.js";
import { assertNearly, controls, enter, painted, settled, show } from "./show.js";

const raw = mockSurface({ ...controls, request: 1 }, 1);
const surface = decodeSurface(raw);
const model = /** @type {import("../src/model/quadratic.js").QuadraticModel} */ (surface.quadratic);

async function setUp(more = {}, options = {}) {
  const shown = await show({ _surface: { ...raw, ...more } }, options);
  const drawn = (/** @type {string} */ view) => {
    const { data, layout } = /** @type {any} */ (shown.plotly.drawn.get(shown.find(view).querySelector(".js-plotly-plot"))?.at(-1));
    return { data, layout, named: (/** @type {string} */ name) => data.find((/** @type {any} */ trace) => trace.name === name) };
  };
  const check = async (/** @type {string} */ name, checked = true) => {
    shown.find(name).checked = checked;
    enter(shown.find(name), shown.find(name).value, "change");
    await settled();
  };
  return { ...shown, drawn, check };
}

test("contours can be switched off and on", async () => {
  const { drawn, check, find } = await setUp();
  assert.deepEqual([find("contours").checked, drawn("heatmap").named("loss").visible], [true, true]);
  await check("contours", false);
  assert.equal(drawn("heatmap").named("loss").visible, false);
  await check("contours", true);
  assert.equal(drawn("heatmap").named("loss").visible, true);
});

test("both colour maps are safe for the colour-blind, and both views wear the same", async () => {
  const { drawn, find } = await setUp({}, { webgl: true });
  assert.equal(find("colour-map").disabled, true);
  enter(find("scale"), "linear", "change");
  await settled();
  for (const name of ["Viridis", "Cividis"]) {
    enter(find("colour-map"), name, "change");
    await settled();
    assert.deepEqual([drawn("heatmap").data[0].colorscale, drawn("surface").data[0].colorscale], [name, name]);
  }
});

test("a logarithm needs positive losses", async () => {
  const { find, drawn } = await setUp();
  const log = (/** @type {any} */ { find }) => find("scale").querySelector("[value=log]");
  assert.equal(log({ find }).disabled, false);
  enter(find("scale"), "log", "change");
  await settled();
  assert.deepEqual([...drawn("heatmap").data[0].z[3]], [...surface.rows[3].map(Math.log10)]);
  const { tickvals, ticktext } = drawn("heatmap").data[0].colorbar;
  assert.ok(tickvals.length > 3, "of losses, not of their logarithms");
  assert.deepEqual(ticktext.map(Number).map(Math.log10), tickvals);
  await painted();
  const { yaxis, yaxis2, margin } = drawn("slices").layout;
  for (const axis of [yaxis, yaxis2]) {
    assert.equal(axis.title.text, "loss (log)");
    assert.ok(axis.ticktext.length > 2, String(axis.ticktext));
    axis.ticktext.forEach((/** @type {string} */ text, /** @type {number} */ k) => assert.ok(Math.abs(Math.log10(Number(text)) - axis.tickvals[k]) < 1e-9, `${text} at ${axis.tickvals[k]}`));
    assert.ok(axis.range[0] <= axis.tickvals[0] && axis.tickvals.at(-1) <= axis.range[1]);
  }
  const widest = Math.max(...yaxis.ticktext.map((/** @type {string} */ text) => text.length));
  assert.equal(margin.l, 32 + 6 * widest, "room for the losses, not for their logarithms");
  const negative = await setUp({ loss: surface.loss.map((value) => value - 1) });
  assert.equal(log(negative).disabled, true);
});

test("the quadratic model is drawn over the heatmap and the surface with its own values", async () => {
  const { drawn, check, find } = await setUp({}, { webgl: true });
  assert.equal(drawn("heatmap").named("quadratic").visible, false);
  assert.equal(drawn("surface").named("quadratic").x.length, 0);
  enter(find("scale"), "linear", "change");
  await check("quadratic");
  const rows = modelRows(model, surface.alpha, surface.beta);
  assert.deepEqual(drawn("heatmap").named("quadratic").z, rows.map((row) => row.map((loss) => loss)));
  const { x, y, z } = drawn("surface").named("quadratic");
  let inside = 0;
  x.forEach((/** @type {number} */ a, /** @type {number} */ k) => {
    if (!Number.isFinite(z[k])) return;
    inside++;
    const near = (/** @type {number[]} */ values, /** @type {number} */ at) => values.findIndex((value) => Math.abs(value - at) < 0.015 * (values[values.length - 1] - values[0]));
    assertNearly([z[k]], [rows[near([...surface.beta], y[k])][near([...surface.alpha], a)]], surface.range[1] - surface.range[0]);
    assert.ok(z[k] >= surface.range[0] - 0.06 * (surface.range[1] - surface.range[0]));
  });
  assert.ok(inside > 50);
});

test("the error map is centred on zero and says where second order ends", async () => {
  const { drawn, find } = await setUp();
  assert.equal(find("model-words").textContent, "");
  enter(find("colour"), "error", "change");
  await settled();
  const { rows, largest, limit, share } = errorMap(surface, model);
  const { data, layout } = drawn("heatmap");
  const [heatmap] = data;
  assert.deepEqual(heatmap.z, rows);
  assert.deepEqual([heatmap.zmin, heatmap.zmax], [-largest, largest]);
  assert.equal(layout.annotations[0].text, "loss − quadratic");
  const line = drawn("heatmap").named("limit");
  assert.deepEqual([line.visible, line.contours.start, line.contours.end], [true, limit, limit]);
  assert.ok(line.z.every((/** @type {Float32Array} */ row) => row.every((value) => value >= 0)));
  const words = find("model-words").textContent;
  assert.match(words, new RegExp(`right to 10 % of the loss range on ${(100 * share).toFixed(1)} %`));
});

test("without a model there is nothing to compare with", async () => {
  const { find, drawn } = await setUp({ quadratic: null });
  assert.equal(find("quadratic").disabled, true);
  assert.equal(find("colour").options[1].disabled, true);
  assert.equal(drawn("heatmap").named("limit").visible, false);
});

test("the readout says how far from θ* a point is, and what the model says there", async () => {
  const { find, plotly, check } = await setUp({ norms: [2, 1], theta_norm: 10 });
  const events = /** @type {any} */ (plotly.events.get(find("heatmap").querySelector(".js-plotly-plot")));
  events.plotly_hover({ points: [{ x: 0.6, y: 0 }] });
  await settled();
  assert.equal(find("readout-distance").textContent, "‖Δθ‖ = 1.20, 12 % of ‖θ*‖");
  await check("quadratic");
  assert.match(find("readout-distance").textContent, /quadratic 1\.034$/);
});
