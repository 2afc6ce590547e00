// Batch-norm statistics: a choice where the model has them, and pictures of one kind never stand in for another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { controls, settled, show } from "./show.js";

const _info = { ...defaults._info, batch_norm: true };
/** @param {number} request @param {string} batch_norm */
const surface = (request, batch_norm) => mockSurface({ ...controls, request, batch_norm }, 1);

test("the choice is there for models that have running statistics only", async () => {
  const plain = await show();
  assert.equal(plain.find("batch-norm").parentElement.hidden, true);
  const { model, find } = await show({ _info });
  assert.equal(find("batch-norm").parentElement.hidden, false);
  find("batch-norm-recomputed").click();
  assert.deepEqual(model.saves, [{ batch_norm: "recomputed" }]);
});

test("a picture with frozen statistics is not shown as one with recomputed ones", async () => {
  const { model, find, plotly } = await show({ _info, _surface: surface(1, "frozen") });
  model.receive({ batch_norm: "recomputed", status: "computing" });
  await settled();
  assert.match(find("heatmap").textContent, /Provisional: former picture/);
  model.receive({ _surface: surface(2, "recomputed"), status: "done" });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "false");
  assert.match(find("caption").textContent, /statistics recomputed at each point; verdict and curvature are those of frozen/);
  model.receive({ batch_norm: "difference", _surface: surface(3, "difference") });
  await settled();
  const figure = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  assert.equal(figure.layout.annotations[0].text, "loss, recomputed − frozen");
});
