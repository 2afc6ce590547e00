// Where a scene is seen from: whatever a page was told, a camera that looks somewhere.
import assert from "node:assert/strict";
import { test } from "node:test";
import { completed, isStart, START, steered } from "../src/model/camera.js";

test("what a camera lacks, or has that is no number, is as at first", () => {
  const nothing = [null, undefined, {}, "north", 3, [], { projection: { type: "perspective" } }, { eye: null, center: "here", up: 1 }, { eye: { x: NaN, y: "1", z: null } }, { projection: { type: "fisheye" } }, { projection: null }];
  for (const camera of nothing) {
    assert.deepEqual(completed(camera), START, JSON.stringify(camera));
    assert.ok(isStart(camera));
  }
  const eye = { x: 2, y: 0, z: 1 };
  assert.deepEqual(completed({ eye }), { ...START, eye });
  assert.deepEqual(completed({ eye: { x: 2 }, up: { y: 1 } }), { ...START, eye: { ...START.eye, x: 2 }, up: { x: 0, y: 1, z: 1 } });
  assert.deepEqual(completed({ projection: { type: "orthographic" } }).projection, { type: "orthographic" });
  assert.ok(!isStart({ eye }) && !isStart({ projection: { type: "orthographic" } }));
});

test("a camera that looks nowhere stands where it does at first, in a narrow place farther away", () => {
  const start = { ...START, eye: { x: 2.4, y: -2.6, z: 2.1 } };
  const here = { x: 1, y: 1, z: 1 };
  for (const camera of [{}, { eye: here, center: here }, { eye: { x: 1e308, y: 1e308 } }, { up: { z: 0 } }]) assert.deepEqual(completed(camera, start), start);
});

test("arrow keys go round what a camera looks at, plus and minus nearer and farther", () => {
  const distance = (/** @type {import("../src/model/camera.js").Standing} */ { eye, center }) => Math.hypot(eye.x - center.x, eye.y - center.y, eye.z - center.z);
  const close = (/** @type {number} */ a, /** @type {number} */ b) => assert.ok(Math.abs(a - b) < 1e-12, `${a} for ${b}`);
  const all = (/** @type {string[]} */ ...keys) => keys.reduce((camera, key) => steered(camera, key) ?? camera, START);
  for (const there of [["ArrowLeft", "ArrowRight"], ["ArrowUp", "ArrowDown"], ["+", "-"]]) {
    for (const axis of /** @type {const} */ (["x", "y", "z"])) close(all(...there).eye[axis], START.eye[axis]);
    for (const key of there.slice(0, there[0] === "+" ? 0 : 2)) close(distance(all(key)), distance(START));
  }
  assert.ok(distance(all("+")) < distance(START));
  assert.ok(all("ArrowUp").eye.z > START.eye.z);
  const over = all(...Array(40).fill("ArrowUp"));
  assert.ok(Math.hypot(over.eye.x - over.center.x, over.eye.y - over.center.y) > 0.05, "never quite above: it would tip over");
  assert.equal(steered(START, "a"), null);
});
