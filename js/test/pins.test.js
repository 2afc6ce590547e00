// Pins: what a click and a key ask the kernel for, where they are marked, and what the table says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockSurface } from "../dev/mock.js";
import { assertNearly, controls, settled, show } from "./show.js";

const scores = (/** @type {number | null} */ loss, /** @type {number} */ accuracy, n = 1797) => ({ loss, metrics: { accuracy }, n_examples: n });
const full = {
  number: 1, alpha: 0.2, beta: -0.6, axes: ["hessian:max", "hessian:min"], plane: "Hessian λmax × λmin", symbols: ["λ₁", "λₙ"], seed: null, n_examples: 1797, here: true, centred: true, places: [[0.2, -0.6], null],
  batch_norm: "frozen", train: scores(0.51234567, 0.9), test: scores(0.71234567, 0.8, 450), gradient_norm: 0.25, hessian: [[4, 0.5], [0.5, -2]],
  curvatures: [-2.0415, 4.0415], done: true, error: "",
};
const bare = { ...full, number: 2, batch_norm: null, train: null, test: null, gradient_norm: null, hessian: null, curvatures: null, done: false, places: [null, null] };
const points = (/** @type {object[]} */ pins, more = {}) => ({
  _pins: { pins, writable: true, table: null, csv: "", applied: null, note: "", centre: { depth: 0, request: 0, moved: 0 }, ...more },
});
const surface = (more = {}) => ({ _surface: mockSurface({ ...controls, request: 1, ...more }, 1) });

/** @param {any} plotly @param {any} view */
const traceOf = (plotly, view) => {
  const { data } = plotly.drawn.get(view.querySelector(".js-plotly-plot")).at(-1);
  return data.find((/** @type {any} */ { name }) => name === "pins");
};

test("a click asks for a pin on the picture that it was made on, a double click does not", async (t) => {
  const { model, find, plotly } = await show(surface());
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const events = /** @type {any} */ (plotly.events.get(find("heatmap").querySelector(".js-plotly-plot")));
  events.plotly_click({ points: [{ x: 0.2, y: -0.6 }] });
  events.plotly_doubleclick();
  t.mock.timers.tick(1000);
  assert.deepEqual(model.messages, [{ type: "shown" }]);
  events.plotly_click({ points: [{ x: 0.2, y: -0.6 }] });
  t.mock.timers.tick(1000);
  assert.deepEqual(model.messages.at(-1), { type: "pin", alpha: 0.2, beta: -0.6, picture: [1, controls.axes, 1797] });
});

test("Enter pins the node under the crosshair, and nothing without one", async () => {
  const { model, find } = await show(surface());
  const body = find("heatmap").querySelector("[tabindex]");
  const press = (/** @type {string} */ key) => body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  press("Enter");
  assert.equal(model.messages.length, 1);
  press("ArrowRight");
  press("Enter");
  const { alpha, beta } = model.messages.at(-1);
  assert.ok(Math.abs(alpha - 0.2) < 1e-9 && Math.abs(beta) < 1e-9);
});

test("a key on a button within the picture is the button's", async () => {
  const { model, find } = await show(surface());
  const body = find("heatmap").querySelector("[tabindex]");
  const press = (/** @type {Element} */ on, /** @type {string} */ key) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    on.dispatchEvent(event);
    return event.defaultPrevented;
  };
  press(body, "ArrowRight");
  const sent = model.messages.length;
  for (const format of ["png", "svg"]) {
    const button = body.querySelector(`[data-testid="save-${format}"]`);
    for (const key of ["Enter", " ", "ArrowRight", "+"]) assert.equal(press(button, key), false, `${format}, ${key}`);
  }
  assert.equal(model.messages.length, sent);
});

test("a provisional picture takes pins and shows them only where it is of the kernel's plane", async () => {
  const { model, find, plotly } = await show({ ...surface(), ...points([full]) });
  const body = find("heatmap").querySelector("[tabindex]");
  const pin = () => ["ArrowRight", "Enter"].forEach((key) => body.dispatchEvent(new KeyboardEvent("keydown", { key })));
  model.receive({ domain: [-0.8, 0.8, -0.8, 0.8] });
  await settled();
  assert.match(find("heatmap").textContent, /Provisional: from earlier pictures/);
  assert.equal(traceOf(plotly, find("heatmap")).x.length, 1);
  pin();
  assert.equal(model.messages.length, 2);

  const random = { axes: ["random", "random"], domain: null };
  model.receive({ ...random, ...surface({ request: 2, ...random }), ...points([{ ...full, places: [[0.1, 0.1], null] }]) });
  await settled();
  model.receive({ axes: controls.axes, domain: [-1, 1, -1, 1] });
  await settled();
  assert.match(find("heatmap").textContent, /Provisional: from earlier pictures/);
  assert.equal(traceOf(plotly, find("heatmap")).x.length, 0);
  pin();
  assert.equal(model.messages.length, 2);
});

test("pins are marked where they lie on the plane, in both views", async () => {
  for (const webgl of [true, false]) {
    const { find, plotly } = await show({ ...surface(), ...points([full, bare]) }, { webgl });
    for (const view of ["heatmap", "surface"]) {
      const { x, y, text } = traceOf(plotly, find(view));
      const raised = webgl && view === "surface"; // from its foot on the surface to its head, then a gap
      assert.deepEqual(text, raised ? ["", "1", ""] : ["1"], view);
      assertNearly(x, raised ? [0.2, 0.2, NaN] : [0.2], raised ? 2 : 0);
      assertNearly(y, raised ? [-0.6, -0.6, NaN] : [-0.6], raised ? 2 : 0);
    }
  }
});

test("a pin on a mark is a ring around it, and its number stands beside it", async () => {
  const on = (/** @type {number} */ number, /** @type {number} */ alpha, /** @type {number} */ beta) => ({ ...full, number, alpha, beta, places: [[alpha, beta], null] });
  const { _surface } = surface();
  const { alpha, beta } = _surface.minimum;
  const { find, plotly } = await show({ _surface, ...points([on(1, 0.2, -0.6), on(2, 0, 0), on(3, alpha, beta)]) });
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))).at(-1);
  const names = data.map((/** @type {any} */ { name }) => name);
  for (const mark of ["theta", "lowest"]) assert.ok(names.indexOf(mark) > names.indexOf("pins"), "marks lie above pins");
  for (const name of ["pin rims", "pins"]) {
    const { symbol, opacity } = data[names.indexOf(name)].marker;
    assert.deepEqual([symbol, opacity], [["circle", "circle-open", "circle-open"], 1]);
  }
  const { marker, text } = data[names.indexOf("pins")];
  assert.deepEqual(text, ["1", "", ""]);
  const inner = marker.size[1] - marker.line.width[1];
  assert.ok(inner > data[names.indexOf("theta")].marker.size, "a mark has room within");
  const numbers = layout.annotations.filter((/** @type {any} */ { name }) => name === "pin number");
  assert.deepEqual(numbers.map((/** @type {any} */ { text, x, y }) => [text, x, y]), [["2", 0, 0], ["3", alpha, beta]]);
});

test("a new pin redraws the picture, its numbers do not", async () => {
  const { model, find, plotly } = await show({ ...surface(), ...points([{ ...full, gradient_norm: null, done: false }]) });
  const drawn = () => /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))).length;
  const before = drawn();
  model.receive(points([full]));
  await settled();
  assert.equal(drawn(), before);
  model.receive(points([full, { ...bare, places: [[0, 0], null] }]));
  await settled();
  assert.equal(drawn(), before + 1);
});

test("the table says what is known, in full in its titles", async () => {
  const { find, el } = await show({ ...surface(), ...points([full, bare]) });
  const heads = [...el.querySelectorAll(".lw-pins-table thead th")].map((cell) => cell.textContent);
  assert.deepEqual(heads, ["Pin", "α, β", "loss, train", "loss, test", "accuracy, train", "accuracy, test", "‖∇L‖", "κ₋, κ₊"]);
  assert.equal(find("pin-1-place").textContent, "0.200, −0.600");
  assert.deepEqual([find("pin-1-loss-train").textContent, find("pin-1-loss-train").title], ["0.5123", "0.51234567"]);
  assert.equal(find("pin-1-accuracy-test").textContent, "0.8000");
  assert.equal(find("pin-1-curvatures").textContent, "−2.042, 4.042");
  assert.match(find("pin-1-curvatures").title, /λ₁ and λₙ: A = 4, B = 0.5, C = -2$/);
  assert.equal(find("pin-2-loss-train").textContent, "…");
  assert.match(find("pin-table").title, /on all 1,797 training and 450 test examples/);
});

test("after the plane has changed a pin says on which it lies, with the coordinates of that one", async () => {
  const { model, find, plotly } = await show({ ...surface(), ...points([full]) });
  const told = async (/** @type {object} */ more) => {
    model.receive(points([{ ...full, here: false, ...more }]));
    await settled();
    return find("pin-1-place").textContent;
  };
  assert.equal(find("pin-1-place").textContent, "0.200, −0.600");
  assert.equal(await told({ places: [[-0.6, 0.2], null] }), "0.200, −0.600 on Hessian λmax × λmin");
  const marks = traceOf(plotly, find("heatmap"));
  assert.deepEqual([marks.x, marks.y], [[-0.6], [0.2]], "marked where it lies on the plane on show");
  assert.equal(find("pin-1-place").title, "0.2, -0.6");
  const random = { plane: "Random (seed 3)", n_examples: null, places: [null, null] };
  assert.equal(await told(random), "0.200, −0.600 on Random (seed 3)");
  assert.equal(traceOf(plotly, find("heatmap")).x.length, 0);
  assert.equal(await told({ n_examples: 500 }), "0.200, −0.600 on Hessian λmax × λmin, of 500 examples");
  assert.equal(await told({ centred: false }), "0.200, −0.600 on Hessian λmax × λmin, around another centre");
  assert.equal(await told({ here: true }), "0.200, −0.600");
  model.receive({ batch_norm: "recomputed" });
  await settled();
  assert.equal(find("pin-1-place").textContent, "0.200, −0.600 with frozen batch norm", "unlike the picture");
  assert.equal(await told(random), "0.200, −0.600 on Random (seed 3), with frozen batch norm");
  const recomputed = { here: true, batch_norm: "recomputed" };
  assert.equal(await told(recomputed), "0.200, −0.600", "like the picture");
  model.receive({ batch_norm: "difference" });
  await settled();
  assert.equal(find("pin-1-place").textContent, "0.200, −0.600 with recomputed batch norm");
});

test("slope and curvature say that they hold recomputed batch-norm statistics fixed, beside a loss that follows them", async () => {
  const { el } = await show({ ...surface(), batch_norm: "recomputed", ...points([{ ...full, batch_norm: "recomputed" }, bare]) });
  const heads = [...el.querySelectorAll(".lw-pins-table thead th")].map((cell) => cell.textContent);
  assert.deepEqual(heads.slice(-2), ["‖∇L‖, batch norm held fixed", "κ₋, κ₊, batch norm held fixed"]);
});

test("losses that differ little have the digits that tell them apart", async () => {
  const at = (/** @type {number} */ loss, /** @type {number} */ number) => ({ ...full, number, train: scores(loss, 0.9), test: null });
  const { find } = await show({ ...surface(), ...points([at(0.10386012, 1), at(0.10389947, 2)]) });
  assert.deepEqual([1, 2].map((n) => find(`pin-${n}-loss`).textContent), ["0.1038601", "0.1038995"]);
  assert.equal(find("pin-1-accuracy").textContent, "0.9000");
});

test("without test data there is one column for each number", async () => {
  const { el } = await show({ ...surface(), ...points([{ ...full, test: null }]) });
  const heads = [...el.querySelectorAll(".lw-pins-table thead th")].map((cell) => cell.textContent);
  assert.deepEqual(heads, ["Pin", "α, β", "loss", "accuracy", "‖∇L‖", "κ₋, κ₊"]);
});

test("what is not finite is a dash, and a fault is told in its row", async () => {
  const { find } = await show({
    ...surface(),
    ...points([{ ...full, train: scores(null, 0.1) }, { ...bare, done: true, error: "RuntimeError: no second derivative" }]),
  });
  assert.deepEqual([find("pin-1-loss-train").textContent, find("pin-1-loss-train").title], ["–", "not finite"]);
  assert.equal(find("pin-2-error").textContent, "RuntimeError: no second derivative");
});

test("each button asks for its own pin", async () => {
  const { model, find } = await show({ ...surface(), ...points([full, bare]) });
  for (const action of ["recentre", "apply", "remove"]) find(`pin-2-${action}`).click();
  assert.deepEqual(model.messages.slice(1), [{ type: "recentre", pin: 2 }, { type: "apply", pin: 2 }, { type: "unpin", pin: 2 }]);
  model.receive(points([full], { writable: false }));
  await settled();
  assert.equal(find("pin-2"), null);
  assert.equal(find("pin-1-apply").hidden, true);
});

test("a row keeps its buttons, and with them the focus, while numbers come", async () => {
  const { model, find } = await show({ ...surface(), ...points([bare]) });
  const button = find("pin-2-recentre");
  model.receive(points([{ ...full, number: 2 }]));
  await settled();
  assert.equal(find("pin-2-recentre"), button);
  assert.equal(find("pin-2-loss-train").textContent, "0.5123");
});

test("weights that were copied can be put back; by force only once that was refused", async () => {
  const { model, find } = await show({ ...surface(), ...points([full], { applied: "pin 1" }) });
  assert.match(find("applied").textContent, /^Your model holds the weights of pin 1\./);
  assert.equal(find("restore-force").hidden, true);
  find("restore").click();
  model.receive(points([full], { applied: "pin 1", note: "changed since. restore(force=True)" }));
  await settled();
  assert.equal(find("note").textContent, "changed since. restore(force=True)");
  find("restore-force").click();
  assert.deepEqual(model.messages.slice(1), [{ type: "restore", force: false }, { type: "restore", force: true }]);
  model.receive(points([full]));
  await settled();
  assert.deepEqual([find("applied").hidden, find("note").hidden], [true, true]);
});

test("another centre makes what is on show provisional, and nothing of it is used for the new one", async () => {
  const { model, find, plotly } = await show({ ...surface(), ...points([]) });
  assert.equal(find("pins").hidden, true);
  model.receive(points([], { centre: { depth: 1, request: 1, moved: 0.314 } }));
  await settled();
  assert.equal(find("centre").textContent, "θ* is 0.314 away from your model's weights.Back");
  assert.ok(find("surface").compareDocumentPosition(find("centre")) & 2, "above the pictures, beside the verdict");
  assert.equal(find("centre").closest("[role=status]").hidden, false);
  assert.equal(find("heatmap").dataset.provisional, "true");
  assert.match(find("heatmap").textContent, /Provisional: former picture/);
  model.receive({ domain: [-0.5, 0.5, -0.5, 0.5] });
  await settled();
  const drawn = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))).at(-1);
  assert.equal(drawn.data[0].x.length, 11); // the former picture itself, nothing composed of it
  model.receive({ domain: null, ...surface({ request: 2 }) });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "false");
  find("centre-back").click();
  assert.deepEqual(model.messages.at(-1), { type: "back" });
});

test("a table of other batch-norm statistics than the picture's says so", async () => {
  const row = { place: "centre", plane: "", alpha: 0, beta: 0, batch_norm: "frozen", train: scores(0.5, 0.9), test: null };
  const { find } = await show({ ...surface(), batch_norm: "difference", ...points([], { table: [row] }) });
  find("table-open").click();
  assert.equal(find("score-table").querySelector("thead th").textContent, "with frozen batch norm");
});

test("the table of lowest losses is asked for on a click, and closes when the picture changes", async () => {
  const { model, find } = await show({ ...surface(), ...points([]) });
  const row = (/** @type {string} */ place, /** @type {string} */ plane, /** @type {number} */ alpha) => ({ place, plane, alpha, beta: 0, batch_norm: "frozen", train: scores(0.5 - alpha, 0.9), test: scores(0.7 - alpha, 0.8, 450) });
  assert.equal(find("score-table").parentElement.hidden, true);
  find("table-open").click();
  assert.deepEqual(model.messages.at(-1), { type: "table" });
  model.receive(points([], { table: [row("centre", "", 0), row("minimum", "Hessian λmax × λmin", 0.2), row("minimum", "Random (seed 3)", 0)] }));
  await settled();
  assert.equal(find("score-table").parentElement.hidden, false);
  const names = [...find("score-table").querySelectorAll("tbody th")].map((/** @type {Element} */ cell) => cell.textContent);
  assert.equal(names[0], "θ*");
  assert.equal(find("score-table").querySelector("thead th, thead td").textContent, "", "of the loss that is on show");
  assert.match(names[1], /^Lowest loss, Hessian/); // as the legend says: at a border it is no minimum
  assert.match(names[2], /^Lowest loss, Random/i);
  assert.deepEqual([find("row-1-loss-train").title, find("row-1-loss-test").title], ["0.3", "0.49999999999999994"]);
  assert.equal(find("row-0-accuracy-test").textContent, "0.8000");
  assert.equal(find("table-csv").hidden, false);
  model.receive(points([], { table: null }));
  await settled();
  assert.equal(find("score-table").parentElement.hidden, true);
  assert.equal(find("table-open").getAttribute("aria-expanded"), "false");
  assert.equal(find("table-csv").hidden, true);
});
