// The explorer's traits as one typed snapshot. No other file knows a trait's name.
import { answers, createOutdated, sameLosses, secondControls } from "./asked.js";
import { decodeEigenpairs, decodeProjections, decodeSpectrum, decodeTrace } from "./curvature-decoders.js";
import { decodeCompared, decodeSurface } from "./decoders.js";
import { decodeLandmarks } from "./landmarks.js";
import { decodeLines } from "./lines.js";
import { decodePoints } from "./points.js";
import { controlsOf, createHeld, without } from "./held.js";
import { createTogether, decodePictures, NO_KERNEL } from "./saved-pictures.js";
import { createResult } from "./newest.js";
import { createPulse } from "./pulse.js";

/** @typedef {import("../model/values.js").Domain} Domain */

/** @typedef {typeof import("./agreed.js").FACES[number]} Face  of the curvature panel */

/** @typedef {typeof import("./agreed.js").LINES[number]} Lines  what losses along lines follow */

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
 * @property {number | string | null} compared_checkpoint  that the second picture is around, or the name of a solution
 * @property {boolean} equal_axes  whether the kernel's domain reaches equally far along two eigenvectors
 * @property {number | null} checkpoint  that θ* is, null for the last one, the model's weights
 */

/**
 * @typedef {object} Progress
 * @property {number} request
 * @property {string} stage
 * @property {number} fraction
 * @property {number | null} eta
 * @property {number} elapsed
 * @property {Record<string, number | null>} parts  seconds left of each part, null while unknown
 * @property {string} plan  what all of a long computation takes, in words
 */

/**
 * @typedef {object} Info
 * @property {string} subject  name of the model or function; "" where it has none
 * @property {number} n_parameters
 * @property {number} n_examples
 * @property {number} theta_norm
 * @property {number} max_resolution
 * @property {import("./axes.js").Offer} axes
 * @property {number} n_test_examples  0 without test data
 * @property {boolean} divisible  whether part of the examples can be had
 * @property {boolean} batch_norm  whether the model has batch-norm layers with running statistics
 * @property {Record<string, string>} refused  why there are no axes of a kind, by kinds
 * @property {{label: string}[]} checkpoints  that can be gone to
 * @property {number} solutions  how many there are
 */

/**
 * @typedef {Controls & Results & {
 *   face: Face,
 *   lines: Lines | null,
 *   view: import("../ui/link.js").View,
 *   status: "idle" | "computing" | "done" | "cancelled" | "failed",
 *   cancelling: boolean,
 *   error: string,
 *   progress: Progress | null,
 *   info: Info,
 *   along: any,
 *   comparedProvisional: boolean,
 *   points: import("./points.js").Points,
 *   provisional: boolean,
 *   former: (result: {request: number} | null) => boolean,
 *   sent: number,
 *   kernel: import("./pulse.js").Kernel,
 *   saved: boolean,
 *   offers: (change: Partial<Controls & {lines: Lines | null}>) => boolean,
 *   planes: readonly [string, string][],
 *   domains: (control: "domain" | "compared_domain") => readonly Domain[] | null,
 *   choices: (name: "seed" | "examples" | "resolution", usual: readonly number[]) => readonly number[],
 * }} Snapshot
 *   `saved`: the page was written with the pictures that it holds, and never had a kernel.
 *   `along`: curves over the checkpoints, as they were sent; nothing in it where there are none.
 *   `offers`: whether a change of controls can be had, from the kernel or of the pictures that the page holds;
 *   `choices`: which of the usual values of a control; `domains`: which of a plane, null for any.
 *   `planes`: the axes of those that the page holds, none where there is a kernel to ask.
 *   `cancelling`: a person has cancelled, and the kernel has not answered yet; `sent`: number of the newest picture.
 *   `former`: whether a result is of a θ* that was left, or of other examples than are asked for.
 *   `provisional`: the controls ask for something else than the surface shows; `comparedProvisional` for the second.
 */

/** @typedef {Pick<import("@anywidget/types").AnyModel, "get" | "set" | "on" | "off" | "save_changes" | "send"> & {widget_manager?: any, pictures?: any[]}} Model  `pictures`: those of a page that was saved with them */

const CONTROLS = /** @type {const} */ (["axes", "seed", "domain", "resolution", "examples", "batch_norm", "split", "compared_axes", "compared_domain", "compared_split", "compared_checkpoint", "equal_axes", "checkpoint"]);
/** What decodes each result, by its name in a snapshot; with "_" before it, it is the name of its trait. */
export const DECODERS = {
  surface: decodeSurface,
  compared: decodeCompared,
  landmarks: decodeLandmarks,
  line_losses: decodeLines,
  eigenpairs: decodeEigenpairs,
  projections: decodeProjections,
  spectrum: decodeSpectrum,
  trace: decodeTrace,
};
/** The number that pictures are sent with, which take long to draw; 0 of all else. @param {any} raw @returns {number} */
const numberOf = (raw) => (raw && "sent" in raw ? raw.sent : 0);

/** @typedef {{[name in keyof typeof DECODERS]: ReturnType<typeof DECODERS[name]> | null}} Results */

const RUNTIME = "_runtime";
/** The view of a kernel that has none. @type {import("../ui/link.js").View} */
const AS_USUAL = {};
/** Controls that decide what all results are of. */
const OF_ALL = ["checkpoint", "examples"];
/** Milliseconds without another change after which those that need not be sent at once are. */
const PAUSE = 200;

/** Controls that no picture of a plane depends on. */
const ASIDE = ["face", "lines"];

/** The other traits: they say nothing of what plane is asked for. */
const OTHERS = ["face", "lines", "view", "status", "error", "progress", "_info", "_pins", "_along", "_group", ...Object.keys(DECODERS).map((name) => `_${name}`)];

/** @param {Model} model */
export function createState(model) {
  /** @type {Set<(snapshot: Snapshot) => void>} */
  const listeners = new Set();
  const results = Object.entries(DECODERS).map(([name, decode]) => /** @type {const} */ ([name, createResult(/** @type {(raw: any) => any} */ (decode))]));
  const [outdated, comparedOutdated] = [createOutdated(), createOutdated()];
  /** @type {{raw: unknown, points: import("./points.js").Points} | null} */
  let decoded = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;
  let scheduled = false;
  let destroyed = false;
  const { pictures } = model;
  const held = createHeld(pictures && decodePictures(pictures));
  const together = createTogether();
  const pulse = pictures ? NO_KERNEL : createPulse(model, () => deliver({ type: "alive" }), (kernel) => {
    if (kernel === "gone") settle();
    else if (kernel === "there") save();
    changed();
  });
  /** The request that a person has cancelled, until the kernel answers or another one follows. @type {number | null} */
  let cancelled = null;
  /** Results up to this request are of what was on show before one of `OF_ALL` changed. */
  let left = 0;

  /** @returns {Controls} */
  const controls = () => /** @type {any} */ (Object.fromEntries(CONTROLS.map((name) => [name, model.get(name)])));

  const newestRequest = () => model.get("progress").request ?? 0;

  /** @returns {Snapshot} */
  function read() {
    const values = controls();
    const status = model.get("status");
    if (status !== "computing" || newestRequest() !== cancelled) cancelled = null;
    const sent = results.map(([name, result]) => ({ name, result, raw: model.get(`_${name}`) }));
    // No picture that is still on its way is drawn: Cancel must show at once.
    const known = /** @type {Results} */ (
      Object.fromEntries(sent.map(({ name, result, raw }) => [name, cancelled !== null && numberOf(raw) ? snapshot[/** @type {keyof Results} */ (name)] : result(raw)]))
    );
    const raw = model.get("_pins");
    if (decoded?.raw !== raw || !decoded) decoded = { raw, points: decodePoints(raw) };
    let { points } = decoded;
    const { kernel } = pulse;
    if (kernel === "gone") {
      const { surface } = known;
      const [first, second] = held.pair(values);
      const shown = together(first, second, points);
      Object.assign(known, shown.results);
      if (known.surface !== surface) ({ points } = shown); // else the kernel knew better where pins lie
    } else held.keep(values, known, points.centre.request);
    const { surface: shown, compared: second } = known;
    if (shown && answers(shown, values) && shown.request <= left) left = 0; // what was on show before is asked for again
    const until = Math.max(points.centre.request, kernel === "gone" ? 0 : left);
    /** @param {{request: number} | null} result */
    const former = (result) => result !== null && result.request <= until;
    const asks = kernel !== "gone"; // else nothing else comes than what is there
    return {
      ...values,
      ...known,
      face: model.get("face"),
      lines: model.get("lines"),
      view: model.get("view") ?? AS_USUAL,
      status: kernel === "gone" && status === "computing" ? "cancelled" : status,
      cancelling: cancelled !== null,
      error: model.get("error"),
      progress: "stage" in model.get("progress") ? model.get("progress") : null,
      info: model.get("_info"),
      along: model.get("_along"),
      comparedProvisional: (asks && comparedOutdated.is(second, secondControls(values) ?? values)) || former(second),
      points,
      provisional: (asks && outdated.is(shown, values)) || former(shown),
      former,
      sent: Math.max(...sent.map(({ raw }) => numberOf(raw))),
      kernel,
      saved: !!pictures,
      offers: (change) => asks || without(held, values, change, stays) !== null,
      choices: (name, usual) => (asks ? usual : held.choices(values, name)),
      planes: asks ? [] : held.planes(),
      domains: (control) => (asks ? null : held.domains((control === "domain" ? null : secondControls(values)) ?? values)),
    };
  }

  /** @type {Snapshot} */
  let snapshot = read();
  if (pictures) {
    settle();
    snapshot = read();
  }

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

  /** @param {object} message */
  function deliver(message) {
    try {
      // marimo's promises that it arrives; 403: this page may look on, and others may act.
      Promise.resolve(model.send(message)).catch((reason) => reason?.status === 403 || pulse.lost());
    } catch {
      pulse.gone(); // hosts throw where the connection was closed
    }
  }

  /** @param {object} values */
  function write(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
  }

  /** What was asked for and will not come gives way to what is there. */
  function settle() {
    const [{ surface }, now] = [snapshot, controls()];
    const own = surface && !answers(surface, snapshot) ? surface : null;
    const asked = { ...now, ...(own && controlsOf(own, false)) };
    write(without(held, asked, { axes: asked.axes }, stays) ?? (own ? controlsOf(own) : {}));
  }

  /** Whether the second picture that the kernel sent is what is asked for. @param {Controls} asked */
  function stays(asked) {
    const { compared } = snapshot;
    return !pictures && compared !== null && sameLosses(compared, asked);
  }

  function told() {
    pulse.heard();
    changed();
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
    // What no kernel hears of is sent once there is one again.
    if (pulse.kernel !== "gone") model.save_changes();
  }

  /** @param {string} name */
  function controlChanged(name) {
    cancelled = null;
    const latest = Math.max(snapshot.surface?.request ?? 0, newestRequest());
    for (const each of [outdated, comparedOutdated]) each.mark(latest);
    if (OF_ALL.includes(name)) left = latest;
    changed();
  }

  const events = [
    ...CONTROLS.map((name) => /** @type {const} */ ([`change:${name}`, () => controlChanged(name)])),
    ...OTHERS.map((name) => /** @type {const} */ ([`change:${name}`, ASIDE.includes(name) ? changed : told])),
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
    /** Name of the group of explorers that share cameras and scale; "" for none. @returns {string} */
    get group() {
      return model.get("_group") ?? "";
    },
    /** @param {(snapshot: Snapshot) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
    },
    /**
     * Writes controls, all in one message to the kernel.
     * @param {Partial<Controls & {face: Face, lines: Lines | null}>} values
     * @param {boolean} [unhurried]  the page follows at once, the kernel hears of it when the changes pause
     * @returns {Controls}  what they are by now: without a kernel, as near to that as a picture is
     */
    set(values, unhurried = false) {
      write(pulse.kernel === "gone" ? (without(held, controls(), values, stays) ?? {}) : values);
      if (unhurried) {
        clearTimeout(pause);
        pause = setTimeout(save, PAUSE);
      } else save();
      return controls();
    },
    /**
     * @param {"shown" | "drawn" | "cancel" | "compute" | "along" | "pin" | "unpin" | "recentre" | "back" | "update" | "apply" | "restore" | "table"} type
     * @param {object} [content]  what the kernel needs to know with it
     */
    send(type, content = {}) {
      if (pulse.kernel === "gone") return;
      deliver({ type, ...content });
      if (type !== "cancel" || snapshot.status !== "computing") return;
      cancelled = newestRequest();
      changed();
    },
    destroy() {
      destroyed = true;
      if (pause !== undefined) save();
      pulse.destroy();
      listeners.clear();
      for (const [event, listener] of events) model.off(event, listener);
    },
  };
}

/** @typedef {ReturnType<typeof createState>} State */
