// What the views draw, and how they stay linked, with a stand-in for the plotting library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockEigenpairs, mockProjections } from "../dev/mock-curvature.js";
import { mockLandmarks } from "../dev/mock-landmarks.js";
import { mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { START } from "../src/model/camera.js";
import { controls, enter, nextFrame, resetCamera, settled, show, turn, TURNED } from "./show.js";

test("each view is drawn with the kernel's values and tells which result it shows", async () => {
  const { model, find, plotly } = await show();
  const surface = mockSurface({ ...controls, request: 7 }, 1, { holes: true });
  model.receive({ _surface: surface, _projections: mockProjections(7, 2000, { kappa_minus: -1, kappa_plus: 2 }), _eigenpairs: mockEigenpairs(7) });
  await settled();
  enter(find("scale"), "linear", "change");
  await settled();
  for (const name of ["surface", "heatmap", "curvature"]) {
    assert.deepEqual([find(name).dataset.request, find(name).dataset.final], ["7", "true"], name);
  }
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  const loss = new Float32Array(surface.loss.buffer.slice(surface.loss.byteOffset, surface.loss.byteOffset + surface.loss.byteLength));
  assert.deepEqual(Float32Array.from(data[0].z.flatMap((/** @type {Float32Array} */ row) => [...row])), loss);
  assert.ok(Number.isNaN(data[0].z[10][10]));
  assert.deepEqual([layout.xaxis.range, layout.xaxis.title.text.slice(0, 2), layout.yaxis.title.text.slice(0, 2)], [[-1, 1], "α ", "β "]);
  assert.match(layout.xaxis.title.text, /\(1: ‖Δθ‖ = 1\.00, 8\.5 % of ‖θ\*‖\)/);
  assert.match(find("verdict").textContent, /^Saddle: λmax\u00a03\.821/);
  assert.match(find("curvature").textContent, /hides the saddle in27\.3–31\.4 %measured/);
});

test("the caption of the surface tells how much of it is there, until all of it is", async () => {
  const { model, find } = await show();
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 2) });
  await settled();
  assert.match(find("surface").querySelector(".lw-panel-foot").textContent, /^Height: loss, .* · 36 of 121 nodes so far$/);
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  await settled();
  assert.doesNotMatch(find("surface").querySelector(".lw-panel-foot").textContent, /so far/);
});

test("where losses differ little they are told with the digits that tell them apart", async () => {
  const loss = wire(Float32Array.from({ length: 121 }, (_, k) => 0.1038 + k * 1e-6));
  const { find } = await show({ _surface: { ...mockSurface({ ...controls, request: 1 }, 1), loss } });
  assert.equal(find("surface").querySelector(".lw-panel-foot").textContent, "Height: loss, 0.103800 to 0.103920");
  assert.match(find("readout").textContent, /loss = 0\.10\d{4}$/);
});

test("the scene is drawn after all other views, which else wait for the browser to be done with it", async () => {
  const { model, plotly } = await show({}, { webgl: true });
  /** @type {(string | undefined)[]} */
  const order = [];
  const { react } = plotly;
  plotly.react = (el, ...rest) => {
    order.push(/** @type {HTMLElement} */ (el.closest("section")).dataset.testid);
    return react(el, ...rest);
  };
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1), _eigenpairs: mockEigenpairs(1) });
  while (!order.includes("surface")) await settled(); // on a busy machine one turn may not be enough
  assert.deepEqual(order.slice(-2), ["slices", "surface"]);
  assert.ok(order.includes("heatmap"));
});

test("plotly says nothing in the corner of the host's page", async () => {
  const { find } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  assert.equal(find("heatmap").querySelector(".js-plotly-plot").config.showTips, false);
});

test("hovering the heatmap reads the values out, and leaving gives the lowest point again", async () => {
  const { model, find, plotly } = await show();
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  await settled();
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  const events = /** @type {any} */ (plotly.events.get(plot));
  const before = plotly.drawn.get(plot)?.length ?? 0;
  for (const x of [0, 0.2, 0.4, 0.2]) events.plotly_hover({ points: [{ x, y: -0.6 }] });
  assert.match(find("readout").textContent, /^α = 0\.200\s+β = −0\.600\s+loss = \d/);
  await nextFrame();
  // However often the pointer moved: one redraw for one frame.
  assert.equal(plotly.drawn.get(plot)?.length, before + 1);
  assert.equal(plotly.drawn.get(plot)?.at(-1)?.layout.shapes.length, 4);
  events.plotly_unhover({});
  await settled();
  assert.match(find("readout").textContent, /^×/);
});

test("the arrow keys move the crosshair from node to node", async () => {
  const { model, find } = await show();
  model.receive({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  await settled();
  const body = find("heatmap").querySelector("[tabindex]");
  for (const key of ["ArrowRight", "ArrowRight", "ArrowUp"]) body.dispatchEvent(new KeyboardEvent("keydown", { key }));
  assert.match(find("readout").textContent, /^α = 0\.400\s+β = 0\.200/);
});

test("a changed control marks the old picture as provisional and frames it anew at once", async () => {
  const { model, find, plotly } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  assert.equal(find("heatmap").dataset.provisional, "false");
  model.receive({ domain: [-0.5, 0.5, -0.5, 0.5] });
  await settled();
  assert.equal(find("heatmap").dataset.provisional, "true");
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  assert.deepEqual(plotly.drawn.get(plot)?.at(-1)?.layout.xaxis.range, [-0.5, 0.5]);
});

test("a turned camera stays where it is while results come, until it is reset", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const receive = async (/** @type {number} */ request) => {
    model.receive({ _surface: mockSurface({ ...controls, request }, 1) });
    await settled();
    return plotly.drawn.get(plot())?.at(-1)?.layout.scene.camera;
  };
  const plot = () => find("surface").querySelector(".js-plotly-plot");
  const start = await receive(1);
  const events = /** @type {any} */ (plotly.events.get(plot()));
  events.plotly_relayouting({ "scene.camera": TURNED });
  assert.deepEqual(await receive(2), TURNED);
  resetCamera({ find }, "surface");
  assert.deepEqual(await receive(3), start);
});

test("a reset takes the camera to where the explorer began", async () => {
  const eye = { x: 0, y: 2, z: 1 };
  const { model, find, plotly } = await show({ view: { camera: { eye } }, _surface: mockSurface({ ...controls, request: 1 }, 1) }, { webgl: true });
  const plot = find("surface").querySelector(".js-plotly-plot");
  const standing = () => plotly.drawn.get(plot)?.at(-1)?.layout.scene.camera.eye;
  const turn = async () => {
    /** @type {any} */ (plotly.events.get(plot)).plotly_relayout({ "scene.camera": TURNED });
    await nextFrame();
    assert.deepEqual(standing(), TURNED.eye);
    resetCamera({ find }, "surface");
    await nextFrame();
  };
  assert.deepEqual(standing(), eye);
  await turn();
  assert.deepEqual(standing(), eye);
  model.receive({ view: {} });
  await nextFrame();
  await turn();
  assert.deepEqual(standing(), START.eye);
});

test("a surface is drawn whatever camera its page is told", async () => {
  for (const camera of [{ projection: { type: "perspective" } }, "north", { eye: { x: NaN, y: "1" } }]) {
    const { find, plotly, stop } = await show({ view: { camera }, _surface: mockSurface({ ...controls, request: 1 }, 1) }, { webgl: true });
    const plot = find("surface").querySelector(".js-plotly-plot");
    assert.deepEqual(plotly.drawn.get(plot)?.at(-1)?.layout.scene.camera, START, JSON.stringify(camera));
    stop();
  }
});

test("without WebGL the surface is shown as contours, and says so", async () => {
  const { find, plotly } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  const plot = find("surface").querySelector(".js-plotly-plot");
  assert.equal(plotly.drawn.get(plot)?.at(-1)?.data[0].type, "contour");
  assert.match(find("surface").textContent, /contours instead/);
});

test("an error is shown beside the last good picture", async () => {
  const { model, find } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  assert.equal(find("error").hidden, true);
  model.receive({ status: "failed", error: "ValueError: empty loader" });
  await settled();
  assert.deepEqual([find("error").hidden, find("error").textContent], [false, "ValueError: empty loader"]);
  assert.equal(find("heatmap").dataset.request, "1");
  assert.ok(find("heatmap").querySelector(".js-plotly-plot"));
});

test("the scene has some labels along each axis, in a narrow place few, and none in its corners", async () => {
  const { find, model, plotly, stop } = await show({}, { webgl: true });
  const body = find("surface").querySelector(".lw-panel-body");
  for (const [width, most] of [[340, 3], [600, 7]]) {
    Object.defineProperty(body, "clientWidth", { value: width, configurable: true });
    for (const half of [1, 0.51, 0.3, 0.2, 0.02, 8.1e-5]) {
      const domain = [-half, half, -half, half];
      model.receive({ domain, _surface: mockSurface({ ...controls, request: 1, domain }, 1) });
      await settled();
      const { xaxis, yaxis } = /** @type {any} */ (plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.at(-1)).layout.scene;
      for (const { range, tickvals } of [xaxis, yaxis]) {
        assert.ok(tickvals.length >= 3 && tickvals.length <= most && tickvals.includes(0), `${tickvals} of ${range[1]}`);
        assert.ok(tickvals.every((/** @type {number} */ value) => Math.abs(value) < 0.82 * range[1]), `${tickvals} of ${range[1]}`);
      }
    }
  }
  stop();
});

test("the loss axis has three labels or more, however high a path stands above the surface, and says what it shows", async () => {
  const { find, model, plotly, stop } = await show({}, { webgl: true });
  const body = find("surface").querySelector(".lw-panel-body");
  const surface = mockSurface({ ...controls, request: 1 }, 1);
  for (const [width, scale] of /** @type {const} */ ([[340, "auto"], [600, "auto"], [600, "linear"], [340, "log"]])) {
    Object.defineProperty(body, "clientWidth", { value: width, configurable: true });
    for (const high of [0, 30, 3e4, -30]) {
      if (high < 0 && scale !== "linear") continue; // as of a difference, which has no logarithm
      const landmarks = mockLandmarks(surface);
      const [path] = /** @type {any} */ (landmarks.planes[0]).paths;
      if (high) path.loss = wire(Float64Array.from({ length: 24 }, (_, i) => high * Math.exp(-i / 5)));
      model.receive({ view: { scale }, _surface: surface, _landmarks: landmarks });
      await settled();
      const { data, layout } = /** @type {any} */ (plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.at(-1));
      const { zaxis } = layout.scene;
      const heights = data.flatMap((/** @type {any} */ { type, name, z }) => (type === "surface" ? z.flatMap((/** @type {any} */ row) => [...row]) : name?.startsWith("path path") ? z : [])).filter(Number.isFinite);
      const inside = zaxis.tickvals.filter((/** @type {number} */ value) => value >= Math.min(...heights) && value <= Math.max(...heights));
      assert.ok(inside.length >= 3 && zaxis.tickvals.length <= 7, `${zaxis.tickvals}, ${scale}, ${high}`);
      const crammed = inside.at(-1) - inside[0] < 0.3 * (Math.max(...heights) - Math.min(...heights));
      assert.ok(!crammed, `${zaxis.tickvals}, ${scale}, ${high}`);
      const said = [zaxis.title, ...layout.annotations].map((/** @type {any} */ { text }) => text);
      assert.deepEqual(said, ["", scale === "log" ? "↑ loss (log)" : "↑ loss"], "in one place, however wide picture and labels are");
    }
  }
  stop();
});

test("the scene is built unseen where the kernel takes its time, and the first result is drawn into it", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const surfaces = () => [...find("surface").querySelectorAll(".lw-plot")];
  assert.equal(surfaces().length, 0);
  while (!plotly.drawn.has(surfaces()[0])) await new Promise((resolve) => setTimeout(resolve, 50));
  const [plot] = surfaces();
  assert.equal(plotly.drawn.get(plot)?.length, 1);
  assert.deepEqual([find("surface").querySelector(".lw-panel-body").dataset.waiting, find("surface").dataset.request], ["true", undefined]);
  model.receive({ _surface: mockSurface({ ...controls, request: 3 }, 1) });
  await settled();
  assert.deepEqual(surfaces(), [plot]);
  assert.equal(plotly.drawn.get(plot)?.length, 2);
  assert.equal(plotly.drawn.get(plot)?.at(-1)?.data[0].x.length, 11);
  assert.deepEqual([find("surface").querySelector(".lw-panel-body").dataset.waiting, find("surface").dataset.request], ["false", "3"]);
});

test("the plane is drawn before the scene of the first result is begun", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  model.receive({ _surface: mockSurface({ ...controls, request: 3 }, 1) });
  await turn();
  assert.deepEqual([find("heatmap").dataset.request, find("surface").dataset.request], ["3", undefined]);
  await settled();
  assert.equal(find("surface").dataset.request, "3");
  assert.equal(plotly.drawn.get(find("surface").querySelector(".lw-plot"))?.length, 1);
});

test("without WebGL there is nothing to turn: no key is taken, and none is told of", async () => {
  const { find, stop } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1) });
  const body = find("surface").querySelector(".lw-panel-body");
  const press = (/** @type {string} */ key) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    body.dispatchEvent(event);
    return event.defaultPrevented;
  };
  assert.deepEqual(["ArrowDown", "+", "0"].map(press), [false, false, false]);
  assert.deepEqual(["tabindex", "role", "aria-label"].map((name) => body.getAttribute(name)), [null, null, null]);
  stop();
});

test("a mark that the surface stands before is seen at the top of a stem from its place, any other one at its place", async () => {
  const { model, find, plotly } = await show({}, { webgl: true });
  const raw = mockSurface({ ...controls, resolution: 21, request: 1 }, 1);
  const at = Array.from({ length: 21 }, (_, i) => -1 + i / 10);
  const well = Float32Array.from(at.flatMap((b) => at.map((a) => 1 - Math.exp(-20 * ((a - 0.3) ** 2 + b * b)))));
  model.receive({ _surface: { ...raw, loss: wire(well), quadratic: null, minimum: { alpha: 0.3, beta: 0, loss: 0 } } });
  await settled();
  enter(find("scale"), "linear", "change");
  await settled();
  const plot = find("surface").querySelector(".js-plotly-plot");
  const traces = () => /** @type {any} */ (plotly.drawn.get(plot)?.at(-1)).data;
  const seen = () => {
    const [signs, stems] = ["lowest", "pins"].map((name) => traces().find((/** @type {any} */ trace) => trace.name === name));
    const rounded = (/** @type {number[]} */ values) => values.filter(Number.isFinite).map((value) => Math.round(10 * value) / 10);
    return [rounded(signs.z), rounded(stems.x), rounded(stems.z)];
  };
  const count = traces().length;
  const [top, theta] = [1, 0.9];
  assert.deepEqual(seen(), [[top, theta], [0.3, 0.3], [0, top]], "× in the well, ◇ on its slope");
  /** @type {any} */ (plotly.events.get(plot)).plotly_relayout({ "scene.camera": { ...TURNED, eye: { x: 0.1, y: 0, z: 2 } } });
  await settled();
  assert.deepEqual(seen(), [[0, theta], [], []], "from above");
  assert.equal(traces().length, count, "each trace takes the scene longer");
});
