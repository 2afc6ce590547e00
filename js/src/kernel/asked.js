// Whether a picture shows what the controls ask for.
import { isOfDomain } from "../model/domains.js";

/** @typedef {import("./state.js").Controls} Controls */

/** Tells whether a result is of what the controls said before they changed. */
export function createOutdated() {
  /** Results up to this request are. @type {number | null} */
  let until = null;
  return {
    /** @param {number} request */
    mark(request) {
      until = request;
    },
    /** @param {import("./decoders.js").SurfaceResult | null} shown @param {Controls} controls */
    is(shown, controls) {
      if (until !== null && shown && (answers(shown, controls) || (shown.request > until && mayAnswer(shown, controls)))) until = null;
      return until !== null && shown !== null;
    },
  };
}

/**
 * Whether a surface has the losses in the plane that the controls ask for.
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Pick<Controls, "axes" | "seed" | "examples" | "batch_norm" | "split" | "checkpoint">} controls
 */
export function sameLosses(surface, controls) {
  return surface.nExamples === controls.examples && sameButExamples(surface, controls);
}

/**
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Pick<Controls, "axes" | "seed" | "batch_norm" | "split" | "checkpoint">} controls
 */
function sameButExamples(surface, { axes, seed, batch_norm, split, checkpoint }) {
  if (surface.checkpoint !== checkpoint || surface.batchNorm !== batch_norm || surface.split !== split) return false;
  return surface.axes.every((axis, i) => axis === axes[i]) && (!surface.seeded || surface.seed === seed);
}

/**
 * Whether a surface shows just what the controls ask for.
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Controls} controls
 */
export function answers(surface, controls) {
  return surface.nExamples === controls.examples && mayAnswer(surface, controls);
}

/**
 * Whether a surface shows what the controls ask for, if on part of the examples: a first look at it.
 * @param {import("./decoders.js").SurfaceResult} surface
 * @param {Controls} controls
 */
function mayAnswer(surface, controls) {
  return (
    sameButExamples(surface, controls) &&
    surface.seed === controls.seed &&
    surface.alpha.length === controls.resolution &&
    surface.beta.length === controls.resolution &&
    (controls.domain === null ? surface.equalAxes === controls.equal_axes : isOfDomain(surface, controls.domain))
  );
}

/**
 * What the controls ask of the second picture, as if it were the only one; null where there is none.
 * @template {Controls} T
 * @param {T} controls
 * @returns {T | null}
 */
export function secondControls(controls) {
  const { axes, split, compared_axes, compared_domain, compared_split, compared_checkpoint } = controls;
  const elsewhere = compared_checkpoint !== null;
  if (!compared_axes && !compared_split && !elsewhere) return null;
  const second = { ...controls, split: compared_split ?? split };
  if (elsewhere) second.checkpoint = /** @type {number} */ (compared_checkpoint);
  return compared_axes || elsewhere ? { ...second, axes: compared_axes ?? axes, domain: compared_domain } : second;
}
