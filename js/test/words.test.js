import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { decodeSurface } from "../src/kernel/decoders.js";
import { describe } from "../src/curvature/face-projections.js";
import { formatCount, formatDuration, formatEstimate, formatNumber, formatPercent, formatShort } from "../src/model/format.js";
import { partsText, progressText } from "../src/controls/progress.js";
import { show } from "./show.js";
import { captionText, describeResiduals } from "../src/notes/verdict.js";

test("numbers have a true minus sign and as many digits as asked", () => {
  assert.equal(formatNumber(-16.4321), "−16.43");
  assert.equal(formatNumber(5007.94), "5008");
  assert.equal(formatNumber(0.00123), "0.001230");
  assert.equal(formatNumber(0), "0");
  assert.equal(formatNumber(-2.5e-7, 2), "−2.5 × 10⁻⁷");
  assert.equal(formatNumber(3e12, 2), "3 × 10¹²");
  assert.equal(formatNumber(9.9996, 4), "10.00");
});

test("what is not a finite number is not dressed as one", () => {
  assert.equal(formatNumber(NaN), "–");
  assert.equal(formatNumber(null), "–");
  assert.equal(formatNumber(Infinity), "∞");
  assert.equal(formatNumber(-Infinity), "−∞");
});

test("short numbers carry no zeros that say nothing", () => {
  assert.deepEqual([0.4, 15, 0.0001, 0.12345, 1000].map(formatShort), ["0.4", "15", "0.0001", "0.123", "1000"]);
});

test("counts are grouped", () => {
  assert.deepEqual([1, 999, 1797, 855770].map(formatCount), ["1", "999", "1,797", "855,770"]);
});

test("a share is rounded to certainty only if it was certain", () => {
  assert.deepEqual([0, 0.0001, 0.293, 0.9973, 0.99999, 1].map(formatPercent), ["0 %", "< 0.1 %", "29.3 %", "99.7 %", "> 99.9 %", "100 %"]);
});

test("an estimate has the digits that its error leaves it", () => {
  const text = (/** @type {number} */ value, /** @type {number | null} */ stderr) => formatEstimate({ value, stderr });
  assert.equal(text(601.34, 4.2), "601 ± 4");
  assert.equal(text(601.34, 12.7), "601 ± 13");
  assert.equal(text(0.35021, 0.0094), "0.350 ± 0.009");
  assert.equal(text(-0.35021, 0.0138), "−0.350 ± 0.014");
  assert.equal(text(6.0134e7, 4.2e5), "(6.01 ± 0.04) × 10⁷");
  assert.equal(text(2.5e-6, 4e-6), "(3 ± 4) × 10⁻⁶");
  assert.deepEqual([text(12.3456, null), text(12.3456, 0), text(12.3456, NaN)], ["12.35", "12.35", "12.35"]);
});

test("durations read as a person says them", () => {
  assert.deepEqual([0.2, 4.4, 61, 600, 9000].map(formatDuration), ["< 1 s", "4 s", "61 s", "10 min", "2.5 h"]);
});

/** @param {object} values */
const snapshot = (values) => /** @type {any} */ ({ status: "computing", progress: null, surface: null, info: { n_parameters: 12345 }, examples: 1797, ...values });

test("progress tells the share and the time left, where it is known", () => {
  const progress = { request: 1, stage: "x", fraction: 0.639, eta: 4.2, elapsed: 7, parts: {} };
  assert.equal(progressText(snapshot({ progress })), "63 % · 4 s left");
  assert.equal(progressText(snapshot({ progress: { ...progress, eta: null } })), "63 %");
  assert.equal(progressText(snapshot({})), "Starting …");
  assert.equal(progressText(snapshot({ status: "done", progress })), "Done in 7 s");
  assert.equal(progressText(snapshot({ status: "cancelled", progress })), "Cancelled");
});

test("what takes long is told in plain words, and what all of it takes beside it", async () => {
  const progress = { request: 1, stage: "directions of extreme curvature", plan: "about 12 min: 190 Hessian-vector products, 1.1 GB", fraction: 0.4, eta: 400, elapsed: 7, parts: {} };
  const { find } = await show({ status: "computing", progress });
  const place = find("progress").closest(".lw-progress");
  assert.equal(place.querySelector("label").textContent, "Directions of extreme curvature");
  assert.equal(find("progress-text").textContent, "40 % · 7 min left");
  assert.equal(place.title, "About 12 min: 190 Hessian-vector products, 1.1 GB");
  assert.equal(find("plan").textContent, "About 12 min: 190 Hessian-vector products, 1.1 GB");
  assert.ok(!find("plan").closest("[hidden]"));
  const parts = { surface: 0, curvature: 61 };
  assert.equal(partsText(snapshot({ progress: { ...progress, parts } })), "About 12 min: 190 Hessian-vector products, 1.1 GB\nSurface: done\nCurvature: 61 s left");
});

test("nothing is told of what takes little, nor of what has ended", async () => {
  const progress = { request: 1, stage: "curvature", plan: "about 12 min: 190 Hessian-vector products, 1.1 GB", fraction: 0.4, eta: 400, elapsed: 7, parts: {} };
  for (const values of [{ status: "computing", progress: { ...progress, plan: "" } }, { status: "done", progress }, { status: "cancelled", progress }]) {
    const { find } = await show(values);
    assert.ok(find("plan").hidden);
    assert.equal(find("plan").textContent, "");
  }
});

test("the caption says that a picture is coarse, and no longer when it is not", () => {
  const request = { request: 1, axes: ["random", "random"], seed: 0, domain: null, resolution: 51, examples: 1797 };
  const coarse = captionText(snapshot({ surface: decodeSurface(mockSurface(request, 10)) }));
  assert.match(coarse, /^Coarse: 36 of 2,601 points, the rest interpolated · 1,797 examples · 12,345 parameters · /);
  const final = captionText(snapshot({ surface: decodeSurface(mockSurface(request, 1)) }));
  assert.match(final, /^2,601 points · /);
  const coverage = "2,601 nodes, 312 evaluated, 90 % of the others within 0.2 % of the range";
  const certified = captionText(snapshot({ surface: decodeSurface({ ...mockSurface(request, 1), coverage }) }));
  assert.ok(certified.startsWith(`${coverage} · `));
  assert.match(final, /1 on either axis is ‖Δθ‖ = 1\.00 \(‖θ\*‖ = 11\.8\)$/);
});

test("the caption counts a single example as one", () => {
  const raw = mockSurface({ request: 1, axes: ["random", "random"], seed: 0, domain: null, resolution: 11, examples: 1 }, 1);
  assert.match(captionText(snapshot({ examples: 1, surface: decodeSurface(raw) })), / · 1 example · /);
});

test("the caption says where the mode of the model makes a difference", () => {
  const mode = "dropout as in eval mode (the model is in train mode)";
  const raw = mockSurface({ request: 1, axes: ["random", "random"], seed: 0, domain: null, resolution: 11, examples: 1 }, 1);
  assert.ok(!captionText(snapshot({ surface: decodeSurface(raw) })).includes("mode"));
  const caption = captionText(snapshot({ surface: decodeSurface({ ...raw, details: { ...raw.details, Mode: mode } }) }));
  assert.ok(caption.endsWith(` · ${mode}`));
});

test("the caption says that a single parameter has a single direction", () => {
  const surface = decodeSurface(mockSurface({ request: 1, axes: ["hessian:max", "hessian:min"], seed: 0, domain: null, resolution: 11, examples: 1 }, 1));
  const caption = captionText(snapshot({ surface: { ...surface, norms: [1, 0] } }));
  assert.match(caption, / · 1 on α is ‖Δθ‖ = 1\.00, β has no direction of its own \(/);
});

test("eigenvalues come with their residuals, and say if they did not converge", () => {
  const pairs = { words: ["λmax", "λmin (2)"], values: [5007.9, -16.4], residuals: [0.01, 0.2], converged: [true, false] };
  assert.equal(describeResiduals(/** @type {any} */ (pairs)), "λmax 5008 ± 0.01 · λmin (2) −16.40 ± 0.2, not converged");
});

test("the curvature's words wait for the last sample", () => {
  const projections = /** @type {any} */ ({ samples: 300, total: 2000, blindness: null, final: false });
  assert.equal(describe(projections), "300 of 2,000 random planes so far");
  assert.equal(describe({ ...projections, samples: 2000, final: true }), "");
  const known = { ...projections, final: true, blindness: {} };
  assert.equal(describe(known), "A random plane hides the saddle in");
  assert.equal(describe(known, false), "A random plane shows no saddle in");
});

test("a first picture says what it rests on and how far off it is", () => {
  const surface = decodeSurface({ ...mockSurface({ request: 1, axes: ["a", "b"], seed: 0, domain: null, resolution: 11, examples: 200 }, 1), centre_loss: 0 });
  const centre = surface.rows[5][5];
  const off = captionText(snapshot({ surface: { ...surface, centreLoss: centre - 0.25 }, examples: 1797 }));
  assert.match(off, / · A first picture on 200 of 1,797 examples, off by 0\.25 at θ\* · /);
  const recomputed = captionText(snapshot({ surface: { ...surface, batchNorm: "recomputed", centreLoss: centre - 0.25 }, examples: 1797 }));
  assert.match(recomputed, / · A first picture on 200 of 1,797 examples · /, "not off by what other statistics make");
  assert.match(captionText(snapshot({ surface: { ...surface, centreLoss: null }, examples: 1797 })), /of 1,797 examples · /);
  assert.match(captionText(snapshot({ surface, examples: 200 })), / · 200 examples · /);
});
