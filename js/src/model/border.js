// Whether a lowest point is a minimum, or only where the picture ends.
import { nearestNode } from "./values.js";

/** Differences up to this share of all losses are rounding, of single precision at most. */
const ROUNDING = 1e-6;

/**
 * Whether a node lies on the border of the picture and the loss falls towards it there.
 * @param {Pick<import("../kernel/decoders.js").SurfaceResult, "alpha" | "beta" | "rows" | "range">} surface
 * @param {{alpha: number, beta: number}} at
 */
export function fallsAt({ alpha, beta, rows, range: [low, high] }, at) {
  const [i, j] = [nearestNode(beta, at.beta), nearestNode(alpha, at.alpha)];
  const [top, right] = [beta.length - 1, alpha.length - 1];
  const inward = [i === 0 && rows[1]?.[j], i === top && rows[top - 1]?.[j], j === 0 && rows[i][1], j === right && rows[i][right - 1]];
  const least = ROUNDING * high - ROUNDING * low;
  return inward.some((loss) => typeof loss === "number" && loss > rows[i][j] + least);
}
