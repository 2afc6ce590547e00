// Results as the kernel sends them (metadata and binary buffers) turned into typed arrays.

/** @typedef {{alpha: number, beta: number, loss: number}} LowestPoint */

/**
 * @typedef {object} SurfaceResult
 * @property {number} request
 * @property {[string, string]} axes
 * @property {string} plane  its fingerprint, another one for every other plane
 * @property {string} name  of its plane, in words
 * @property {number} seed
 * @property {boolean} seeded  whether the plane depends on it
 * @property {Float64Array} alpha  node positions (nα,)
 * @property {Float64Array} beta  node positions (nβ,)
 * @property {Float32Array} loss  row-major (nβ, nα); NaN is a hole
 * @property {Float32Array[]} rows  the same memory as `loss`, one view per row
 * @property {Uint8Array} done  1 evaluated, 0 interpolated
 * @property {boolean} final
 * @property {number} nDone
 * @property {string} coverage
 * @property {number} nExamples
 * @property {import("./state.js").BatchNorm} batchNorm  "difference": recomputed − frozen, no losses
 * @property {import("./splits.js").Split} split
 * @property {[number, number]} norms  lengths of η and δ
 * @property {number} cosine  of the angle between them
 * @property {number} thetaNorm
 * @property {boolean} equalAxes  whether an automatic domain was to reach equally far along two eigenvectors
 * @property {number | null} checkpoint  that θ* is, as the controls tell it
 * @property {number | null} centreLoss
 * @property {import("../model/quadratic.js").QuadraticModel | null} quadratic  the loss to second order
 * @property {LowestPoint | null} minimum  null for a difference, which has no lowest loss
 * @property {Partial<Record<import("./splits.js").Split, LowestPoint | null>>} minima  of the losses it is made of
 * @property {string} note  what is to be said of points without a loss
 * @property {string} title  of the picture: quantity, model and plane
 * @property {Record<string, string>} details  what it rests on, in words by their names
 * @property {string} python  the call that makes it again; "" where unknown
 * @property {import("../model/values.js").Domain} domain
 * @property {[number, number]} range  smallest and largest finite loss; [NaN, NaN] without any
 */

/**
 * The numbers in a binary buffer. A buffer from the wire is a window into a larger message, often at an
 * offset that its element type cannot be aligned to; then it is copied.
 * @template {Float32Array | Float64Array | Uint8Array} T
 * @param {ArrayBufferView | ArrayBuffer} view
 * @param {{new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): T, BYTES_PER_ELEMENT: number}} Type
 * @returns {T}
 */
export function decodeArray(view, Type) {
  const { buffer, byteOffset, byteLength } =
    view instanceof ArrayBuffer ? { buffer: view, byteOffset: 0, byteLength: view.byteLength } : view;
  const size = Type.BYTES_PER_ELEMENT;
  if (byteLength % size) throw new Error(`Expected a buffer of ${size}-byte numbers, got ${byteLength} bytes.`);
  if (byteOffset % size === 0) return new Type(buffer, byteOffset, byteLength / size);
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** @param {Float32Array} values @returns {[number, number]} */
export function finiteRange(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [NaN, NaN];
}

/**
 * The surface of a second plane, and what the first and the second show of θ* ("" while unknown): of each where its
 * picture has the colours for it, and where it has not.
 * @typedef {SurfaceResult & {sights: [[string, string], [string, string]]}} ComparedResult
 */

/** @param {any} raw @returns {ComparedResult} */
export const decodeCompared = (raw) => ({ ...decodeSurface(raw), sights: raw.sights });

/** @param {any} raw @returns {SurfaceResult} */
export function decodeSurface(raw) {
  const alpha = decodeArray(raw.alpha, Float64Array);
  const beta = decodeArray(raw.beta, Float64Array);
  const loss = decodeArray(raw.loss, Float32Array);
  const done = decodeArray(raw.done, Uint8Array);
  const [columns, count] = [alpha.length, alpha.length * beta.length];
  for (const [name, array] of /** @type {const} */ ([["loss", loss], ["done", done]])) {
    if (array.length === count) continue;
    throw new Error(`Surface: expected ${beta.length} × ${columns} values in ${name}, got ${array.length}.`);
  }
  return {
    request: raw.request,
    axes: raw.axes,
    plane: raw.plane,
    name: raw.name,
    seed: raw.seed,
    seeded: raw.seeded,
    alpha,
    beta,
    loss,
    rows: Array.from(beta, (_, i) => loss.subarray(i * columns, (i + 1) * columns)),
    done,
    final: raw.final,
    nDone: raw.n_done,
    coverage: raw.coverage,
    nExamples: raw.n_examples,
    batchNorm: raw.batch_norm,
    split: raw.split,
    norms: raw.norms,
    cosine: raw.cosine,
    thetaNorm: raw.theta_norm,
    equalAxes: raw.equal_axes,
    checkpoint: raw.checkpoint,
    centreLoss: raw.centre_loss,
    quadratic: raw.quadratic,
    minimum: raw.minimum,
    note: raw.note,
    minima: raw.minima,
    title: raw.title,
    details: raw.details,
    python: raw.python,
    domain: [alpha[0], alpha[alpha.length - 1], beta[0], beta[beta.length - 1]],
    range: finiteRange(loss),
  };
}
