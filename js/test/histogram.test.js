import assert from "node:assert/strict";
import { test } from "node:test";
import { axisRange } from "../src/curvature/face-projections.js";
import { binOf, gaussianCurve, histogram, quantile, typicalOf } from "../src/model/histogram.js";
import { contourLevels, offersLog } from "../src/model/scale.js";

const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0);
const ramp = (/** @type {number} */ count) => Float32Array.from({ length: count }, (_, i) => i / (count - 1));

test("quantiles interpolate between neighbours", () => {
  assert.equal(quantile([0, 1, 2, 3], 0.5), 1.5);
  assert.equal(quantile([7], 0.2), 7);
});

test("counts are those of brute force, in equal bins shared by both samples", () => {
  const samples = [ramp(500), ramp(300).map((value) => value + 1)];
  const bins = histogram(samples);
  assert.ok(bins);
  samples.forEach((sample, k) => {
    bins.counts[k].forEach((count, i) => {
      const last = i === bins.counts[k].length - 1;
      const inside = sample.filter((v) => v >= bins.edges[i] - 1e-9 && (last ? v <= bins.edges[i + 1] : v < bins.edges[i + 1] - 1e-9));
      assert.equal(count, inside.length);
    });
  });
});

test("a few extreme values do not squash the rest", () => {
  const sample = ramp(2000);
  sample[0] = 1e6;
  const bins = histogram([sample, sample]);
  assert.ok(bins);
  assert.ok(bins.edges[bins.edges.length - 1] < 2);
  assert.ok(sum(bins.counts[0]) >= 1990);
});

test("equal, few and missing values still give bins", () => {
  const same = histogram([new Float32Array(10).fill(3), new Float32Array(10).fill(3)]);
  assert.equal(same && sum(same.counts[0]), 10);
  const one = histogram([Float32Array.of(0), Float32Array.of(NaN)]);
  assert.deepEqual(one && one.counts.map(sum), [1, 0]);
  assert.equal(histogram([new Float32Array(0), Float32Array.of(NaN)]), null);
});

test("the last bin holds its upper edge, and what lies outside is in none", () => {
  const edges = [0, 1, 2, 3];
  assert.deepEqual([0, 0.99, 1, 2.5, 3].map((value) => binOf(edges, value)), [0, 0, 1, 2, 2]);
  assert.deepEqual([-0.01, 3.01, NaN, Infinity].map((value) => binOf(edges, value)), [-1, -1, -1, -1]);
});

test("a bar stands for its member nearest to the bar's centre, and an empty one for none", () => {
  const edges = [0, 1, 2, 3];
  const values = Float32Array.of(0.9, 1.95, 1.4, 1.05, NaN, 0.4, -7);
  assert.deepEqual([0, 1, 2].map((bin) => typicalOf(edges, bin, values)), [5, 2, -1]);
});

test("a typical member is in its bar, for each bar that counts any", () => {
  const samples = [ramp(500), ramp(77).map((value) => value ** 2 + 0.3)];
  const bins = histogram(samples);
  assert.ok(bins);
  samples.forEach((sample, k) =>
    bins.counts[k].forEach((count, bin) => {
      const found = typicalOf(bins.edges, bin, sample);
      assert.equal(found >= 0, count > 0);
      if (count) assert.equal(binOf(bins.edges, sample[found]), bin);
    }),
  );
});

test("a Gaussian has the area of its samples' bars", () => {
  const edges = Float64Array.from({ length: 41 }, (_, k) => -10 + k / 2);
  const { x, y } = gaussianCurve({ mean: 0.5, std: 1.5 }, edges, 2000, 401);
  const area = y.reduce((sum, value) => sum + value, 0) * (x[1] - x[0]);
  // Samples times bin width; the trapezoidal rule is exact here to far more digits.
  assert.ok(Math.abs(area - 2000 * 0.5) < 1e-6, String(area));
  assert.equal(y.indexOf(Math.max(...y)), x.findIndex((value) => value >= 0.5 - 1e-9));
});

test("the axis makes room for a mark nearby, and leaves a far one outside", () => {
  const [low, high] = axisRange([1, 2], [0.8, 5000]);
  assert.ok(low < 0.8 && low > 0.5);
  assert.ok(high > 2 && high < 3);
});

test("contour levels are round, inside the range, and about as many as asked", () => {
  for (const range of /** @type {[number, number][]} */ ([[0.1882, 2.635], [-1, 8.6], [1e-5, 2e-5], [100, 1e6]])) {
    const levels = contourLevels(range);
    assert.ok(levels);
    const count = Math.round((levels.end - levels.start) / levels.size) + 1;
    assert.ok(levels.start >= range[0] && levels.end <= range[1] * (1 + 1e-12), String(range));
    assert.ok(count >= 5 && count <= 16, `${count} levels in ${range}`);
  }
  assert.equal(contourLevels([2, 2]), null);
  assert.equal(contourLevels([NaN, NaN]), null);
});

test("a logarithm is offered wherever all losses are positive", () => {
  assert.equal(offersLog([1e-4, 1]), true);
  assert.equal(offersLog([0.1, 99]), true);
  assert.equal(offersLog([0, 99]), false);
  assert.equal(offersLog([-1, 1e6]), false);
  assert.equal(offersLog([NaN, NaN]), false);
});
