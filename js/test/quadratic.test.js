// The loss to second order, and where it stops describing the true one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { displacement, errorMap, modelAt, modelOfEigenvectors, modelRows } from "../src/model/quadratic.js";

/** @type {import("../src/model/quadratic.js").QuadraticModel} */
const MODEL = { loss: 2, gradient: [0.5, -1], hessian: [4, 3, -2] };

test("the model is its loss, slope and curvature", () => {
  assert.equal(modelAt(MODEL, 0, 0), 2);
  assert.equal(modelAt(MODEL, 2, 0), 2 + 1 + 8);
  assert.equal(modelAt(MODEL, 0, 2), 2 - 2 - 4);
  assert.equal(modelAt(MODEL, 1, -1), 2 + 1.5 + (4 - 6 - 2) / 2);
  const rows = modelRows(MODEL, Float64Array.of(0, 2), Float64Array.of(0, -1));
  assert.deepEqual(rows.map((row) => [...row]), [[2, 11], [modelAt(MODEL, 0, -1), modelAt(MODEL, 2, -1)]]);
});

/** A surface of the model plus a rest. @param {(a: number, b: number) => number} rest @param {object} [more] */
function surfaceOf(rest, more) {
  const raw = mockSurface({ request: 1, axes: ["random", "random"], seed: 0, domain: [-1, 1, -1, 1], resolution: 11, examples: 8 }, 1);
  const { alpha, beta } = decodeSurface(raw);
  const loss = Float32Array.from({ length: 121 }, (_, k) => {
    const [a, b] = [alpha[k % 11], beta[Math.floor(k / 11)]];
    return modelAt(MODEL, a, b) + rest(a, b);
  });
  return decodeSurface({ ...raw, loss: wire(loss), ...more });
}

test("where the loss is quadratic there is no error", () => {
  const { largest, share, first } = errorMap(surfaceOf(() => 0), MODEL);
  assert.ok(largest < 1e-6); // losses travel as float32
  assert.deepEqual([share, first], [1, null]);
});

test("the error is what the model leaves, and its first tenth of the range is found", () => {
  const surface = surfaceOf((a) => 3 * a ** 3);
  const { rows, largest, limit, share, first } = errorMap(surface, MODEL);
  rows.forEach((row) => row.forEach((error, j) => assert.ok(Math.abs(error - 3 * surface.alpha[j] ** 3) < 1e-5)));
  assert.ok(Math.abs(largest - 3) < 1e-5);
  assert.ok(Math.abs(limit - 0.1 * (surface.range[1] - surface.range[0])) < 1e-9);
  const wrong = [...surface.alpha].filter((a) => 3 * Math.abs(a) ** 3 >= limit);
  assert.ok(wrong.length > 0 && wrong.length < 10);
  assert.ok(Math.abs(share - (1 - wrong.length / 11)) < 1e-12);
  assert.ok(first);
  assert.ok(Math.abs(Math.abs(first.alpha) - Math.min(...wrong.map(Math.abs))) < 1e-12);
  assert.ok(Math.abs(first.beta) < 1e-12);
});

test("holes are no errors", () => {
  const surface = surfaceOf((a, b) => (a > 0.5 && b > 0.5 ? NaN : 0));
  const { largest, share } = errorMap(surface, MODEL);
  assert.ok(largest < 1e-6);
  assert.equal(share, 1);
});

test("the closest error is the closest in parameter space", () => {
  // On β a unit is a tenth as long: an error at β = 1 is closer than one at α = 0.6.
  const surface = surfaceOf((a, b) => (Math.abs(a) > 0.55 || Math.abs(b) > 0.95 ? 50 : 0), { norms: [1, 0.1] });
  const { first } = errorMap(surface, MODEL);
  assert.ok(first);
  assert.deepEqual([Math.abs(first.alpha) < 1e-9, Math.abs(Math.abs(first.beta) - 1) < 1e-9], [true, true]);
});

test("a displacement is the length of αη + βδ", () => {
  const [eta, delta] = [[3, 4], [1, 0]];
  const plane = { norms: /** @type {[number, number]} */ ([5, 1]), cosine: 3 / 5 };
  for (const [a, b] of [[1, 0], [0, -2], [0.5, -1], [-1, 3]]) {
    const exact = Math.hypot(a * eta[0] + b * delta[0], a * eta[1] + b * delta[1]);
    assert.ok(Math.abs(displacement(plane, a, b) - exact) < 1e-12);
  }
});

const PAIRS = /** @type {any} */ ({
  axes: ["hessian:max", "hessian:max:2", "hessian:min"],
  values: [5, 2, -1],
  slopes: [0.1, 0.2, 0.3],
  centreLoss: 7,
  nExamples: 8,
});

test("eigenvalues make the model of any plane of their eigenvectors", () => {
  assert.deepEqual(modelOfEigenvectors(PAIRS, ["hessian:min", "hessian:max:2"], 8), { loss: 7, gradient: [0.3, 0.2], hessian: [-1, 0, 2] });
  assert.equal(modelOfEigenvectors(PAIRS, ["hessian:min", "random"], 8), null);
  assert.equal(modelOfEigenvectors(PAIRS, ["hessian:min", "hessian:max"], 9), null, "of other examples");
  assert.equal(modelOfEigenvectors({ ...PAIRS, slopes: null }, ["hessian:min", "hessian:max"], 8), null, "not certified");
  assert.equal(modelOfEigenvectors(null, ["hessian:min", "hessian:max"], 8), null);
});
