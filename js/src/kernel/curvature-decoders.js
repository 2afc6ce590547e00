// What the kernel says about curvature, as the page uses it.
import { decodeArray } from "./decoders.js";

/**
 * @typedef {object} EigenResult
 * @property {number} request
 * @property {string[]} axes
 * @property {string[]} symbols  short names: λ₁, λₙ₋₁
 * @property {string[]} words  as sentences name them: λmax, λmin (2)
 * @property {number[]} values
 * @property {number[]} residuals
 * @property {boolean[]} converged
 * @property {number} nHvp  Hessian-vector products spent
 * @property {number[] | null} slopes  ∇L·v for each eigenvector, null until they are certified
 * @property {import("../model/values.js").Domain[][] | null} domains  that the kernel begins from for the plane of two of them, null until then
 * @property {number | null} centreLoss
 * @property {number | null} nExamples
 * @property {number} gradientNorm
 * @property {string} verdict
 * @property {string} sentence
 * @property {[string, string] | null} sights  the sentence where a saddle in this plane is seen, and where it is not
 * @property {boolean} final
 */

/**
 * A number and its standard error; null where the number is not an estimate.
 * @typedef {{value: number, stderr: number | null}} Estimate
 */

/** @typedef {string} Probability  in the kernel's words: an interval in per cent */

/** @typedef {{mean: number, std: number}} Fit  a Gaussian */

/**
 * @typedef {object} ProjectionResult
 * @property {number} request
 * @property {Float32Array} kappaMinus
 * @property {Float32Array} kappaPlus
 * @property {number} samples
 * @property {number} total
 * @property {{kappaMinus: number, kappaPlus: number} | null} plane
 * @property {number | null} seeds  projection i is the random plane of seed `seeds + i`
 * @property {{kappaMinus: Fit | null, kappaPlus: Fit | null}} fits
 * @property {{kappaMinus: Estimate | null, kappaPlus: Estimate | null, trace: Estimate | null}} means
 * @property {{measured: Probability | null, closedForm: Probability | null, spectral: Probability | null} | null} blindness
 * @property {boolean} final
 */

/**
 * @typedef {object} SpectrumResult
 * @property {number} request
 * @property {Float64Array} x  eigenvalues, ascending (G,)
 * @property {Float64Array} density  integrates to 1 (G,)
 * @property {{min: number, max: number} | null} ends  certified
 * @property {string} words  mean eigenvalue and share below zero, with their intervals
 * @property {number} probes
 * @property {number} total
 * @property {number} nHvp
 * @property {boolean} final
 */

/**
 * Running estimates by one method.
 * @typedef {object} TraceMethod
 * @property {string} name
 * @property {string} label
 * @property {Float64Array} n  random vectors spent
 * @property {Float64Array} value
 * @property {Float64Array} error  half of the 95 % interval
 * @property {number | null} stderr  standard error of the newest value
 * @property {number} bias  how much too high the newest value is; 0 where that is little
 * @property {number | null} halfWidth  of the interval that parabolas were fitted on
 */

/**
 * What the running estimates should come to.
 * @typedef {object} TraceReference
 * @property {string} name  "exact" or "deflated"
 * @property {string} label
 * @property {number} value
 * @property {number} error  half of the 95 % interval; 0 where it is exact
 * @property {number} nHvp  Hessian-vector products spent
 */

/** @typedef {{request: number, reference: TraceReference | null, methods: TraceMethod[], final: boolean}} TraceResult */

/** @param {any} raw @returns {EigenResult} */
export function decodeEigenpairs(raw) {
  return {
    request: raw.request,
    axes: raw.axes,
    symbols: raw.symbols,
    words: raw.words,
    values: raw.values,
    residuals: raw.residuals,
    converged: raw.converged,
    nHvp: raw.n_hvp,
    slopes: raw.slopes,
    domains: raw.domains,
    centreLoss: raw.centre_loss,
    nExamples: raw.n_examples,
    gradientNorm: raw.gradient_norm,
    verdict: raw.verdict,
    sentence: raw.sentence,
    sights: raw.sights,
    final: raw.final,
  };
}

/** A Gaussian of one number has no width. @param {Fit} raw @returns {Fit | null} */
const fit = (raw) => (raw.std > 0 ? raw : null);

/** @param {any} raw @returns {ProjectionResult["blindness"]} */
function decodeBlindness({ measured, closed_form: closedForm, spectral }) {
  return measured || closedForm || spectral ? { measured, closedForm, spectral } : null;
}

/** @param {any} raw @returns {ProjectionResult} */
export function decodeProjections(raw) {
  return {
    request: raw.request,
    kappaMinus: decodeArray(raw.kappa_minus, Float32Array),
    kappaPlus: decodeArray(raw.kappa_plus, Float32Array),
    samples: raw.samples,
    total: raw.total,
    plane: raw.plane ? { kappaMinus: raw.plane.kappa_minus, kappaPlus: raw.plane.kappa_plus } : null,
    seeds: raw.seeds,
    fits: { kappaMinus: fit(raw.fits.kappa_minus), kappaPlus: fit(raw.fits.kappa_plus) },
    means: { kappaMinus: raw.means.kappa_minus, kappaPlus: raw.means.kappa_plus, trace: raw.means.trace },
    blindness: decodeBlindness(raw.blindness),
    final: raw.final,
  };
}

/** @param {string} what @param {Record<string, {length: number}>} arrays  of which all have the first one's length */
function checkLengths(what, arrays) {
  const [[first, { length }], ...others] = Object.entries(arrays);
  for (const [name, array] of others) {
    if (array.length !== length) throw new Error(`${what}: expected as many values in ${name} as in ${first} (${length}), got ${array.length}.`);
  }
}

/** @param {any} raw @returns {SpectrumResult} */
export function decodeSpectrum(raw) {
  const [x, density] = [raw.x, raw.density].map((view) => decodeArray(view, Float64Array));
  checkLengths("Spectrum", { x, density });
  return {
    request: raw.request,
    x,
    density,
    ends: raw.ends,
    words: raw.words,
    probes: raw.probes,
    total: raw.total,
    nHvp: raw.n_hvp,
    final: raw.final,
  };
}

/** @param {any} raw @returns {TraceResult} */
export function decodeTrace(raw) {
  const numbers = (/** @type {any} */ view) => decodeArray(view, Float64Array);
  const methods = raw.methods.map((/** @type {any} */ method) => {
    const [n, value, error] = [method.n, method.value, method.error].map(numbers);
    checkLengths("Trace", { n, value, error });
    return { name: method.name, label: method.label, n, value, error, stderr: method.stderr, bias: method.bias, halfWidth: method.half_width };
  });
  const { reference } = raw;
  return {
    request: raw.request,
    reference: reference ? { name: reference.name, label: reference.label, value: reference.value, error: reference.error, nHvp: reference.n_hvp } : null,
    methods,
    final: raw.final,
  };
}
