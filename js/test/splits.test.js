// Training loss, test loss and their difference: what is asked for, what is marked, and what is never mixed up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { controls, settled, show } from "./show.js";

const _info = { ...defaults._info, n_test_examples: 360 };
/** @param {string} split @param {object} [more] */
const surface = (split, more) => mockSurface({ ...controls, request: 1, split, ...more }, 1);

/** The newest figure of a view. @param {any} shown @param {string} name */
const drawn = ({ find, plotly }, name) => /** @type {any} */ (plotly.drawn.get(find(name).querySelector(".js-plotly-plot"))?.at(-1));
/** The marks of the lowest losses. @param {any} figure */
function marks({ data }) {
  const { x, y, marker } = data.find((/** @type {any} */ { name }) => name === "lowest");
  return marker.symbol.map((/** @type {string} */ symbol, /** @type {number} */ i) => [symbol, x[i], y[i]]);
}
const at = (/** @type {any} */ { alpha, beta }) => [alpha, beta];

test("the choice is there where there are test data, and asks for what it names", async () => {
  const plain = await show();
  assert.equal(plain.find("split").parentElement.hidden, true);
  const { model, find } = await show({ _info, compared_axes: ["random", "random"] });
  assert.equal(find("split").parentElement.hidden, false);
  assert.equal(find("split-train").checked, true);
  for (const value of ["test", "beside", "difference", "train"]) {
    find(`split-${value}`).click();
    await settled();
    assert.equal(find(`split-${value}`).checked, true);
  }
  assert.deepEqual(model.saves, [
    { split: "test" },
    { split: "train", compared_axes: null, compared_split: "test" },
    { split: "difference", compared_split: null },
    { split: "train" },
  ]);
});

test("the picture of one loss never stands in for that of another", async () => {
  const shown = await show({ _info, _surface: surface("train") });
  const { model, find } = shown;
  model.receive({ split: "test", status: "computing" });
  await settled();
  assert.match(find("heatmap").textContent, /Provisional: former picture/);
  model.receive({ _surface: { ...surface("test"), request: 2 }, status: "done" });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "false");
  assert.match(find("caption").textContent, /the loss on 360 test examples; directions, verdict and curvature are those of the training loss/);
  assert.equal(drawn(shown, "heatmap").layout.annotations[0].text, "test loss");
  assert.match(find("readout").textContent, /^\+ α = .*\u2003test loss = /);
  assert.match(find("heatmap").querySelector("h3").textContent, /Test loss/);
  assert.equal(find("quadratic").disabled, true, "the quadratic model is that of the training loss");
});

test("a difference has both minima, and colours around zero", async () => {
  const difference = surface("difference");
  const shown = await show({ _info, split: "difference", _surface: difference }, { webgl: true });
  const keys = [...shown.find("legend").querySelectorAll(".lw-key:not([hidden])")].map(({ textContent }) => textContent);
  assert.ok(keys.includes("◇θ*") && !keys.includes("━L(θ*)"), `no line is drawn at a difference's θ*: ${keys}`);
  const figure = drawn(shown, "heatmap");
  const { train, test: held } = difference.minima;
  assert.notDeepEqual(at(train), at(held));
  assert.deepEqual(marks(figure), [["x", ...at(train)], ["cross", ...at(held)]]);
  assert.equal(figure.data[0].zmin, -figure.data[0].zmax);
  assert.equal(figure.layout.annotations[0].text, "test − training loss");
  const solid = drawn(shown, "surface");
  assert.deepEqual(solid.data.find((/** @type {any} */ { name }) => name === "lowest").text, ["×", "+", "◇"]);
  assert.equal(solid.data[0].cmin, -solid.data[0].cmax);
  assert.match(shown.find("readout").textContent, /lowest × training \(.*\)\u2003\+ test \(/);
});

test("side by side both have one scale, one crosshair, one zoom, and mark both minima", async () => {
  const [train, held] = [surface("train"), { ...surface("test"), sights: [["", ""], ["", ""]] }];
  const shown = await show({ _info, compared_split: "test", _surface: train, _compared: held });
  const { find, model } = shown;
  assert.equal(find("split-beside").checked, true);
  assert.equal(find("comparison").hidden, true, "there is one plane");
  assert.equal(find("one-scale").checked, true);
  const [one, two] = ["heatmap", "heatmap-2"].map((name) => drawn(shown, name));
  assert.deepEqual([one.data[0].zmin, one.data[0].zmax], [two.data[0].zmin, two.data[0].zmax]);
  for (const figure of [one, two]) {
    assert.deepEqual(marks(figure), [["x", ...at(train.minimum)], ["cross", ...at(held.minimum)]]);
  }
  const title = (/** @type {string} */ name) => find(name).querySelector("h3").textContent;
  assert.deepEqual(["surface", "heatmap-2"].map(title), ["Surface · Training loss", "Plane · Test loss"]);

  const keys = find("heatmap-2").querySelector('[tabindex="0"]');
  const press = (/** @type {string} */ key) => keys.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  press("ArrowRight");
  await settled();
  assert.equal(find("readout").textContent.split("\u2003")[0], find("readout-2").textContent.split("\u2003")[0]);
  press("+");
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.deepEqual(Object.keys(/** @type {any} */ (model.saves.at(-1))), ["domain"]);

  model.receive({ compared_axes: ["random", "random"], compared_split: null, _compared: { ...surface("train", { axes: ["random", "random"] }), sights: [["", ""], ["", ""]] } });
  await settled();
  assert.ok(find("one-scale"), "two planes have scales of their own");
  assert.deepEqual(["surface", "heatmap-2"].map(title), ["Surface · Hessian λmax × λmin", "Plane · Random (seed 0)"]);
});

test("two planes of the test loss say both", async () => {
  const compared = { compared_axes: ["random", "random"], _compared: { ...surface("test", { axes: ["random", "random"] }), sights: [["", ""], ["", ""]] } };
  const { find } = await show({ _info, split: "test", _surface: surface("test"), ...compared });
  assert.equal(find("heatmap").querySelector("h3").textContent, "Plane · Hessian λmax × λmin, test loss");
});

test("a difference of one sign has one hue over its own range, light at the end next to zero", async () => {
  const difference = surface("difference");
  for (const [sign, end] of /** @type {[number, number][]} */ ([[1, 0], [-1, 1]])) {
    const loss = new Float32Array(difference.alpha.byteLength / 8 * (difference.beta.byteLength / 8)).map((_, i) => sign * (5 + (i % 7) / 7));
    const shown = await show({ _info, split: "difference", _surface: { ...difference, loss: new DataView(loss.buffer) } }, { webgl: true });
    const { zmin, zmax, colorscale } = drawn(shown, "heatmap").data[0];
    assert.deepEqual([zmin, zmax], [Math.min(...loss), Math.max(...loss)]);
    assert.equal(colorscale[end * (colorscale.length - 1)][1], "#f7f7f7");
    assert.equal(colorscale[(1 - end) * (colorscale.length - 1)][1], sign > 0 ? "#67001f" : "#053061");
  }
});
