// How the page is laid out: the answer first, one bar, what is set once folded away, and words on everything.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defaults, mockSurface } from "../dev/mock.js";
import { mockEigenpairs } from "../dev/mock-curvature.js";
import { splitSentence } from "../src/notes/verdict.js";
import { labelWidth, tickRoom, ticksWithin } from "../src/ui/ticks.js";
import { controls, enter, settled, show } from "./show.js";

const info = { ...defaults._info, batch_norm: true, n_test_examples: 450 };
const surface = mockSurface({ ...controls, request: 1 }, 1);
const STYLES = ["bundles/page", "ui/ui", "controls/controls", "views/views", "curvature/curvature", "notes/notes"];

test("the verdict stands first, then the bar, then the pictures", async () => {
  const { find } = await show({ _surface: surface, _eigenpairs: mockEigenpairs(1) });
  const order = ["verdict", "preset", "axis-alpha", "half-width", "compare", "settings-open", "surface", "heatmap", "curvature", "slices", "caption"].map(find);
  order.slice(1).forEach((element, i) => {
    assert.ok(order[i].compareDocumentPosition(element) & window.Node.DOCUMENT_POSITION_FOLLOWING, element.dataset.testid);
  });
  assert.equal(find("verdict").querySelector(".lw-sentence").textContent.replaceAll("\u00a0", " "), mockEigenpairs(1).sentence);
  assert.equal(find("verdict").querySelector("strong").textContent, "Saddle");
});

test("a sentence without a stop is all verdict", () => {
  assert.deepEqual(splitSentence("Undecided"), ["Undecided", "", ""]);
  assert.deepEqual(splitSentence("Saddle: λmin −0.02."), ["Saddle", ": λmin −0.02.", ""]);
  assert.deepEqual(splitSentence("Undecided at this tolerance; run longer. More."), ["Undecided at this tolerance", "; run longer.", " More."]);
});

test("settings and glossary are folded away, open by a click and close by Escape", async () => {
  const { find } = await show();
  for (const name of ["settings", "glossary"]) {
    const [button, body] = [find(`${name}-open`), find(name)];
    assert.deepEqual([body.hidden, button.getAttribute("aria-expanded"), button.getAttribute("aria-controls")], [true, "false", body.id]);
    button.click();
    assert.deepEqual([body.hidden, button.getAttribute("aria-expanded")], [false, "true"]);
    body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    assert.deepEqual([body.hidden, document.activeElement === button], [true, true]);
  }
  assert.ok(find("settings").contains(find("seed")));
  const terms = [...find("glossary").querySelectorAll("dt")].map((term) => term.textContent);
  assert.deepEqual(terms.slice(0, 6), ["θ*", "λmax, λmin", "Turns; on a slope", "κ₋, κ₊", "Blindness", "Filter-normalised"]);
  assert.equal(find("glossary").querySelectorAll("svg").length, 11);
});

test("the scale of losses is one choice away, beside the title of the surface", async () => {
  const { find } = await show({ _surface: surface });
  assert.ok(find("surface").querySelector(".lw-panel-head").contains(find("scale")));
  assert.equal(find("settings").hidden, true);
});

test("Escape closes what was opened while the focus is still on its button", async () => {
  const { find } = await show();
  for (const name of ["settings", "glossary"]) {
    const button = find(`${name}-open`);
    button.click();
    button.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    assert.equal(find(name).hidden, true);
  }
});

test("one line says what is not as usual, and there is none where all is", async () => {
  const { model, find } = await show({ _info: info, _surface: surface });
  assert.equal(find("holds").hidden, true);
  model.receive({ seed: 3, examples: 200, split: "difference", batch_norm: "recomputed" });
  await settled();
  assert.equal(find("holds").textContent, "Set: seed 3 · 200 of 1,797 examples · test − training loss · batch norm recomputed");
  model.receive({ seed: 0, examples: 1797, split: "train", batch_norm: "frozen" });
  await settled();
  assert.equal(find("holds").hidden, true);
});

test("the line stands below the settings, so that a choice among them stays under the pointer", async () => {
  const { find } = await show({ _info: info, _surface: surface });
  assert.ok(find("settings").compareDocumentPosition(find("holds")) & window.Node.DOCUMENT_POSITION_FOLLOWING);
});

test("the line tells of the display too", async () => {
  const { find } = await show({ _surface: surface });
  for (const name of ["quadratic", "contours"]) find(name).click();
  enter(find("scale"), "log", "change");
  enter(find("colour-map"), "Cividis", "change");
  await settled();
  assert.equal(find("holds").textContent, "Set: quadratic · log scale · Cividis · no contours");
  enter(find("scale"), "linear", "change");
  await settled();
  assert.equal(find("holds").textContent, "Set: quadratic · linear scale · Cividis · no contours");
  enter(find("scale"), "auto", "change");
  await settled();
  assert.equal(find("holds").textContent, "Set: quadratic · no contours");
});

test("two losses side by side are said to be shown", async () => {
  const { find } = await show({ _info: info, compared_split: "test" });
  assert.equal(find("holds").textContent, "Set: training and test loss");
});

test("everything that can be set or pressed says in words what it does", async () => {
  const { el } = await show({ _info: info, _surface: surface, _eigenpairs: mockEigenpairs(1), compared_axes: ["random", "random"], face: "spectrum" });
  const parts = el.querySelectorAll("button, select, input");
  assert.ok(parts.length > 30);
  for (const part of parts) assert.ok(part.closest("[title]")?.getAttribute("title"), part.outerHTML);
});

test("a slow double click resets and pins nothing; two clicks at two places pin both", async (t) => {
  const { model, find, plotly } = await show({ _surface: surface, domain: [-1, 1, -1, 1] });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  const events = /** @type {any} */ (plotly.events.get(plot));
  const click = (/** @type {number} */ detail, x = 0.2) => {
    plot.dispatchEvent(new window.MouseEvent("mousedown", { detail, bubbles: true }));
    document.dispatchEvent(new window.MouseEvent("mouseup"));
    events.plotly_click({ points: [{ x, y: -0.6 }] });
  };
  const pins = () => model.messages.filter(({ type }) => type === "pin");
  click(1);
  t.mock.timers.tick(400); // plotly waits for 300 and takes what follows for a click of its own
  click(2);
  t.mock.timers.tick(1000);
  assert.deepEqual(pins(), []);
  assert.equal(model.get("domain"), null);

  click(1);
  t.mock.timers.tick(100);
  click(1, -0.4);
  t.mock.timers.tick(1000);
  assert.deepEqual(pins().map(({ alpha }) => alpha), [0.2, -0.4]);
});

test("the surface leaves the wheel to the page until it was clicked, and after the pointer has left", async () => {
  const { find } = await show({ _surface: surface }, { webgl: true });
  const plot = find("surface").querySelector(".lw-plot");
  let heard = 0;
  plot.addEventListener("wheel", () => heard++);
  const wheel = () => {
    const event = new window.WheelEvent("wheel", { deltaY: 60, bubbles: true, cancelable: true });
    plot.dispatchEvent(event);
    return event.defaultPrevented;
  };
  assert.deepEqual([wheel(), heard], [false, 0]);
  plot.dispatchEvent(new window.Event("pointerdown", { bubbles: true }));
  wheel();
  assert.equal(heard, 1);
  plot.parentElement.dispatchEvent(new window.Event("pointerleave"));
  wheel();
  assert.equal(heard, 1);
});

test("the room for labels grows with their digits, and fewer stand where they are wide, but two at least", () => {
  assert.equal(labelWidth(undefined), labelWidth([0, 0]));
  assert.ok(tickRoom([-1e-3, 1e-3]) > tickRoom([-1, 1]));
  assert.ok(tickRoom([3.4999e6, 3.5001e6]) > tickRoom([0, 5]));
  assert.ok(tickRoom([-5e-5, 1e-6]) > tickRoom([0, 5.1e-5]));
  assert.deepEqual([1000, 0].map((width) => ticksWithin([-1, 1], width)), [{ nticks: 6 }, { nticks: 6 }]);
  assert.deepEqual(ticksWithin(undefined, 100), { nticks: 5 });
  for (const [low, high] of [[-0.85, 0.85], [-6e-4, 6e-4], [-1.99e-3, 1.99e-3], [0.011, 0.031], [-3e4, 1e4]]) {
    const { dtick = NaN } = ticksWithin([low, high], 150);
    const labels = Math.floor(high / dtick) - Math.ceil(low / dtick) + 1;
    assert.ok(labels >= 2 && labels <= 4, `${labels} labels from ${low} to ${high}`);
  }
});

test("no style of what holds the plots hangs on what is in it: each part that plotly draws would have it looked up", async () => {
  const { el } = await show({ _surface: surface, _eigenpairs: mockEigenpairs(1) });
  const sheets = STYLES.map((name) => readFileSync(new URL(`../src/${name}.css`, import.meta.url), "utf8"));
  const hosts = sheets.join("").match(/[^\s,{}]+(?=:has\()/g) ?? [];
  assert.ok(hosts.length > 2);
  for (const host of hosts) {
    for (const holder of [el, ...el.querySelectorAll("*")].filter((each) => each.matches(host))) assert.equal(holder.querySelector(".lw-plot"), null, host);
  }
});
