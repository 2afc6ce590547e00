// What a page without a kernel shows: pictures as the kernel sends them, and two of them side by side.
import { decodeEigenpairs, decodeProjections, decodeSpectrum, decodeTrace } from "./curvature-decoders.js";
import { decodeSurface } from "./decoders.js";
import { controlsOf } from "./held.js";
import { decodeLandmarks } from "./landmarks.js";
import { decodeLines } from "./lines.js";

/** @typedef {import("./held.js").HeldPicture} HeldPicture */
/** @typedef {import("./points.js").Points} Points */

/** Stands where a page that lives has the pulse of its kernel. */
export const NO_KERNEL = { kernel: /** @type {import("./pulse.js").Kernel} */ ("gone"), heard() {}, gone() {}, lost() {}, destroy() {} };

/** @type {[string, (raw: any) => any][]} */
const PARTS = [
  ["landmarks", decodeLandmarks],
  ["line_losses", decodeLines],
  ["eigenpairs", decodeEigenpairs],
  ["projections", decodeProjections],
  ["spectrum", decodeSpectrum],
  ["trace", decodeTrace],
];

/**
 * @param {any[]} raw  of each picture the results by their traits, whether the kernel chose its `domain`, and its `sights`
 * @returns {HeldPicture[]}
 */
export const decodePictures = (raw) =>
  raw.map((picture) => {
    const surface = decodeSurface(picture._surface);
    const parts = PARTS.map(([name, decode]) => [name, picture[`_${name}`] ? decode(picture[`_${name}`]) : null]);
    return { controls: controlsOf(surface, picture.automatic), found: { ...Object.fromEntries(parts), surface }, sights: picture.sights };
  });

/**
 * A picture with all that was found for it, and another one beside it.
 * @param {HeldPicture | null} first
 * @param {HeldPicture | null} second
 * @param {Points} points
 */
function put(first, second, points) {
  /** @param {HeldPicture | null} picture */
  const marks = (picture) => {
    const pins = picture ? points.pins.filter(({ fingerprint }) => fingerprint === picture.found.surface.plane) : [];
    return pins.map(({ number, alpha, beta }) => ({ number, alpha, beta }));
  };
  if (!first) return { results: {}, points };
  const { surface, landmarks } = first.found;
  const there = Object.fromEntries(Object.entries(first.found).filter(([, result]) => result));
  const told = first.sights && second?.sights;
  const beside = second && (told || second.found.surface.plane === surface.plane) && {
    compared: { ...second.found.surface, sights: [first.sights ?? ["", ""], second.sights ?? ["", ""]] },
    landmarks: landmarks && { ...landmarks, planes: [landmarks.planes[0], second.found.landmarks?.planes[0] ?? null] },
  };
  const pins = points.pins.map((pin) => ({ ...pin, here: pin.fingerprint === surface.plane }));
  return { results: { ...there, ...beside }, points: { ...points, pins, marks: /** @type {Points["marks"]} */ ([marks(first), marks(second)]) } };
}

/** Puts pictures together, and remembers the last: whoever draws looks whether it is another one. */
export function createTogether() {
  /** @type {{of: unknown[], made: ReturnType<typeof put>} | null} */
  let last = null;
  /** @type {typeof put} */
  return (first, second, points) => {
    const of = [first, second, points];
    if (!last || last.of.some((each, i) => each !== of[i])) last = { of, made: put(first, second, points) };
    return last.made;
  };
}
