import assert from "node:assert/strict";
import { test } from "node:test";
import { createPace } from "../src/ui/pace.js";

/** Frames that come when the test says so. */
function setUp() {
  /** @type {Map<number, () => void>} */
  const frames = new Map();
  let serial = 0;
  Object.assign(globalThis, {
    requestAnimationFrame: (/** @type {() => void} */ callback) => (frames.set(++serial, callback), serial),
    cancelAnimationFrame: (/** @type {number} */ id) => frames.delete(id),
  });
  const frame = () => {
    const due = [...frames.values()];
    frames.clear();
    due.forEach((callback) => callback());
  };
  /** @type {string[]} */
  const done = [];
  return { pace: createPace(), frame, done, draw: (/** @type {string} */ name) => () => void done.push(name) };
}

test("one redraw per frame, the newest", () => {
  const { pace, frame, done, draw } = setUp();
  for (const name of ["a", "b", "c"]) pace.ask(draw(name));
  assert.deepEqual(done, []);
  frame();
  frame();
  assert.deepEqual(done, ["c"]);
  pace.ask(draw("d"));
  frame();
  assert.deepEqual(done, ["c", "d"]);
});

test("after a slow redraw only the pointer's rest brings the next, until they are quick again", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { pace, frame, done, draw } = setUp();
  pace.took(101);
  for (const name of ["a", "b", "c"]) {
    pace.ask(draw(name));
    frame();
    t.mock.timers.tick(100);
  }
  assert.deepEqual(done, []);
  t.mock.timers.tick(50);
  assert.deepEqual(done, ["c"]);
  pace.took(20);
  pace.ask(draw("d"));
  frame();
  assert.deepEqual(done, ["c", "d"]);
});

test("a redraw that was overtaken does not come", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { pace, frame, done, draw } = setUp();
  pace.ask(draw("a"));
  pace.cancel();
  frame();
  pace.took(500);
  pace.ask(draw("b"));
  pace.cancel();
  t.mock.timers.tick(1000);
  assert.deepEqual(done, []);
});
