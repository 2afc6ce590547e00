// A model without a kernel: it answers like one, with a synthetic saddle, coarse to fine.
import { OFFER, planeOf } from "./mock-axes.js";
import { mockLandmarks } from "./mock-landmarks.js";
import { mockLines } from "./mock-lines.js";
import { mockEigenpairs, mockProjections, mockSpectrum, mockTrace } from "./mock-curvature.js";
import { wire } from "./wire.js";

/** @typedef {Record<string, any>} Traits */

/**
 * Keeps traits and events as a host's model does.
 * @param {Traits} initial
 */
export function createMockModel(initial) {
  /** @type {Traits} */
  const traits = { ...initial };
  /** @type {Map<string, Set<(...args: any[]) => void>>} */
  const listeners = new Map();
  /** @type {Traits} */
  let unsaved = {};
  /** @type {Traits[]} */
  const saves = [];
  /** @type {any[]} */
  const messages = [];
  const model = {
    saves,
    messages,
    /** Called as the kernel would be. @type {(change: {saved?: Traits, message?: any}) => void} */
    kernel: () => {},
    get: (/** @type {string} */ name) => traits[name],
    set(/** @type {string} */ name, /** @type {any} */ value) {
      if (traits[name] === value) return;
      traits[name] = value;
      unsaved[name] = value;
      for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
    },
    /** Traits that come from the kernel. @param {Traits} values */
    receive(values) {
      Object.assign(traits, values);
      for (const name of Object.keys(values)) {
        for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
      }
    },
    save_changes() {
      const saved = unsaved;
      unsaved = {};
      saves.push(saved);
      model.kernel({ saved });
    },
    send(/** @type {any} */ message) {
      messages.push(message);
      model.kernel({ message });
    },
    on(/** @type {string} */ event, /** @type {(...args: any[]) => void} */ listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off(/** @type {any} */ event, /** @type {any} */ listener) {
      listeners.get(event)?.delete(listener);
    },
    /** @param {string} event @param {any} [content] */
    emit(event, content) {
      for (const listener of [...(listeners.get(event) ?? [])]) listener(content);
    },
    /** A message of the kernel. @param {any} message */
    hear: (message) => model.emit("msg:custom", message),
    /** @param {string} event */
    count: (event) => listeners.get(event)?.size ?? 0,
  };
  return model;
}

/** @typedef {ReturnType<typeof createMockModel>} MockModel */

/** @type {Traits} */
export const defaults = {
  _page: "anywidget:page",
  _runtime: "anywidget:runtime",
  axes: ["hessian:max", "hessian:min"],
  seed: 0,
  domain: null,
  resolution: 51,
  examples: 1797,
  batch_norm: "frozen",
  split: "train",
  compared_axes: null,
  compared_domain: null,
  compared_split: null,
  compared_checkpoint: null,
  equal_axes: false,
  checkpoint: null,
  status: "idle",
  error: "",
  progress: {},
  _info: { subject: "Sequential", n_parameters: 23946, n_examples: 1797, n_test_examples: 0, theta_norm: 11.83, dtype: "float64", device: "cpu", max_resolution: 201, axes: OFFER, batch_norm: false, divisible: true, refused: {}, checkpoints: [], solutions: 0 },
  _surface: null,
  _compared: null,
  _landmarks: null,
  _line_losses: null,
  _eigenpairs: null,
  _projections: null,
  face: "projections",
  lines: null,
  view: {},
  _spectrum: null,
  _trace: null,
  _along: {},
  _pins: { pins: [], writable: false, table: null, csv: "", applied: null, note: "", centre: { depth: 0, request: 0, moved: 0 }, checkpoint: 0, drift: null, python: "" },
};

const PICTURES = ["_surface", "_compared", "_landmarks", "_line_losses", "_projections", "_spectrum", "_trace"];

/** @param {number} count @param {number} low @param {number} high */
const linspace = (count, low, high) => Float64Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

/** Losses with a saddle, a valley and a wall. @param {number} a @param {number} b @param {boolean} decades */
function lossAt(a, b, decades) {
  const saddle = 0.35 + 1.9 * a * a - 0.75 * b * b + 0.9 * b ** 4 + 0.35 * a * b + 0.12 * Math.sin(5 * b) * a;
  return decades ? 1e-4 + Math.exp(9 * saddle) / 50 : saddle;
}

/**
 * A surface of which every `step`-th node was evaluated, the rest interpolated.
 * @param {{request: number, axes: string[], seed: number, domain: number[] | null, resolution: number, examples: number, batch_norm?: string, split?: string, equal_axes?: boolean, checkpoint?: number | null}} request
 * @param {number} step
 * @param {{decades?: boolean, holes?: boolean, scale?: number, stretch?: number}} [kind]
 * @returns {any}  as the kernel sends it
 */
export function mockSurface({ request, axes, seed, domain, resolution: n, examples, batch_norm = "frozen", split = "train", equal_axes = false, checkpoint = null }, step, { decades = false, holes = false, scale = 1, stretch = 1 } = {}) {
  const [a0, a1, b0, b1] = domain ?? [-1 / stretch, 1 / stretch, -1, 1];
  const [alpha, beta] = [linspace(n, a0, a1), linspace(n, b0, b1)];
  const turn = seed * 0.4 + (checkpoint ?? 0) * 0.05;
  const at = (/** @type {number} */ i, /** @type {number} */ j) => {
    const [a, b] = [stretch * alpha[j] * Math.cos(turn) - beta[i] * Math.sin(turn), stretch * alpha[j] * Math.sin(turn) + beta[i] * Math.cos(turn)];
    if (holes && a > 0.6 && b > 0.5) return NaN;
    const test = lossAt(0.9 * a + 0.2, 0.9 * b - 0.1, decades) + 0.05;
    const train = lossAt(a, b, decades);
    return scale * (split === "train" ? train : split === "test" ? test : test - train);
  };
  const loss = new Float32Array(n * n);
  const done = new Uint8Array(n * n);
  let minimum = { alpha: 0, beta: 0, loss: Infinity };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const [i0, j0] = [i - (i % step), j - (j % step)];
      const [i1, j1] = [Math.min(n - 1, i0 + step), Math.min(n - 1, j0 + step)];
      const [u, v] = [(i - i0) / step, (j - j0) / step];
      const top = (1 - v) * at(i0, j0) + v * at(i0, j1);
      loss[i * n + j] = (1 - u) * top + u * ((1 - v) * at(i1, j0) + v * at(i1, j1));
      done[i * n + j] = Number(u === 0 && v === 0);
      if (done[i * n + j] && loss[i * n + j] < minimum.loss) minimum = { alpha: alpha[j], beta: beta[i], loss: loss[i * n + j] };
    }
  }
  const lowestOn = (/** @type {string} */ name) => mockSurface({ request, axes, seed, domain, resolution: n, examples, batch_norm, split: name }, step, { decades, holes, scale, stretch }).minimum;
  const minima = split === "difference" ? { train: lowestOn("train"), test: lowestOn("test") } : { [split]: minimum };
  return {
    request, axes, plane: `${axes} ${seed}`, ...planeOf(axes, seed), seed, alpha: wire(alpha), beta: wire(beta), loss: wire(loss), done: wire(done), final: step === 1,
    n_done: done.reduce((sum, value) => sum + value, 0), n_examples: examples, batch_norm, split, equal_axes, checkpoint, coverage: "", norms: [1, 1], cosine: 0, theta_norm: 11.83,
    quadratic: turn || decades || split !== "train" ? null : { loss: 0.35 * scale, gradient: [0, 0], hessian: [3.8 * stretch ** 2, 0.95 * stretch, -1.5].map((value) => scale * value) },
    centre_loss: at((n - 1) / 2, (n - 1) / 2), minimum: split === "difference" ? null : minimum, minima,
    note: "", python: "",
    title: `${{ train: "Loss", test: "Test loss" }[split] ?? "Test − training loss"} of Sequential: ${planeOf(axes, seed).name}`,
    details: { Model: "Sequential, 23,946 parameters", Loss: "cross_entropy", Examples: `${examples} training examples`, Axes: axes.join(" × "), "Half-widths": `α ±${a1}, β ±${b1}`, Resolution: `${n} × ${n}`, Software: "landscape-widget 0.1.0" },
  };
}

/**
 * Lets a mock model answer what the page sends, as the kernel would.
 * @param {MockModel} model
 * @param {{pace?: number, once?: boolean, decades?: boolean, holes?: boolean, scale?: number, stretch?: number, paths?: boolean}} [options]  milliseconds between two results, whether only the last one is sent, and what surface
 */
export function attachKernel(model, { pace = 250, once = false, ...kind } = {}) {
  let request = 0;
  /** @type {ReturnType<typeof setTimeout>[]} */
  let timers = [];
  let shown = false;
  let sent = 0;

  /** Pictures with numbers of their own. @param {Traits} traits @returns {Traits} */
  const numbered = (traits) =>
    Object.fromEntries(Object.entries(traits).map(([name, value]) => [name, value && PICTURES.includes(name) ? { ...value, sent: ++sent } : value]));

  function start() {
    timers.forEach(clearTimeout);
    const [current, began] = [++request, performance.now()];
    const controls = Object.fromEntries(["axes", "seed", "domain", "resolution", "examples", "batch_norm", "split", "compared_axes", "compared_domain", "compared_split", "compared_checkpoint", "equal_axes", "checkpoint"].map((name) => [name, model.get(name)]));
    const asked = /** @type {any} */ ({ ...controls, request: current });
    const hessian = controls.axes[0].startsWith("hessian");
    const { scale = 1 } = kind;
    const plane = hessian ? { kappa_minus: -1.497 * scale, kappa_plus: 3.821 * scale } : { kappa_minus: 0.21 * scale, kappa_plus: 1.3 * scale };
    const progress = (/** @type {string} */ stage, /** @type {number} */ fraction) => ({
      status: "computing",
      progress: { request: current, stage, fraction, eta: ((1 - fraction) * pace * 6) / 1000, elapsed: (performance.now() - began) / 1000, plan: "", parts: { surface: ((1 - fraction) * pace * 6) / 1000, curvature: null } },
    });
    const projections = (/** @type {number} */ samples) => ({ _projections: mockProjections(current, samples, plane, scale) });
    /** What only its own face asks for. @type {Record<string, (share: number) => Traits>} */
    const faces = {
      spectrum: (share) => ({ _spectrum: mockSpectrum(current, Math.round(10 * share), 10, scale) }),
      trace: (share) => ({ _trace: mockTrace(current, Math.round(200 * share), 200, scale) }),
    };
    const face = (/** @type {number} */ share) => faces[model.get("face")]?.(share) ?? {};
    const second = (/** @type {number} */ step) => {
      const { compared_axes, compared_domain, compared_split } = controls;
      const plane = compared_axes ? { seed: asked.seed + 1, axes: compared_axes, domain: compared_domain } : {};
      const hidden = "Hides the saddle, looks like a minimum: κ₋ 0.21, κ₊ 1.3.";
      const sights = [["Shows the saddle: κ₋ −1.497, κ₊ 3.821.", "The saddle lies in this plane but cannot be seen at this domain: κ₋ −1.497, κ₊ 3.821."], [hidden, hidden]];
      const surface = () => mockSurface({ ...asked, ...plane, split: compared_split ?? asked.split }, step, kind);
      const name = planeOf(compared_axes ?? asked.axes, asked.seed);
      return { _compared: compared_axes || compared_split ? { ...surface(), ...name, seed: asked.seed, sights } : null };
    };
    const steps = [
      () => progress("directions of extreme curvature", 0.1),
      () => ({ ...progress("evaluating the plane", 0.3), _eigenpairs: mockEigenpairs(current, scale), _surface: mockSurface(asked, 10, kind) }),
      () => ({ ...progress("projecting on random planes", 0.5), ...projections(300), ...face(0.2) }),
      () => ({ ...progress("evaluating the plane", 0.7), _surface: mockSurface(asked, 5, kind), ...face(0.5) }),
      () => ({ ...progress("evaluating the plane", 1), _surface: mockSurface(asked, 1, kind), ...projections(2000), ...face(1) }),
      ...(model.get("lines") ? [() => ({ _line_losses: mockLines(current, model.get("lines"), controls.examples) })] : []),
      ...(kind.paths ? [0.5, 1].map((share) => () => ({ _landmarks: mockLandmarks(mockSurface(asked, 10, kind), share) })) : []),
      () => second(5),
      () => second(1),
      () => ({ status: "done", error: "" }),
    ];
    model.receive({ status: "computing", error: "", progress: {} });
    const told = once ? [() => Object.assign({}, ...steps.map((step) => step()))] : steps;
    timers = told.map((step, i) => setTimeout(() => model.receive(numbered(step())), pace * (i + 1)));
  }

  model.kernel = ({ saved, message }) => {
    if (message?.type === "shown" || message?.type === "alive") model.hear({ type: "alive" });
    if (saved || message?.type === "compute" || (message?.type === "shown" && !shown)) {
      if (message) shown = true;
      start();
    } else if (message?.type === "cancel") {
      timers.forEach(clearTimeout);
      model.receive({ status: "cancelled" });
    }
  };
}
