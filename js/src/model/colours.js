// The colour maps of losses, all safe for colour-blind readers.

/** @typedef {[number, string][]} Stops  plotly's colours, from 0 to 1 */

/** Perceptually uniform and safe for colour-blind readers: names that plotly knows. Of the scales without a middle. */
export const COLOUR_MAPS = /** @type {const} */ ({ Viridis: "Viridis", Cividis: "Cividis" });

/** @typedef {keyof typeof COLOUR_MAPS} ColourMap */

/** Blue below, red above, equally dark and safe for colour-blind readers. The hues come early, so that little of either is seen. @type {Stops} */
const DIVERGING = [
  [-1, "#053061"],
  [-0.6, "#2166ac"],
  [-0.25, "#67a9cf"],
  [-0.06, "#d1e5f0"],
  [0, "#f7f7f7"],
  [0.06, "#fddbc7"],
  [0.25, "#ef8a62"],
  [0.6, "#b2182b"],
  [1, "#67001f"],
];

/** The colour at a position of the diverging map, −1 to 1. @param {number} position */
function colourAt(position) {
  const i = Math.min(DIVERGING.length - 1, Math.max(1, DIVERGING.filter(([at]) => at <= position).length));
  const [[start, one], [end, other]] = [DIVERGING[i - 1], DIVERGING[i]];
  const share = (position - start) / (end - start);
  const part = (/** @type {number} */ k) => {
    const [from, to] = [one, other].map((colour) => parseInt(colour.slice(k, k + 2), 16));
    return Math.round(from + share * (to - from)).toString(16).padStart(2, "0");
  };
  return `#${part(1)}${part(3)}${part(5)}`;
}

/**
 * The part of the diverging colour map from one position to another, −1 to 1, as stops from 0 to 1.
 * @param {number} low
 * @param {number} high
 * @returns {Stops}
 */
export function divergingStops(low, high) {
  const inside = DIVERGING.filter(([at]) => at > low && at < high);
  /** @type {Stops} */
  const stops = [[low, colourAt(low)], ...inside, [high, colourAt(high)]];
  return stops.map(([at, colour]) => [(at - low) / (high - low), colour]);
}
