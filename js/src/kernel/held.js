// The pictures that the page holds, each with the controls it answers: they can be shown where no kernel is left to ask.
import { secondControls } from "./asked.js";
import { isOfDomain } from "../model/domains.js";
import { domainDistance, halfWidth, into, isWithin, sameDomain } from "../model/values.js";

/** @typedef {import("./state.js").Controls} Controls */
/** @typedef {import("./decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {Omit<import("./state.js").Results, "compared">} Found */
/** @typedef {[string, string]} Sights  what a plane shows of θ*, where the picture has the colours for it and where not */
/** @typedef {{controls: Answered, found: Found & {surface: SurfaceResult}, sights: Sights | null}} HeldPicture  `sights`: null where nobody has told */
/** @typedef {Pick<Controls, typeof TELLING[number]>} Answered */
/** @typedef {import("../model/values.js").Domain} Domain */

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
  if (name === "domain") return asked.domain ? isOfDomain(surface, asked.domain) : controls.domain === null;
  return controls[name] === asked[name];
}

/** The same where a part of a picture is looked at: then the picture that it is part of matters least. */
const WITHIN = /** @type {const} */ ([...LOSSES, "equal_axes", "resolution", "domain"]);

/** No picture beside the first. */
const ALONE = { compared_axes: null, compared_domain: null, compared_split: null, compared_checkpoint: null };

/**
 * How far a picture is from what is asked for in one respect; 0 where it agrees.
 * @param {HeldPicture} picture
 * @param {Answered} asked
 * @param {typeof TELLING[number]} name
 */
function distance(picture, asked, name) {
  if (agrees(picture, asked, name)) return 0;
  if (name === "domain" && asked.domain) return domainDistance(asked.domain, picture.found.surface.domain);
  if (name === "resolution" || name === "examples") return Math.abs(Math.log(picture.controls[name] / asked[name]));
  // The last checkpoint has no number.
  if (name === "checkpoint") return Math.abs((picture.controls.checkpoint ?? 1e9) - (asked.checkpoint ?? 1e9));
  return 1;
}

/** @param {HeldPicture[]} [given]  those of a page that was saved with them */
export function createHeld(given = []) {
  /** The newest last. */
  let pictures = given;

  /** @param {Answered} asked @param {readonly (typeof TELLING[number])[]} must */
  const agreeing = (asked, must) => pictures.filter((picture) => must.every((name) => agrees(picture, asked, name)));

  /** The domain that is asked for where it is none of a picture of these losses, but a part to look at. @param {Answered} asked */
  const partOf = (asked) => (agreeing(asked, [...LOSSES, "domain"]).length ? null : asked.domain);

  /**
   * The picture that is nearest to what is asked for, of those that agree in `must`.
   * @param {Answered} asked
   * @param {readonly (typeof TELLING[number])[]} must
   * @param {Domain | null} [part]  to be looked at, if it can be, in a picture that reaches as far
   */
  function nearest(asked, must, part = partOf(asked)) {
    let best = agreeing(asked, must);
    for (const [i, name] of (part ? WITHIN : TELLING).entries()) {
      const around = i === LOSSES.length && part ? best.filter(({ found }) => isWithin(part, found.surface.domain)) : [];
      if (around.length) best = around;
      const far = best.map((picture) => distance(picture, asked, name));
      best = best.filter((_, k) => far[k] === Math.min(...far));
    }
    return best.at(-1) ?? null;
  }

  /**
   * The domain for the controls: that of the picture, or the part of it to look at.
   * @param {HeldPicture} picture
   * @param {Domain | null} part
   * @param {boolean} told  whether it is asked for now; else it stays only where all of it is
   */
  function domainIn({ controls, found: { surface } }, part, told) {
    const shown = part && (told || isWithin(part, surface.domain)) ? into(part, surface.domain) : surface.domain;
    return sameDomain(shown, surface.domain) ? controls.domain : shown;
  }

  /**
   * The picture beside the first one, if it can be.
   * @param {HeldPicture | null} first
   * @param {Controls | null} asked
   * @param {Domain | null} [part]
   */
  function beside(first, asked, part) {
    if (!first || !asked) return null;
    const samePlane = asked.compared_axes === null && asked.compared_checkpoint === null;
    const second = samePlane ? nearest({ ...asked, domain: first.found.surface.domain }, [...LOSSES, "domain"]) : nearest(asked, LOSSES, part);
    return second && (samePlane || (first.sights && second.sights)) ? second : null;
  }

  /** The picture to show for these controls. @param {Answered} asked */
  const on = (asked) => nearest(asked, ["axes"]);

  return {
    /** The pictures to show for these controls, the first and the one beside it. @param {Controls} controls */
    pair(controls) {
      const first = on(controls);
      return [first, beside(first, secondControls(controls))];
    },
    /**
     * What the controls become by a change of some of them; null where no picture answers it.
     * @param {Answered} controls
     * @param {Partial<Answered>} change
     * @returns {Answered | null}
     */
    after(controls, change) {
      const names = TELLING.filter((name) => name in change && name !== "domain");
      const asked = { ...controls, ...change };
      // Another plane may be held of other losses only; any other change keeps to the losses on show.
      const must = /** @type {typeof names} */ ("axes" in change ? ["axes"] : [...LOSSES, ...names]);
      // What was a picture of its own is no part of the next one.
      const part = partOf("domain" in change ? asked : controls);
      let found = nearest(asked, must, part);
      const here = controls.domain ?? on(controls)?.found.surface.domain;
      // Where none has the kernel's own domain, that on show is the next best.
      if (found && here && asked.domain === null && found.controls.domain) found = nearest({ ...asked, domain: here }, must, partOf(controls));
      if (!found) return null;
      const domain = domainIn(found, asked.domain && part, "domain" in change);
      // Another seed of a plane that has none is no other picture, nor is the kernel's own domain where it is not held.
      if ((change.seed ?? found.controls.seed) !== found.controls.seed) return null;
      if (change.domain === null && !names.length && domain && controls.domain && sameDomain(domain, controls.domain)) return null;
      return { ...found.controls, domain };
    },
    /**
     * What the controls of a second picture become; null where it cannot be beside the first.
     * @param {Controls} controls  both as they are asked for
     * @param {Controls} before
     * @param {boolean} told  whether its domain is asked for, too
     * @returns {Partial<Controls> | null}
     */
    second(controls, before, told) {
      const [asked, former] = [controls, before].map(secondControls);
      if (!asked) return {};
      const part = partOf(told || !former ? asked : former);
      const found = beside(on(controls), asked, part);
      if (!found) return null;
      return asked.compared_axes || asked.compared_checkpoint !== null ? { compared_domain: domainIn(found, asked.domain && part, told) } : {};
    },
    /**
     * @param {Controls} controls
     * @param {Found} found
     * @param {number} former  the last request about another centre
     */
    keep(controls, found, former) {
      pictures = pictures.filter(({ found: { surface } }) => surface.request > former);
      const { surface } = found;
      if (!surface?.final || surface.request <= former) return;
      const own = controlsOf(surface, controls.domain === null || !isOfDomain(surface, controls.domain));
      const before = pictures.find((picture) => TELLING.every((name) => agrees(picture, own, name)));
      // What was not found for this picture yet is that of the same one before.
      const parts = Object.entries(found).map(([name, result]) => {
        const former = before?.found[/** @type {keyof Found} */ (name)] ?? null;
        return [name, result?.request === surface.request ? result : former];
      });
      const next = { controls: own, found: { ...Object.fromEntries(parts), surface }, sights: null };
      pictures = [...pictures.filter((picture) => picture !== before), next].slice(-MOST);
    },
    /** The axes of all pictures, each pair once. @returns {[string, string][]} */
    planes: () => [...new Map(pictures.map(({ controls: { axes } }) => [String(axes), axes])).values()],
    /** Values of a control for which the losses on show are held. @param {Answered} controls @param {"seed" | "examples" | "resolution"} name */
    choices(controls, name) {
      const must = LOSSES.filter((each) => each !== name);
      return [...new Set(agreeing(controls, must).map((picture) => picture.controls[name]))].sort((a, b) => a - b);
    },
    /** The domains of which the losses on show are held, the narrowest first; of equally wide ones that which is nearest to the one on show. @param {Answered} controls */
    domains(controls) {
      const domains = agreeing(controls, [...LOSSES, "equal_axes"]).map(({ found }) => found.surface.domain);
      const { domain } = controls;
      const near = domain ? domains.sort((a, b) => domainDistance(domain, a) - domainDistance(domain, b)) : domains;
      const same = (/** @type {Domain} */ a, /** @type {Domain} */ b) => Math.abs(Math.log(halfWidth(a) / halfWidth(b))) < 1e-6;
      return near.filter((each, i) => near.findIndex((other) => same(each, other)) === i).sort((a, b) => halfWidth(a) - halfWidth(b));
    },
  };
}

/**
 * What controls become without a kernel where these are asked for; null where nothing answers that.
 * @param {ReturnType<typeof createHeld>} held  the pictures that the page holds
 * @param {Controls} controls
 * @param {Partial<Controls & {face: import("./state.js").Face, lines: import("./state.js").Lines | null}>} values
 * @param {(second: Controls) => boolean} [stays]  whether the second picture on show answers these controls
 * @returns {Partial<Controls> | null}
 */
export function without(held, controls, { face, lines, ...values }, stays = () => false) {
  if (lines !== undefined) return null; // those that a page holds belong to its pictures
  const change = Object.fromEntries(Object.entries(values).filter(([name]) => !(name in ALONE)));
  const compared = Object.fromEntries(Object.entries(values).filter(([name]) => name in ALONE));
  const first = Object.keys(change).length ? held.after(controls, change) : {};
  if (!first) return null;
  const next = /** @type {Partial<Controls>} */ ({ ...(face && { face }), ...first, ...compared });
  const asked = { ...controls, ...next };
  const second = held.second(asked, controls, "compared_domain" in compared);
  if (second) return { ...next, ...second };
  if (stays(/** @type {Controls} */ (secondControls(asked)))) return next;
  // One that is asked for now cannot be had; one from before gives way.
  return Object.values(compared).some((value) => value !== null) ? null : { ...next, ...ALONE };
}
