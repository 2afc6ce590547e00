// The one place that drives plotly: a plot is made once and then only told its newest figure.
import { createPace } from "./pace.js";
import { painted } from "./painted.js";
import { wrapped } from "../model/picture-file.js";
import { lightOf } from "./theme.js";

/** @typedef {{data: any[], layout: Record<string, any>}} Figure */
/** @typedef {HTMLElement & {on(event: string, listener: (event: any) => void): void}} PlotElement */
/**
 * @typedef {object} Plotly
 * @property {(el: HTMLElement, data: any[], layout: object, config: object) => Promise<unknown>} react
 * @property {(el: HTMLElement) => void} purge
 * @property {{resize(el: HTMLElement): Promise<unknown>}} Plots
 * @property {{home: object}} Icons
 * @property {(figure: object, options: object) => Promise<string>} toImage  as a data URL
 */

/** Name of shapes, and `meta` of traces, that follow the pointer and are no part of a saved picture. */
export const POINTER = "pointer";

/** Pixels that a character takes in the two sizes of a saved picture's title, at most. */
const [LARGE, SMALL] = [8, 5.6];
/** Pixels of a saved PNG for each of the page: about 300 an inch, as papers ask for. */
export const DENSITY = 3;

/**
 * Makes a figure in the page's colours, or in others.
 * @typedef {(palette?: import("./theme.js").Palette) => Figure} Make
 */

/** What is behind each plot. @type {WeakMap<Element, {Plotly: Plotly, make: Make}>} */
const drawings = new WeakMap();

/**
 * What the legend beside a plot says, and its squares; surface and plane share the plane's.
 * @param {HTMLElement} root
 * @param {HTMLElement} place
 */
function keysOf(root, place) {
  const name = place.closest("section")?.dataset.testid?.replace("surface", "heatmap");
  const keys = [...root.querySelectorAll(`[data-testid="${name}"] .lw-key`)].filter((key) => !key.closest("[hidden]"));
  const words = keys.map(({ firstChild, lastChild }) => `${firstChild?.textContent || "■"} ${lastChild?.textContent}`);
  return { words, squares: keys.flatMap((key) => [...key.querySelectorAll(".lw-swatch")]) };
}

/**
 * The plot in a place as an image, light as paper whatever the page is, with the legend of its panel.
 * @param {HTMLElement} place
 * @param {"png" | "svg"} format
 * @param {string[]} [words]  a title to stand above it, and what else is to be said
 * @returns {Promise<string>}  a data URL
 */
export async function imageOf(place, format, [title, ...more] = []) {
  const plot = /** @type {HTMLElement & Figure} */ (place.querySelector(".lw-plot"));
  const { Plotly, make } = /** @type {NonNullable<ReturnType<typeof drawings.get>>} */ (drawings.get(plot));
  const root = /** @type {HTMLElement} */ (place.closest(".lw-root") ?? place);
  const { words, squares } = keysOf(root, place);
  const { palette, colours } = lightOf(root, squares);
  const color = palette.text;
  const figure = make(palette);
  // A copy: plotly notes in its layout what it made of it.
  /** @type {Record<string, any>} */
  const layout = { ...structuredClone(figure.layout), paper_bgcolor: palette.background };
  // What a person has zoomed into is known to plotly alone.
  for (const name in layout) if (plot.layout[name]?.range) layout[name].range = plot.layout[name].range;
  layout.shapes = layout.shapes?.filter((/** @type {any} */ { name }) => name !== POINTER);
  const size = { width: plot.offsetWidth, height: plot.offsetHeight };
  const room = size.width - 16;
  const { l, t, b } = layout.margin;
  if (title) {
    const [large, small] = [wrapped(title.split(/(?<=:) /), room / LARGE), wrapped(more, room / SMALL)];
    const added = 17 * large.length + 14 * small.length + 14;
    const text = [`<b>${large.join("<br>").replaceAll(" · ", " ")}</b>`, ...small.map((line) => `<span style="font-size: 10px">${line}</span>`)].join("<br>");
    layout.title = { text, font: { size: 13, color }, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { l: 8, t: 16 } };
    layout.margin = { ...layout.margin, t: t + added };
    size.height += added;
  }
  if (words.length) {
    const lines = wrapped(words, room / SMALL);
    const added = 14 * lines.length + 6;
    const text = lines.join("<br>").replaceAll(" · ", "\u2003").replace(/■/g, () => `<span style="color: ${colours.shift()}">■</span>`);
    const at = { xref: "paper", x: 0, xanchor: "left", xshift: 8 - l, yref: "paper", y: 0, yanchor: "bottom", yshift: -b - added };
    layout.annotations = [...(layout.annotations ?? []), { name: "legend", text, ...at, align: "left", showarrow: false, font: { size: 10, color } }];
    layout.margin = { ...layout.margin, b: b + added };
    size.height += added;
  }
  return Plotly.toImage({ data: figure.data.filter(({ meta }) => meta !== POINTER).map((trace) => ({ ...trace })), layout, config: { plotGlPixelRatio: DENSITY } }, { format, ...size, scale: format === "png" ? DENSITY : 1 });
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

/**
 * What all layouts share: the host's colours on transparent paper.
 * @param {import("./theme.js").Palette} palette
 * @param {HTMLElement} el
 */
export function baseLayout(palette, el) {
  const family = getComputedStyle(el).fontFamily || FONT;
  return {
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, size: 11, color: palette.muted },
    hoverlabel: { bgcolor: palette.background, font: { family, size: 11, color: palette.text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: palette.muted, activecolor: palette.text },
    showlegend: false,
    uirevision: "keep",
  };
}

/** What a page without a screen takes a place to be, in pixels. */
const UNKNOWN = 480;

/**
 * The room that margins leave for a picture, in pixels.
 * @param {HTMLElement} el
 * @param {{l: number, r: number, t: number, b: number}} [margin]
 */
export const roomOf = ({ clientWidth, clientHeight }, { l, r, t, b } = { l: 0, r: 0, t: 0, b: 0 }) => ({
  width: (clientWidth || UNKNOWN) - l - r,
  height: (clientHeight || UNKNOWN) - t - b,
});

/**
 * The largest square that margins leave room for; they take the rest, on both sides and below.
 * @param {HTMLElement} el
 * @param {{l: number, r: number, t: number, b: number}} margin
 */
export function squareIn(el, margin) {
  const { width, height } = roomOf(el, margin);
  const side = Math.max(0, Math.min(width, height));
  const beside = (width - side) / 2;
  // What plotly would make wider for a colour bar would be square no more.
  const rest = { ...margin, l: margin.l + beside, r: margin.r + beside, b: margin.b + height - side, autoexpand: false };
  return { margin: rest, room: { width: side, height: side } };
}

/**
 * An axis in the host's colours.
 * @param {import("./theme.js").Palette} palette
 * @param {string} title
 */
export const baseAxis = (palette, title) => ({
  type: "linear",
  title: { text: title, font: { size: 13, color: palette.text }, standoff: 4 },
  color: palette.muted,
  gridcolor: palette.grid,
  linecolor: palette.grid,
  zerolinecolor: palette.grid,
  tickfont: { size: 10 },
  nticks: 6,
  separatethousands: true,
  exponentformat: "power",
  minexponent: 4,
  // Plotly would measure every label on the page to hide those that reach beyond the plot.
  ticklabeloverflow: "allow",
});

/** Frees WebGL contexts now: browsers allow few, and plotly leaves them to the garbage collector. @param {HTMLElement} el */
function loseContexts(el) {
  for (const canvas of el.querySelectorAll("canvas")) {
    const context = canvas.getContext("webgl") ?? canvas.getContext("webgl2");
    // Plotly would try to revive the plot that is being taken down.
    canvas.addEventListener("webglcontextlost", (event) => event.stopImmediatePropagation(), true);
    context?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/**
 * A plot inside `el`. `slow`: its first picture takes long, so that those of others are shown before; `patient`: those of others matter more, each time. `zoomed`: what a drag brings into view is drawn by whoever hears of it, not by plotly.
 * @param {HTMLElement} el
 * @param {Plotly} Plotly
 * @param {{buttons: (string | {name: string, title: string, icon: object, click: () => void})[], slow?: boolean, patient?: boolean, zoomed?: boolean, on?: Record<string, (event: any) => void>, onContextLost?: () => void, onResize?: () => void}} options
 */
export function createPlot(el, Plotly, { buttons, slow = false, patient = false, zoomed = false, on = {}, onContextLost, onResize }) {
  const plot = /** @type {PlotElement} */ (/** @type {HTMLElement} */ (document.createElement("div")));
  plot.className = "lw-plot";
  el.append(plot);

  // Plotly's words on how to zoom back would cover the host's tools.
  const config = { displaylogo: false, responsive: false, showTips: false, doubleClick: zoomed ? false : "reset", modeBarButtons: [buttons] };
  /** @type {{figure: Figure, drawn: (() => void) | undefined, follows: boolean, made: string} | null} */
  let waiting = null;
  let busy = false;
  const pace = createPace();
  let held = false;
  let drawnOnce = false;
  let destroyed = false;

  /** Newest figure only: a figure that arrives while another is being drawn replaces the one that waits. */
  async function work() {
    busy = true;
    // Never within an event of plotly's own drawing loop, which does not bear a change of its objects.
    await null;
    if ((slow && !drawnOnce) || (patient && !waiting?.follows)) await painted();
    while (waiting && !destroyed && !held) {
      const { figure, drawn, follows, made } = waiting;
      waiting = null;
      const [began, size] = [performance.now(), sizeOf()];
      try {
        await Plotly.react(plot, figure.data, figure.layout, config);
        // A new result costs more than the same one with the crosshair elsewhere.
        if (follows) pace.took(performance.now() - began);
        if (!drawnOnce) {
          drawnOnce = true;
          for (const [event, listener] of Object.entries(on)) plot.on(event, listener);
        }
        if (!destroyed) drawn?.();
        // A host that swaps its style sheet changes a place for less than a frame, and observers never tell.
        if (missed || (seen && (size !== seen || made !== seen))) resize();
      } catch (error) {
        if (!destroyed) console.error("landscape-widget: a plot could not be drawn", error);
      }
    }
    busy = false;
  }

  let frame = 0;
  /** Whether the place told of a change before there was a plot. */
  let missed = false;
  function resize() {
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      missed = !drawnOnce;
      if (destroyed || missed || !plot.offsetWidth || !plot.offsetHeight) return;
      // A plot that is hidden between the check and the call is resized when it shows again.
      Plotly.Plots.resize(plot).catch(() => {});
      onResize?.();
    });
  }
  const sizeOf = () => `${plot.offsetWidth} × ${plot.offsetHeight}`;
  /** The size that was told last. */
  let seen = "";
  const sizes = new ResizeObserver(() => {
    seen = sizeOf();
    resize();
  });
  sizes.observe(el);
  // A notebook that takes cells out of the page blanks their canvases without changing their size.
  const sights = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && resize());
  sights.observe(el);
  // Nor does a page in the background hear of sizes until it is in front again.
  const surfaced = () => document.visibilityState === "visible" && resize();
  document.addEventListener("visibilitychange", surfaced);

  /** @param {Event} event */
  function lost(event) {
    if (!onContextLost) return;
    // Plotly's own recovery would run on while the plot is replaced.
    event.stopPropagation();
    onContextLost();
  }
  plot.addEventListener("webglcontextlost", lost, true);

  /**
   * @param {Make} make
   * @param {() => void} [drawn]  called once this figure is on the page
   * @param {boolean} [follows]  whether only the pointer has moved
   */
  function draw(make, drawn, follows = false) {
    pace.cancel();
    drawings.set(plot, { Plotly, make });
    waiting = { figure: make(), drawn, follows, made: sizeOf() };
    if (!busy) void work();
  }

  // While the mouse drags a part of the plane into view, plotly must not be told another figure: the drag would
  // start anew from there.
  function hold() {
    held = true;
    document.addEventListener("mouseup", () => setTimeout(release), { once: true, capture: true });
  }
  // Plotly's own end of the drag has come first.
  function release() {
    held = false;
    if (waiting && !busy) void work();
  }
  if (zoomed) plot.addEventListener("mousedown", hold, true);

  return {
    draw,
    /**
     * Draws what follows the pointer: once a frame at most, or where that is too slow, once the pointer rests.
     * @param {Make} make
     */
    follow(make) {
      // Another draw of a result that still waits must not lose its call back.
      pace.ask(() => draw(make, waiting?.drawn, !waiting || waiting.follows));
    },
    destroy() {
      destroyed = true;
      pace.cancel();
      cancelAnimationFrame(frame);
      document.removeEventListener("visibilitychange", surfaced);
      sizes.disconnect();
      sights.disconnect();
      plot.removeEventListener("webglcontextlost", lost, true);
      loseContexts(plot);
      Plotly.purge(plot);
      plot.remove();
    },
  };
}
