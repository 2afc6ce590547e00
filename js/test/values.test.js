import assert from "node:assert/strict";
import { test } from "node:test";
import { OFFER } from "../dev/mock-axes.js";
import { counterpart, isEigen, planeLabel, presetOf } from "../src/kernel/axes.js";
import { exampleCounts, HALF_WIDTHS, nearestNode, nearestPosition, resolutions, sameDomain } from "../src/model/values.js";

test("half-widths are the numbers a person would type, ascending", () => {
  assert.equal(HALF_WIDTHS[0], 0.0001);
  assert.equal(HALF_WIDTHS.at(-1), 1000);
  for (const typed of [0.0003, 0.015, 0.4, 1, 1.5, 8, 600]) assert.ok(HALF_WIDTHS.includes(typed), String(typed));
  assert.deepEqual(HALF_WIDTHS, HALF_WIDTHS.toSorted((a, b) => a - b));
});

test("every value of a list is its own nearest", () => {
  for (const list of [HALF_WIDTHS, resolutions(201), exampleCounts(1797)]) {
    list.forEach((value, position) => assert.equal(nearestPosition(list, value), position));
  }
  assert.equal(HALF_WIDTHS[nearestPosition(HALF_WIDTHS, 1e9)], 1000);
  assert.equal(HALF_WIDTHS[nearestPosition(HALF_WIDTHS, 0)], 0.0001);
  assert.equal(HALF_WIDTHS[nearestPosition(HALF_WIDTHS, 0.41)], 0.4);
});

test("resolutions are odd and within the kernel's limit", () => {
  assert.deepEqual(resolutions(61), [11, 21, 31, 41, 51, 61]);
  assert.ok(resolutions(501).every((value) => value % 2 === 1));
  assert.deepEqual(resolutions(5), [11]);
});

test("example counts end with all of them", () => {
  assert.equal(exampleCounts(1797).at(-1), 1797);
  assert.deepEqual(exampleCounts(1), [1]);
  assert.deepEqual(exampleCounts(5), [1, 2, 3, 4, 5]);
  for (const total of [1, 2, 10, 60_000]) assert.equal(new Set(exampleCounts(total)).size, exampleCounts(total).length);
});

test("the nearest node is the nearest by brute force", () => {
  const nodes = Float64Array.of(-1, -0.25, 0, 0.5, 2);
  for (let value = -1.5; value < 2.5; value += 0.037) {
    const best = [...nodes].reduce((a, b) => (Math.abs(b - value) < Math.abs(a - value) ? b : a));
    assert.equal(nodes[nearestNode(nodes, value)], best);
  }
});

test("domains are compared relative to their width", () => {
  assert.ok(sameDomain([-1, 1, -1, 1], [-1, 1 + 1e-9, -1, 1]));
  assert.ok(!sameDomain([-1e-4, 1e-4, -1e-4, 1e-4], [-1e-4, 1.1e-4, -1e-4, 1e-4]));
});

test("a plane is known by its preset, or by the names of its axes", () => {
  assert.equal(presetOf(OFFER, ["hessian:max", "hessian:min"])?.value, "hessian");
  assert.equal(presetOf(OFFER, ["random:filter", "random:filter"])?.value, "filter");
  assert.equal(presetOf(OFFER, ["hessian:max", "random"]), undefined);
  assert.equal(planeLabel(OFFER, ["random", "random"]), "Random");
  assert.equal(planeLabel(OFFER, ["hessian:max", "random"]), "hessian:max × random");
});

test("eigenvectors are told from other axes, whatever their rank", () => {
  const axes = ["hessian:max", "hessian:max:12", "hessian:min", "random", "random:filter", "hessian", "hessian:maximal"];
  assert.deepEqual(axes.map((axis) => isEigen(OFFER, axis)), [true, true, true, false, false, false, false]);
});

test("beside eigenvectors stands a plane of none, and the other way round", () => {
  assert.deepEqual(counterpart(OFFER, ["hessian:max:12", "hessian:min"]), ["random", "random"]);
  assert.deepEqual(counterpart(OFFER, ["hessian:max", "random"]), ["hessian:max", "hessian:min"]);
});
