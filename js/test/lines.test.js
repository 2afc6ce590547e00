// Losses along lines from θ*: chosen, drawn as they come, told, and kept apart from the pictures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockLines } from "../dev/mock-lines.js";
import { defaults, mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { controls, painted, settled, show } from "./show.js";

const info = { ...defaults._info, solutions: 2 };
const asked = { axes: ["hessian:max", "hessian:min"], seed: 0, domain: null, resolution: 11, examples: 1797 };

/** @param {Awaited<ReturnType<typeof show>>} page */
const drawn = ({ find, plotly }) => /** @type {any} */ (plotly.drawn.get(find("lines").querySelector(".lw-plot"))?.at(-1));

/** Waits until what was drawn last is so: what took long to draw is drawn more seldom. @param {() => boolean} isSo */
async function until(isSo) {
  for (let i = 0; i < 100 && !isSo(); i++) await painted();
}

test("what they follow is chosen by one click, and only what there is can be", async () => {
  const page = await show({ ...controls, _info: { ...defaults._info, refused: { "random:filter": "No parameter belongs to a filter." } } });
  const { find, model } = page;
  assert.deepEqual([find("lines").hidden, find("lines").dataset.along, find("lines-along-none").checked], [false, "none", true]);
  assert.match(find("lines-along-solutions").parentElement.title, /solutions=/);
  assert.ok(find("lines-along-solutions").disabled && find("lines-along-random:filter").disabled);
  find("lines-along-random").click();
  await settled();
  assert.deepEqual([model.saves, find("lines").dataset.along], [[{ lines: "random" }], "random"]);
  find("lines-along-none").click();
  assert.deepEqual(model.saves.at(-1), { lines: null });
  page.stop();
});

test("each line is drawn with its own losses, test data dashed in the same colour", async () => {
  const page = await show({ ...controls, _info: info, lines: "solutions", _line_losses: mockLines(1, "solutions", 1797) });
  await painted();
  const sent = mockLines(1, "solutions", 1797).lines;
  const { data, layout } = drawn(page);
  assert.deepEqual(data.map((/** @type {any} */ { name, line }) => [name, line.dash, line.color]), [
    ["solution 1, training", "solid", sent[0].colour],
    ["solution 1, test", "dash", sent[0].colour],
    ["solution 2, training", "solid", sent[1].colour],
    ["solution 2, test", "dash", sent[1].colour],
  ]);
  const middle = data[2].x.indexOf(0.5);
  assert.ok(Math.abs(data[2].y[middle] - (0.2 + 5 / 16)) < 1e-12);
  assert.deepEqual([layout.shapes.map((/** @type {any} */ { x0 }) => x0), layout.xaxis.range], [[0, 1], [-0.5, 1.5]]);
  assert.deepEqual([...page.find("lines").querySelectorAll(".lw-key")].map(({ textContent }) => textContent), ["solution 1", "solution 2"]);
  assert.match(page.find("lines").querySelector(".lw-panel-foot").textContent, /dashed: test data/);
  assert.equal(page.find("lines").dataset.final, "true");
  page.stop();
});

test("what was not evaluated yet is bridged, and a hole in what was is none", async () => {
  const part = mockLines(1, "random", 1797);
  const [line] = part.lines;
  const lines = [{ ...line, test: null, loss: wire(Float64Array.from({ length: 65 }, (_, i) => (i % 16 ? NaN : i))) }];
  const page = await show({ ...controls, lines: "random", _line_losses: { ...part, final: false, lines } });
  await painted();
  assert.deepEqual([drawn(page).data[0].connectgaps, drawn(page).data[0].name], [true, line.name]);
  page.model.receive({ _line_losses: { ...part, request: 2, lines } });
  await until(() => !drawn(page).data[0].connectgaps);
  assert.equal(drawn(page).data[0].connectgaps, false);
  page.stop();
});

test("a logarithmic scale is theirs, too, unless a loss is not positive", async () => {
  const positive = mockLines(1, "random", 1797);
  const zero = { ...positive, request: 2, lines: positive.lines.map((line) => ({ ...line, loss: wire(new Float64Array(65)) })) };
  const page = await show({ ...controls, lines: "random", view: { scale: "log" }, _surface: mockSurface({ ...asked, request: 1, axes: ["hessian:max", "hessian:min"] }, 1, { decades: true }), _line_losses: positive });
  await painted();
  assert.equal(drawn(page).layout.yaxis.type, "log");
  page.model.receive({ _line_losses: zero });
  await until(() => drawn(page).layout.yaxis.type === "linear");
  assert.equal(drawn(page).layout.yaxis.type, "linear");
  page.stop();
});

test("losses of another choice are not shown, and those of other examples are marked", async () => {
  const page = await show({ ...controls, lines: "random", _line_losses: mockLines(1, "random", 1797) });
  const { find, model } = page;
  model.receive({ lines: "random:filter" });
  await settled();
  assert.equal(find("lines").querySelector(".lw-panel-body").dataset.waiting, "true");
  model.receive({ lines: "random", examples: 100 });
  await settled();
  assert.equal(find("lines").dataset.provisional, "true");
  page.stop();
});

test("a page that was saved shows those of its picture, and offers no others", async () => {
  const picture = (/** @type {object} */ more) => ({ _surface: mockSurface({ ...asked, request: 1 }, 1), automatic: true, sights: null, ...more });
  const page = await show({ ...controls, lines: "random", _line_losses: null }, { pictures: [picture({ _line_losses: mockLines(1, "random", 1797) })] });
  await painted();
  assert.equal(drawn(page).data.length, 4);
  assert.ok(page.find("lines-along-none").disabled);
  page.stop();
  const without = await show({ ...controls, lines: null }, { pictures: [picture({})] });
  assert.ok(without.find("lines").hidden);
  without.stop();
});
