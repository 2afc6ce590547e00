// What marks places in the pictures: θ*, the lowest points, the line of L(θ*), and pins, numbered as in the table below.

/** @typedef {import("../ui/frame.js").Frame} Frame */

export const PIN = "#e0245e";
/** The line of L(θ*). */
export const LEVEL = "#1a1a1a";
const DISC = 15;
/** A black rim around white stands out of every colour. */
const INK = { color: "#ffffff", line: { color: "#000000", width: 1.5 } };
/** Marks of θ* and of the lowest loss on a split, as plotly names them. @type {Record<string, string>} */
const SYMBOLS = { theta: "diamond", train: "x", test: "cross" };

/** What lies over the colours. */
export const OVER = { type: "scatter", mode: "markers", hoverinfo: "skip", cliponaxis: false };

/** θ* and the lowest points in the plane. @param {Frame} frame */
export const flatMarks = ({ lowest }) => [
  { ...OVER, name: "theta", x: [0], y: [0], marker: { ...INK, symbol: SYMBOLS.theta, size: 10 } },
  {
    ...OVER,
    name: "lowest",
    x: lowest.map(({ alpha }) => alpha),
    y: lowest.map(({ beta }) => beta),
    marker: { ...INK, symbol: lowest.map(({ split }) => SYMBOLS[split]), size: 10 },
  },
];

/**
 * A contour line that is seen on every colour: one within a wider one, light in dark or dark in light.
 * @param {Record<string, any>} trace
 * @param {{color: string, width: number, dash?: string}} line
 * @param {string} [around]
 */
export const haloed = (trace, line, around = "rgba(255, 255, 255, 0.8)") =>
  [{ ...line, color: around, width: line.width + 2.3 }, line].map((each) => ({ ...trace, line: { smoothing: 0.6, ...each } }));

/** What all contour lines share. */
export const LINES = { type: "contour", autocontour: false, showscale: false, hoverinfo: "skip" };

/**
 * The contour at L(θ*) in the plane.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {import("../model/scale.js").Shade} shaded
 */
export const flatLevel = ({ alpha, beta }, { rows, level }) =>
  haloed(
    {
      ...LINES,
      name: "level",
      x: alpha,
      y: beta,
      z: rows,
      visible: level !== null,
      contours: { coloring: "none", start: level ?? 0, end: level ?? 0, size: 1 },
    },
    { color: LEVEL, width: 2.2 },
  );

/** Under a line of the scene, light in dark, by how much wider. @type {[string, number][]} */
const AROUND = [["#000000", 5], ["#ffffff", 2.5]];
/** The same under a line that is dark itself. @type {[string, number][]} */
export const LIGHT = [["#ffffff", 2]];

/**
 * A line of the scene that is seen over every colour and over the page: within a light one, and that in a dark one. Each
 * is a hair nearer to the eye than the one before, and so than the surface, since what is equally near shows through.
 * @param {import("../model/free-places.js").Vector} nearer  by how much, in units of the axes
 * @param {[string, number][]} around
 */
export const rimmed = (nearer, around = AROUND) => (/** @type {Record<string, any>} */ trace) => {
  const { line, marker } = trace;
  const moved = (/** @type {number} */ k) => Object.fromEntries(/** @type {const} */ (["x", "y", "z"]).map((axis) => [axis, trace[axis].map((/** @type {number} */ at) => at + k * nearer[axis])]));
  const rims = around.map(([color, wider], k) => {
    const size = marker && [marker.size].flat().map((/** @type {number} */ each) => each && each + wider / 2);
    return { ...trace, ...moved(k + 1), name: `${trace.name} rim`, text: undefined, hoverinfo: "skip", line: { color, width: line.width + wider }, ...(marker && { marker: { symbol: marker.symbol, color, size } }) };
  });
  return [...rims, { ...trace, ...moved(around.length + 1) }];
};

/** How near a pin is to a mark that its disc would hide, in pixels. */
const NEAR = 12;

/** Numbers where the pins have none on their discs. */
const NUMBER = { name: "pin number", font: { size: 10, color: "#ffffff" }, bgcolor: PIN, bordercolor: "#ffffff", showarrow: false };

/**
 * Numbered discs in the plane, with a light rim in a dark one; around θ* and the lowest points rings, with their numbers beside them.
 * @param {Frame} frame
 * @param {{width: number, height: number}} room  of the picture, in pixels
 */
export function flatPins({ pins, lowest, picture: { extent: [a0, a1, b0, b1] } }, { width, height }) {
  const [wide, high] = [width / (a1 - a0), height / (b1 - b0)];
  const around = pins.map((pin) => [{ alpha: 0, beta: 0 }, ...lowest].some(({ alpha, beta }) => Math.hypot(wide * (alpha - pin.alpha), high * (beta - pin.beta)) < NEAR));
  const each = (/** @type {any} */ ring, /** @type {any} */ disc) => around.map((is) => (is ? ring : disc));
  const over = { ...OVER, x: pins.map(({ alpha }) => alpha), y: pins.map(({ beta }) => beta), cliponaxis: true };
  // Where sizes differ plotly takes marks for bubbles, which show what is below them.
  const shape = { symbol: each("circle-open", "circle"), opacity: 1 };
  const traces = [
    { ...over, name: "pin rims", marker: { ...shape, size: each(20, DISC + 4), color: "#000000", line: { width: each(5, 0) } } },
    {
      ...over,
      name: "pins",
      mode: "markers+text",
      text: pins.map(({ number }, i) => (around[i] ? "" : String(number))),
      textfont: NUMBER.font,
      marker: { ...shape, size: each(20, DISC), color: each("#ffffff", PIN), line: { color: "#ffffff", width: each(2, 1) } },
    },
  ];
  // Towards the middle, where there is room.
  const side = (/** @type {number} */ at, /** @type {number} */ from, /** @type {number} */ to) => (2 * at > from + to ? -1 : 1);
  const numbers = pins.flatMap(({ number, alpha, beta }, i) => (around[i] ? [{ ...NUMBER, text: String(number), x: alpha, y: beta, xshift: 17 * side(alpha, a0, a1), yshift: 14 * side(beta, b0, b1) }] : []));
  return { traces, numbers };
}

/** @typedef {{x: number, y: number, z: number, colour: string}} Stem  where it stands */

/**
 * Pins with stems that lead to the top from marks which the surface stands before: no further lines, since each takes
 * the scene longer to draw.
 * @param {ReturnType<typeof raisedPins>} pins
 * @param {Stem[]} stems
 * @param {number} top
 */
export const withStems = (pins, stems, top) => ({
  ...pins,
  x: [...pins.x, ...stems.flatMap(({ x }) => [x, x, NaN])],
  y: [...pins.y, ...stems.flatMap(({ y }) => [y, y, NaN])],
  z: [...pins.z, ...stems.flatMap(({ z }) => [z, top, NaN])],
  line: { ...pins.line, color: [...pins.x.map(() => PIN), ...stems.flatMap(({ colour }) => [colour, colour, colour])] },
  marker: { ...pins.marker, size: [...pins.marker.size, ...stems.flatMap(() => [0, 0, 0])] },
});

/** Numbers on the heads of pins in the surface. @param {ReturnType<typeof raisedPins>} pins */
export const numbersOf = ({ x, y, z, text }) =>
  text.flatMap((number, i) => (number ? [{ ...NUMBER, x: x[i], y: y[i], z: z[i], text: number, yanchor: "bottom", yshift: 4 }] : []));

/**
 * The same on a surface, as pins tall enough to be seen where a slope hides their feet.
 * @param {Frame} frame
 * @param {(point: {alpha: number, beta: number}) => {z: number}} place
 * @param {number} top  where their heads are
 */
export const raisedPins = ({ pins, picture: { extent: [a0, a1, b0, b1] } }, place, top) => {
  const inside = pins.filter(({ alpha, beta }) => alpha >= a0 && alpha <= a1 && beta >= b0 && beta <= b1);
  return {
    type: "scatter3d",
    name: "pins",
    mode: "lines+markers",
    connectgaps: false,
    x: inside.flatMap(({ alpha }) => [alpha, alpha, NaN]),
    y: inside.flatMap(({ beta }) => [beta, beta, NaN]),
    z: inside.flatMap((pin) => [place(pin).z, top, NaN]),
    text: inside.flatMap(({ number }) => ["", String(number), ""]),
    line: { color: PIN, width: 2 },
    marker: { symbol: "circle", size: inside.flatMap(() => [5, 7, 0]), color: PIN },
    hoverinfo: "skip",
  };
};
