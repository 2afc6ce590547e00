// The loss surface in three dimensions.
import { h, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { createMemory } from "./memory.js";
import { createPanel } from "./panel.js";
import { baseAxis, baseLayout, createPlot } from "./plot.js";
import { COLOURS, contourLevels, offersLog, shade } from "./scale.js";
import { nearestNode } from "./values.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./decode.js").SurfaceResult} SurfaceResult */

/**
 * Where the camera starts: further away in a narrow place, so that nothing is cut off.
 * @param {HTMLElement} el
 */
function startCamera({ clientWidth, clientHeight }) {
  const far = clientWidth ? Math.max(1, (1.1 * clientHeight) / clientWidth) : 1;
  // A little to the right of the middle: the title of the loss axis stands on the left.
  return { eye: { x: 1.2 * far, y: -1.3 * far, z: 1.05 * far }, center: { x: -0.07, y: -0.06, z: -0.13 } };
}

/** Whether the title of the loss axis would be cut off; the line below names it anyway. @param {HTMLElement} el */
const isNarrow = (el) => el.clientWidth < 350;

const PIN = "#e0245e";

/** Whether this browser draws WebGL at all. */
function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/**
 * The node closest to a point, in plot coordinates.
 * @param {SurfaceResult} surface
 * @param {import("./scale.js").Shade} shaded
 * @param {{alpha: number, beta: number}} point
 */
function place(surface, { rows }, point) {
  const [i, j] = [nearestNode(surface.beta, point.beta), nearestNode(surface.alpha, point.alpha)];
  return { x: surface.alpha[j], y: surface.beta[i], z: rows[i][j] };
}

/**
 * A cross at the lowest point. White: there the colour map is at its darkest.
 * @param {SurfaceResult} surface
 * @param {import("./scale.js").Shade} shaded
 */
function cross(surface, shaded) {
  const at = surface.minimum && place(surface, shaded, surface.minimum);
  // Raised a little, else the slope in front hides its lower half.
  const lift = 0.04 * (shaded.range[1] - shaded.range[0]);
  const [x, y, z] = at ? [[at.x], [at.y], [at.z + lift]] : [[], [], []];
  return { type: "scatter3d", mode: "text", x, y, z, text: ["×"], textposition: "middle center", textfont: { size: 22, color: "#ffffff" }, hoverinfo: "skip" };
}

/**
 * The crosshair, if another view set it: under the pointer, plotly's own highlight marks the place.
 * @param {import("./link.js").Point | null} point
 */
const fromElsewhere = (point) => (point?.source === "surface" ? null : point);

/**
 * A pin in the surface, tall enough to be seen where a slope hides its foot.
 * @param {SurfaceResult} surface
 * @param {import("./scale.js").Shade} shaded
 * @param {import("./frame.js").Frame} frame
 */
function pin(surface, shaded, { point, palette }) {
  const shown = fromElsewhere(point);
  const at = shown && place(surface, shaded, shown);
  const [x, y, z] = at ? [[at.x, at.x], [at.y, at.y], [at.z, shaded.range[1]]] : [[], [], []];
  return {
    type: "scatter3d",
    mode: "lines+markers",
    x,
    y,
    z,
    hoverinfo: "skip",
    line: { color: palette.text, width: 2 },
    marker: { symbol: "circle", size: [9, 0], color: PIN, line: { color: "#ffffff", width: 1 } },
  };
}

/** @param {Frame} frame @param {SurfaceResult} surface @param {HTMLElement} el */
function figure3d(frame, surface, el) {
  const { palette, log, extent } = frame;
  const shaded = shade(surface, log);
  const levels = contourLevels(shaded.range);
  // WebGL lines take no transparency.
  const solid = palette.theme === "dark" ? "#3d3d3d" : "#d9d9d9";
  const axis = { ...baseAxis(palette, ""), showbackground: false, showspikes: false, nticks: 5, gridcolor: solid, linecolor: solid, zerolinecolor: solid };
  /** @param {string} text */
  const title = (text) => ({ text, font: { size: 13, color: palette.text } });
  return {
    data: [
      {
        type: "surface",
        x: surface.alpha,
        y: surface.beta,
        z: shaded.rows,
        cmin: shaded.range[0],
        cmax: shaded.range[1],
        colorscale: COLOURS,
        showscale: false,
        hoverinfo: "none",
        connectgaps: false,
        lighting: { ambient: 0.72, diffuse: 0.55, specular: 0.06, roughness: 0.9, fresnel: 0.05 },
        contours: {
          x: { highlightcolor: palette.text, highlightwidth: 1 },
          y: { highlightcolor: palette.text, highlightwidth: 1 },
          z: { show: levels !== null, ...levels, usecolormap: false, color: "#b4c4c6", width: 1, highlight: false },
        },
      },
      cross(surface, shaded),
      pin(surface, shaded, frame),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin: { l: 0, r: 0, t: 0, b: 0 },
      scene: {
        camera: startCamera(el),
        dragmode: "turntable",
        uirevision: "keep",
        aspectmode: "manual",
        aspectratio: { x: 1, y: 1, z: 0.72 },
        xaxis: { ...axis, title: title("α"), range: extent.slice(0, 2) },
        yaxis: { ...axis, title: title("β"), range: extent.slice(2) },
        zaxis: { ...axis, title: title(isNarrow(el) ? "" : shaded.title) },
      },
    },
  };
}

/** The same losses as lines in the plane, where there is no WebGL. @param {Frame} frame @param {SurfaceResult} surface @param {HTMLElement} el */
function figure2d({ palette, log, extent }, surface, el) {
  const shaded = shade(surface, log);
  const [zmin, zmax] = shaded.range;
  return {
    data: [
      {
        type: "contour",
        x: surface.alpha,
        y: surface.beta,
        z: shaded.rows,
        zmin,
        zmax,
        colorscale: COLOURS,
        showscale: false,
        ncontours: 24,
        contours: { coloring: "fill" },
        line: { width: 0 },
        hoverinfo: "none",
      },
    ],
    layout: {
      ...baseLayout(palette, el),
      margin: { l: 48, r: 12, t: 8, b: 40 },
      xaxis: { ...baseAxis(palette, "α"), range: extent.slice(0, 2), fixedrange: true },
      yaxis: { ...baseAxis(palette, "β"), range: extent.slice(2), fixedrange: true },
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {import("./link.js").Link} link
 */
export function createSurface(el, link) {
  const panel = createPanel("surface", "Surface");
  const logBox = h("input", { type: "checkbox", "data-testid": "log" });
  const logLabel = h("label", { class: "lw-check", hidden: true, title: "Loss as a logarithm, in colour and height" }, logBox, "log");
  panel.tools.append(logLabel);
  logBox.addEventListener("change", () => link.log.set(logBox.checked));

  const notice = h("p", { class: "lw-notice", hidden: true });
  const again = h("button", { type: "button", class: "lw-link-button" }, "Try 3-D again");
  notice.append("The browser gave up this 3-D view; contours instead. ", again);
  panel.body.append(notice);
  el.append(panel.element);

  /** @type {ReturnType<typeof createPlot> | null} */
  let plot = null;
  /** @type {Frame | null} */
  let last = null;
  let flat = false;
  const isNew = createMemory();

  /** @param {any} event */
  function hover(event) {
    const at = event.points?.[0];
    if (at) link.point.set({ alpha: at.x, beta: at.y, source: "surface" });
  }
  function leave() {
    if (link.point.get()?.source === "surface") link.point.set(null);
  }

  /** @param {boolean} next */
  function setFlat(next) {
    plot?.destroy();
    plot = null;
    flat = next;
    notice.hidden = !next;
    if (last) update(last);
  }
  again.addEventListener("click", () => setFlat(false));

  /** @param {import("./plot.js").Plotly} plotly */
  function makePlot(plotly) {
    if (flat) return createPlot(panel.body, plotly, { buttons: ["toImage"] });
    return createPlot(panel.body, plotly, {
      buttons: ["resetCameraDefault3d", "toImage"],
      on: { plotly_hover: hover, plotly_unhover: leave },
      onContextLost: () => setFlat(true),
      onResize: () => last && update(last),
    });
  }

  /** @param {Frame} frame */
  function update(frame) {
    last = frame;
    const { surface, provisional } = frame.snapshot;
    panel.setProvisional(provisional);
    panel.wait(surface && frame.plotly ? null : frame.words.surface);
    if (!surface || !frame.plotly) return;

    logLabel.hidden = !offersLog(surface.range);
    logBox.checked = frame.log;
    setText(panel.foot, `Height: loss, ${formatNumber(surface.range[0])} to ${formatNumber(surface.range[1])}`);
    if (!plot && !flat && !hasWebGL()) return setFlat(true);
    plot ??= makePlot(frame.plotly);
    const narrow = isNarrow(panel.body);
    if (!isNew(plot, surface, frame.palette, frame.log, frame.extent.join(), fromElsewhere(frame.point), narrow)) return;
    const figure = flat ? figure2d(frame, surface, panel.body) : figure3d(frame, surface, panel.body);
    plot.draw(figure, () => panel.drawn(surface));
  }

  return {
    update,
    destroy() {
      plot?.destroy();
      panel.element.remove();
    },
  };
}
