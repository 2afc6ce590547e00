import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { decodeArray, decodeSurface } from "../src/kernel/decoders.js";

const request = { request: 3, axes: ["random", "random"], seed: 7, domain: null, resolution: 11, examples: 64 };

test("a window at an offset that its type cannot be aligned to gives the same numbers", () => {
  const numbers = Float64Array.of(1.5, -2, NaN, 1e300);
  const view = wire(numbers);
  assert.notEqual(view.byteOffset % 8, 0);
  assert.deepEqual(decodeArray(view, Float64Array), numbers);
});

test("a window at an aligned offset is read in place and ends where it should", () => {
  const buffer = Float32Array.of(9, 1, 2, 9).buffer;
  const decoded = decodeArray(new DataView(buffer, 4, 8), Float32Array);
  assert.deepEqual(decoded, Float32Array.of(1, 2));
  assert.equal(decoded.buffer, buffer);
});

test("a buffer with half a number in it is refused", () => {
  assert.throws(() => decodeArray(new DataView(new ArrayBuffer(6)), Float32Array), /4-byte numbers, got 6 bytes/);
});

test("a surface's rows are its losses, row by row, in the same memory", () => {
  const surface = decodeSurface(mockSurface(request, 1));
  assert.equal(surface.rows.length, 11);
  surface.rows.forEach((row, i) => row.forEach((value, j) => assert.equal(value, surface.loss[i * 11 + j])));
  assert.equal(surface.rows[4].buffer, surface.loss.buffer);
  assert.deepEqual(surface.domain, [-1, 1, -1, 1]);
  assert.equal(surface.done.every((value) => value === 1), true);
});

test("the range leaves holes out, and is NaN where there are only holes", () => {
  const raw = mockSurface(request, 1);
  const loss = new Float32Array(121).fill(2);
  loss[0] = NaN;
  loss[1] = Infinity;
  loss[2] = -1;
  assert.deepEqual(decodeSurface({ ...raw, loss: wire(loss) }).range, [-1, 2]);
  assert.deepEqual(decodeSurface({ ...raw, loss: wire(new Float32Array(121).fill(NaN)) }).range, [NaN, NaN]);
});

test("a surface whose losses do not fill its grid is refused with both sizes", () => {
  const raw = { ...mockSurface(request, 1), loss: wire(new Float32Array(120)) };
  assert.throws(() => decodeSurface(raw), /expected 11 × 11 values in loss, got 120/);
});
