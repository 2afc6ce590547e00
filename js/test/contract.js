// What the kernel really sends, decoded, beside the values that Python wrote. tests/export/test_contract.py writes
// both into a folder and runs this file on it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mockEigenpairs, mockProjections, mockSpectrum, mockTrace } from "../dev/mock-curvature.js";
import { mockLandmarks } from "../dev/mock-landmarks.js";
import { mockLines } from "../dev/mock-lines.js";
import { attachKernel, createMockModel, defaults, mockSurface } from "../dev/mock.js";
import { decodePoints } from "../src/kernel/points.js";
import { createState, DECODERS } from "../src/kernel/state.js";
import { gridAxis } from "../src/model/domains.js";
import { HALF_WIDTHS, nearestPosition } from "../src/model/values.js";

const folder = process.env.LANDSCAPE_PAYLOADS;
assert.ok(folder, "Expected LANDSCAPE_PAYLOADS to name the folder that tests/export/test_contract.py writes. Run that test.");
const bytes = readFileSync(join(folder, "buffers.bin"));

/** Buffers are windows into one message, as they arrive. @param {string} _ @param {any} value */
const revive = (_, value) => (Array.isArray(value?.buffer) ? new DataView(bytes.buffer, bytes.byteOffset + value.buffer[0], value.buffer[1]) : value);
const { payloads, traits, snapshot, grids, widths } = JSON.parse(readFileSync(join(folder, "payloads.json"), "utf8"), revive);

/**
 * The same, but to read a key that is not there is an error.
 * @param {any} value
 * @param {string} name
 * @returns {any}
 */
function strict(value, name) {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === "symbol" || key in target) return strict(Reflect.get(target, key), `${name}.${String(key)}`);
      throw new Error(`The page reads ${name}.${key}, which the kernel does not send.`);
    },
  });
}

/** As JSON has it: arrays for buffers, null for what is not finite. @param {any} value @returns {any} */
function plain(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value === null || typeof value !== "object") return value;
  if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(/** @type {any} */ (value), plain);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

/** By the traits that results are sent in. @type {Record<string, (raw: any) => any>} */
const decoders = { ...Object.fromEntries(Object.entries(DECODERS).map(([name, decode]) => [`_${name}`, decode])), _pins: decodePoints };

for (const { trait, name, payload, expected } of payloads) {
  test(`${trait}, ${name}: what is decoded is what Python found, and nothing else`, () => {
    const { rows, ...decoded } = decoders[trait](strict(payload, trait));
    assert.deepEqual(plain(decoded), expected);
    rows?.forEach((/** @type {Float32Array} */ row, /** @type {number} */ i) => assert.deepEqual(row, decoded.loss.subarray(i * row.length, (i + 1) * row.length)));
  });
}

test("every result trait was decoded", () => {
  assert.deepEqual(new Set(payloads.map((/** @type {any} */ { trait }) => trait)), new Set(Object.keys(decoders)));
});

test("a snapshot of the kernel's traits holds what they say, before and after a computation", () => {
  for (const [i, state] of traits.entries()) {
    const model = createMockModel(strict(state, "traits"));
    model.get = (name) => strict(state, "traits")[name];
    const { snapshot: found, destroy } = createState(/** @type {any} */ (model));
    destroy();
    for (const [name, value] of Object.entries(snapshot[i])) assert.deepEqual(plain(found[/** @type {keyof typeof found} */ (name)]), value, name);
  }
});

/** Keys of objects within objects; those of dictionaries are data. @param {any} value @returns {any} */
function shape(value) {
  if (Array.isArray(value)) return value.length ? [shape(value[0])] : "empty";
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return "value";
  const open = ["details", "minima", "metrics", "parts"];
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, open.includes(key) ? "open" : shape(value[key])]));
}

/** What may be null, or an empty list, is compared where it is there on both sides. @param {any} one @param {any} other @param {string} name */
function alike(one, other, name) {
  if (typeof one === "string" || typeof other === "string") return;
  if (Array.isArray(one)) return alike(one[0], other[0], `${name}[0]`);
  assert.deepEqual(Object.keys(one), Object.keys(other), name);
  for (const key of Object.keys(one)) alike(one[key], other[key], `${name}.${key}`);
}

test("the mock answers with the kernel's keys", () => {
  const request = { request: 1, axes: ["random", "random"], seed: 0, domain: null, resolution: 5, examples: 13 };
  /** @type {Record<string, any>} */
  const mocks = {
    ...defaults,
    _surface: mockSurface(request, 1),
    _compared: { ...mockSurface(request, 1), sights: [["", ""], ["", ""]] },
    _landmarks: mockLandmarks(mockSurface(request, 1)),
    _line_losses: mockLines(1, "solutions", 13),
    _eigenpairs: mockEigenpairs(1),
    _projections: mockProjections(1, 300, null),
    _spectrum: mockSpectrum(1, 4, 10),
    _trace: mockTrace(1, 20, 200),
  };
  for (const { trait } of payloads) assert.ok(mocks[trait] && trait in defaults, `js/dev/mock.js answers nothing for ${trait}`);
  for (const { trait, payload } of payloads) alike(shape(mocks[trait]), shape(payload), trait);
  alike(shape(mocks._info), shape(traits[0]._info), "_info");
});

test("the mock's kernel sets traits with the kernel's keys", async () => {
  const model = createMockModel(defaults);
  attachKernel(model, { pace: 0 });
  model.send({ type: "compute" });
  while (model.get("status") !== "done") await new Promise((resolve) => setTimeout(resolve));
  const last = traits.at(-1);
  for (const name of ["_surface", "_eigenpairs", "_projections", "progress"]) alike(shape(model.get(name)), shape(last[name]), name);
});

test("nodes lie where the kernel lays them", () => {
  for (const { low, high, count, nodes } of grids) assert.deepEqual([...gridAxis(low, high, count)], nodes, `${count} from ${low} to ${high}`);
});

test("half-widths snap to where the kernel's do", () => {
  for (const [width, snapped] of widths) assert.equal(HALF_WIDTHS[nearestPosition(HALF_WIDTHS, width)], snapped, String(width));
});
