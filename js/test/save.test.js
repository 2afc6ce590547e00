// Pictures as files, and the call that makes them again on the clipboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { JSDOM } from "jsdom";
import { mockProjections, mockSpectrum } from "../dev/mock-curvature.js";
import { defaults, mockSurface } from "../dev/mock.js";
import { captionedPng, captionedSvg, wrapped } from "../src/model/picture-file.js";
import { captionOf, inSight } from "../src/ui/caption.js";
import { blobOf, fileName } from "../src/ui/save-image.js";
import { controls, nextFrame, settled, show } from "./show.js";

const surface = mockSurface({ ...controls, request: 1 }, 1);

test("a data URL becomes a blob of the same bytes", async () => {
  const png = blobOf(`data:image/png;base64,${btoa("\x89PNG\x00\xff")}`);
  assert.equal(png.type, "image/png");
  assert.deepEqual([...new Uint8Array(await png.arrayBuffer())], [0x89, 0x50, 0x4e, 0x47, 0, 0xff]);
  const svg = blobOf(`data:image/svg+xml,${encodeURIComponent("<svg>θ, α;base64,\n</svg>")}`);
  assert.deepEqual([svg.type, await svg.text()], ["image/svg+xml", "<svg>θ, α;base64,\n</svg>"]);
  assert.equal(await blobOf("data:image/svg+xml;charset=utf-8,%3Csvg%3E").text(), "<svg>");
});

test("a file's name says what it shows", () => {
  assert.equal(fileName(["surface", "hessian:max", "random:filter", "seed-3"], "png"), "surface_hessian-max_random-filter_seed-3.png");
  assert.equal(fileName(["curvature"], "svg"), "curvature.svg");
});

/** A PNG of one grey pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";
const caption = { title: "Loss of A<B>: λ₁ × λₙ", details: { Model: "A<B>, 610 parameters", "Half-widths": "α ±0.04, β ±0.6", Software: "landscape-widget 0.1.0" } };

/** Names and texts of the chunks of a PNG, each with the check sum that zlib finds. @param {Uint8Array} bytes */
function chunksOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = [];
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const end = at + 8 + view.getUint32(at);
    assert.equal(view.getUint32(end), crc32(bytes.subarray(at + 4, end)));
    found.push(Buffer.from(bytes.subarray(at + 4, end)).toString("utf8"));
  }
  return found;
}

test("a PNG has its caption in chunks behind the header, and its pixels as they were", () => {
  const bare = Uint8Array.from(Buffer.from(PIXEL, "base64"));
  const chunks = chunksOf(captionedPng(bare, caption, 3));
  assert.deepEqual(chunks.map((chunk) => chunk.slice(0, 4)), ["IHDR", "pHYs", "iTXt", "iTXt", "iTXt", "iTXt", "IDAT", "IEND"]);
  const texts = Object.fromEntries(chunks.slice(2, 6).map((chunk) => chunk.slice(4).split("\0\0\0\0\0")));
  assert.deepEqual(Object.keys(texts), ["Title", "Description", "Software", "landscape-widget"]);
  assert.equal(texts.Title, caption.title);
  assert.equal(texts.Description, "Model: A<B>, 610 parameters\nHalf-widths: α ±0.04, β ±0.6\nSoftware: landscape-widget 0.1.0");
  assert.deepEqual(JSON.parse(texts["landscape-widget"]), { title: caption.title, ...caption.details });
  assert.deepEqual([chunks[0], ...chunks.slice(6)], chunksOf(bare));
  const size = new DataView(captionedPng(bare, caption, 3).buffer, 33 + 8);
  assert.deepEqual([size.getUint32(0), size.getUint32(4), size.getUint8(8)], [11339, 11339, 1], "288 pixels an inch");
  const other = Uint8Array.of(1, 2, 3);
  assert.equal(captionedPng(other, caption, 3), other);
});

test("a part of a picture says which", () => {
  const snapshot = { eigenpairs: null, former: () => false };
  const extent = [-0.046, -0.006, 0.06, 0.217];
  const whole = { surface: caption, note: "", provisional: false, composed: false, extent };
  const of = (/** @type {object} */ picture) => inSight(captionOf(/** @type {any} */ ({ picture: { ...whole, ...picture }, snapshot, scale: "linear" })));
  assert.deepEqual(of({}), ["α ±0.04, β ±0.6"]);
  assert.deepEqual(of({ composed: true, note: "part of a saved picture" }), ["α −0.0460 to −0.00600, β 0.0600 to 0.217"]);
});

test("an SVG begins with its caption", () => {
  const svg = captionedSvg('<svg class="main-svg" width="3"><g/></svg>', caption);
  const { documentElement } = new (/** @type {any} */ (new JSDOM("").window).DOMParser)().parseFromString(svg, "image/svg+xml");
  const [title, description, metadata, picture] = documentElement.children;
  assert.deepEqual([title, description, metadata, picture].map(({ localName }) => localName), ["title", "desc", "metadata", "g"]);
  assert.equal(title.textContent, caption.title);
  assert.match(description.textContent, /^Model: A<B>, 610 parameters\nHalf/);
  assert.deepEqual(JSON.parse(metadata.textContent), { title: caption.title, ...caption.details });
});

test("what stands above a picture goes into as many lines as it needs", () => {
  assert.deepEqual(wrapped(["one", "two", "three"], 9), ["one · two", "three"]);
  assert.deepEqual(wrapped(["longer than that", "two"], 9), ["longer than that", "two"]);
  assert.deepEqual(wrapped([], 9), []);
});

test("a view's buttons appear with its picture, and save it on white paper", async (t) => {
  const { find, model, plotly } = await show();
  const save = () => find("heatmap").querySelector(".lw-save");
  assert.equal(save().hidden, true);
  model.receive({ _surface: surface });
  await settled();
  assert.equal(save().hidden, false);
  const plot = find("heatmap").querySelector(".js-plotly-plot");
  /** @type {any} */ (plotly.events.get(plot)).plotly_hover({ points: [{ x: 0.2, y: 0.2 }] });
  await nextFrame();
  assert.equal(plot.layout.shapes.length, 4, "the crosshair is there");

  /** @type {{name: string, blob: Blob}[]} */
  const files = [];
  /** @type {any[]} */
  const asked = [];
  Object.assign(plotly, {
    toImage: async (/** @type {any} */ figure, /** @type {any} */ options) => {
      asked.push({ figure, options });
      return `data:image/${options.format === "svg" ? "svg+xml" : "png"},${options.format}`;
    },
  });
  URL.createObjectURL = (blob) => {
    files.push({ name: "", blob: /** @type {Blob} */ (blob) });
    return "blob:it";
  };
  /** @type {string[]} */
  const revoked = [];
  URL.revokeObjectURL = (href) => void revoked.push(href);
  t.mock.timers.enable({ apis: ["setTimeout"] }); // the minute for which a file is kept would hold the process as long
  const { HTMLAnchorElement } = /** @type {any} */ (document.defaultView);
  HTMLAnchorElement.prototype.click = function () {
    files[files.length - 1].name = this.download;
  };
  find("heatmap").closest(".lw-root").style.backgroundColor = "rgb(1, 2, 3)";
  for (const format of ["png", "svg"]) {
    find("heatmap").querySelector(`[data-testid="save-${format}"]`).click();
    await settled();
  }
  assert.deepEqual(files.map(({ name }) => name), ["heatmap_hessian-max_hessian-min.png", "heatmap_hessian-max_hessian-min.svg"]);
  assert.deepEqual(await Promise.all(files.map(({ blob }) => blob.text())), ["png", "svg"]);
  assert.deepEqual(asked.map(({ options }) => [options.format, options.scale]), [["png", 3], ["svg", 1]]);
  assert.deepEqual(asked[0].figure.layout.shapes, [], "where the pointer was is no part of the picture");
  assert.equal(asked[0].figure.layout.paper_bgcolor, "#ffffff");
  const legendOf = (/** @type {any} */ { figure }) => figure.layout.annotations.find((/** @type {any} */ { name }) => name === "legend");
  assert.equal(legendOf(asked[0]).text.replaceAll("<br>", "\u2003"), "◇ θ*\u2003━ L(θ*)\u2003× lowest loss");
  assert.match(asked[0].figure.layout.title.text, /^<b>Loss of Sequential:<br>Hessian/); // a page of no width has lines of one part
  const high = asked[0].options.height;
  find("titled").click();
  await settled();
  find("heatmap").querySelector('[data-testid="save-png"]').click();
  await settled();
  assert.equal(asked[2].figure.layout.title, undefined);
  assert.equal(legendOf(asked[2]).text, legendOf(asked[0]).text, "what the marks are is said with and without a title");
  assert.ok(asked[2].options.height < high);
  assert.deepEqual(revoked, []);
  t.mock.timers.tick(60_000);
  assert.deepEqual(revoked, ["blob:it", "blob:it", "blob:it"]);
});

test("a dark page saves light pictures, with what was zoomed into, and stays dark itself", async () => {
  const { el, find, plotly } = await show({ _surface: surface, _spectrum: mockSpectrum(1, 10, 10, 1), _projections: mockProjections(1, 100, { kappa_minus: -1, kappa_plus: 2 }, 1) }, { webgl: true });
  await nextFrame();
  document.body.dataset.lwTheme = "dark";
  await nextFrame();
  /** @type {any[]} */
  const asked = [];
  Object.assign(plotly, { toImage: async (/** @type {any} */ figure) => asked.push(figure) && "data:image/png,png" });
  URL.createObjectURL = () => "blob:it";
  const [TEXT, MUTED, FIRST] = [["#212121", "#e0e0e0"], ["#616161", "#a8a8a8"], ["#00796b", "#4dc3b2"]];
  for (const name of ["surface", "heatmap", "slices", "curvature"]) {
    const plot = find(name).querySelector(".js-plotly-plot");
    if (name === "slices") plot.layout.xaxis.range = [0.25, 0.5];
    find(name).querySelector('[data-testid="save-png"]').click();
    await settled();
    const [said, page] = [asked.at(-1), plot].map(({ data, layout }) => JSON.stringify([data, layout]));
    for (const [light, dark] of [TEXT, MUTED, ...(name === "slices" ? [FIRST] : [])]) {
      assert.ok(said.includes(light) && !said.includes(dark), `${name}: ${light}`);
      assert.ok(page.includes(dark) && !page.includes(light), `${name}, on the page: ${dark}`);
    }
    assert.equal(asked.at(-1).layout.paper_bgcolor, "#ffffff");
  }
  assert.deepEqual(asked[2].layout.xaxis.range, [0.25, 0.5]);
  assert.equal(el.querySelectorAll(".lw-root").length, 1);
});

/** @param {any} clipboard */
const withClipboard = (clipboard) => Object.defineProperty(globalThis, "navigator", { value: { clipboard }, configurable: true });

test("a saved curvature panel tells of lengths beside κ, and of no plane's reach", async () => {
  const { find, plotly } = await show({ _surface: surface, _projections: mockProjections(1, 100, { kappa_minus: -1, kappa_plus: 2 }, 1), _spectrum: mockSpectrum(1, 10, 10, 1) });
  /** @type {string[]} */
  const titles = [];
  Object.assign(plotly, {
    toImage: async (/** @type {any} */ figure) => {
      titles.push(figure.layout.title.text);
      return "data:image/png,png";
    },
  });
  URL.createObjectURL = () => "blob:it";
  for (const face of ["projections", "spectrum"]) {
    find(`face-${face}`).click();
    await settled();
    find("curvature").querySelector('[data-testid="save-png"]').click();
    await settled();
  }
  assert.equal(titles.length, 2);
  for (const title of titles) assert.doesNotMatch(title, /nodes|±/);
  assert.match(titles[0].replaceAll("<br>", " "), /Lengths: random ≈ √N ≈ 155, dashed 1/);
  assert.doesNotMatch(titles[1], /Lengths/);
});

test("the call goes to the clipboard as the kernel wrote it", async () => {
  /** @type {string[]} */
  const copied = [];
  withClipboard({ writeText: async (/** @type {string} */ text) => copied.push(text) });
  const { find, model } = await show();
  assert.equal(find("copy-python").disabled, true);
  model.receive({ _surface: { ...surface, python: "explorer = 1\n" } });
  await settled();
  find("copy-python").click();
  await settled();
  assert.deepEqual(copied, ["explorer = 1\n"]);
  assert.equal(find("copied").textContent, "Copied.");
  model.receive({ _surface: { ...surface, request: 2, python: "explorer = 2\n" } });
  await settled();
  assert.equal(find("copied").textContent, "");
});

test("what the call needs and no variable holds is told beside it", async () => {
  withClipboard({ writeText: async () => {} });
  const python = "# net and ce are yours\n# data is to be defined first: no variable here has that name\nexplorer = 1\n";
  const { find } = await show({ _surface: { ...surface, python } });
  find("copy-python").click();
  await settled();
  assert.equal(find("copied").textContent, "Copied. data is to be defined first.");
});

test("the call carries how losses are shown, where that is not as usual", async () => {
  /** @type {string[]} */
  const copied = [];
  withClipboard({ writeText: async (/** @type {string} */ text) => copied.push(text) });
  const call = "explorer = LandscapeExplorer(\n    model,\n    domain=(-1.0, 1.0),\n)\nexplorer\n";
  const { find, model } = await show({ _surface: { ...surface, python: call }, view: { scale: "log", camera: { eye: { x: 1.23456789, y: 0, z: -1 } } } });
  assert.equal(find("scale").value, "log");
  find("contours").click();
  find("copy-python").click();
  await settled();
  assert.equal(copied[0], call.replace("\n)", '\n    view={"scale": "log", "contours": False, "camera": {"eye": {"x": 1.2346, "y": 0, "z": -1}}},\n)'));
  // What the kernel says later is shown, too.
  model.receive({ view: { map: "Cividis" } });
  await settled();
  assert.deepEqual([find("scale").value, find("colour-map").value, find("contours").checked], ["auto", "Cividis", true]);
  model.receive({ view: {} });
  await settled();
  find("copy-python").click();
  await settled();
  assert.equal(copied[1], call);
  model.receive({ view: { camera: { projection: { type: "perspective" } } } });
  await settled();
  find("copy-python").click();
  await settled();
  assert.equal(copied[2], call, "a camera that stands where all do");
});

test("where the model holds other weights by now, the call says that it would show those", async () => {
  /** @type {string[]} */
  const copied = [];
  withClipboard({ writeText: async (/** @type {string} */ text) => copied.push(text) });
  const { find, model } = await show({ _surface: { ...surface, python: "# model is yours\nexplorer = 1\n" } });
  const copies = async (/** @type {object} */ told) => {
    model.receive({ _pins: { ...defaults._pins, ...told } });
    await settled();
    find("copy-python").click();
    await settled();
    return copied.at(-1)?.split("\n").slice(1, -1);
  };
  assert.deepEqual(await copies({ applied: "pin 1" }), ["# this picture is of θ*. Your model holds the weights of pin 1: explorer.restore() puts θ* back.", "explorer = 1"]);
  assert.deepEqual(await copies({ drift: { words: "Your model has moved.", takes: true } }), ["# this picture is of θ*. Your model has moved.", "explorer = 1"]);
  assert.deepEqual(await copies({}), ["explorer = 1"]);
});

test("the call has what sets the pins before the explorer is shown", async () => {
  /** @type {string[]} */
  const copied = [];
  withClipboard({ writeText: async (/** @type {string} */ text) => copied.push(text) });
  const { find } = await show({ _surface: { ...surface, python: "explorer = 1\nexplorer\n" }, _pins: { ...defaults._pins, python: "# $& pins\n" } });
  find("copy-python").click();
  await settled();
  assert.deepEqual(copied, ["explorer = 1\n# $& pins\nexplorer\n"]);
});

test("without a clipboard the page copies as pages once did, or says that it cannot", async () => {
  withClipboard(undefined);
  const { find } = await show({ _surface: { ...surface, python: "explorer = 3\n" } });
  /** @type {string[]} */
  const copied = [];
  for (const allowed of [true, false]) {
    document.execCommand = () => {
      copied.push(/** @type {HTMLTextAreaElement} */ (document.querySelector("textarea")).value);
      return allowed;
    };
    find("copy-python").click();
    await settled();
    assert.equal(find("copied").textContent, allowed ? "Copied." : "The browser does not let this page copy.");
  }
  assert.deepEqual(copied, ["explorer = 3\n", "explorer = 3\n"]);
  assert.equal(document.querySelector("textarea"), null);
});
