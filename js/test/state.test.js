import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mockProjections, mockSpectrum, mockTrace } from "../dev/mock-curvature.js";
import { createMockModel, defaults, mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { isStale } from "../src/kernel/newest.js";
import { createState } from "../src/kernel/state.js";
import { isPart } from "../src/model/picture.js";

const controls = { axes: defaults.axes, seed: 0, domain: null, resolution: 11, examples: 1797, split: "train" };
const surfaceOf = (/** @type {number} */ request, step = 1, more = {}) => mockSurface({ ...controls, request, ...more }, step);

/** Past the microtask in which a state gathers changes. */
const settled = () => Promise.resolve();

/** @type {(() => void)[]} */
const ends = [];
after(() => ends.forEach((end) => end()));

function setUp(traits = {}) {
  const model = createMockModel({ ...defaults, resolution: 11, ...traits });
  const state = createState(/** @type {any} */ (model));
  ends.push(state.destroy);
  /** @type {import("../src/kernel/state.js").Snapshot[]} */
  const heard = [];
  state.subscribe((snapshot) => heard.push(snapshot));
  return { model, state, heard };
}

test("an older request, or an earlier stage of the same one, is stale", () => {
  const result = (/** @type {number} */ request, final = false) => ({ request, final });
  assert.equal(isStale(null, result(1)), false);
  assert.equal(isStale(result(2), result(1, true)), true);
  assert.equal(isStale(result(2, true), result(2)), true);
  assert.equal(isStale(result(2), result(2, true)), false);
  assert.equal(isStale(result(2, true), result(3)), false);
});

test("traits that come together are heard of once, together", async () => {
  const { model, heard } = setUp();
  model.receive({ status: "computing", _surface: surfaceOf(1), seed: 4 });
  assert.equal(heard.length, 0);
  await settled();
  assert.equal(heard.length, 1);
  assert.deepEqual([heard[0].status, heard[0].surface?.request, heard[0].seed], ["computing", 1, 4]);
});

test("a stale surface leaves the newer one on show", async () => {
  const { model, state } = setUp();
  model.receive({ _surface: surfaceOf(5) });
  await settled();
  model.receive({ _surface: surfaceOf(4) });
  await settled();
  assert.equal(state.snapshot.surface?.request, 5);
  model.receive({ _surface: surfaceOf(6, 5) });
  await settled();
  assert.deepEqual([state.snapshot.surface?.request, state.snapshot.surface?.final], [6, false]);
});

test("an unchanged surface is the same object in every snapshot", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  const before = state.snapshot.surface;
  model.receive({ status: "done" });
  await settled();
  assert.equal(state.snapshot.surface, before);
});

test("a changed control makes the picture provisional until an answer comes", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  assert.equal(state.snapshot.provisional, false);
  state.set({ domain: [-0.5, 0.5, -0.5, 0.5] });
  await settled();
  assert.equal(state.snapshot.provisional, true);
  model.receive({ status: "failed", error: "no" });
  await settled();
  assert.equal(state.snapshot.provisional, true);
  model.receive({ _surface: surfaceOf(2, 5, { domain: [-0.5, 0.5, -0.5, 0.5] }) });
  await settled();
  assert.equal(state.snapshot.provisional, false);
});

test("late results of the request that a change replaced do not end the provisional state", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1), progress: { request: 2, stage: "x", fraction: 0, eta: null, elapsed: 0, parts: {} } });
  state.set({ seed: 9, axes: ["random", "random"] });
  await settled();
  model.receive({ _surface: surfaceOf(2) });
  await settled();
  assert.equal(state.snapshot.provisional, true);
});

test("a picture of what was asked for between two changes, of which the page had not heard, is none of the last one", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  state.set({ domain: [-0.5, 0.5, -0.5, 0.5] });
  state.set({ domain: [-0.2, 0.2, -0.2, 0.2] });
  await settled();
  model.receive({ _surface: surfaceOf(2, 5, { domain: [-0.5, 0.5, -0.5, 0.5] }) });
  await settled();
  assert.equal(state.snapshot.provisional, true);
  model.receive({ _surface: surfaceOf(3, 5, { domain: [-0.2, 0.2, -0.2, 0.2], n_examples: 64 }) }); // a first look
  await settled();
  assert.equal(state.snapshot.provisional, false);
});

test("the picture of a domain whose ends lie on no nodes is what was asked for, also without a kernel", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  const spacing = (1.1 + 1.43) / 10;
  model.receive({ domain: [-1.43, 1.1, -1, 1] });
  await settled();
  assert.equal(state.snapshot.provisional, true);
  model.receive({ _surface: surfaceOf(2, 5, { domain: [-6 * spacing, 4 * spacing, -1, 1] }) });
  await settled();
  assert.equal(state.snapshot.provisional, false);
  assert.equal(isPart({ ...state.snapshot, kernel: "gone" }), false);
  model.receive({ domain: [-1.43 + spacing, 1.1 + spacing, -1, 1] });
  await settled();
  assert.equal(state.snapshot.provisional, true);
});

test("going back to what is shown ends the provisional state at once", async () => {
  const { state } = setUp({ _surface: surfaceOf(1) });
  state.set({ resolution: 21 });
  await settled();
  assert.equal(state.snapshot.provisional, true);
  state.set({ resolution: 11 });
  await settled();
  assert.equal(state.snapshot.provisional, false);
});

test("a result that cannot be read is told, and the last good one stays", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  model.receive({ _surface: { ...surfaceOf(2), loss: wire(new Float32Array(3)) } });
  await settled();
  assert.match(state.snapshot.error, /got 3/);
  assert.equal(state.snapshot.surface?.request, 1);
});

test("controls are written in one message", () => {
  const { model, state } = setUp();
  state.set({ axes: ["random", "random"], domain: null });
  assert.equal(model.saves.length, 1);
  assert.deepEqual(model.saves[0], { axes: ["random", "random"] });
});

test("another face is no other plane", async () => {
  const { model, state } = setUp({ _surface: surfaceOf(1) });
  state.set({ face: "spectrum" });
  await settled();
  assert.deepEqual([state.snapshot.face, state.snapshot.provisional], ["spectrum", false]);
  assert.deepEqual(model.saves, [{ face: "spectrum" }]);
});

test("spectrum and trace are decoded, and leave with what they belonged to", async () => {
  const { model, state } = setUp({ _projections: mockProjections(1, 300, null) });
  model.receive({ _spectrum: mockSpectrum(1, 4, 10), _trace: mockTrace(1, 20, 200) });
  await settled();
  assert.equal(state.snapshot.spectrum?.x.length, 512);
  assert.equal(state.snapshot.trace?.methods[1].value.length, 20);
  model.receive({ _spectrum: null });
  await settled();
  assert.equal(state.snapshot.spectrum, null);
});

test("a destroyed state listens no longer", async () => {
  const { model, state, heard } = setUp();
  state.destroy();
  model.receive({ status: "done" });
  await settled();
  assert.equal(heard.length, 0);
  for (const name of ["status", "_surface", "axes", "progress", "face", "_spectrum"]) assert.equal(model.count(`change:${name}`), 0);
});

test("a host that could not carry a message has no kernel, and one that lets this page only look on has", async () => {
  for (const [reason, kernel] of /** @type {const} */ ([[new TypeError("Failed to fetch"), "gone"], [{ status: 404 }, "gone"], [{ status: 403 }, "there"]])) {
    const { model, state, heard } = setUp();
    Object.assign(model, { send: () => Promise.reject(reason) });
    state.send("cancel");
    await new Promise((done) => setImmediate(done));
    assert.equal(state.snapshot.kernel, kernel);
    assert.equal(heard.length, kernel === "gone" ? 1 : 0);
  }
});
