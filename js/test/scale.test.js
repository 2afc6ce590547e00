// The automatic scale about L(θ*): the kernel's values, the kernel's colours, and a saddle that is seen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mockEigenpairs } from "../dev/mock-curvature.js";
import { wire } from "../dev/wire.js";
import { scaledDomain } from "../src/controls/width.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { divergingStops } from "../src/model/colours.js";
import { levelSegments } from "../src/model/level.js";
import { automaticScale, fallAndRise, lossOn, positionOf, ticksOf } from "../src/model/loss-scale.js";
import { modelAt } from "../src/model/quadratic.js";
import { colouring, seesSaddle } from "../src/model/scale.js";
import { axisTitles } from "../src/model/units.js";
import { controls, enter, positionOf as sliderPosition, settled, show } from "./show.js";

/** @typedef {import("../src/kernel/decoders.js").SurfaceResult} SurfaceResult */

/** The table that the kernel is held to as well. @type {any[]} */
const TABLE = JSON.parse(readFileSync(new URL("../../tests/support/scales.json", import.meta.url), "utf8"));

/** @param {number[]} alpha @param {number[]} beta @param {number[][]} loss @param {object} [more] @returns {any} */
const raw = (alpha, beta, loss, more = {}) => ({
  request: 1, axes: controls.axes, seed: 0, alpha: wire(Float64Array.from(alpha)), beta: wire(Float64Array.from(beta)), loss: wire(Float32Array.from(loss.flat())),
  done: wire(new Uint8Array(alpha.length * beta.length).fill(1)), final: true, n_done: alpha.length * beta.length, n_examples: controls.examples, split: "train", batch_norm: "frozen", norms: [1, 1], theta_norm: 10, details: {}, ...more,
});

/** @param {number[]} found @param {number[]} expected */
const close = (found, expected) => {
  assert.equal(found.length, expected.length);
  // The kernel's numbers are doubles of what arrives here in single precision.
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-6 * Math.max(1, Math.abs(expected[i])), `${value} for ${expected[i]}`));
};

for (const [sign, stops] of /** @type {const} */ ([[1, [0, 1]], [-1, [-1, 0]]])) {
  test(`losses that are all ${sign > 0 ? "above" : "below"} L(θ*) have the whole of a hue`, () => {
    const surface = decodeSurface(raw([2, 3], [-1, 1], [[2 + sign, 2 + 2 * sign], [2 + sign, 2 + 3 * sign]]));
    const model = { loss: 2, gradient: [0, 0], hessian: [1, 0, -0.1] };
    const frame = /** @type {any} */ ({ scale: "auto", range: null, basis: null, errors: false, colours: "Viridis", picture: { surface, model } });
    assert.deepEqual(colouring(frame, surface).scale, divergingStops(stops[0], stops[1]));
  });
}

for (const { name, alpha, beta, loss, quadratic, expected } of TABLE) {
  test(`the same losses stand where the kernel puts them: ${name}`, () => {
    const surface = decodeSurface(raw(alpha, beta, loss));
    const scale = /** @type {import("../src/model/loss-scale.js").LossScale} */ (automaticScale(surface, quadratic));
    close([scale.centre, scale.width], [expected.centre, expected.width]);
    close(surface.rows.flatMap((row) => [...row].map((value) => positionOf(scale, value))), expected.positions.flat());
    close(ticksOf(scale.range, lossOn(scale)).flat(), expected.ticks.flat());
    close(fallAndRise(surface), expected.fall_and_rise);
    const [low, high] = scale.range;
    const stops = divergingStops(low / scale.most, high / scale.most);
    assert.deepEqual(stops.map(([, colour]) => colour), expected.stops.map((/** @type {any} */ [, colour]) => colour));
    close(stops.map(([at]) => at), expected.stops.map((/** @type {any} */ [at]) => at));
    const frame = { scale: /** @type {const} */ ("auto"), range: null, basis: null, picture: { surface, model: quadratic } };
    assert.equal(seesSaddle(frame, surface), expected.seen);
  });
}

const NODES = Array.from({ length: 41 }, (_, i) => i - 20);

/** A surface as the kernel sends it. @param {[number, number]} widths @param {import("../src/model/quadratic.js").QuadraticModel} quadratic */
function sent([w, v], quadratic) {
  const [alpha, beta] = [w, v].map((width) => NODES.map((node) => (node * width) / 20));
  return raw(alpha, beta, beta.map((b) => alpha.map((a) => modelAt(quadratic, a, b))), { quadratic, centre_loss: quadratic.loss });
}

/** The colour that plotly gives a value. @param {any} trace @param {number} value @returns {[number, number, number]} */
function colourOf({ colorscale, zmin, zmax }, value) {
  const at = Math.min(1, Math.max(0, (value - zmin) / (zmax - zmin)));
  const i = Math.max(1, colorscale.findIndex((/** @type {[number, string]} */ [stop]) => stop >= at));
  const [[start, one], [end, other]] = [colorscale[i - 1], colorscale[i]];
  const rgb = [1, 3, 5].map((k) => {
    const [from, to] = [one, other].map((colour) => parseInt(colour.slice(k, k + 2), 16));
    return from + ((at - start) / (end - start)) * (to - from);
  });
  return [rgb[0], rgb[1], rgb[2]];
}

/** Sectors of alternating hue on circles around θ* within that through the domain: the most of all circles. @param {any} trace */
function sectors(trace) {
  const counts = [0.4, 0.55, 0.7, 0.85, 1].map((radius) => {
    const hues = Array.from({ length: 180 }, (_, k) => {
      const [x, y] = [Math.cos((k * Math.PI) / 90), Math.sin((k * Math.PI) / 90)].map((part) => Math.round(20 + 20 * radius * part));
      const [red, , blue] = colourOf(trace, trace.z[y][x]);
      return Math.abs(red - blue) < 8 ? 0 : Math.sign(red - blue);
    }).filter((hue) => hue !== 0);
    return hues.filter((hue, k) => hue !== hues[(k + 1) % hues.length]).length;
  });
  return Math.max(...counts);
}

for (const [name, widths, quadratic, count] of /** @type {[string, [number, number], any, number][]} */ ([
  ["the paper's saddle", [0.05, 0.05], { loss: 0, gradient: [0, 0], hessian: [1, 0, -1] }, 4],
  ["a saddle 240 times as steep as it falls, by its curvatures", [0.02, 0.3], { loss: 0.0047, gradient: [0.01, 0], hessian: [4.7, 0, -0.0196] }, 4],
  ["the same on a square", [0.3, 0.3], { loss: 0.0047, gradient: [0.01, 0], hessian: [4.7, 0, -0.0196] }, 4],
  ["a minimum", [1, 1], { loss: 1, gradient: [0, 0], hessian: [4, 0, 0.1] }, 0],
  ["a slope", [1, 1], { loss: 1, gradient: [3, 1], hessian: [1, 0, 0.5] }, 2],
])) {
  test(`sectors of alternating hue around θ*: ${count} at ${name}`, async () => {
    const { find, plotly } = await show({ _surface: sent(widths, quadratic), resolution: 41 });
    const { data } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
    assert.equal(sectors(data[0]), count);
    const [, over] = data.filter((/** @type {any} */ trace) => trace.name === "level");
    assert.deepEqual([over.visible, over.contours.start, over.contours.end], [true, 0, 0]);
    assert.ok(over.line.width > 2);
    // The colour bar tells losses.
    const told = data[0].colorbar.ticktext.map((/** @type {string} */ text) => Number(text.replace("−", "-")));
    assert.ok(told.every((/** @type {number} */ loss, /** @type {number} */ i) => i === 0 || loss > told[i - 1]), told.join());
  });
}

const SIGHTS = ["A saddle; this plane shows it.", "A saddle; it lies in this plane but cannot be seen at this domain."];
const flat = { loss: 3, gradient: [0, 0], hessian: [4, 0, -1e-6] };
const steep = { loss: 3, gradient: [0, 0], hessian: [4, 0, -0.03] };

test("the verdict tells of the picture on show, and a button goes to where the saddle is seen", async () => {
  const { model, find } = await show({
    _surface: sent([1, 1], /** @type {any} */ (flat)), _eigenpairs: { ...mockEigenpairs(1), sentence: SIGHTS[0], sights: SIGHTS }, domain: [-1, 1, -1, 1], equal_axes: true, resolution: 41,
  });
  const words = () => find("verdict").querySelector(".lw-sentence").textContent;
  assert.equal(words(), SIGHTS[1]);
  assert.equal(find("show-saddle").hidden, false);
  find("show-saddle").click();
  assert.deepEqual([model.get("domain"), model.get("equal_axes")], [null, false]);
  model.receive({ _surface: { ...sent([0.01, 1], /** @type {any} */ (steep)), request: 2 } });
  await settled();
  assert.deepEqual([words(), find("show-saddle").hidden], [SIGHTS[0], true]);
});

test("on a linear scale less is seen, and the verdict says so", async () => {
  const { find } = await show({ _surface: sent([1, 1], /** @type {any} */ (steep)), _eigenpairs: { ...mockEigenpairs(1), sentence: SIGHTS[0], sights: SIGHTS }, resolution: 41 });
  const words = () => find("verdict").querySelector(".lw-sentence").textContent;
  assert.equal(words(), SIGHTS[0]); // 0.015 of 2 on the automatic scale
  enter(find("scale"), "linear", "change");
  await settled();
  assert.equal(words(), SIGHTS[1]); // 1.9 of 256 colours
  find("show-saddle").click();
  await settled();
  assert.deepEqual([words(), find("scale").value], [SIGHTS[0], "auto"]);
});

test("the half-width scales both axes, and one switch gives both the same distance", async () => {
  const { model, find } = await show({ _surface: sent([0.04, 0.6], /** @type {any} */ (steep)), resolution: 41 });
  assert.equal(find("half-width-value").textContent, "0.04 × 0.6");
  enter(find("half-width"), sliderPosition(find("half-width"), 0.3), "change");
  assert.deepEqual(model.get("domain"), [-0.02, 0.02, -0.3, 0.3]);
  find("equal-axes").click();
  assert.deepEqual([model.get("equal_axes"), model.get("domain")], [true, null]);
  await settled();
  assert.equal(find("equal-axes").getAttribute("aria-pressed"), "true");
  enter(find("half-width"), sliderPosition(find("half-width"), 0.4), "change");
  assert.deepEqual(model.get("domain"), [-0.4, 0.4, -0.4, 0.4]);
  model.receive({ axes: ["random", "random"] });
  await settled();
  assert.equal(find("equal-axes").hidden, true);
});

test("a scaled domain keeps its proportions around θ*", () => {
  assert.deepEqual(scaledDomain([0, 0.2, -3, -1], 4), [-0.4, 0.4, -4, 4]);
});

test("an axis that is drawn hardly larger says nothing of it", () => {
  const at = (/** @type {number} */ half) => axisTitles({ norms: [1, 1], thetaNorm: 1 }, [-1, 1, -half, half]).filter((title) => title.includes("drawn")).length;
  assert.deepEqual([1, 1.02, 1.04, 0.97].map(at), [0, 0, 0, 0]);
  assert.deepEqual([1.06, 0.9, 8].map(at), [1, 1, 1]);
});

test("an axis that is drawn larger says by how much", async () => {
  const { find, plotly } = await show({ _surface: sent([0.04, 0.6], /** @type {any} */ (steep)), resolution: 41 });
  const { layout } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  assert.match(layout.xaxis.title.text, /drawn 15 × larger than β/);
  assert.doesNotMatch(layout.yaxis.title.text, /drawn/);
});

test("in a narrow place a plane is as large below a title of one line as below one of two", async () => {
  const areas = [];
  for (const half of /** @type {[number, number][]} */ ([[0.04, 0.6], [0.5, 0.5]])) {
    const { find, plotly, model } = await show({ resolution: 41 });
    const body = find("heatmap").querySelector(".lw-panel-body");
    for (const [name, value] of Object.entries({ clientWidth: 275, clientHeight: 220 })) Object.defineProperty(body, name, { value });
    model.receive({ _surface: sent(half, /** @type {any} */ (steep)) });
    await settled();
    const { layout } = /** @type {any} */ (plotly.drawn.get(body.querySelector(".js-plotly-plot"))?.at(-1));
    areas.push([layout.xaxis.title.text.includes("drawn"), 220 - layout.margin.t - layout.margin.b]);
  }
  assert.deepEqual(areas.map(([drawn]) => drawn), [true, false]);
  assert.equal(areas[0][1], areas[1][1]);
});

test("in three dimensions the line of L(θ*) lies on the surface, and crosses itself at a saddle", () => {
  const surface = decodeSurface(sent([1, 1], { loss: 3, gradient: [0, 0], hessian: [1, 0, -1] }));
  const { x, y } = levelSegments(surface, surface.rows, 3);
  const ends = x.map((a, i) => [a, y[i]]).filter(([a]) => Number.isFinite(a));
  for (const [a, b] of ends) assert.ok(Math.abs(Math.abs(a) - Math.abs(b)) < 0.05, `${a}, ${b}`);
  for (const [s, t] of [[1, 1], [1, -1], [-1, 1], [-1, -1]]) assert.ok(ends.some(([a, b]) => s * a > 0.9 && t * b > 0.9));
});

for (const [name, alongBeta] of /** @type {[string, (b: number) => number][]} */ ([["bumps", (b) => 0.3 * Math.sin(3 * b) ** 2], ["a saddle", (b) => -0.3 * b * b]])) {
  test(`all that is near θ* being higher, nothing farther away shows a saddle: ${name}`, () => {
    const axis = NODES.map((node) => node / 20);
    const surface = decodeSurface(raw(axis, axis, axis.map((b) => axis.map((a) => 1 + 3 * a * a + alongBeta(b)))));
    const frame = { scale: /** @type {const} */ ("auto"), range: null, basis: null, picture: { surface, model: null } };
    assert.ok(fallAndRise(surface).every((turns) => turns > 0.1));
    assert.equal(seesSaddle(frame, surface), name === "a saddle");
  });
}
