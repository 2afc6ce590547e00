// The curves along a training run: drawn as they come, a click goes to a checkpoint, a button asks for the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults } from "../dev/mock.js";
import { painted, show, turn } from "./show.js";

const run = Array.from({ length: 4 }, (_, i) => ({ label: `step ${10 * i}` }));
const line = (/** @type {string} */ name, /** @type {string} */ colour, /** @type {number[]} */ values) => ({
  values: new DataView(Float64Array.from(values).buffer),
  colour,
  trace: { name, yaxis: name === "loss" ? "y1" : "y2", mode: "lines+markers", line: { dash: "solid" }, marker: { symbol: "circle" } },
});
const along = {
  pictures: [
    { title: "loss", x: {}, y: { type: "log", range: [-1, 1] }, line: { type: "line" }, lines: [line("loss", "text", [4, 3, 2, 1])] },
    { title: "eigenvalue λ", x: {}, y: { type: "linear", range: [0, 9] }, line: { type: "line" }, lines: [line("λmax", "kappaPlus", [NaN, 8, 9, NaN])] },
  ],
  axis: "step",
  places: [0, 10, 20, 30],
  verdicts: ["", "saddle", "minimum", ""],
  words: "Curvature at 2 of 4 checkpoints.",
  offer: "Compute all",
  asked: false,
};
const traits = { _info: { ...defaults._info, checkpoints: run }, _along: along };

/** @param {(id: string) => any} find @returns {HTMLElement} */
const plotOf = (find) => find("curves").querySelector(".lw-plot");

test("there are none without a run", async () => {
  const { find, stop } = await show();
  assert.ok(find("curves").hidden);
  stop();
});

test("each curve has its own values at the steps of the checkpoints, and a line is where one is", async () => {
  const { find, plotly, model, stop } = await show(traits);
  assert.ok(!find("curves").hidden);
  await painted();
  const drawn = () => /** @type {any} */ (plotly.drawn.get(plotOf(find))?.at(-1));
  const { data, layout } = drawn();
  assert.deepEqual(data.map((/** @type {any} */ { name, x, y, yaxis }) => ({ name, x, y, yaxis })), [
    { name: "loss", x: [0, 10, 20, 30], y: [4, 3, 2, 1], yaxis: "y1" },
    { name: "λmax", x: [0, 10, 20, 30], y: [NaN, 8, 9, NaN], yaxis: "y2" },
  ]);
  assert.equal(layout.yaxis1.type, "log");
  assert.deepEqual(layout.shapes.map((/** @type {any} */ { x0 }) => x0), [30, 30]);
  assert.ok(layout.xaxis1.domain[1] < layout.xaxis2.domain[0]);
  model.receive({ checkpoint: 1 });
  for (let i = 0; i < 100 && drawn().layout.shapes[0].x0 !== 10; i++) await painted(); // what took long to draw is drawn more seldom
  assert.equal(drawn().layout.shapes[0].x0, 10);
  stop();
});

test("Adam's edge is drawn with the preconditioned curvature, in a picture of its own", async () => {
  const trace = (/** @type {string} */ name, /** @type {string} */ colour, /** @type {number[]} */ values) => {
    const made = line(name, colour, values);
    return { ...made, trace: { ...made.trace, yaxis: "y3" } };
  };
  const lines = [trace("λmax of P^(−½)HP^(−½)", "kappaPlus", [NaN, 3000, 3700, 3800]), trace("Adam's edge (2 + 2β)/((1 − β)η)", "second", [3800, 3800, 3800, 3800])];
  const pictures = [...along.pictures, { title: "eigenvalue of P⁻¹H", x: {}, y: { type: "linear", range: [2900, 3900] }, line: { type: "line" }, lines }];
  const { find, plotly, stop } = await show({ ...traits, _along: { ...along, pictures } });
  await painted();
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(plotOf(find))?.at(-1));
  assert.deepEqual(data.slice(2).map((/** @type {any} */ { name, y, yaxis }) => [name, y, yaxis]), [
    ["λmax of P^(−½)HP^(−½)", [NaN, 3000, 3700, 3800], "y3"],
    ["Adam's edge (2 + 2β)/((1 − β)η)", [3800, 3800, 3800, 3800], "y3"],
  ]);
  assert.ok(data.every((/** @type {any} */ { line }) => /^(#|rgb)/.test(line.color)));
  assert.equal(layout.yaxis3.title.text, "eigenvalue of P⁻¹H");
  assert.ok(layout.xaxis2.domain[1] < layout.xaxis3.domain[0]);
  stop();
});

test("an axis says what it counts, and weights without a step stand by their names", async () => {
  const places = ["as given", "update 1"];
  const pictures = [{ title: "loss", x: { type: "category" }, y: { type: "log", range: [-1, 1] }, line: { type: "line" }, lines: [line("loss", "text", [4, 3])] }];
  const { find, plotly, stop } = await show({ _info: { ...defaults._info, checkpoints: places.map((label) => ({ label })) }, _along: { ...along, pictures, places, axis: "checkpoint", verdicts: ["", ""] } });
  await painted();
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(plotOf(find))?.at(-1));
  assert.deepEqual(data[0].x, places);
  assert.deepEqual([layout.xaxis1.title.text, layout.xaxis1.type, layout.shapes[0].x0], ["checkpoint", "category", "update 1"]);
  stop();
});

test("a click goes to a checkpoint, the last one is the model's own; or it comes beside", async () => {
  const { find, model, plotly, stop } = await show(traits);
  await painted();
  plotly.events.get(plotOf(find))?.plotly_click({ points: [{ pointIndex: 1 }] });
  assert.equal(model.get("checkpoint"), 1);
  plotly.events.get(plotOf(find))?.plotly_click({ points: [{ pointIndex: 3 }] });
  assert.equal(model.get("checkpoint"), null);
  find("beside").click();
  plotly.events.get(plotOf(find))?.plotly_click({ points: [{ pointIndex: 2 }] });
  assert.deepEqual([model.get("checkpoint"), model.get("compared_checkpoint")], [null, 2]);
  stop();
});

test("a narrow picture has few steps along its axis, and few words", async () => {
  const pictures = along.pictures.map((picture) => ({ ...picture, x: { tickvals: [0, 10, 30], ticktext: ["0", "10", "as given"] } }));
  const { find, plotly, model, stop } = await show({ ...traits, _along: { ...along, pictures } });
  await painted();
  const body = find("curves").querySelector(".lw-panel-body");
  for (const [width, most, middle] of /** @type {const} */ ([[330, 2, ""], [1200, 4, "10"]])) {
    Object.defineProperty(body, "clientWidth", { value: width, configurable: true });
    model.receive({ _along: { ...model.get("_along") } });
    const axis = () => /** @type {any} */ (plotly.drawn.get(plotOf(find))?.at(-1)).layout.xaxis1;
    for (let i = 0; i < 100 && axis().nticks !== most; i++) await painted(); // what took long to draw is drawn more seldom
    assert.equal(axis().nticks, most, `${width} pixels`);
    assert.deepEqual(axis().ticktext, ["0", middle, "as given"], `${width} pixels`);
  }
  stop();
});

test("the rest is asked for, and stopped; once all is there, nothing more is offered", async () => {
  const { find, model, stop } = await show(traits);
  const asked = () => model.messages.map((/** @type {any} */ { type }) => type).filter((/** @type {string} */ type) => ["along", "cancel"].includes(type));
  find("along").click();
  assert.deepEqual(asked(), ["along"]);
  model.receive({ _along: { ...along, offer: "Stop", asked: true } });
  await turn();
  assert.equal(find("along").textContent, "Stop");
  find("along").click();
  assert.deepEqual(asked(), ["along", "cancel"]);
  model.receive({ _along: { ...along, offer: "" } });
  await turn();
  assert.ok(find("along").hidden);
  stop();
});

test("curves of another number of checkpoints are not drawn", async () => {
  const { find, stop } = await show({ ...traits, _info: { ...defaults._info, checkpoints: run.slice(1) } });
  assert.ok(find("curves").hidden);
  stop();
});
