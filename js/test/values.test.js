import assert from "node:assert/strict";
import { test } from "node:test";
import { axisChoices, canonical, presetOf } from "../src/kernel/axes.js";
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

test("presets are recognised, with and without the first eigenvector's number", () => {
  assert.equal(presetOf(["hessian:max", "hessian:min"]), "hessian");
  assert.equal(presetOf(["hessian:max:1", "hessian:min:1"]), "hessian");
  assert.equal(presetOf(["random", "random"]), "random");
  assert.equal(presetOf(["random:filter", "random:filter"]), "filter");
  assert.equal(presetOf(["hessian:max", "random"]), "custom");
  assert.equal(canonical("hessian:max:10"), "hessian:max:10");
});

test("as many eigenvectors are offered as the kernel gives", () => {
  const values = axisChoices(3)[0].options.map(({ value }) => value);
  assert.deepEqual(values, ["hessian:max", "hessian:max:2", "hessian:max:3", "hessian:min", "hessian:min:2", "hessian:min:3"]);
});
