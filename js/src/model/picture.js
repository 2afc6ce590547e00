// The picture to show: what the kernel sent, or while it computes, the best that is known already.
import { finiteRange } from "../kernel/decoders.js";
import { gridAxis, isOfDomain } from "./domains.js";
import { formatPart } from "./format.js";
import { modelAt, modelOfEigenvectors } from "./quadratic.js";
import { thinned } from "./thinned.js";
import { sameLosses } from "../kernel/asked.js";
import { sameDomain } from "./values.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {import("./quadratic.js").QuadraticModel} QuadraticModel */
/** @typedef {import("./values.js").Domain} Domain */

/**
 * @typedef {object} Picture
 * @property {SurfaceResult | null} surface
 * @property {QuadraticModel | null} model  in the same plane
 * @property {Domain} extent  the part of the plane to show
 * @property {string} note  what it is made of, "" where it is the kernel's answer
 * @property {boolean} provisional  whether that is still to come
 * @property {boolean} composed  whether the page made it
 * @property {Domain[]} outlines  within which it is made of earlier pictures, where that is not all of it
 */

/** Nodes from which on a picture that is still being refined says more than a provisional one. */
const ENOUGH = 81;
/** Pictures to remember. */
const MOST_LAYERS = 12;
/** Nodes for each axis of a picture that is not the last one: the page must not stall while it computes. */
const MOST_NODES = 101;

/** @param {SurfaceResult} surface */
const isFine = ({ final, nDone }) => final || nDone >= ENOUGH;

/** @param {SurfaceResult} surface @param {number} x @param {number} y */
const covers = ({ domain: [a0, a1, b0, b1] }, x, y) => x >= a0 && x <= a1 && y >= b0 && y <= b1;

/** @param {SurfaceResult} surface */
const cell = ({ alpha, beta }) => (alpha[1] - alpha[0]) * (beta[1] - beta[0]);

/**
 * A surface between its nodes, linearly; a hole where one of them is.
 * @param {SurfaceResult} surface
 * @param {number} x
 * @param {number} y
 */
export function interpolate({ alpha, beta, rows }, x, y) {
  /** @param {Float64Array} axis @param {number} value @returns {[number, number]} */
  const locate = (axis, value) => {
    const position = (value - axis[0]) / (axis[1] - axis[0]);
    // Nodes that differ by a rounding error are the same: next to a hole they must not become one.
    const node = Math.abs(position - Math.round(position)) < 1e-6 ? Math.round(position) : position;
    const low = Math.min(axis.length - 2, Math.max(0, Math.floor(node)));
    return [low, node - low];
  };
  const [[j, u], [i, v]] = [locate(alpha, x), locate(beta, y)];
  const between = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ t) => (t === 0 ? a : t === 1 ? b : a + t * (b - a));
  const [low, high] = [rows[i], rows[i + 1]];
  return between(v === 1 ? NaN : between(low[j], low[j + 1], u), v === 0 ? NaN : between(high[j], high[j + 1], u), v);
}

/**
 * Where the kernel's own choice of the domain can be foreseen: along two eigenvectors, or in a plane seen before.
 * @param {Snapshot} snapshot
 * @param {QuadraticModel | null} model
 * @param {SurfaceResult[]} layers  of this plane, newest first
 * @returns {Domain | null}
 */
function foreseenDomain({ axes, eigenpairs }, model, layers) {
  const [i, j] = axes.map((axis) => eigenpairs?.axes.indexOf(axis) ?? -1);
  const chosen = model ? eigenpairs?.domains?.[i]?.[j] : null;
  return chosen ?? layers[0]?.domain ?? null;
}

/**
 * A picture of earlier ones, the finest where several overlap, and of the model beyond them.
 * @param {{layers: SurfaceResult[], model: QuadraticModel | null, domain: Domain, count: number, positive: boolean}} from
 *   `positive`: for a logarithm, which cannot show the rest of the model
 * @returns {{surface: Pick<SurfaceResult, "alpha" | "beta" | "loss" | "rows" | "range" | "domain">, shares: {layers: number, model: number}}}
 */
export function compose({ layers, model, domain: [a0, a1, b0, b1], count, positive }) {
  const [alpha, beta] = [gridAxis(a0, a1, count), gridAxis(b0, b1, count)];
  const loss = new Float32Array(count * count);
  const rows = Array.from(beta, (_, i) => loss.subarray(i * count, (i + 1) * count));
  const finest = [...layers].sort((one, other) => cell(one) - cell(other));
  const counts = { layers: 0, model: 0 };
  beta.forEach((y, i) =>
    alpha.forEach((x, j) => {
      const layer = finest.find((surface) => covers(surface, x, y));
      const value = layer ? interpolate(layer, x, y) : model ? modelAt(model, x, y) : NaN;
      counts.layers += Number(!!layer);
      counts.model += Number(!layer && !!model);
      rows[i][j] = positive && !(value > 0) ? NaN : value;
    }),
  );
  const shares = { layers: counts.layers / loss.length, model: counts.model / loss.length };
  const domain = /** @type {Domain} */ ([alpha[0], alpha[count - 1], beta[0], beta[count - 1]]);
  return { surface: { alpha, beta, loss, rows, range: finiteRange(loss), domain }, shares };
}

/** @param {{layers: number, model: number}} shares */
function describe({ layers, model }) {
  if (!model) return "from earlier pictures";
  return layers ? "quadratic model outside the dashed line" : "quadratic model";
}

/** Whether a part of what is held is looked at, of which no kernel makes a picture of its own. @param {Snapshot} snapshot */
export const isPart = ({ kernel, domain, surface }) => kernel === "gone" && domain !== null && surface !== null && !isOfDomain(surface, domain);

/**
 * The kernel's surface whose plane a picture lies on; null where the page foresaw another plane.
 * @param {Snapshot} snapshot
 * @param {Picture} picture
 */
export function kernelSurface(snapshot, { composed }) {
  const { surface } = snapshot;
  return surface && (!composed || sameLosses(surface, snapshot)) ? surface : null;
}

/** Decides for one view of an explorer what it shows. */
export function createPicture() {
  /** Every picture worth keeping, newest first. @type {SurfaceResult[]} */
  let layers = [];
  /** The last request about another centre: pictures up to it show other losses. */
  let former = 0;
  /** @type {Picture | null} */
  let last = null;
  /** What the last composed picture was made of. @type {{key: string, layers: SurfaceResult[], picture: Picture} | null} */
  let made = null;

  /** @param {SurfaceResult} surface */
  function keep(surface) {
    if (layers[0] === surface) return;
    const controls = { axes: surface.axes, seed: surface.seed, examples: surface.nExamples, batch_norm: surface.batchNorm, split: surface.split, checkpoint: surface.checkpoint };
    const others = layers.filter((layer) => !(sameLosses(layer, controls) && sameDomain(layer.domain, surface.domain)));
    layers = [surface, ...others].slice(0, MOST_LAYERS);
  }

  /**
   * @param {Snapshot} snapshot
   * @param {SurfaceResult} basis  whose other properties the picture has
   * @param {boolean} log
   * @param {Domain | null} given
   * @returns {Picture | null}  null where nothing is known of that part of that plane
   */
  function composed(snapshot, basis, log, given) {
    const own = layers.filter((layer) => sameLosses(layer, snapshot));
    const sent = own.find(({ quadratic }) => quadratic)?.quadratic;
    // The curvature is that of the training loss on frozen batch-norm statistics.
    const modelled = snapshot.batch_norm === "frozen" && snapshot.split === "train";
    const pairs = (snapshot.eigenpairs?.request ?? 0) > former ? snapshot.eigenpairs : null;
    const model = modelled ? (sent ?? modelOfEigenvectors(pairs, snapshot.axes, snapshot.examples)) : null;
    const asked = given ?? snapshot.domain ?? foreseenDomain(snapshot, model, own);
    if (!asked || (!own.length && !model)) return null;
    const count = Math.min(snapshot.resolution, MOST_NODES);
    const key = JSON.stringify([asked, count, log, model, snapshot.axes, snapshot.seed, snapshot.examples, snapshot.batch_norm, snapshot.split, snapshot.kernel]);
    if (made?.key === key && made.layers === layers) return made.picture;
    const { surface, shares } = compose({ layers: own, model, domain: asked, count, positive: log });
    if (!shares.layers && !model) return null;
    const [lowest] = own
      .flatMap(({ minimum }) => (minimum && covers(/** @type {SurfaceResult} */ (surface), minimum.alpha, minimum.beta) ? [minimum] : []))
      .sort((one, other) => one.loss - other.loss);
    const eigenvectors = { norms: /** @type {[number, number]} */ ([1, 1]), cosine: 0, seeded: false };
    const { norms, cosine, seeded } = own[0] ?? eigenvectors;
    const picture = {
      surface: {
        ...basis,
        ...surface,
        axes: snapshot.axes,
        plane: own[0]?.plane ?? "",
        seed: snapshot.seed,
        seeded,
        batchNorm: snapshot.batch_norm,
        split: snapshot.split,
        done: new Uint8Array(surface.loss.length),
        final: false,
        nDone: 0,
        norms,
        cosine,
        minimum: lowest ?? null,
        minima: {},
        quadratic: model,
      },
      model,
      extent: surface.domain,
      note: isPart(snapshot) ? "part of a saved picture" : describe(shares),
      provisional: snapshot.kernel !== "gone",
      composed: true,
      outlines: shares.layers && shares.layers < 1 ? own.map(({ domain }) => domain) : [],
    };
    made = { key, layers, picture };
    return picture;
  }

  /**
   * @param {Snapshot} snapshot
   * @param {boolean} log  whether losses are shown as logarithms
   * @returns {Picture}
   */
  return (snapshot, log) => {
    const { surface, provisional, domain, points } = snapshot;
    if (former !== points.centre.request) [layers, last] = [[], null];
    former = points.centre.request;
    const fresh = { note: "", provisional: false, composed: false, outlines: [] };
    if (!surface) return { ...fresh, surface, model: null, extent: domain ?? [-1, 1, -1, 1] };
    const known = surface.request > former;
    if (known && isFine(surface) && sameLosses(surface, snapshot)) keep(surface);

    // The first few nodes of an answer show less than what is on show already.
    const { extent } = last ?? {};
    const coarse = !provisional && snapshot.status === "computing" && !isFine(surface) && sameLosses(surface, snapshot);
    const awaited = coarse && last?.composed && extent && sameDomain(extent, surface.domain, 2 / snapshot.resolution);
    const covered = provisional && sameLosses(surface, snapshot) && (domain ? sameDomain(domain, surface.domain, 1 / snapshot.resolution) : false);
    // After a failure nothing more is to come: the last good picture stays.
    const failed = snapshot.status === "failed";
    const early = known && !failed && ((provisional && !covered) || awaited || isPart(snapshot)) ? composed(snapshot, surface, log, awaited ? surface.domain : null) : null;
    const part = surface.nExamples < snapshot.examples ? `on ${formatPart(surface.nExamples, snapshot.examples)}` : "";
    const note = provisional ? "former picture" : part;
    const whole = provisional && domain && !failed ? domain : surface.domain;
    last = early ?? { ...fresh, surface: surface.final ? surface : thinned(surface, MOST_NODES), model: surface.quadratic, extent: whole, note, provisional: note !== "" && snapshot.kernel !== "gone" };
    return last;
  };
}
