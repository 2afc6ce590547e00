// What a step along an axis is: a displacement of the parameters, and its size beside theirs.
import { formatNumber } from "./format.js";
import { displacement } from "./quadratic.js";

/**
 * A displacement's length, alone and relative to ‖θ*‖.
 * @param {number} length
 * @param {number} thetaNorm
 */
function lengthWords(length, thetaNorm) {
  const relative = thetaNorm ? `, ${formatNumber((100 * length) / thetaNorm, 2)} % of ‖θ*‖` : "";
  return `‖Δθ‖ = ${formatNumber(length, 3)}${relative}`;
}

/** A ratio of lengths from which on one is told: less is 1.0 in words. */
const STRETCHED = 1.05;

/**
 * Titles of both axes that say what 1 on them is, and of one that is drawn larger than the other by how much.
 * @param {Pick<import("../kernel/decoders.js").SurfaceResult, "norms" | "thetaNorm">} surface
 * @param {import("./values.js").Domain} extent  of the plane on show
 * @param {boolean} [narrow]  whether the latter stands in a line of its own
 * @returns {[string, string]}
 */
export function axisTitles({ norms, thetaNorm }, [a0, a1, b0, b1], narrow = false) {
  const names = ["α", "β"];
  const lengths = [(a1 - a0) * norms[0], (b1 - b0) * norms[1]];
  const titles = names.map((name, i) => {
    const ratio = lengths[1 - i] / lengths[i];
    const larger = ratio >= STRETCHED && ratio < Infinity ? `${narrow ? ";<br>" : "; "}drawn ${formatNumber(ratio, 2)} × larger than ${names[1 - i]}` : "";
    return `${name} <span style="font-size: 10px">\u2002(1: ${lengthWords(norms[i], thetaNorm)}${larger})</span>`;
  });
  return [titles[0], titles[1]];
}

/**
 * How far a point of the plane is from θ*.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {number} alpha
 * @param {number} beta
 */
export const distanceWords = (surface, alpha, beta) => lengthWords(displacement(surface, alpha, beta), surface.thetaNorm);
