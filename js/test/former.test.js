// What belongs to a θ* that was left: verdict and curvature say so until those of the present one are there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { mockEigenpairs, mockProjections } from "../dev/mock-curvature.js";
import { controls, enter, show, turn } from "./show.js";

const checkpoints = Array.from({ length: 3 }, (_, i) => ({ label: `step ${10 * i}` }));
const traits = { _info: { ...defaults._info, checkpoints } };

/** @param {number} request @param {number | null} [checkpoint] @param {number} [examples] */
const picture = (request, checkpoint = null, examples = controls.examples) => ({ progress: { request }, _surface: mockSurface({ ...controls, domain: null, request, checkpoint, examples }, 1) });

/** @param {number} request */
const curvature = (request) => ({ _eigenpairs: mockEigenpairs(request), _projections: mockProjections(request, 2000, null) });

/** Ritz values on the way to certified ones, of which there is no verdict. @param {number} request */
const estimates = (request) => ({ _eigenpairs: { ...mockEigenpairs(request), sentence: "", verdict: "", sights: null, final: false } });

/** @param {any} model @param {object} values */
async function hear(model, values) {
  model.receive(values);
  await turn();
}

/** @param {(id: string) => any} find */
const marks = (find) => [find("verdict").hidden, find("verdict").dataset.provisional, find("curvature").dataset.provisional];

/** @param {(id: string) => any} find */
const words = (find) => find("verdict").querySelector("strong").textContent;

const note = (/** @type {any} */ panel) => panel.querySelector('[data-testid="provisional"]');

test("after new weights verdict and curvature are marked as the former ones until their own are there", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, { ...picture(1), ...curvature(1) });
  assert.deepEqual(marks(find), [false, "false", "false"]);
  assert.equal(words(find), "Saddle");
  await hear(model, { _pins: { ...defaults._pins, centre: { depth: 1, request: 1, moved: 0 } } });
  assert.deepEqual(marks(find), [false, "true", "true"]);
  await hear(model, picture(2));
  assert.equal(find("heatmap").dataset.provisional, "false");
  assert.deepEqual(marks(find), [false, "true", "true"]);
  assert.equal(words(find), "Former verdict: Saddle");
  assert.equal(note(find("curvature")).textContent, "Provisional: former curvature");
  assert.equal(find("residuals").textContent, "");
  await hear(model, estimates(2));
  assert.deepEqual(marks(find), [false, "true", "true"], "it keeps its place while there are estimates only");
  assert.equal(words(find), "Former verdict: Saddle");
  await hear(model, { _eigenpairs: mockEigenpairs(2) });
  assert.deepEqual(marks(find), [false, "false", "true"]);
  assert.equal(words(find), "Saddle");
  await hear(model, curvature(2));
  assert.deepEqual(marks(find), [false, "false", "false"]);
  assert.ok(note(find("curvature")).hidden);
  stop();
});

test("so they are from the moment on at which another checkpoint is asked for", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, { ...picture(1), ...curvature(1) });
  enter(find("checkpoint"), 0, "input", "change");
  await turn();
  assert.deepEqual(marks(find), [false, "true", "true"]);
  enter(find("checkpoint"), 2, "input", "change");
  await turn();
  assert.deepEqual(marks(find), [false, "false", "false"], "what is on show is asked for again");
  enter(find("checkpoint"), 0, "input", "change");
  await turn();
  await hear(model, curvature(2));
  assert.deepEqual(marks(find), [false, "false", "false"], "curvature may come before the picture");
  await hear(model, picture(2, 0));
  assert.deepEqual(marks(find), [false, "false", "false"]);
  stop();
});

test("the curvature of other examples is the former one; that of another plane is the same", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, { ...picture(1), ...curvature(1) });
  model.set("seed", 5);
  await turn();
  assert.deepEqual(marks(find), [false, "false", "false"]);
  model.set("examples", 100);
  await turn();
  await hear(model, picture(2, null, 100));
  assert.deepEqual(marks(find), [false, "true", "true"]);
  await hear(model, curvature(2));
  assert.deepEqual(marks(find), [false, "false", "false"]);
  stop();
});

test("where a computation was cancelled before there was a verdict, its place says so", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, { status: "computing", ...picture(1), ...estimates(1) });
  assert.ok(find("verdict").hidden);
  await hear(model, { status: "cancelled" });
  assert.deepEqual([find("verdict").hidden, words(find)], [false, "No verdict"]);
  await hear(model, { status: "done", ...curvature(1) });
  assert.equal(words(find), "Saddle");
  await hear(model, { status: "cancelled", _eigenpairs: null });
  assert.deepEqual([words(find), ...marks(find).slice(0, 2), find("verdict").dataset.verdict], ["No verdict", false, undefined, undefined], "nothing of the former one");
  stop();
});

test("where the kernel has ended nobody is told of a cancelled computation", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, { status: "computing", ...picture(1), ...estimates(1) });
  model.send = () => {
    throw new Error("closed");
  };
  find("recompute").click();
  await turn();
  assert.deepEqual([find("progress-text").textContent, find("verdict").hidden], ["No kernel", true]);
  stop();
});
