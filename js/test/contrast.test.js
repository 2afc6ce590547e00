// Every mark stands out of every colour that may lie under it: 3:1 or more, as WCAG 2.2 asks of graphics (1.4.11).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { mockLandmarks } from "../dev/mock-landmarks.js";
import { mockSurface } from "../dev/mock.js";
import { COLOUR_MAPS, divergingStops } from "../src/model/colours.js";
import { inkOn } from "../src/model/scale.js";
import { LEVEL } from "../src/views/pin-marks.js";
import { controls, enter, nextFrame, settled, show } from "./show.js";

const { scales } = createRequire(import.meta.url)("plotly.js/src/components/colorscale/scales.js");
const LEAST = 3;

/** @typedef {[number, number, number, number]} Colour  red, green, blue from 0 to 255, and how opaque */

/** @param {string} text @returns {Colour} */
function colour(text) {
  if (text.startsWith("#")) return /** @type {Colour} */ ([...[1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16)), 1]);
  const [r, g, b, a = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [r, g, b, a];
}

/** Relative luminance. @param {Colour} colour */
const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, k) => {
  const part = colour[k] / 255;
  return sum + share * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
}, 0);

/** @param {Colour} one @param {Colour} other */
function contrast(one, other) {
  const [dark, light] = [one, other].map(luminance).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** A colour over another one. @param {Colour} over @param {Colour} under @returns {Colour} */
const onto = (over, under) => /** @type {Colour} */ ([...[0, 1, 2].map((k) => over[3] * over[k] + (1 - over[3]) * under[k]), 1]);

/** The colours of a map, from 0 to 1. @param {[number, string][]} stops @returns {(at: number) => Colour} */
const mapped = (stops) => (at) => {
  const i = Math.max(1, stops.findIndex(([place]) => place >= at));
  const [[from, one], [to, other]] = [stops[i - 1], stops[i]];
  const share = (at - from) / (to - from);
  return /** @type {Colour} */ (colour(one).map((part, k) => part + share * (colour(other)[k] - part)));
};

const STEPS = Array.from({ length: 201 }, (_, i) => i / 200);
/** @type {Record<string, (at: number) => Colour>} */
const MAPS = { "about L(θ*)": mapped(divergingStops(-1, 1)) };
for (const name of Object.keys(COLOUR_MAPS)) MAPS[name] = mapped(scales[name].map((/** @type {[number, string]} */ stop) => [...stop]));

/** What a mark is drawn with: it is seen where any of it stands out. @param {string[]} parts @param {(at: number) => Colour} map */
const least = (parts, map) => Math.min(...STEPS.map((at) => Math.max(...parts.map((part) => contrast(onto(colour(part), map(at)), map(at))))));

/** @typedef {Record<string, Set<string>>} Marks  the colours that each mark is drawn with */

/** All that lies over the colours of a plane, but for lines that say in other words what colours say. @param {any} figure @returns {Marks} */
function marksOf({ data, layout }) {
  /** @type {Marks} */
  const marks = {};
  const add = (/** @type {string} */ name, /** @type {string[]} */ ...colours) => colours.forEach((each) => (marks[name] ??= new Set()).add(each));
  for (const { type, name, mode, marker, line } of data) {
    if (type === "heatmap" || (type === "contour" && name === "loss")) continue;
    if (type === "contour") add(name, line.color);
    else if (mode === "lines+markers") add(name.replace(/ rim$/, "").replace(/^path (?=.)/, ""), marker.color), assert.equal(marker.color, line.color);
    else if (mode.startsWith("markers")) add({ "pin rims": "pins" }[/** @type {string} */ (name)] ?? name ?? "evaluated nodes", ...[marker.color].flat(), ...(marker.line?.color ? [marker.line.color] : []));
    else assert.fail(`a mark of another kind: ${name}`);
  }
  for (const { type, line } of layout.shapes) add(type === "line" ? "crosshair" : "earlier picture", line.color);
  return marks;
}

const pin = {
  number: 1, alpha: 0.2, beta: -0.6, axes: ["hessian:max", "hessian:min"], plane: "", symbols: ["λ₁", "λₙ"], seed: null, n_examples: 1797, here: true, centred: true, places: [[0.2, -0.6], null],
  batch_norm: null, train: null, test: null, gradient_norm: null, hessian: null, curvatures: null, done: true, error: "",
};
const pins = { pins: [pin], writable: true, table: null, csv: "", applied: null, note: "", centre: { depth: 0, request: 0, moved: 0 } };

/** @param {"light" | "dark"} theme @param {string} scale @returns {Promise<Marks>} */
async function marksOn(theme, scale) {
  const surface = mockSurface({ ...controls, request: 1 }, 1);
  const { find, model, plotly, el } = await show({ _surface: surface, _pins: pins, _landmarks: mockLandmarks(surface) });
  el.dataset.lwTheme = theme;
  document.body.className = "changed";
  enter(find("scale"), scale, "change");
  for (const name of ["quadratic"]) find(name).click();
  enter(find("colour"), scale === "auto" ? "error" : "loss", "change");
  find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  model.receive({ domain: [-2, 2, -2, 2] }); // a part of the picture is an earlier one then
  await settled();
  await nextFrame();
  return marksOf(plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
}

const NAMES = ["crosshair", "earlier picture", "evaluated nodes", "level", "limit", "lowest", "other seed", "path", "pins", "quadratic", "theta"];

for (const theme of /** @type {const} */ (["light", "dark"])) {
  test(`every mark in the plane is seen on every colour, ${theme}`, async () => {
    for (const scale of ["auto", "linear"]) {
      const marks = await marksOn(theme, scale);
      assert.deepEqual(Object.keys(marks).sort(), NAMES);
      for (const [name, parts] of Object.entries(marks)) {
        for (const [map, at] of Object.entries(MAPS)) {
          const found = least([...parts], at);
          assert.ok(found >= LEAST, `${name} (${[...parts].join(" in ")}) on ${map}: ${found.toFixed(2)}`);
        }
      }
    }
  });
}

test("what is drawn on the surface is black or white, as its colour asks for", () => {
  for (const [name, at] of Object.entries(MAPS)) {
    const diverging = name === "about L(θ*)";
    const ink = inkOn({ rows: [], range: diverging ? [-1, 1] : [0, 1], title: "", ticks: () => ({}), scale: "", diverging });
    for (const step of STEPS) {
      const found = contrast(colour(ink(diverging ? 2 * step - 1 : step)), at(step));
      assert.ok(found >= LEAST, `${name} at ${step}: ${found.toFixed(2)}`);
    }
  }
});

test("words in the scene are read, and signs seen, on the surface and beside it, in either theme", async () => {
  const surface = mockSurface({ ...controls, request: 1 }, 1);
  const { find, plotly, stop } = await show({ _surface: surface, _pins: pins, _landmarks: mockLandmarks(surface) }, { webgl: true });
  const { data, layout } = /** @type {any} */ (plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.at(-1));
  const pages = ["#ffffff", "#111111"].map((page) => () => colour(page));
  const grounds = [...Object.values(MAPS), ...pages];
  const names = new Set(layout.scene.annotations.map((/** @type {any} */ { name }) => name));
  assert.deepEqual([...names].sort(), ["path words", "pin number"]);
  for (const { name, font, bgcolor } of layout.scene.annotations) {
    for (const at of grounds) {
      for (const step of STEPS) {
        const ground = onto(colour(bgcolor), at(step));
        const found = contrast(colour(font.color), ground);
        assert.ok(found >= 4.5, `${name}: ${found.toFixed(2)}`);
      }
    }
  }
  const drawn = data.filter((/** @type {any} */ { type, mode }) => type === "scatter3d" && mode.includes("text"));
  const [rims, signs] = drawn;
  assert.equal(drawn.length, 2, "no other words without a ground");
  signs.textfont.color.forEach((/** @type {string} */ ink, /** @type {number} */ i) => {
    for (const at of grounds) assert.ok(least([ink, rims.textfont.color[i]], at) >= LEAST);
  });
  stop();
});

test("lines in the scene are seen on every colour and beside the surface, in either theme", async () => {
  const surface = mockSurface({ ...controls, request: 1 }, 1);
  const pages = ["#ffffff", "#111111"].map((page) => () => colour(page));
  for (const theme of ["light", "dark"]) {
    const { find, plotly, el, stop } = await show({ _surface: surface, _pins: pins, _landmarks: mockLandmarks(surface) }, { webgl: true });
    el.dataset.lwTheme = theme;
    document.body.className = theme;
    find("quadratic").click();
    find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    await nextFrame();
    await settled();
    const { data } = /** @type {any} */ (plotly.drawn.get(find("surface").querySelector(".js-plotly-plot"))?.at(-1));
    /** @type {Marks} */
    const marks = {};
    for (const { name, mode, line, marker } of data) {
      if (!mode?.startsWith("lines") || ["level", "slices"].includes(name)) continue; // those are in the ink of the surface
      const parts = (marks[name.replace(/ rim$/, "")] ??= new Set());
      for (const each of [line, ...(mode.includes("markers") ? [marker] : [])]) for (const one of new Set([each.color].flat())) parts.add(one);
    }
    assert.deepEqual(Object.keys(marks).sort(), ["crosshair", "drop other seed", "drop path", "from above path", "path other seed", "path path", "pins", "quadratic"]);
    for (const [name, parts] of Object.entries(marks)) {
      for (const at of [...Object.values(MAPS), ...pages]) assert.ok(least([...parts], at) >= LEAST, `${theme}, ${name}: ${least([...parts], at)}`);
    }
    stop();
  }
});

test("a pin's number is read on its disc", async () => {
  const { find, plotly } = await show({ _surface: mockSurface({ ...controls, request: 1 }, 1), _pins: pins });
  const { data } = /** @type {any} */ (plotly.drawn.get(find("heatmap").querySelector(".js-plotly-plot"))?.at(-1));
  const { textfont, marker } = data.find((/** @type {any} */ { name }) => name === "pins");
  assert.ok(contrast(colour(textfont.color), colour(marker.color[0])) >= 4.5);
});

test("words and lines beside the pictures are seen on the page's own background", () => {
  const css = readFileSync(new URL("../src/bundles/page.css", import.meta.url), "utf8");
  for (const [theme, block] of [["light", css.match(/\.lw-root \{(.*?)\}/s)?.[1]], ["dark", css.match(/\[data-theme="dark"\] \{(.*?)\}/s)?.[1]]]) {
    const value = (/** @type {string} */ name) => colour(String(block?.match(new RegExp(`--lw-${name}: (#\\w+)`))?.[1]));
    const found = (/** @type {string} */ name) => contrast(value(name), value("background-own"));
    for (const name of ["text-own", "muted-own", "accent-own", "danger"]) assert.ok(found(name) >= 4.5, `${theme}, ${name}: ${found(name).toFixed(2)}`);
    for (const name of ["kappa-minus", "kappa-plus", "first", "second"]) assert.ok(found(name) >= LEAST, `${theme}, ${name}: ${found(name).toFixed(2)}`);
  }
});

test("a dark line alone would not be seen on dark colours", () => {
  for (const map of Object.values(MAPS)) assert.ok(least([LEVEL], map) < LEAST);
});

test("the table in the guide says what is measured here", async () => {
  const guide = readFileSync(new URL("../../docs/guide.md", import.meta.url), "utf8");
  const marks = await marksOn("light", "linear");
  const words = { theta: "θ\\* and the lowest points", level: "the line of L(θ\\*)", path: "a path of training, solutions", pins: "pins", crosshair: "the crosshair", quadratic: "lines of the quadratic model", limit: "where that model ends" };
  for (const [name, text] of Object.entries(words)) {
    const row = [text, ...Object.values(MAPS).map((map) => least([...marks[name]], map).toFixed(1))].join(" | ");
    assert.ok(guide.includes(`| ${row} |`), `Expected docs/guide.md to have the row | ${row} |`);
  }
});
