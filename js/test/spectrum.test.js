// The logic below the spectrum and trace faces: floors, halves, bands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockProjections, mockSpectrum, mockTrace } from "../dev/mock-curvature.js";
import { wire } from "../dev/wire.js";
import { bandOutline, bandRange, latest } from "../src/model/band.js";
import { decodeProjections, decodeSpectrum, decodeTrace } from "../src/kernel/curvature-decoders.js";
import { OFFER } from "../dev/mock-axes.js";
import { withAxis } from "../src/kernel/axes.js";
import { describeSpectrum } from "../src/curvature/face-spectrum.js";
import { describeMethod, describeReference } from "../src/curvature/face-trace.js";
import { densityFloor, peakOf, splitAtZero } from "../src/model/spectrum.js";

test("what is not known of projections yet is null", () => {
  const few = decodeProjections(mockProjections(1, 300, null));
  assert.deepEqual([few.plane, few.blindness], [null, null]);
  assert.equal(few.kappaMinus.length, 300);
  const many = decodeProjections(mockProjections(1, 2000, { kappa_minus: -1, kappa_plus: 2 }));
  assert.deepEqual([many.plane, many.final], [{ kappaMinus: -1, kappaPlus: 2 }, true]);
});

test("of fits, means and blindness each part may be missing", () => {
  const raw = { ...mockProjections(1, 300, null), fits: { kappa_minus: { mean: 1, std: 0 }, kappa_plus: { mean: 1, std: 2 } }, means: { kappa_minus: null, kappa_plus: null, trace: { value: 2, stderr: 0 } } };
  const decoded = decodeProjections({ ...raw, blindness: { measured: null, closed_form: "30–70 %", spectral: null } });
  assert.deepEqual(decoded.fits, { kappaMinus: null, kappaPlus: { mean: 1, std: 2 } });
  assert.deepEqual(decoded.means, { kappaMinus: null, kappaPlus: null, trace: { value: 2, stderr: 0 } });
  assert.deepEqual(decoded.blindness, { measured: null, closedForm: "30–70 %", spectral: null });
  const none = decodeProjections({ ...raw, blindness: { measured: null, closed_form: null, spectral: null } });
  assert.equal(none.blindness, null);
});

test("a spectrum whose arrays do not match is refused with both sizes", () => {
  const raw = { ...mockSpectrum(1, 10, 10), density: wire(new Float64Array(7)) };
  assert.throws(() => decodeSpectrum(raw), /density as in x \(512\), got 7/);
});

test("the floor lies a millionth below the peak, or lower where one eigenvalue alone would drown", () => {
  assert.equal(densityFloor(2, 100), 2e-6);
  assert.ok(densityFloor(2, 1e7) < 2e-7);
  assert.ok(densityFloor(2, 1e15) > 0);
  assert.equal(peakOf(Float64Array.of(0, 3, NaN, 1)), 3);
});

test("both halves of the density meet at zero, and nothing falls below the floor", () => {
  const [below, above] = splitAtZero(Float64Array.of(-2, -1, 1, 3), Float64Array.of(0, 4, 1, NaN), 1e-6);
  assert.deepEqual(below, { x: [-2, -1, 0], y: [1e-6, 4, 2] });
  assert.deepEqual(above, { x: [0, 1, 3], y: [2, 1, 1e-6] });
  const [left, right] = splitAtZero(Float64Array.of(-1, 0, 1), Float64Array.of(1, 5, 1), 1e-6);
  assert.deepEqual([left.x, right.x], [[-1, 0], [0, 1]]);
  assert.deepEqual(splitAtZero(Float64Array.of(1, 2), Float64Array.of(1, 1), 1e-6)[0], { x: [], y: [] });
});

test("the spectrum in numbers, as far as they are known", () => {
  const spectrum = decodeSpectrum(mockSpectrum(1, 10, 10));
  assert.equal(describeSpectrum(spectrum), "mean λ 0.0251 ± 0.002 · 21–39 % below 0 · 400 products");
  assert.equal(describeSpectrum({ ...spectrum, words: "mean λ 0.02", probes: 1, final: false }), "mean λ 0.02 · 1 of 10 probes");
});

const method = (/** @type {number[]} */ n, /** @type {number[]} */ value, /** @type {number[]} */ error) => ({
  name: "hutchinson", label: "Hutchinson", n: Float64Array.from(n), value: Float64Array.from(value), error: Float64Array.from(error), stderr: (error.at(-1) ?? 0) / 2, bias: 0, halfWidth: null,
});

test("a band runs along its upper edge and back along the lower, past what is not known", () => {
  const outline = bandOutline(method([1, 2, 3], [5, 6, 8], [NaN, 2, 1]));
  assert.deepEqual(outline, { x: [2, 3, 3, 2], y: [8, 9, 7, 4] });
});

test("the range holds every band but its wild beginning", () => {
  const n = Array.from({ length: 100 }, (_, i) => i + 1);
  const range = bandRange([method(n, n.map((i) => (i < 4 ? 1e6 : 100)), n.map(() => 10)), method([50], [130], [5])]);
  assert.ok(range && range[0] < 90 && range[0] > 80 && range[1] > 135 && range[1] < 145, String(range));
  assert.equal(bandRange([method([1], [5], [NaN])]), null);
  assert.equal(bandRange([]), null);
});

test("the newest estimate is told with its error and its cost", () => {
  const trace = decodeTrace(mockTrace(3, 200, 200));
  assert.match(describeMethod(trace.methods[0]), /^tr\(H\) = 60\d ± 8 \(Hutchinson, 200 vectors\)$/);
  assert.equal(describeMethod(method([1], [5], [NaN])), "tr(H) = 5.000 (Hutchinson, 1 vector)");
  assert.equal(describeMethod(method([], [], [])), "tr(H): no estimate (Hutchinson)");
  assert.equal(latest(method([1, 2], [4, NaN], [1, 1]))?.n, 1);
});

test("the trace itself comes first, and an estimate that is off says why", () => {
  const exact = { name: "exact", label: "exact", value: 17.2597, error: 0, nHvp: 1946 };
  assert.equal(describeReference(exact), "tr(H) = 17.26, exact (1,946 products)");
  assert.equal(describeReference({ ...exact, name: "deflated", error: 0.08, nHvp: 100 }), "tr(H) = 17.26 ± 0.08 (best estimate, 100 products)");
  const [near, far] = [method([100], [16], [1.4]), method([100], [15], [1.4])];
  const fit = { ...far, name: "curvature-fit", label: "curvature fit", halfWidth: 5e-8 };
  assert.equal(describeMethod(near, exact), "tr(H) = 16.0 ± 1.4 (Hutchinson, 100 vectors)");
  assert.match(describeMethod(far, exact), /\(Hutchinson, 100 vectors\), misses the line by 3\.2 standard errors$/);
  assert.equal(describeMethod(far, { ...exact, error: 3 }), describeMethod(far));
  assert.match(describeMethod(fit, exact, far), /\|α\| ≤ 5 × 10⁻⁸\), misses the line by 3\.2 standard errors$/);
  assert.match(describeMethod(fit, exact, near), /\), about 1\.0 too low for these vectors: the loss has kinks there$/);
  assert.doesNotMatch(describeMethod(fit, null, method([99], [16], [1.4])), /kinks/, "of other vectors nothing is said");
  assert.match(describeMethod({ ...fit, bias: 33.07, halfWidth: 0.05 }, exact, far), /\|α\| ≤ 0\.05\), about 33 too high: that far from θ\* the loss is no parabola$/);
  assert.match(describeMethod({ ...fit, bias: -2 }, exact), /about 2\.0 too low/);
});

test("an axis is set alone, and two equal ones change places", () => {
  assert.deepEqual(withAxis(["random", "random"], 1, "hessian:min", OFFER), ["random", "hessian:min"]);
  assert.deepEqual(withAxis(["hessian:max", "hessian:min"], 0, "hessian:min", OFFER), ["hessian:min", "hessian:max"]);
  assert.deepEqual(withAxis(["hessian:max", "random"], 1, "hessian:max", OFFER), ["random", "hessian:max"]);
  assert.deepEqual(withAxis(["hessian:max", "random"], 0, "random", OFFER), ["random", "random"], "two draws do");
});
