// Words beside points: clear of each other and of the border, the most important first.
import assert from "node:assert/strict";
import { test } from "node:test";
import { freePlaces, hiddenFrom, seenBy } from "../src/model/free-places.js";

const room = { width: 300, height: 200 };
/** @param {any[]} placed */
const boxes = (placed) => placed.map(({ x, y, text, side }) => ({ left: x + 18 * side[0] - 3 * text.length, right: x + 18 * side[0] + 3 * text.length, top: y + 18 * side[1] - 7, bottom: y + 18 * side[1] + 7 }));

for (const [name, points] of /** @type {const} */ ([
  ["at one place", Array.from({ length: 20 }, () => [150, 100])],
  ["along a line", Array.from({ length: 60 }, (_, i) => [5 * i, 3 * i])],
  ["in the corners", [[0, 0], [300, 0], [0, 200], [300, 200]]],
])) {
  test(`of labels ${name} some stand, none on another or beyond the border`, () => {
    const placed = boxes(freePlaces(points.map(([x, y], i) => ({ x, y, text: `epoch ${i}` })), room, () => [18, 18]));
    assert.ok(placed.length > 1 || name === "in the corners");
    placed.forEach((a, i) => {
      assert.ok(a.left >= 0 && a.right <= 300 && a.top >= 0 && a.bottom <= 200);
      for (const b of placed.slice(i + 1)) assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top);
    });
  });
}

test("the first label has its place before all others", () => {
  const crowd = Array.from({ length: 9 }, () => ({ x: 150, y: 100, text: "epoch" }));
  assert.equal(freePlaces([{ x: 150, y: 100, text: "other seed" }, ...crowd], room, () => [18, 18])[0].text, "other seed");
});

test("a camera sees what it looks at in the middle, and what is above it higher up", () => {
  const center = { x: -0.07, y: -0.06, z: -0.17 };
  const see = seenBy({ eye: { x: 1.2, y: -1.3, z: 1.05 }, center }, room);
  const at = see(center);
  assert.ok(Math.abs(at.x - 150) < 1e-9 && Math.abs(at.y - 100) < 1e-9);
  assert.ok(Math.abs(see({ ...center, z: 0.3 }).x - 150) < 1e-9 && see({ ...center, z: 0.3 }).y < 100);
  assert.ok(see({ ...center, x: 0.4 }).x > 150 && see({ ...center, y: 0.4 }).x > 150);
});

test("what a surface stands before is hidden; what is before, above or beside it, or below its edge, is not", () => {
  const camera = { eye: { x: 0, y: -2, z: 1 } };
  const within = (/** @type {number} */ x, /** @type {number} */ y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.5;
  const wall = (/** @type {number} */ x, /** @type {number} */ y) => (!within(x, y) ? NaN : Math.abs(x) < 0.2 && Math.abs(y + 0.2) < 0.1 ? 0.3 : -0.3);
  const at = { x: 0, y: 0.2, z: -0.2 };
  const hidden = hiddenFrom(camera, wall);
  assert.ok(hidden(at), "behind the wall");
  assert.ok(!hidden({ ...at, x: 0.45 }), "beside it");
  assert.ok(!hidden({ ...at, z: 0.4 }), "above it");
  assert.ok(!hidden({ ...at, y: -0.4 }), "before it");
  assert.ok(!hidden({ ...at, x: 0.45, z: -0.3 }), "in the floor");
  assert.ok(hidden({ ...at, x: 0.45, z: -0.5 }), "below the floor");
  assert.ok(!hidden({ x: 0, y: -0.45, z: -0.5 }), "below the floor's edge, where one looks under it");
  assert.ok(!hiddenFrom(camera, () => NaN)(at), "no surface");
});
