// Zooming and panning to where nodes are known, and the kernel's own choice of the domain.
import assert from "node:assert/strict";
import { test } from "node:test";
import { automaticDomain, gridAxis, pan, snapDomain, stepZoom } from "../src/model/domains.js";

/** @typedef {import("../src/model/values.js").Domain} Domain */
const N = 51;
/** @type {Domain} */
const START = [-0.4, 0.4, -0.4, 0.4];

/** Nodes of `next` that `before` has too, to twelve digits as the kernel compares them. @param {Domain} before @param {Domain} next */
function shared(before, next) {
  const keys = (/** @type {Domain} */ [a0, a1]) => [...gridAxis(a0, a1, N)].map((x) => Number(x.toPrecision(12)));
  const known = new Set(keys(before));
  return keys(next).filter((key) => known.has(key)).length;
}

test("the axis has θ* among its nodes wherever it contains it", () => {
  for (const [low, high] of [[-1, 1], [-0.3, 1.1], [-0.07, 0.9]]) assert.ok(gridAxis(low, high, 21).includes(0));
  assert.deepEqual([...gridAxis(-1, 1, 5)], [-1, -0.5, 0, 0.5, 1]);
});

test("a box becomes the closest round half-width that shows it, around its middle", () => {
  const next = snapDomain(START, [-0.19, 0.19, -0.35, 0.01], N);
  assert.deepEqual(next.slice(0, 2), [-0.2, 0.2]);
  assert.deepEqual(next.slice(2), [-0.368, 0.032]);
  assert.equal(shared(START, next), 25);
});

test("a box that is a little larger than a round width counts as that", () => {
  assert.deepEqual(snapDomain(START, [-0.205, 0.205, -0.4, 0.4], N), [-0.2, 0.2, -0.4, 0.4]);
  assert.deepEqual(snapDomain(START, [-0.23, 0.23, -0.4, 0.4], N).slice(0, 2), [-0.3, 0.3]);
});

test("panning keeps the width, moves by whole nodes, and all nodes still in sight are known", () => {
  const next = snapDomain(START, [-0.3013, 0.4987, -0.4, 0.4], N);
  assert.deepEqual(next, [-0.304, 0.496, -0.4, 0.4]);
  assert.equal(shared(START, next), N - 6);
  const quarter = pan(START, 0.25, -0.25, N);
  assert.equal(shared(START, quarter), 38);
  assert.ok(Math.abs(quarter[1] - quarter[0] - 0.8) < 1e-9);
});

test("a step zooms to the next round half-width around its point, and back", () => {
  const closer = stepZoom(START, 1, { alpha: 0, beta: 0 }, N);
  assert.deepEqual(closer, [-0.3, 0.3, -0.3, 0.3]);
  assert.deepEqual(stepZoom(closer, -1, { alpha: 0, beta: 0 }, N), START);
  const corner = stepZoom(START, 1, { alpha: 0.4, beta: -0.4 }, N);
  corner.forEach((value, i) => assert.ok(Math.abs(value - [-0.2, 0.4, -0.4, 0.2][i]) < 0.013));
});

test("zooming ends at the narrowest and the widest half-width", () => {
  /** @type {Domain} */
  let domain = START;
  for (let i = 0; i < 100; i++) domain = stepZoom(domain, 1, { alpha: 0, beta: 0 }, N);
  assert.deepEqual(domain, [-1e-4, 1e-4, -1e-4, 1e-4]);
  for (let i = 0; i < 100; i++) domain = stepZoom(domain, -1, { alpha: 0, beta: 0 }, N);
  assert.deepEqual(domain, [-1000, 1000, -1000, 1000]);
});

test("the automatic domain is the kernel's", () => {
  // The kernel's own test: ½|λ|w² = L(θ*) = 2 gives 1 and 1.15; and 3·1.15² = 4·1².
  assert.deepEqual(automaticDomain([4, -3], [4, 2, -1, -3], 2, 0, false), [-1, 1, -1, 1]);
  assert.deepEqual(automaticDomain([4, -3], [4, -3], 2, 5 ** 0.5, true), [-0.1, 0.1, -0.1, 0.1]);
  // ‖θ*‖/20 bounds the flatter axis, and the other follows: ½·25·0.1² = ½·1·0.5².
  assert.deepEqual(automaticDomain([25, -1], [25, -1], 2, 10, false), [-0.1, 0.1, -0.5, 0.5]);
  assert.deepEqual(automaticDomain([-1, 25], [25, -1], 2, 10, false), [-0.5, 0.5, -0.1, 0.1]);
  // Three times as far as the critical point, 0.1, is away; but not beyond the domain of equal axes, 0.6.
  assert.deepEqual(automaticDomain([100, -1], [100, -1], 2, 0, false, [10, 0]), [-0.3, 0.3, -2, 2]);
  assert.deepEqual(automaticDomain([100, -1], [100, -1], 2, 0, false, [1e3, 0]), [-0.6, 0.6, -2, 2]);
  // By the geometric mean of the curvatures both reach as far, √(2·2/5) = 0.89.
  assert.deepEqual(automaticDomain([25, -1], [25, -1], 2, 0, true), [-0.8, 0.8, -0.8, 0.8]);
  // An eigenvalue of next to nothing counts as a thousandth of the largest.
  assert.deepEqual(automaticDomain([1000, 1e-9], [1000, 1e-9], 0.5, 0, false), automaticDomain([1000, 1], [1000, 1], 0.5, 0, false));
});
