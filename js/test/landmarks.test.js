// The path of training and other solutions: drawn where the kernel says, at their own loss, and read where one points.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mockLandmarks } from "../dev/mock-landmarks.js";
import { mockSurface } from "../dev/mock.js";
import { wire } from "../dev/wire.js";
import { decodeLandmarks } from "../src/kernel/landmarks.js";
import { assertNearly, controls, settled, show } from "./show.js";

const surface = mockSurface({ ...controls, request: 1 }, 1);
const traits = { _surface: surface, _landmarks: mockLandmarks(surface) };
const [path, other] = /** @type {any} */ (decodeLandmarks(traits._landmarks).planes[0]).paths;

/** @param {any} plotly @param {any} view */
const figureOf = (plotly, view) => plotly.drawn.get(view.querySelector(".js-plotly-plot")).at(-1);
/** @param {any} figure @param {string} name */
const traceOf = ({ data }, name) => data.find((/** @type {any} */ trace) => trace.name === name);

test("the plane has the path with its marks, larger the farther off, and solutions by name", async () => {
  const { find, plotly } = await show(traits);
  const figure = figureOf(plotly, find("heatmap"));
  const line = traceOf(figure, "path path");
  assert.deepEqual(line.x, [...path.alpha]);
  assert.deepEqual(line.y, [...path.beta]);
  assert.deepEqual(line.marker.size, [...path.sizes]);
  assert.equal(line.mode, "lines+markers");
  assert.deepEqual(traceOf(figure, "path other seed").x, [...other.alpha]);
  const words = figure.layout.annotations.filter((/** @type {any} */ { name }) => name === "path words").map((/** @type {any} */ { text }) => text);
  assert.deepEqual(words.slice(0, 2), ["other seed", "lr 0.1"]);
  const epochs = path.marks.length - 1;
  assert.ok(words.length > 3 && words.length < 2 + epochs, "as many epochs as there is room for");
});

test("in three dimensions it stands at its true loss, with lines down to the surface", async () => {
  const { find, plotly } = await show({ ...traits, view: { scale: "linear" } }, { webgl: true });
  await settled();
  const figure = figureOf(plotly, find("surface"));
  const heights = [...figure.data[0].z.flatMap((/** @type {any} */ row) => [...row]), ...path.loss];
  const span = Math.max(...heights) - Math.min(...heights);
  assertNearly(traceOf(figure, "path path").z, [...path.loss], span);
  const drop = traceOf(figure, "drop path");
  assert.equal(drop.z.length, 3 * path.loss.length);
  assertNearly(drop.z.slice(0, 1), [path.loss[0]], span);
  assert.ok(Number.isNaN(drop.z[2]));
  // a node of the surface near the first checkpoint has about the height of the other end
  const mesh = figure.data[0];
  const nearest = (/** @type {number[]} */ values, /** @type {number} */ at) => [...values].reduce((best, value, i) => (Math.abs(value - at) < Math.abs(values[best] - at) ? i : best), 0);
  const height = mesh.z[nearest(mesh.y, path.beta[0])][nearest(mesh.x, path.alpha[0])];
  assert.ok(Math.abs(drop.z[1] - height) < 0.2, `${drop.z[1]} is not near ${height}`);
  // where the surface hides the path, a line on the surface shows where it runs
  const onSurface = traceOf(figure, "from above path");
  assert.equal(onSurface.line.dash, "dash");
  const feet = path.loss.length;
  for (const [name, values] of /** @type {const} */ ([["x", path.alpha], ["y", path.beta]])) assertNearly(onSurface[name].filter((/** @type {number} */ _, /** @type {number} */ i) => i % 8 === 0), [...values], 1);
  const ground = figure.data[0].z.flatMap((/** @type {any} */ row) => [...row]);
  const raised = 0.004 * (Math.max(...ground) - Math.min(...ground));
  assertNearly(onSurface.z.filter((/** @type {number} */ _, /** @type {number} */ i) => i % 8 === 0), Array.from({ length: feet }, (_, i) => drop.z[3 * i + 1] + raised), span);
  assert.ok(!figure.data.some((/** @type {any} */ { name }) => name === "from above other seed"));
});

test("of many checkpoints some have a line to the surface, evenly, both ends among them; the path has all", async () => {
  const { find, plotly } = await show({ ...traits, _landmarks: mockLandmarks(surface, 5) }, { webgl: true });
  await settled();
  const figure = figureOf(plotly, find("surface"));
  const [all, drop] = ["path path", "drop path"].map((name) => traceOf(figure, name));
  assert.equal(all.x.length, 120);
  const at = drop.x.filter((/** @type {number} */ _, /** @type {number} */ i) => i % 3 === 0).map((/** @type {number} */ x) => all.x.indexOf(x));
  assert.equal(at.length, 30);
  assert.deepEqual([at[0], at[29]], [0, 119]);
  const steps = at.slice(1).map((/** @type {number} */ i, /** @type {number} */ k) => i - at[k]);
  assert.ok(Math.min(...steps) >= 4 && Math.max(...steps) <= 5, String(steps));
  assert.equal(traceOf(figure, "drop other seed").x.length, 3);
});

test("in three dimensions, too, there are words for as many checkpoints as there is room for", async () => {
  const { find, plotly } = await show(traits, { webgl: true });
  await settled();
  const { annotations } = figureOf(plotly, find("surface")).layout.scene;
  const said = annotations.map((/** @type {any} */ { text }) => text);
  assert.ok(said.includes("other seed") && said.includes("lr 0.1") && said.length < path.marks.length, String(said));
  const { x, y, z } = annotations[said.indexOf("other seed")];
  assert.deepEqual([x, y], [other.alpha[0], other.beta[0]]);
  assert.ok(Number.isFinite(z));
});

test("what is behind the surface is named at the top of a stem from its place", async () => {
  const from = async (/** @type {number} */ height) => {
    const { find, plotly } = await show({ ...traits, view: { scale: "linear", camera: { eye: { x: 1, y: -1, z: height } } } }, { webgl: true });
    await settled();
    const figure = figureOf(plotly, find("surface"));
    const named = figure.layout.scene.annotations.find((/** @type {any} */ { text }) => text === "other seed");
    const stems = traceOf(figure, "pins");
    const k = stems.line.color.indexOf(traceOf(figure, "path other seed").line.color);
    return { z: named.z, top: Math.max(...figure.data[0].z.map((/** @type {any} */ row) => Math.max(...row)), ...path.loss, other.loss[0]), stem: k < 0 ? null : Array.from(stems.z.slice(k, k + 2)) };
  };
  const below = await from(-2);
  assert.deepEqual([below.z, below.stem], [other.loss[0], null], "it is below the surface");
  const above = await from(2);
  assert.equal(above.z, above.top);
  assert.ok(/** @type {number[]} */ (above.stem).every((z, i) => Math.abs(z - [other.loss[0], above.top][i]) < 0.02 * above.top), String(above.stem));
});

test("where one points, a checkpoint tells step, loss and distance off the plane", async () => {
  const { find, plotly } = await show(traits);
  assert.ok(find("readout-path").textContent.includes("path, 71.2 % of ‖Δθ‖² in the plane"));
  assert.ok(find("readout-path").textContent.includes("other seed, true loss 0.4000, off the plane ‖Δθ‖ = 6.10"));
  const events = /** @type {any} */ (plotly.events.get(find("heatmap").querySelector(".js-plotly-plot")));
  events.plotly_hover({ points: [{ x: path.alpha[3], y: path.beta[3] }] });
  assert.match(find("readout-path").textContent, /^step 30\u2003true loss 1\.228\u2003off the plane ‖Δθ‖ = 1\.37$/);
  assert.ok(find("readout-path").title.includes("path, 71.2 %") && find("readout").title.includes("‖Δθ‖"), "the rest is in tooltips");
  events.plotly_hover({ points: [{ x: 0.5, y: -0.5 }] });
  assert.match(find("readout-path").textContent, /^other seed/);
  events.plotly_hover({ points: [{ x: 0.9, y: 0.9 }] });
  assert.match(find("readout-path").textContent, /^path, 71/);
});

test("beside a difference what is told of a solution is one, too", async () => {
  const difference = mockSurface({ ...controls, request: 1, split: "difference" }, 1);
  const { find } = await show({ _surface: difference, _landmarks: mockLandmarks(difference), split: "difference" });
  assert.match(find("readout-path").textContent, /other seed, true test − training loss 0\.4000/);
});

test("a checkpoint has the name that the kernel gives it, also where nobody told its step", async () => {
  const raw = mockLandmarks(surface);
  const [path_, other] = /** @type {any} */ (raw.planes[0]).paths;
  const steps = path_.steps.with(3, "as given");
  const { find, plotly } = await show({ ...traits, _landmarks: { ...raw, planes: [{ .../** @type {any} */ (raw.planes[0]), paths: [{ ...path_, steps }, other] }, null] } });
  const events = /** @type {any} */ (plotly.events.get(find("heatmap").querySelector(".js-plotly-plot")));
  events.plotly_hover({ points: [{ x: path.alpha[3], y: path.beta[3] }] });
  assert.match(find("readout-path").textContent, /^as given\u2003true loss/);
});

test("what is off the plane by rounding alone is in it", async () => {
  const near = (/** @type {number} */ distance) => {
    const raw = mockLandmarks(surface);
    const other = /** @type {any} */ (raw.planes[0]).paths[1];
    return { ...traits, _landmarks: { ...raw, planes: [{ .../** @type {any} */ (raw.planes[0]), paths: [{ ...other, off_plane: wire(Float64Array.of(distance)) }] }, null] } };
  };
  for (const distance of [0, 9.74e-15, 1e-6]) {
    const { find } = await show(near(distance));
    assert.match(find("readout-path").textContent, /true loss 0\.4000, in the plane$/);
  }
  const { find } = await show(near(0.01));
  assert.match(find("readout-path").textContent, /off the plane ‖Δθ‖ = 0\.0100$/);
});

test("the legend names what is in sight alone", async () => {
  const shown = async (/** @type {any} */ domain) => {
    const { find } = await show({ ...traits, domain, _surface: mockSurface({ ...controls, domain, request: 1 }, 1) });
    return [...find("legend").querySelectorAll(".lw-key:not([hidden])")].map(({ textContent }) => textContent);
  };
  const whole = await shown([-1, 1, -1, 1]);
  assert.ok(whole.includes("•path of training") && whole.includes("▪solution"));
  const [a, b] = [other.alpha[0], other.beta[0]];
  const corner = [0.97, 0.99, -0.99, -0.97];
  assert.ok(!(a > 0.97 && b < -0.97), "the solution is elsewhere");
  const part = await shown(corner);
  assert.ok(part.includes("◇θ*") && !part.includes("▪solution") && !part.includes("•path of training"), String(part));
});

test("of several runs the legend has each one's colour and name, and the readout says whose checkpoint it is", async () => {
  const raw = mockLandmarks(surface);
  const plane = /** @type {any} */ (raw.planes[0]);
  const [path, solution] = plane.paths;
  const far = wire(new Float64Array(24).fill(0.9));
  const second = { ...path, name: "Adam", colour: "#8c4fb5", alpha: far, beta: far, marks: [] };
  const { find } = await show({ ...traits, _landmarks: { ...raw, planes: [{ ...plane, paths: [{ ...path, name: "SGD" }, second, solution] }, null] } });
  const keys = [...find("legend").querySelectorAll(".lw-runs .lw-key")];
  assert.deepEqual(keys.map(({ textContent }) => textContent), ["SGD", "Adam"]);
  assert.deepEqual(keys.map((key) => key.querySelector(".lw-swatch").style.background), ["rgb(0, 158, 115)", "rgb(140, 79, 181)"]);
  const alone = await show(traits);
  assert.equal(alone.find("legend").querySelectorAll(".lw-runs .lw-key").length, 0);
});

test("on another plane, or of other losses, it is gone", async () => {
  const { find, model, plotly } = await show(traits);
  const shown = () => traceOf(figureOf(plotly, find("heatmap")), "path path") !== undefined;
  assert.ok(shown());
  model.receive({ _surface: mockSurface({ ...controls, seed: 3, request: 2 }, 1) });
  await settled();
  assert.ok(!shown());
  assert.ok(find("readout-path").hidden);
  model.receive({ _surface: mockSurface({ ...controls, split: "test", request: 3 }, 1) });
  await settled();
  assert.ok(!shown());
  model.receive({ _surface: mockSurface({ ...controls, domain: [-0.5, 0.5, -0.5, 0.5], request: 4 }, 1) });
  await settled();
  assert.ok(shown(), "a part of the same plane keeps it");
});
