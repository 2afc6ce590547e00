// A page whose kernel is gone: what it says, what it greys, and what it still does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockEigenpairs, mockProjections } from "../dev/mock-curvature.js";
import { mockSurface } from "../dev/mock.js";
import { controls, enter, settled, show } from "./show.js";

/** @param {number} request @param {object} [asked] */
const answer = (request, asked = {}) => ({
  status: "done",
  _surface: { ...mockSurface({ ...controls, ...asked, request }, 1), sent: request },
  _eigenpairs: mockEigenpairs(request, 1),
  _projections: { ...mockProjections(request, 100, { kappa_minus: -1, kappa_plus: 2 }, 1), sent: request },
});

const RANDOM = { axes: ["random", "random"] };
const TEN = { timeout: 10_000 };

/** An explorer with two planes on the page, the second of them on show, whose messages cannot be sent any more. @param {object} [traits] */
async function lost(traits) {
  const shown = await show({ ...answer(1), ...traits });
  const { model } = shown;
  model.receive({ ...RANDOM, ...answer(2, RANDOM) });
  await settled();
  model.send = () => {
    throw new Error("The kernel is dead");
  };
  shown.find("table-open").click();
  await settled();
  return { ...shown, root: /** @type {HTMLElement} */ (shown.el.querySelector(".lw-root")) };
}

test("it says that there is none, and greys what needs one", TEN, async () => {
  const { root, find } = await lost();
  assert.equal(find("kernel").textContent, "No kernel: showing saved results; run the cell to go on.");
  assert.equal(find("progress-text").textContent, "No kernel");
  for (const id of ["resolution", "seed", "new-seed", "examples", "compare", "half-width", "equal-axes", "preset-filter", "table-open"]) assert.ok(find(id).disabled, id);
  for (const id of ["preset-hessian", "preset-random", "domain-auto", "scale", "face-spectrum", "settings-open"]) assert.ok(!find(id).disabled, id);
  assert.equal(root.dataset.kernel, "gone");
});

test("what is grey says why, and what it does once there is a kernel again", TEN, async () => {
  const { model, find } = await lost();
  const said = (/** @type {string} */ id) => find(id).closest("[title]")?.getAttribute("title");
  const ids = ["resolution", "seed", "new-seed", "compare", "preset-filter", "table-open"];
  for (const id of ids) assert.equal(said(id), "No kernel: run the cell to go on.", id);
  assert.match(said("preset-random"), /^(?!No kernel)/);
  model.hear({ type: "alive" });
  await settled();
  for (const id of ids) assert.ok(said(id) && !/kernel/.test(said(id)), `${id}: ${said(id)}`);
});

test("it shows every plane that it holds, and nothing of it is provisional", TEN, async () => {
  const { find, model } = await lost();
  const saves = model.saves.length;
  find("preset-hessian").click();
  await settled();
  assert.equal(find("heatmap").dataset.request, "1");
  assert.equal(find("heatmap").dataset.provisional, "false");
  find("preset-random").click();
  await settled();
  assert.equal(find("heatmap").dataset.request, "2");
  assert.equal(model.saves.length, saves);
});

test("axes of which it holds no plane are not on offer", TEN, async () => {
  const { find } = await lost();
  const open = [...find("axis-alpha").options].filter(({ disabled }) => !disabled).map(({ value }) => value);
  assert.deepEqual(open, ["random"]);
});

/** @param {(id: string) => any} find @param {string} key @param {object} [more] */
const press = (find, key, more) => find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...more }));

/** What stands over the plane. @param {(id: string) => any} find */
const noted = (find) => [find("heatmap").dataset.provisional, find("heatmap").querySelector('[data-testid="provisional"]').textContent];

test("it zooms into what it holds, and back", TEN, async () => {
  const { find, model } = await lost();
  press(find, "+");
  await settled();
  assert.notEqual(model.get("domain"), null);
  assert.deepEqual(noted(find), ["false", "Part of a saved picture"], "nothing else of it is to come");
  assert.ok(!find("undo-zoom").hidden);
  find("domain-auto").click();
  await settled();
  assert.deepEqual([model.get("domain"), find("heatmap").querySelector('[data-testid="provisional"]').hidden], [null, true]);
});

test("over a part of what it holds the verdict is that of the whole picture", TEN, async () => {
  const { find } = await lost();
  const said = find("verdict").textContent;
  assert.match(said, /this plane shows it/);
  press(find, "+");
  await settled();
  assert.equal(find("verdict").textContent, `Of the whole picture: ${said}`);
  find("domain-auto").click();
  await settled();
  assert.equal(find("verdict").textContent, said);
});

test("it goes nowhere beyond what it holds", TEN, async () => {
  const { find, model } = await lost();
  assert.ok(find("half-width").disabled, "one width is held");
  press(find, "-");
  press(find, "ArrowLeft", { shiftKey: true });
  await settled();
  assert.equal(model.get("domain"), null);
  assert.equal(find("heatmap").dataset.provisional, "false");
  assert.ok(find("widen").disabled);
});

test("what was asked for and will not come gives way to what is there", TEN, async () => {
  const { model, find } = await show(answer(1));
  find("preset-random").click();
  model.receive({ status: "computing", progress: { request: 2, stage: "evaluating the plane", fraction: 0.1, eta: null, elapsed: 0, parts: {} } });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "true");
  model.send = () => {
    throw new Error("The kernel is dead");
  };
  find("cancel").click();
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "false");
  assert.ok(find("preset-hessian").checked && find("cancel").hidden && find("recompute").hidden);
});

test("a kernel that answers again is told what was changed meanwhile", TEN, async () => {
  const { model, find } = await lost();
  find("preset-hessian").click();
  await settled();
  model.hear({ type: "alive" });
  await settled();
  assert.equal(find("kernel").textContent, "");
  assert.ok(!find("resolution").disabled && !find("preset-filter").disabled);
  assert.deepEqual(model.saves.at(-1)?.axes, ["hessian:max", "hessian:min"]);
});

test("without any result it says that there is nothing yet", TEN, async () => {
  const { model, find } = await show();
  model.send = () => {
    throw new Error("The kernel is dead");
  };
  find("preset-random").click();
  enter(find("seed"), 3, "change");
  find("table-open").click();
  await settled();
  assert.equal(find("kernel").textContent, "No kernel: run the cell to go on.");
});
