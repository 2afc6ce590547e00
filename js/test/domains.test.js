// Zooming and panning to where nodes are known, and the kernel's own choice of the domain.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gridAxis, pan, snapDomain, stepZoom } from "../src/model/domains.js";

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
