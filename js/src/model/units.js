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

/**
 * An axis title that says what 1 on it is.
 * @param {string} name
 * @param {number} norm  length of its direction
 * @param {number} thetaNorm
 */
export const axisTitle = (name, norm, thetaNorm) => `${name} <span style="font-size: 10px">\u2002(1: ${lengthWords(norm, thetaNorm)})</span>`;

/**
 * How far a point of the plane is from θ*.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {number} alpha
 * @param {number} beta
 */
export const distanceWords = (surface, alpha, beta) => lengthWords(displacement(surface, alpha, beta), surface.thetaNorm);
