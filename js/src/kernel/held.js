// The pictures that the page holds, each with the controls it answers: they can be shown where no kernel is left to ask.
import { secondControls } from "./asked.js";
import { isWithin, sameDomain } from "../model/values.js";

/** @typedef {import("./state.js").Controls} Controls */
/** @typedef {import("./decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {Omit<import("./state.js").Results, "compared">} Found */
/** @typedef {[string, string]} Sights  what a plane shows of θ*, where the picture has the colours for it and where not */
/** @typedef {{controls: Answered, found: Found & {surface: SurfaceResult}, sights: Sights | null}} HeldPicture  `sights`: null where nobody has told */
/** @typedef {Pick<Controls, typeof TELLING[number]>} Answered */

/** Pictures to remember of a kernel. */
const MOST = 12;

/** Controls that tell pictures apart, those first that matter most. */
const TELLING = /** @type {const} */ (["axes", "checkpoint", "split", "batch_norm", "examples", "seed", "domain", "equal_axes", "resolution"]);

/** What decides the losses in a picture, wherever it looks at them. */
const LOSSES = /** @type {const} */ (["axes", "checkpoint", "split", "batch_norm", "examples", "seed"]);

/**
 * The controls whose answer a surface is.
 * @param {SurfaceResult} surface
 * @param {boolean} [automatic]  whether the kernel chose its domain
 * @returns {Answered}
 */
export const controlsOf = ({ axes, seed, nExamples, batchNorm, split, alpha, equalAxes, checkpoint, domain }, automatic = true) => ({
  axes: [...axes],
  seed,
  examples: nExamples,
  batch_norm: batchNorm,
  split,
  resolution: alpha.length,
  equal_axes: equalAxes,
  checkpoint,
  domain: automatic ? null : domain,
});

/**
 * @param {HeldPicture} picture
 * @param {Answered} asked
 * @param {typeof TELLING[number]} name
 */
function agrees({ controls, found: { surface } }, asked, name) {
  if (name === "axes") return String(controls.axes) === String(asked.axes);
  if (name === "seed") return !surface.seeded || surface.seed === asked.seed;
  if (name === "domain") return asked.domain ? sameDomain(surface.domain, asked.domain) : controls.domain === null;
  return controls[name] === asked[name];
}

/** @param {HeldPicture[]} [given]  those of a page that was saved with them */
export function createHeld(given = []) {
  /** The newest last. */
  let pictures = given;

  /**
   * The picture that is nearest to what is asked for, of those that agree in `must`.
   * @param {Answered} asked
   * @param {readonly (typeof TELLING[number])[]} must
   */
  function nearest(asked, must) {
    let best = pictures.filter((picture) => must.every((name) => agrees(picture, asked, name)));
    for (const name of TELLING) {
      const closer = best.filter((picture) => agrees(picture, asked, name));
      if (closer.length) best = closer;
    }
    return best.at(-1) ?? null;
  }

  /** Whether a picture of these losses reaches as far as is asked for. @param {Answered} asked */
  function covers(asked) {
    const own = pictures.filter((picture) => LOSSES.every((name) => agrees(picture, asked, name)));
    return !asked.domain || own.some(({ found }) => isWithin(/** @type {import("../model/values.js").Domain} */ (asked.domain), found.surface.domain));
  }

  return {
    covers,
    /**
     * @param {Controls} controls
     * @param {Found} found
     * @param {number} former  the last request about another centre
     */
    keep(controls, found, former) {
      pictures = pictures.filter(({ found: { surface } }) => surface.request > former);
      const { surface } = found;
      if (!surface?.final || surface.request <= former) return;
      const own = controlsOf(surface, controls.domain === null || !sameDomain(controls.domain, surface.domain));
      const before = pictures.find((picture) => TELLING.every((name) => agrees(picture, own, name)));
      // What was not found for this picture yet is that of the same one before.
      const parts = Object.entries(found).map(([name, result]) => {
        const former = before?.found[/** @type {keyof Found} */ (name)] ?? null;
        return [name, result?.request === surface.request ? result : former];
      });
      const next = { controls: own, found: { ...Object.fromEntries(parts), surface }, sights: null };
      pictures = [...pictures.filter((picture) => picture !== before), next].slice(-MOST);
    },
    /** The picture to show for these controls. @param {Answered} asked */
    on: (asked) => nearest(asked, ["axes"]),
    /** The one of these very losses. @param {Answered} asked */
    of: (asked) => nearest(asked, LOSSES),
    /**
     * What the controls become by a change of some of them; null where no picture answers it.
     * @param {Answered} controls
     * @param {Partial<Answered>} change
     * @returns {Partial<Answered> | null}
     */
    after(controls, change) {
      const names = TELLING.filter((name) => name in change);
      // Another plane may be held of other losses only; any other change keeps to the losses on show.
      const must = "axes" in change ? ["axes"] : [...LOSSES, ...names];
      const found = nearest({ ...controls, ...change }, /** @type {typeof names} */ (must));
      // Another seed of a plane that has none is no other picture.
      if (found && (change.seed ?? found.controls.seed) !== found.controls.seed) return null;
      if (found) return found.controls;
      // Any part of a picture can be looked at.
      return names.every((name) => name === "domain") && covers({ ...controls, ...change }) ? change : null;
    },
    /** Values of a control for which the losses on show are held. @param {Answered} controls @param {"seed" | "examples" | "resolution"} name */
    choices(controls, name) {
      const must = LOSSES.filter((each) => each !== name);
      const values = pictures.filter((picture) => must.every((each) => agrees(picture, controls, each))).map((picture) => picture.controls[name]);
      return [...new Set(values)].sort((a, b) => a - b);
    },
  };
}

/**
 * What controls become without a kernel where these are asked for; null where nothing answers that.
 * @param {ReturnType<typeof createHeld>} held  the pictures that the page holds
 * @param {Controls} controls
 * @param {Partial<Controls & {face: import("./state.js").Face, lines: import("./state.js").Lines | null}>} values
 * @returns {Partial<Controls> | null}
 */
export function without(held, controls, { lines, face, compared_axes, compared_domain, compared_split, compared_checkpoint, ...change }) {
  if (lines !== undefined) return null; // those that a page holds belong to its pictures
  const asked = { face, compared_axes, compared_domain, compared_split, compared_checkpoint };
  const rest = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  const first = Object.keys(change).length ? held.after(controls, change) : {};
  if (!first) return null;
  const next = { ...first, ...rest };
  const second = secondControls({ ...controls, ...next });
  if (second && compared_domain && !held.covers(second)) return null;
  if (!second || !(compared_axes || compared_split || (compared_checkpoint ?? null) !== null)) return next;
  const beside = held.of(second);
  const samePlane = !second.compared_axes && second.compared_checkpoint === null;
  return beside && (beside.sights || samePlane) ? next : null;
}
