// The slider of checkpoints: follows the kernel, plays on where a picture is there, and pauses.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { mockEigenpairs } from "../dev/mock-curvature.js";
import { controls, enter, show, turn } from "./show.js";

const run = Array.from({ length: 4 }, (_, i) => ({ label: `step ${10 * i}` }));
const traits = { _info: { ...defaults._info, checkpoints: run } };
let request = 0;

/** A finished picture of a checkpoint. @param {number | null} checkpoint */
const picture = (checkpoint) => {
  request += 1;
  return { status: "done", progress: { request }, _surface: mockSurface({ ...controls, domain: null, request, checkpoint }, 1) };
};

/** @param {any} model @param {object} values */
async function hear(model, values) {
  model.receive(values);
  await turn();
}

test("without several checkpoints there is no slider", async () => {
  const { find, stop } = await show();
  assert.ok(find("checkpoints").hidden);
  stop();
});

test("the slider says where one is and asks for another; the last one is the model's own", async () => {
  const { model, find, stop } = await show(traits);
  assert.ok(!find("checkpoints").hidden);
  assert.equal(find("checkpoint").value, "3");
  assert.equal(find("checkpoint-value").textContent, "step 30 (4 of 4)");
  enter(find("checkpoint"), 1, "input", "change");
  await turn();
  assert.equal(model.get("checkpoint"), 1);
  assert.equal(find("checkpoint-value").textContent, "step 10 (2 of 4)");
  enter(find("checkpoint"), 3, "input", "change");
  assert.equal(model.get("checkpoint"), null);
  await hear(model, { checkpoint: 0 });
  assert.equal(find("checkpoint").value, "0");
  stop();
});

test("a picture of another checkpoint is provisional until that of the present one is there", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, picture(null));
  assert.equal(find("heatmap").dataset.provisional, "false");
  enter(find("checkpoint"), 1, "input", "change");
  await turn();
  assert.equal(find("heatmap").dataset.provisional, "true");
  await hear(model, picture(1));
  assert.equal(find("heatmap").dataset.provisional, "false");
  stop();
});

test("play goes on when a picture is there, pauses by hand and ends at the last one", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, picture(null));
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    find("play").click();
    await turn();
    assert.equal(model.get("checkpoint"), 0);
    mock.timers.tick(10_000);
    assert.equal(model.get("checkpoint"), 0, "it waits for the picture");
    await hear(model, picture(0));
    mock.timers.tick(1000);
    await turn();
    assert.equal(model.get("checkpoint"), 1);
    find("play").click();
    await hear(model, picture(1));
    mock.timers.tick(1000);
    assert.equal(model.get("checkpoint"), 1);
    find("play").click();
    await hear(model, picture(2));
    mock.timers.tick(1000);
    await turn();
    assert.equal(model.get("checkpoint"), null);
    assert.equal(find("play").getAttribute("aria-pressed"), "true");
    await hear(model, picture(null));
    mock.timers.tick(1000);
    await turn();
    assert.equal(find("play").getAttribute("aria-pressed"), "false");
    assert.equal(model.get("checkpoint"), null);
  } finally {
    mock.timers.reset();
    stop();
  }
});

test("a checkpoint that cannot be had, a cancel and a hand on the slider end it", async () => {
  const { model, find, stop } = await show({ ...traits, checkpoint: 1 });
  await hear(model, picture(1));
  const playing = () => find("play").getAttribute("aria-pressed") === "true";
  find("play").click();
  await turn();
  assert.ok(playing());
  await hear(model, { checkpoint: 1 });
  assert.ok(!playing());
  find("play").click();
  await hear(model, { status: "cancelled" });
  assert.ok(!playing());
  await hear(model, { status: "computing" });
  find("play").click();
  enter(find("checkpoint"), 0, "input", "change");
  await turn();
  assert.ok(!playing());
  assert.equal(model.get("checkpoint"), 0);
  stop();
});

test("play waits for the eigenvalues of the checkpoint, too", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, picture(null));
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    find("play").click();
    await turn();
    const { _surface, progress } = picture(0);
    const eigenpairs = (/** @type {boolean} */ final) => ({ ...mockEigenpairs(/** @type {any} */ (progress.request)), final });
    await hear(model, { status: "computing", progress, _surface, _eigenpairs: eigenpairs(false) });
    mock.timers.tick(10_000);
    assert.equal(model.get("checkpoint"), 0);
    await hear(model, { _eigenpairs: eigenpairs(true) });
    mock.timers.tick(1000);
    await turn();
    assert.equal(model.get("checkpoint"), 1);
  } finally {
    mock.timers.reset();
    stop();
  }
});

test("without a kernel the thumb stands where one is, whatever can be had", async () => {
  const { model, find, stop } = await show(traits);
  await hear(model, picture(null));
  model.send = () => {
    throw new Error("The kernel is dead");
  };
  find("table-open").click();
  await turn();
  assert.ok(find("checkpoint").disabled);
  assert.equal(find("checkpoint").value, find("checkpoint").max);
  stop();
});

test("a centre that is a point beside a checkpoint is told at the slider", async () => {
  const { model, find, stop } = await show(traits);
  assert.equal(find("checkpoint-away").textContent, "");
  await hear(model, { _pins: { ...model.get("_pins"), centre: { depth: 1, request: 1, moved: 0.5312 } } });
  assert.equal(find("checkpoint-away").textContent, "θ* is a point ‖Δθ‖ = 0.531 away from it");
  stop();
});
