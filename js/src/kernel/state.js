// The explorer's traits as one typed snapshot. No other file knows a trait's name.
import { decodeEigenpairs, decodeProjections, decodeSpectrum, decodeTrace } from "./curvature-decoders.js";
import { decodeCompared, decodeSurface } from "./decoders.js";
import { decodePoints } from "./points.js";
import { createResult } from "./newest.js";
import { sameDomain } from "../model/values.js";

/** @typedef {import("../model/values.js").Domain} Domain */

/** @typedef {"projections" | "spectrum" | "trace"} Face  of the curvature panel */

/** @typedef {"frozen" | "recomputed" | "difference"} BatchNorm  statistics of batch-norm layers in the pictures */

/**
 * What a person may change.
 * @typedef {object} Controls
 * @property {[string, string]} axes
 * @property {number} seed
 * @property {Domain | null} domain  null: the kernel chooses
 * @property {number} resolution
 * @property {number} examples
 * @property {BatchNorm} batch_norm
 * @property {import("./splits.js").Split} split  that the losses are on
 * @property {[string, string] | null} compared_axes  of a second picture, null for those of the first
 * @property {Domain | null} compared_domain  where it has axes of its own
 * @property {import("./splits.js").Split | null} compared_split  of the second picture; there is none without it or axes
 */

/**
 * @typedef {object} Progress
 * @property {number} request
 * @property {string} stage
 * @property {number} fraction
 * @property {number | null} eta
 * @property {number} elapsed
 * @property {Record<string, number | null>} [parts]  seconds left of each part, null while unknown
 */

/**
 * @typedef {object} Info
 * @property {number} n_parameters
 * @property {number} n_examples
 * @property {number} theta_norm
 * @property {number} max_resolution
 * @property {number} k_max
 * @property {number} n_test_examples  0 without test data
 * @property {boolean} divisible  whether part of the examples can be had
 * @property {boolean} batch_norm  whether the model has batch-norm layers with running statistics
 * @property {boolean} differentiable
 */

/**
 * @typedef {Controls & {
 *   face: Face,
 *   status: "idle" | "computing" | "done" | "cancelled" | "failed",
 *   cancelling: boolean,
 *   error: string,
 *   progress: Progress | null,
 *   info: Info,
 *   surface: import("./decoders.js").SurfaceResult | null,
 *   compared: import("./decoders.js").ComparedResult | null,
 *   comparedProvisional: boolean,
 *   eigenpairs: import("./curvature-decoders.js").EigenResult | null,
 *   projections: import("./curvature-decoders.js").ProjectionResult | null,
 *   spectrum: import("./curvature-decoders.js").SpectrumResult | null,
 *   trace: import("./curvature-decoders.js").TraceResult | null,
 *   points: import("./points.js").Points,
 *   provisional: boolean,
 *   sent: number,
 * }} Snapshot
 *   `cancelling`: a person has cancelled, and the kernel has not answered yet; `sent`: number of the newest picture.
 *   `provisional`: the controls ask for something else than the surface shows; `comparedProvisional` for the second.
 */

/** @typedef {Pick<import("@anywidget/types").AnyModel, "get" | "set" | "on" | "off" | "save_changes" | "send">} Model */

const CONTROLS = /** @type {const} */ (["axes", "seed", "domain", "resolution", "examples", "batch_norm", "split", "compared_axes", "compared_domain", "compared_split"]);
/** Results that take long to draw, each sent with a number of its own. */
const PICTURES = /** @type {const} */ (["_surface", "_compared", "_projections", "_spectrum", "_trace"]);
const RUNTIME = "_runtime";
/** Milliseconds without another change after which those that need not be sent at once are. */
const PAUSE = 200;

/** @type {readonly Face[]} */
export const FACES = ["projections", "spectrum", "trace"];
/** The other traits: they say nothing of what plane is asked for. */
const OTHERS = ["face", "status", "error", "progress", "_info", "_surface", "_compared", "_eigenpairs", "_projections", "_spectrum", "_trace", "_pins"];

/** @type {Info} */
const UNKNOWN = { n_parameters: 0, n_examples: 1, n_test_examples: 0, theta_norm: 0, max_resolution: 501, k_max: 1, batch_norm: false, divisible: true, differentiable: true };

/** Tells whether a result is of what the controls said before they changed. */
function createOutdated() {
  /** Results up to this request are. @type {number | null} */
  let until = null;
  return {
    /** @param {number} request */
    mark(request) {
      until = request;
    },
    /** @param {import("./decoders.js").SurfaceResult | null} shown @param {Controls} controls */
    is(shown, controls) {
      if (until !== null && shown && (shown.request > until || answers(shown, controls))) until = null;
      return until !== null && shown !== null;
    },
  };
}

/**
 * Whether a surface has the losses in the plane that the controls ask for.
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Pick<Controls, "axes" | "seed" | "examples" | "batch_norm" | "split">} controls
 */
export function sameLosses(surface, { axes, seed, examples, batch_norm, split }) {
  if (surface.nExamples !== examples || surface.batchNorm !== batch_norm || surface.split !== split) return false;
  const fixed = axes.every((axis) => axis.startsWith("hessian"));
  return surface.axes.every((axis, i) => axis === axes[i]) && (fixed || surface.seed === seed);
}

/**
 * Whether a surface shows just what the controls ask for.
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Controls} controls
 */
function answers(surface, controls) {
  return (
    sameLosses(surface, controls) &&
    surface.seed === controls.seed &&
    surface.alpha.length === controls.resolution &&
    surface.beta.length === controls.resolution &&
    (controls.domain === null || sameDomain(surface.domain, controls.domain))
  );
}

/**
 * What the controls ask of the second picture, as if it were the only one; null where there is none.
 * @template {Controls} T
 * @param {T} controls
 * @returns {T | null}
 */
export function secondControls(controls) {
  const { axes, domain, split, compared_axes, compared_domain, compared_split } = controls;
  if (!compared_axes && !compared_split) return null;
  const second = { ...controls, split: compared_split ?? split };
  return compared_axes ? { ...second, axes: compared_axes, domain: compared_domain } : { ...second, axes, domain };
}

/** @param {Model} model */
export function createState(model) {
  /** @type {Set<(snapshot: Snapshot) => void>} */
  const listeners = new Set();
  const surface = createResult(decodeSurface);
  const eigenpairs = createResult(decodeEigenpairs);
  const projections = createResult(decodeProjections);
  const spectrum = createResult(decodeSpectrum);
  const trace = createResult(decodeTrace);
  const compared = createResult(decodeCompared);
  const [outdated, comparedOutdated] = [createOutdated(), createOutdated()];
  /** @type {{raw: unknown, points: import("./points.js").Points} | null} */
  let decoded = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;
  let scheduled = false;
  let destroyed = false;
  /** The request that a person has cancelled, until the kernel answers or another one follows. @type {number | null} */
  let cancelled = null;

  /** @returns {Controls} */
  const controls = () => /** @type {any} */ (Object.fromEntries(CONTROLS.map((name) => [name, model.get(name)])));

  const newestRequest = () => model.get("progress")?.request ?? 0;

  /** @returns {Snapshot} */
  function read() {
    const values = controls();
    const status = model.get("status");
    if (status !== "computing" || newestRequest() !== cancelled) cancelled = null;
    // Nothing of what is still on its way is drawn: Cancel must show at once.
    const before = cancelled === null ? null : snapshot;
    const shown = before ? before.surface : surface(model.get("_surface"));
    const second = before ? before.compared : compared(model.get("_compared"));
    const raw = model.get("_pins");
    if (decoded?.raw !== raw || !decoded) decoded = { raw, points: decodePoints(raw) };
    const { points } = decoded;
    /** A picture around a centre that was left. @param {{request: number} | null} result */
    const former = (result) => result !== null && result.request <= points.centre.request;
    return {
      ...values,
      face: FACES.find((face) => face === model.get("face")) ?? FACES[0],
      status,
      cancelling: cancelled !== null,
      error: model.get("error") ?? "",
      progress: model.get("progress")?.stage === undefined ? null : model.get("progress"),
      info: { ...UNKNOWN, ...model.get("_info") },
      surface: shown,
      compared: second,
      comparedProvisional: comparedOutdated.is(second, secondControls(values) ?? values) || former(second),
      eigenpairs: eigenpairs(model.get("_eigenpairs")),
      projections: before ? before.projections : projections(model.get("_projections")),
      spectrum: before ? before.spectrum : spectrum(model.get("_spectrum")),
      trace: before ? before.trace : trace(model.get("_trace")),
      points,
      provisional: outdated.is(shown, values) || former(shown),
      sent: Math.max(...PICTURES.map((name) => model.get(name)?.sent ?? 0)),
    };
  }

  /** @type {Snapshot} */
  let snapshot = read();

  function flush() {
    scheduled = false;
    if (destroyed) return;
    try {
      snapshot = read();
    } catch (error) {
      snapshot = { ...snapshot, error: `The page cannot read a result: ${/** @type {Error} */ (error).message}` };
    }
    for (const listener of [...listeners]) listener(snapshot);
  }

  // Traits that arrive in one message change one by one; listeners hear of them together.
  function changed() {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(flush);
  }

  function save() {
    clearTimeout(pause);
    pause = undefined;
    model.save_changes();
  }

  function controlChanged() {
    cancelled = null;
    const latest = Math.max(snapshot.surface?.request ?? 0, newestRequest());
    for (const each of [outdated, comparedOutdated]) each.mark(latest);
    changed();
  }

  const events = [
    ...CONTROLS.map((name) => /** @type {const} */ ([`change:${name}`, controlChanged])),
    ...OTHERS.map((name) => /** @type {const} */ ([`change:${name}`, changed])),
  ];
  for (const [event, listener] of events) model.on(event, listener);

  return {
    get snapshot() {
      return snapshot;
    },
    /** Reference of the widget that holds the plotting library. @returns {string} */
    get runtime() {
      return model.get(RUNTIME);
    },
    /** @param {(snapshot: Snapshot) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
    },
    /**
     * Writes controls, all in one message to the kernel.
     * @param {Partial<Controls & {face: Face}>} values
     * @param {boolean} [unhurried]  the page follows at once, the kernel hears of it when the changes pause
     */
    set(values, unhurried = false) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      if (unhurried) {
        clearTimeout(pause);
        pause = setTimeout(save, PAUSE);
      } else save();
    },
    /**
     * @param {"shown" | "drawn" | "cancel" | "compute" | "pin" | "unpin" | "recentre" | "back" | "apply" | "restore" | "table"} type
     * @param {object} [content]  what the kernel needs to know with it
     */
    send(type, content = {}) {
      model.send({ type, ...content });
      if (type !== "cancel" || snapshot.status !== "computing") return;
      cancelled = newestRequest();
      changed();
    },
    destroy() {
      destroyed = true;
      if (pause !== undefined) save();
      listeners.clear();
      for (const [event, listener] of events) model.off(event, listener);
    },
  };
}

/** @typedef {ReturnType<typeof createState>} State */
