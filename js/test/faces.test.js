// The three faces of the curvature panel, with a stand-in for the plotting library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockEigenpairs, mockProjections, mockSpectrum, mockTrace } from "../dev/mock-curvature.js";
import { defaults, mockSurface } from "../dev/mock.js";
import { controls, settled, show } from "./show.js";

/** @param {Awaited<ReturnType<typeof show>>} page */
function curvature({ find, plotly }) {
  const plot = () => find("curvature").querySelector(".js-plotly-plot");
  return {
    panel: find("curvature"),
    drawn: () => /** @type {any} */ (plotly.drawn.get(plot())?.at(-1)),
    events: () => /** @type {any} */ (plotly.events.get(plot())),
  };
}

const results = {
  _projections: mockProjections(1, 2000, null),
  _eigenpairs: mockEigenpairs(1),
  _spectrum: mockSpectrum(1, 10, 10),
  _trace: mockTrace(1, 200, 200),
};

test("choosing a face writes it alone and shows its result in the same plot", async () => {
  const page = await show(results);
  const { panel, drawn } = curvature(page);
  assert.deepEqual([panel.dataset.face, panel.dataset.final, drawn().data[0].type], ["projections", "true", "bar"]);
  page.find("face-spectrum").click();
  await settled();
  assert.deepEqual(page.model.saves, [{ face: "spectrum" }]);
  assert.deepEqual([panel.dataset.face, panel.dataset.request, drawn().layout.yaxis.type], ["spectrum", "1", "log"]);
  page.model.receive({ face: "trace" });
  await settled();
  assert.deepEqual([page.find("face-trace").checked, panel.dataset.face, drawn().layout.xaxis.title.text], [true, "trace", "random vectors"]);
  assert.equal(panel.querySelectorAll(".js-plotly-plot").length, 1);
});

test("a face without a result says so calmly, and claims none", async () => {
  const page = await show({ ...results, status: "done", _spectrum: undefined, _eigenpairs: undefined });
  const { panel } = curvature(page);
  page.find("face-spectrum").click();
  await settled();
  assert.match(panel.querySelector(".lw-skeleton-words").textContent, /Not computed yet/);
  assert.deepEqual([panel.querySelector(".lw-skeleton").hidden, panel.dataset.final], [false, undefined]);
  page.model.receive({ _spectrum: mockSpectrum(1, 3, 10) });
  await settled();
  assert.deepEqual([panel.querySelector(".lw-skeleton").hidden, panel.dataset.final], [true, "false"]);
});

test("a loss that cannot be differentiated twice: the picture and κ, the error, and no Hessian to choose", async () => {
  const axes = /** @type {[string, string]} */ (["random", "random"]);
  const error = "SecondDerivativeError: Expected a loss that can be differentiated twice";
  const measured = { measured: "27–32 %", closed_form: null, spectral: null };
  const page = await show({
    axes,
    status: "failed",
    error,
    _info: { ...defaults._info, refused: { "hessian:max": error, "hessian:min": error } },
    _surface: mockSurface({ ...controls, axes, request: 1 }, 1),
    _projections: { ...mockProjections(1, 2000, null), blindness: measured },
  });
  for (const view of ["surface", "heatmap", "curvature"]) assert.equal(page.find(view).dataset.final, "true", view);
  assert.deepEqual([page.find("error").hidden, page.find("error").textContent], [false, error]);
  assert.deepEqual(["hessian", "random", "filter"].map((name) => page.find(`preset-${name}`).disabled), [true, false, false]);
  assert.match(page.find("curvature").textContent, /A random plane shows no saddle in/, "whether there is one to hide is not known");
  const cells = [...page.find("blindness").querySelectorAll("dd")].map((cell) => cell.textContent);
  assert.deepEqual(cells.slice(1), ["–", "–"]);
});

test("how long the directions are stands beside their curvatures, of which the plane's may have others", async () => {
  const plane = { kappa_minus: -1, kappa_plus: 2 };
  const surface = { ...mockSurface({ ...controls, request: 1 }, 1), norms: [154.2, 155.1] };
  const { find, model } = await show({ _surface: surface, _projections: mockProjections(1, 2000, plane) });
  assert.equal(find("lengths").textContent, "Lengths: random ≈ √N ≈ 155, dashed 154 and 155");
  model.receive({ _surface: { ...surface, request: 2, norms: [1, 1] } });
  await settled();
  assert.equal(find("lengths").textContent, "Lengths: random ≈ √N ≈ 155", "until the line is that of the picture's plane");
  model.receive({ _projections: mockProjections(2, 2000, plane) });
  await settled();
  assert.equal(find("lengths").textContent, "Lengths: random ≈ √N ≈ 155, dashed 1");
});

test("two views show the same face, each with radio buttons of its own", async () => {
  const { views } = await show(results, { views: 2 });
  views[0].find("face-trace").click();
  await settled();
  assert.ok(views.every(({ find }) => find("face-trace").checked && find("curvature").dataset.face === "trace"));
});

test("a clicked bar shows the random plane nearest to its centre", async () => {
  const page = await show(results);
  const { drawn, events, panel } = curvature(page);
  const kappa = new Float32Array(results._projections.kappa_plus.buffer.slice(5, 5 + 8000));
  const { x, y } = drawn().data[1];
  const bin = y.indexOf(Math.max(...y));
  const nearest = kappa.reduce((best, value, i) => (Math.abs(value - x[bin]) < Math.abs(kappa[best] - x[bin]) ? i : best), 0);
  const event = { points: [{ curveNumber: 1, pointNumber: bin }], event: {} };
  events().plotly_hover(event);
  assert.equal(panel.querySelector("[data-clickable]").dataset.clickable, "true");
  events().plotly_click(event);
  await settled();
  assert.deepEqual(page.model.saves, [{ axes: ["random", "random"], seed: 5000 + nearest }]);
});

/** @param {any} page @param {...(string | [string, object])} keys */
async function press(page, ...keys) {
  const body = page.find("curvature").querySelector(".lw-panel-body");
  for (const key of keys) {
    const [name, with_] = typeof key === "string" ? [key, {}] : key;
    body.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...with_ }));
    await settled();
  }
}

test("every bar can be marked and chosen with keys, as with a click", async () => {
  const page = await show(results);
  const { drawn, events, panel } = curvature(page);
  const body = panel.querySelector(".lw-panel-body");
  assert.deepEqual([body.tabIndex, body.getAttribute("role")], [0, "group"]);
  assert.match(body.getAttribute("aria-label"), /arrow keys mark a bar/);
  for (const [k, name] of ["κ₋", "κ₊"].entries()) {
    const { x, y, width } = drawn().data[k];
    const bars = x.flatMap((/** @type {number} */ centre, /** @type {number} */ i) => (y[i] ? [{ centre, i }] : []));
    await press(page, ...(k ? ["ArrowDown"] : ["ArrowRight"]), "Home");
    for (const { centre, i } of bars) {
      const shape = drawn().layout.shapes.at(-1);
      assert.ok(Math.abs((shape.x0 + shape.x1) / 2 - centre) < 1e-9 && Math.abs(shape.x1 - shape.x0 - width) < 1e-9);
      assert.match(page.find("mark").textContent, new RegExp(`^${name} ≈ .*: ${String(y[i])} planes?\\. Enter shows one of them\\.$`));
      page.model.receive({ seed: -1 });
      await press(page, "Enter");
      const seed = page.model.get("seed");
      page.model.receive({ seed: -1 });
      events().plotly_click({ points: [{ curveNumber: k, pointNumber: i }], event: {} });
      assert.ok(seed >= 0 && seed === page.model.get("seed"));
      await press(page, "ArrowRight");
    }
    const last = drawn().layout.shapes.at(-1);
    assert.ok(Math.abs((last.x0 + last.x1) / 2 - bars.at(-1).centre) < 1e-9, "the last bar is the end");
  }
  await press(page, "Escape");
  assert.equal(page.find("mark").textContent, "");
  assert.equal(drawn().layout.shapes.some(({ type = "" }) => type === "rect"), false);
});

test("a marked bar stays where it is while planes are added", async () => {
  const page = await show({ ...results, _projections: mockProjections(1, 400, null) });
  const { drawn } = curvature(page);
  await press(page, "ArrowRight", "ArrowRight");
  const middle = () => (drawn().layout.shapes.at(-1).x0 + drawn().layout.shapes.at(-1).x1) / 2;
  const before = middle();
  page.model.receive({ _projections: mockProjections(1, 2000, null) });
  await settled();
  assert.ok(Math.abs(middle() - before) <= drawn().data[0].width);
});

test("every eigenvalue can be marked and chosen with keys", async () => {
  const page = await show({ ...results, face: "spectrum" });
  const { drawn } = curvature(page);
  const { axes, values } = results._eigenpairs;
  const ascending = axes.map((spec, i) => ({ spec, value: values[i] })).sort((a, b) => a.value - b.value);
  await press(page, "ArrowLeft", "Home");
  for (const { value } of ascending) {
    assert.equal(drawn().layout.shapes.at(-1).x0, value);
    await press(page, "ArrowRight");
  }
  await press(page, "Home", ["Enter", { shiftKey: true }]);
  assert.deepEqual(page.model.get("axes"), ["hessian:max", "hessian:min"], "it is β already");
  await press(page, "Enter");
  assert.deepEqual(page.model.get("axes"), ["hessian:min", "hessian:max"]);
  assert.match(page.find("mark").textContent, /Enter: as α/);
  page.find("face-trace").click();
  await settled();
  assert.equal(page.find("mark").textContent, "");
  assert.equal(page.find("curvature").querySelector(".lw-panel-body").hasAttribute("tabindex"), false, "nothing to choose");
});

test("a bar of which no plane is known is not for clicking", async () => {
  const nothing = { mean: 0, std: 0 };
  const page = await show({ _projections: { ...mockProjections(1, 300, null), seeds: null, fits: { kappa_minus: nothing, kappa_plus: nothing } } });
  const { drawn, events } = curvature(page);
  events().plotly_click({ points: [{ curveNumber: 0, pointNumber: 3 }], event: {} });
  assert.deepEqual(page.model.saves, []);
  await press(page, "ArrowRight", "Enter");
  assert.deepEqual([page.model.saves, page.find("mark").textContent], [[], ""]);
  assert.deepEqual([drawn().data.length, page.find("blindness").hidden], [2, true]);
});

test("the three figures of blindness stand side by side", async () => {
  const { find } = await show(results);
  assert.deepEqual([...find("blindness").querySelectorAll("dd")].map((cell) => cell.textContent), ["27.3–31.4 %", "29.3 %", "28.5–29.8 %"]);
});

test("an eigenvalue becomes α by a click, β by one with shift, from its button and from its mark", async () => {
  const page = await show({ ...results, face: "spectrum" });
  const { events } = curvature(page);
  page.find("eigenvalue-hessian:max:2").click();
  await settled();
  assert.deepEqual(page.model.get("axes"), ["hessian:max:2", "hessian:min"]);
  page.find("eigenvalue-hessian:max").dispatchEvent(new window.MouseEvent("click", { shiftKey: true }));
  await settled();
  assert.deepEqual(page.model.get("axes"), ["hessian:max:2", "hessian:max"]);
  page.find("eigenvalue-hessian:min:2-beta").click();
  await settled();
  assert.deepEqual(page.model.get("axes"), ["hessian:max:2", "hessian:min:2"]);
  assert.equal(page.find("eigenvalue-hessian:min:2-beta").getAttribute("aria-pressed"), "true");
  events().plotly_click({ points: [{ customdata: "hessian:max" }], event: { shiftKey: true } });
  assert.deepEqual(page.model.get("axes"), ["hessian:max:2", "hessian:max"]);
});

test("eigenvalues are seen settling with their residuals before there is a density", async () => {
  const early = { ...mockEigenpairs(1), values: [3.7, 1.9, -0.4, -1.2], residuals: [0.31, 0.62, 0.5, 0.23], converged: [false, false, false, false] };
  const page = await show({ status: "computing", face: "spectrum", _eigenpairs: { ...early, n_hvp: 8, final: false, verdict: "undecided", sentence: "" } });
  const { drawn, panel } = curvature(page);
  const ticks = () => drawn().data.at(-1);
  assert.deepEqual([ticks().x, ticks().error_x.array], [early.values, early.residuals]);
  const { range } = drawn().layout.xaxis;
  assert.ok(range[0] < -1.2 - 0.23 && range[1] > 3.7 + 0.31, "the residuals have room");
  assert.equal(page.find("eigenvalue-hessian:max").textContent, "λ₁ 3.7 ± 0.3");
  assert.match(panel.textContent, /8 products so far/);
  assert.deepEqual([panel.dataset.final, panel.querySelector(".lw-skeleton").hidden], ["false", true]);
  page.model.receive({ _eigenpairs: { ...early, n_hvp: 20, values: mockEigenpairs(1).values, residuals: [1e-4, 0.04, 0.02, 1e-4], converged: [true, false, false, true], final: false } });
  await settled();
  assert.deepEqual(ticks().error_x.array, [0, 0.04, 0.02, 0]);
  assert.deepEqual([page.find("eigenvalue-hessian:max").textContent, page.find("eigenvalue-hessian:max:2").textContent], ["λ₁ 3.821", "λ₂ 2.21 ± 0.04"]);
  assert.match(panel.textContent, /20 products so far/);
  page.model.receive({ _eigenpairs: mockEigenpairs(1) });
  await settled();
  assert.deepEqual([ticks().error_x.array, panel.dataset.final], [[0, 0, 0, 0], "false"]);
  page.model.receive({ _spectrum: mockSpectrum(1, 10, 10) });
  await settled();
  assert.equal(panel.dataset.final, "true");
});

test("eigenvalue buttons run from the largest to the smallest and keep the focus while values settle", async () => {
  const page = await show({ ...results, face: "spectrum" });
  const names = [...page.find("curvature").querySelectorAll(".lw-chip")].map((chip) => chip.getAttribute("aria-label"));
  assert.deepEqual(names, ["λ₁", "λ₂", "λₙ₋₁", "λₙ"]);
  const button = page.find("eigenvalue-hessian:min");
  button.focus();
  page.model.receive({ _eigenpairs: { ...mockEigenpairs(2), values: [4, 2, -1, -1.6] } });
  await settled();
  assert.equal(document.activeElement, button);
  assert.equal(button.textContent, "λₙ −1.600");
});

test("the trace face tells the trace first, then both estimates, and draws them against it", async () => {
  const page = await show({ ...results, face: "trace" });
  assert.match(
    page.find("trace-text").textContent,
    /^tr\(H\) = 600\.2, exact \(1,001 products\)tr\(H\) = 60\d ± 8 \(Hutchinson, 200 vectors\).*\(curvature fit, 200 vectors, \|α\| ≤ 0\.05\).*95 % intervals; both from the same vectors: not independent$/,
  );
  const line = curvature(page).drawn().data.find((/** @type {any} */ drawn) => drawn.name === "exact");
  assert.deepEqual([[...line.x], [...line.y]], [[0, 200], [600.2, 600.2]]);
  page.model.receive({ _trace: { ...mockTrace(2, 200, 200), reference: null } });
  await settled();
  assert.match(page.find("trace-text").textContent, /^tr\(H\) = 60\d ± 8 \(Hutchinson/);
});

test("a click on a bar names the plane that it replaces, and a button leads back to it", async () => {
  const former = { axes: ["random:filter", "hessian:min"], seed: 7, domain: [-0.5, 0.5, -2, 2] };
  const page = await show({ ...results, ...former });
  const { events } = curvature(page);
  const back = page.find("former-plane");
  const traits = () => Object.fromEntries(Object.keys(former).map((name) => [name, page.model.get(name)]));
  assert.equal(back.hidden, true);
  for (const pointNumber of [3, 4]) {
    events().plotly_click({ points: [{ curveNumber: 0, pointNumber }], event: {} });
    await settled();
    assert.deepEqual(traits().axes, ["random", "random"]);
    assert.deepEqual([back.hidden, back.textContent], [false, "↶ random:filter × hessian:min"]);
  }
  back.click();
  await settled();
  assert.deepEqual(traits(), former, "the one before the first click");
  assert.equal(back.hidden, true);
  events().plotly_click({ points: [{ curveNumber: 0, pointNumber: 3 }], event: {} });
  page.model.receive({ axes: ["hessian:max", "hessian:min"] });
  await settled();
  assert.equal(back.hidden, true, "another plane was chosen since");
});
