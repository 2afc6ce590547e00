import assert from "node:assert/strict";
import { test } from "node:test";
import { createThrottle } from "../src/ui/throttle.js";

test("the first value goes at once, then the newest at the pace, and none twice", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {number[]} */
  const sent = [];
  const throttle = createThrottle((/** @type {number} */ value) => sent.push(value), 100);
  throttle.push(1);
  throttle.push(2);
  throttle.push(3);
  assert.deepEqual(sent, [1]);
  t.mock.timers.tick(99);
  assert.deepEqual(sent, [1]);
  t.mock.timers.tick(1);
  assert.deepEqual(sent, [1, 3]);
  t.mock.timers.tick(1000);
  assert.deepEqual(sent, [1, 3]);
  throttle.push(4);
  assert.deepEqual(sent, [1, 3, 4]);
});

test("flush sends what waits, cancel forgets it", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  /** @type {number[]} */
  const sent = [];
  const throttle = createThrottle((/** @type {number} */ value) => sent.push(value), 100);
  throttle.push(1);
  throttle.push(2);
  throttle.flush();
  assert.deepEqual(sent, [1, 2]);
  throttle.push(3);
  throttle.cancel();
  t.mock.timers.tick(1000);
  assert.deepEqual(sent, [1, 2]);
});
