// What is on show while the kernel computes: earlier pictures where they reach, the quadratic model beyond.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createMockModel, defaults, mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { createPicture, interpolate } from "../src/model/picture.js";
import { modelAt } from "../src/model/quadratic.js";
import { createState } from "../src/kernel/state.js";

/** @typedef {import("../src/model/values.js").Domain} Domain */
const MODEL = { loss: 3, gradient: [0.25, 0], hessian: [4, 0.5, -1] };
const AXES = ["hessian:max", "hessian:min"];

/** What the true loss is: quartic, so that it differs from the model. @param {number} a @param {number} b */
const truth = (a, b) => modelAt(/** @type {any} */ (MODEL), a, b) + a ** 4 + 2 * b ** 4;

/** @param {number} request @param {Domain} domain @param {object} [more] @param {number} [step] */
function surfaceOf(request, domain, more = {}, step = 1, resolution = 21) {
  const raw = mockSurface({ request, axes: AXES, seed: 0, domain, resolution, examples: 8 }, step);
  const { alpha, beta } = decodeSurface(raw);
  const loss = Float32Array.from(raw.loss.byteLength / 4 ? { length: resolution ** 2 } : [], (_, k) => truth(alpha[k % resolution], beta[Math.floor(k / resolution)]));
  return { ...raw, loss: wire(loss), quadratic: MODEL, minimum: null, ...more };
}

/** @type {(() => void)[]} */
const ends = [];
after(() => ends.forEach((end) => end()));

/** @param {object} traits */
function setUp(traits = {}) {
  const model = createMockModel({ ...defaults, axes: AXES, resolution: 21, examples: 8, domain: [-1, 1, -1, 1], status: "computing", ...traits });
  const state = createState(/** @type {any} */ (model));
  ends.push(state.destroy);
  const pictureOf = createPicture();
  const look = async (log = false) => {
    await Promise.resolve();
    return pictureOf(state.snapshot, log);
  };
  return { model, state, look };
}

/** @param {import("../src/kernel/decoders.js").SurfaceResult | null} surface @param {(a: number, b: number, value: number) => void} check */
function everyNode(surface, check) {
  assert.ok(surface);
  surface.rows.forEach((row, i) => row.forEach((value, j) => check(surface.alpha[j], surface.beta[i], value)));
}

test("between nodes a picture is interpolated linearly, at nodes it is what it was, also beside a hole", () => {
  const surface = decodeSurface({ ...surfaceOf(1, [-1, 1, -1, 1], {}, 1, 3), loss: wire(Float32Array.of(0, 1, 2, 10, 11, 12, NaN, 21, 22)) });
  assert.equal(interpolate(surface, 0, 0), 11);
  assert.equal(interpolate(surface, 1, 1), 22);
  assert.equal(interpolate(surface, 0.5, -0.5), 6.5);
  assert.equal(interpolate(surface, -1, 0), 10);
  assert.equal(interpolate(surface, 0, 0.25), 13.5);
  assert.ok(Number.isNaN(interpolate(surface, -0.5, 0.5)));
});

test("the kernel's answer is shown as it is", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  const picture = await look();
  assert.equal(picture.surface, state.snapshot.surface);
  assert.deepEqual([picture.note, picture.composed, picture.extent], ["", false, [-1, 1, -1, 1]]);
  assert.deepEqual(picture.model, MODEL);
});

test("a wider domain is shown at once: the old picture where it reaches, the model outside", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  const { surface, note, outlines, extent } = await look();
  assert.deepEqual(extent, [-2, 2, -2, 2]);
  assert.deepEqual(outlines, [[-1, 1, -1, 1]]);
  assert.match(note, /quadratic model outside/);
  everyNode(surface, (a, b, value) => {
    const inside = Math.abs(a) <= 1 && Math.abs(b) <= 1;
    assert.ok(Math.abs(value - (inside ? truth(a, b) : modelAt(/** @type {any} */ (MODEL), a, b))) < 1e-5, `${a}, ${b}`);
  });
});

test("without a model what is not known stays open", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1], { quadratic: null }) });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  const { surface, note } = await look();
  everyNode(surface, (a, b, value) => assert.equal(Number.isNaN(value), Math.abs(a) > 1 || Math.abs(b) > 1));
  assert.equal(note, "from earlier pictures");
});

test("zooming out again shows the finer picture of before within the wide one", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-2, 2, -2, 2]), domain: [-2, 2, -2, 2] });
  await look();
  state.set({ domain: [-0.5, 0.5, -0.5, 0.5] });
  model.receive({ _surface: surfaceOf(2, [-0.5, 0.5, -0.5, 0.5]) });
  await look();
  state.set({ domain: [-1, 1, -1, 1] });
  const { surface, outlines } = await look();
  assert.deepEqual(outlines, []);
  everyNode(surface, (a, b, value) => {
    const fine = Math.abs(a) <= 0.5 && Math.abs(b) <= 0.5;
    if (fine) assert.ok(Math.abs(value - truth(a, b)) < 1e-5);
  });
});

test("the first nodes of an answer do not replace what says more", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  const provisional = await look();
  model.receive({ _surface: surfaceOf(2, [-2, 2, -2, 2], { n_done: 9, final: false }) });
  assert.equal(await look(), provisional);
  model.receive({ _surface: surfaceOf(2, [-2, 2, -2, 2], { n_done: 100, final: false }) });
  assert.equal((await look()).surface, state.snapshot.surface);
});

test("an answer that stays coarse is shown when the computation ends", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  await look();
  model.receive({ _surface: surfaceOf(2, [-2, 2, -2, 2], { n_done: 9, final: false }), status: "cancelled" });
  assert.equal((await look()).surface, state.snapshot.surface);
});

const PAIRS = {
  request: 1, axes: ["hessian:max", "hessian:max:2", "hessian:min"], values: [4, 2, -1], residuals: [0, 0, 0], converged: [true, true, true],
  slopes: [0.25, 0.5, 0], domains: [[], [null, null, [-2, 2, -2, 2]]], centre_loss: 3, n_examples: 8, gradient_norm: 0.3, verdict: "saddle", sentence: "", sights: null, final: true,
};

test("other eigenvectors are shown to second order at once, where the kernel will look", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]), _eigenpairs: { ...PAIRS, centre_loss: 4, domains: [[], [null, null, [-2, 2, -3, 3]]] } });
  await look();
  state.set({ axes: ["hessian:max:2", "hessian:min"], domain: null });
  const { surface, model, note, extent } = await look();
  assert.deepEqual(model, { loss: 4, gradient: [0.5, 0], hessian: [2, 0, -1] });
  assert.equal(note, "quadratic model");
  assert.deepEqual(extent, [-2, 2, -3, 3]);
  everyNode(surface, (a, b, value) => assert.ok(Math.abs(value - (4 + 0.5 * a + a * a - b * b / 2)) < 1e-5));
});

test("a first picture on part of the examples is marked as such", async () => {
  const { look } = setUp({ _surface: { ...surfaceOf(1, [-1, 1, -1, 1]), n_examples: 64 }, examples: 2000 });
  assert.equal((await look()).note, "on 64 of 2,000 examples");
});

test("a plane seen before is back at once, another one leaves the former picture", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ axes: ["random", "random"], domain: null });
  const former = await look();
  assert.deepEqual([former.surface === state.snapshot.surface, former.note], [true, "former picture"]);
  model.receive({ _surface: surfaceOf(2, [-9, 9, -9, 9], { axes: ["random", "random"], quadratic: null }) });
  await look();
  state.set({ axes: /** @type {any} */ (AXES) });
  const { surface, extent } = await look();
  assert.deepEqual(extent, [-1, 1, -1, 1]);
  everyNode(surface, (a, b, value) => assert.ok(Math.abs(value - truth(a, b)) < 1e-5));
});

test("losses around another centre are not mixed", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-2, 2, -2, 2]), domain: [-2, 2, -2, 2], _eigenpairs: PAIRS });
  await look();
  model.receive({ _pins: { centre: { depth: 1, request: 1, moved: 1 }, pins: [], note: "" } });
  await look();
  model.receive({ _surface: surfaceOf(2, [-1, 1, -1, 1], { quadratic: null }), domain: [-1, 1, -1, 1] });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  const { surface } = await look();
  everyNode(surface, (a, b, value) => assert.equal(Number.isNaN(value), Math.abs(a) > 1 || Math.abs(b) > 1));
});

test("losses on other examples are not mixed", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ examples: 4, domain: [-2, 2, -2, 2] });
  const { surface, note, extent } = await look();
  assert.deepEqual([surface === state.snapshot.surface, note, extent], [true, "former picture", [-2, 2, -2, 2]]);
});

test("a finer grid leaves the picture as it is", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ resolution: 41 });
  const { surface, note } = await look();
  assert.deepEqual([surface === state.snapshot.surface, note], [true, "former picture"]);
});

test("a logarithm leaves out where the model is negative", async () => {
  const { state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  state.set({ domain: [-4, 4, -4, 4] });
  const { surface } = await look(true);
  everyNode(surface, (a, b, value) => {
    if (Math.abs(a) > 1 || Math.abs(b) > 1) assert.equal(Number.isNaN(value), !(modelAt(/** @type {any} */ (MODEL), a, b) > 0));
  });
});

test("the same picture is the same object, so that plots are not redrawn", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]), _eigenpairs: PAIRS });
  await look();
  state.set({ domain: [-2, 2, -2, 2] });
  const picture = await look();
  model.receive({ progress: { request: 2, stage: "x", fraction: 0.1, eta: null, elapsed: 1, parts: {} }, _eigenpairs: { ...PAIRS, request: 2 } });
  assert.equal(await look(), picture);
});

test("after a failure the last good picture is shown again", async () => {
  const { model, state, look } = setUp({ _surface: surfaceOf(1, [-1, 1, -1, 1]) });
  await look();
  model.receive({ domain: [-2, 2, -2, 2], resolution: 31 });
  assert.equal((await look()).composed, true);
  model.receive({ status: "failed", error: "no" });
  const picture = await look();
  assert.equal(picture.surface, state.snapshot.surface);
  assert.deepEqual([picture.note, picture.extent], ["former picture", [-1, 1, -1, 1]]);
});
