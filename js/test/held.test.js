// Without a kernel: whatever pictures a page holds and whatever is done to its controls, what it shows is one of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMockModel, defaults, mockSurface } from "../dev/mock.js";
import { mockEigenpairs } from "../dev/mock-curvature.js";
import { createState } from "../src/kernel/state.js";
import { halfWidth } from "../src/model/values.js";
import { controls, enter, settled, show } from "./show.js";

/** @typedef {import("../src/kernel/state.js").Controls} Controls */

const PLANES = [["hessian:max", "hessian:min"], ["random", "random"], ["hessian:max", "random"]];
const WIDTHS = [0.5, 3, 15];
const VALUES = { axes: PLANES, checkpoint: [null, 0, 1], split: ["train", "test"], batch_norm: ["frozen", "recomputed"], examples: [1797, 100], seed: [0, 1], equal_axes: [false, true], resolution: [11, 15, 25] };
const ORDER = /** @type {const} */ (["checkpoint", "split", "batch_norm", "examples", "seed", "domain", "equal_axes", "resolution"]);
/** Of a part that is zoomed to. */
const WITHIN = /** @type {const} */ ([...ORDER.slice(0, 5), "equal_axes", "resolution", "domain"]);
const LOSSES = ["axes", "checkpoint", "split", "batch_norm", "examples", "seed"];

/** Numbers that are the same in every run. @param {number} seed */
function createRandom(seed) {
  const next = () => ((seed = (1664525 * seed + 1013904223) >>> 0) / 2 ** 32);
  /** @template T @param {readonly T[]} values */
  const of = (values) => values[Math.floor(next() * values.length)];
  return { of, next };
}

/** @typedef {ReturnType<typeof createRandom>} Random */

const square = (/** @type {number} */ width) => [-width, width, -width, width];

/** Pictures that differ from the usual one in a few controls. @param {Random} random */
function heldSet(random) {
  const names = /** @type {(keyof typeof VALUES)[]} */ (Object.keys(VALUES));
  const varied = [random.of(names), random.of(names), random.of(names)];
  return Array.from({ length: 1 + Math.floor(9 * random.next()) }, (_, i) => {
    const own = Object.fromEntries(names.map((name) => [name, varied.includes(name) ? random.of(/** @type {any[]} */ (VALUES[name])) : VALUES[name][0]]));
    const domain = random.next() < 0.5 ? null : square(random.of(WIDTHS));
    const surface = mockSurface(/** @type {any} */ ({ ...controls, ...own, domain, request: i + 1 }), 1);
    return /** @type {any} */ ({ automatic: !domain, sights: [`Sight ${i + 1}, seen.`, `Sight ${i + 1}, unseen.`], _surface: surface, _eigenpairs: mockEigenpairs(i + 1, 1), own: { ...own, domain, ...(!surface.seeded && { seed: surface.seed }) } });
  });
}

/** What one control asks for. @param {Random} random @param {Controls} now @returns {any} */
function move(random, now) {
  const second = { compared_axes: random.of(PLANES), compared_domain: null, compared_split: null, compared_checkpoint: null };
  return random.of([
    { axes: random.of(PLANES), domain: null },
    { checkpoint: random.of(VALUES.checkpoint) },
    { split: random.of(VALUES.split), compared_split: null },
    { split: "train", compared_axes: null, compared_domain: null, compared_split: "test" },
    { batch_norm: random.of(VALUES.batch_norm) },
    { examples: random.of(VALUES.examples) },
    { seed: random.of(VALUES.seed) },
    { domain: null },
    { domain: square(random.of([0.1, ...WIDTHS, 40])) },
    { domain: square(random.of([0.1, ...WIDTHS, 40])) },
    { domain: null, equal_axes: !now.equal_axes },
    { resolution: random.of(VALUES.resolution) },
    { resolution: random.of(VALUES.resolution) },
    second,
    { ...second, compared_axes: null },
    { compared_checkpoint: random.of(VALUES.checkpoint) },
    { compared_domain: random.of([null, square(random.of(WIDTHS))]) },
  ]);
}

/** How far a picture is from what is asked for, what matters most first. @param {any} picture @param {any} asked @param {number} width @param {readonly typeof ORDER[number][]} [order] */
function far({ own, _surface }, asked, width, order = ORDER) {
  const seeded = _surface.seeded;
  return order.map((name) => {
    if (name === "seed") return Number(seeded && own.seed !== asked.seed);
    if (name === "domain") return asked.domain || own.domain ? Math.abs(Math.log((own.domain?.[1] ?? 1) / width)) + (asked.domain ? 0 : 9) : 0;
    if (name === "resolution" || name === "examples") return Math.abs(Math.log(own[name] / asked[name]));
    if (name === "checkpoint") return Math.abs((own.checkpoint ?? 1e9) - (asked.checkpoint ?? 1e9));
    return Number(own[name] !== asked[name]);
  }).map((each) => Math.round(1e6 * each) / 1e6);
}

/** @param {any} picture @param {any} asked @param {string[]} names */
const agree = ({ own, _surface }, asked, names) => names.every((name) => (name === "seed" && !_surface.seeded) || String(own[name]) === String(asked[name]));

test("after any moves the page shows a picture that it holds, the one nearest to what was asked for", async () => {
  for (let round = 1; round <= 120; round++) {
    const random = createRandom(round);
    const pictures = heldSet(random);
    const began = random.of(pictures).own;
    const model = Object.assign(createMockModel({ ...defaults, ...began, status: "done" }), { pictures });
    const state = createState(/** @type {any} */ (model));
    const asked = (/** @type {Controls} */ from) => /** @type {any} */ (Object.fromEntries(["axes", ...ORDER].map((name) => [name, from[/** @type {keyof Controls} */ (name)]])));
    for (let step = 0; step < 12; step++) {
      const before = state.snapshot;
      const change = step ? move(random, before) : {};
      const answered = before.offers(change);
      const last = asked(before);
      state.set(change);
      await null; // listeners hear of all changes together
      const now = state.snapshot;
      const told = JSON.stringify({ round, step, change, last });
      const { surface, compared } = now;
      const shown = pictures.find(({ _surface }) => _surface.request === surface?.request);
      assert.ok(surface?.final && shown && !now.provisional && !now.comparedProvisional, told);
      const part = now.domain && halfWidth(now.domain) < halfWidth(surface.domain) * 0.999;
      assert.deepEqual({ ...asked(now), domain: null }, { ...shown.own, domain: null }, told);
      if (!part) assert.deepEqual(now.domain, shown.own.domain, told);
      if (!answered) assert.deepEqual(asked(now), last, told);

      const own = Object.fromEntries(Object.entries(change).filter(([name]) => !name.startsWith("compared")));
      if (answered && Object.keys(own).length && !part) {
        const wanted = { ...last, ...own };
        const names = Object.keys(own).filter((name) => name !== "domain");
        const must = "axes" in own ? ["axes"] : [...LOSSES, ...names];
        assert.ok(agree(shown, wanted, must), told);
        const width = wanted.domain?.[1] ?? halfWidth(/** @type {any} */ (before.surface).domain);
        const rivals = pictures.filter((picture) => agree(picture, wanted, must));
        const order = own.domain && !rivals.some((picture) => (picture.own.domain?.[1] ?? 1) === width) ? WITHIN : ORDER;
        const [best] = rivals.map((picture) => far(picture, wanted, width, order)).sort((a, b) => a.map((each, i) => each - b[i]).find((each) => each) ?? 0);
        assert.deepEqual(far(shown, wanted, width, order), best, told);
      }
      const second = now.compared_axes || now.compared_split || now.compared_checkpoint !== null;
      assert.equal(compared !== null, Boolean(second), told);
      if (!compared) continue;
      const beside = { ...asked(now), axes: now.compared_axes ?? now.axes, split: now.compared_split ?? now.split, checkpoint: now.compared_checkpoint ?? now.checkpoint };
      const other = /** @type {any} */ (pictures.find(({ _surface }) => _surface.request === compared.request));
      assert.ok(agree(other, beside, LOSSES), told);
      if (!now.compared_axes && now.compared_checkpoint === null) assert.deepEqual(compared.domain, surface.domain, told);
    }
    state.destroy();
  }
});

/** Controls that choose a picture, by their test ids. */
const CONTROLS = "preset-hessian preset-random preset-filter axis-alpha axis-beta half-width domain-auto equal-axes resolution seed new-seed examples split-train split-test split-beside split-difference batch-norm-frozen batch-norm-recomputed checkpoint compare compared-preset compared-half-width compared-domain-auto compared-equal-axes undo-zoom widen".split(" ");
const KEYS = ["+", "-", "0", "Backspace", "ArrowLeft"];

test("every control that is not grey leads to a picture that is held, and nothing that is said promises another one", { timeout: 60_000 }, async () => {
  const info = { ...defaults._info, n_test_examples: 30, batch_norm: true, checkpoints: [0, 1, 2].map((step) => ({ label: `epoch ${step}` })) };
  /** Controls that were used. @type {Set<string>} */
  const used = new Set();
  for (let round = 1; round <= 3; round++) {
    const random = createRandom(2000 + round);
    const pictures = heldSet(random);
    const { el, find, model, stop } = await show({ ...random.of(pictures).own, status: "done", _info: info }, { pictures });
    find("settings-open").click();
    for (let step = 0; step < 8; step++) {
      const able = CONTROLS.filter((id) => find(id) && !find(id).disabled && !find(id).closest("[hidden]"));
      const fresh = [...able, "keys"].filter((id) => !used.has(id));
      const id = random.of(fresh.length ? fresh : able);
      const control = find(id);
      if (id === "keys") find("heatmap").querySelector("[tabindex]").dispatchEvent(new KeyboardEvent("keydown", { key: random.of(KEYS), shiftKey: true, bubbles: true }));
      else if (control.tagName === "SELECT") enter(control, random.of([...control.options].filter(({ disabled }) => !disabled)).value, "change");
      else if (control.type === "range") enter(control, Math.floor((Number(control.max) + 1) * random.next()), "input", "change");
      else if (control.type === "number") enter(control, Math.floor(3 * random.next()), "change");
      else control.click();
      used.add(id);
      await settled();
      const told = JSON.stringify({ round, step, id });
      const shown = pictures.find(({ own }) => [...ORDER, "axes"].every((name) => (name === "domain" ? !model.get("domain") || !own.domain || own.domain[1] >= model.get("domain")[1] - 1e-9 : String(own[name]) === String(model.get(name)))));
      assert.ok(shown, told);
      for (const view of ["heatmap", "surface", "slices", "curvature", ...(find("heatmap-2") ? ["heatmap-2", "surface-2"] : [])]) assert.equal(find(view).dataset.provisional, "false", `${told} ${view}`);
      assert.doesNotMatch(el.textContent ?? "", /provisional|so far|\byet\b|being computed|waiting|…$/i, told);
      assert.deepEqual([find("resolution").dataset.value, find("half-width").dataset.value], [String(model.get("resolution")), String(halfWidth(model.get("domain") ?? [-1, 1, -1, 1]))], told);
    }
    stop();
  }
  assert.ok(used.size > 12, [...used].join());
});
