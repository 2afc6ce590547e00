// Pinned points in the pictures: numbered, as in the table below them.

/** @typedef {import("../ui/frame.js").Frame} Frame */

export const PIN = "#e0245e";
const RIM = { color: "#ffffff", width: 1 };

/** Numbered discs in the plane. @param {Frame} frame */
export const flatPins = ({ pins }) => ({
  type: "scatter",
  name: "pins",
  mode: "markers+text",
  x: pins.map(({ alpha }) => alpha),
  y: pins.map(({ beta }) => beta),
  text: pins.map(({ number }) => String(number)),
  textfont: { size: 10, color: "#ffffff" },
  marker: { size: 15, color: PIN, line: RIM },
  hoverinfo: "skip",
  cliponaxis: true,
});

/**
 * The same on a surface, as pins tall enough to be seen where a slope hides their feet.
 * @param {Frame} frame
 * @param {(point: {alpha: number, beta: number}) => {z: number}} place
 * @param {number} top  where their heads are
 */
export const raisedPins = ({ pins, palette, picture: { extent: [a0, a1, b0, b1] } }, place, top) => {
  const inside = pins.filter(({ alpha, beta }) => alpha >= a0 && alpha <= a1 && beta >= b0 && beta <= b1);
  return {
    type: "scatter3d",
    name: "pins",
    mode: "lines+markers+text",
    connectgaps: false,
    x: inside.flatMap(({ alpha }) => [alpha, alpha, NaN]),
    y: inside.flatMap(({ beta }) => [beta, beta, NaN]),
    z: inside.flatMap((pin) => [place(pin).z, top, NaN]),
    text: inside.flatMap(({ number }) => ["", String(number), ""]),
    textposition: "top center",
    textfont: { size: 12, color: palette.text },
    line: { color: PIN, width: 2 },
    marker: { symbol: "circle", size: inside.flatMap(() => [5, 7, 0]), color: PIN, line: RIM },
    hoverinfo: "skip",
  };
};
