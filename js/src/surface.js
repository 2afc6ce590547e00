// The loss surface in three dimensions.
import { h, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { createMemory } from "./memory.js";
import { createPanel } from "./panel.js";
import { baseAxis, baseLayout, createPlot } from "./plot.js";
import { COLOURS, offersLog, shade } from "./scale.js";
import { nearestNode } from "./values.js";

/** @typedef {import("./frame.js").Frame} Frame */

const CAMERA = { eye: { x: 1.35, y: -1.45, z: 0.95 }, center: { x: 0, y: 0, z: -0.14 } };

/** Whether this browser draws WebGL at all. */
function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/**
 * A marker on the surface at the node closest to a point.
 * @param {import("./decode.js").SurfaceResult} surface
 * @param {import("./scale.js").Shade} shaded
 * @param {{alpha: number, beta: number} | null} point
 * @param {object} marker
 */
function mark(surface, { rows }, point, marker) {
  const base = { type: "scatter3d", mode: "markers", hoverinfo: "skip", marker };
  if (!point) return { ...base, x: [null], y: [null], z: [null] };
  const [i, j] = [nearestNode(surface.beta, point.beta), nearestNode(surface.alpha, point.alpha)];
  return { ...base, x: [surface.alpha[j]], y: [surface.beta[i]], z: [rows[i][j]] };
}

/** @param {Frame} frame @param {import("./decode.js").SurfaceResult} surface @param {HTMLElement} el */
function figure3d({ palette, log, extent, point }, surface, el) {
  const shaded = shade(surface, log);
  const axis = { ...baseAxis(palette, ""), showbackground: false, showspikes: false, nticks: 5 };
  /** @param {string} text */
  const title = (text) => ({ text, font: { size: 13, color: palette.text } });
  // While the pointer is on the surface, plotly's own highlight marks the place.
  const shown = point?.source === "surface" ? null : point;
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
          z: { show: true, usecolormap: false, color: "rgba(255, 255, 255, 0.28)", width: 1, highlight: false },
        },
      },
      mark(surface, shaded, surface.minimum, { symbol: "x", size: 4, color: "#000000", line: { color: "#ffffff", width: 1 } }),
      mark(surface, shaded, shown, { symbol: "circle", size: 6, color: "#e0245e", line: { color: "#ffffff", width: 2 } }),
    ],
    layout: {
      ...baseLayout(palette, el),
      margin: { l: 0, r: 0, t: 0, b: 0 },
      scene: {
        camera: CAMERA,
        dragmode: "turntable",
        uirevision: "keep",
        aspectmode: "manual",
        aspectratio: { x: 1, y: 1, z: 0.72 },
        xaxis: { ...axis, title: title("α"), range: extent.slice(0, 2) },
        yaxis: { ...axis, title: title("β"), range: extent.slice(2) },
        zaxis: { ...axis, title: title(shaded.title) },
      },
    },
  };
}

/** The same losses as lines in the plane, where there is no WebGL. @param {Frame} frame @param {import("./decode.js").SurfaceResult} surface @param {HTMLElement} el */
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
    setText(panel.foot, `Loss from ${formatNumber(surface.range[0])} to ${formatNumber(surface.range[1])}`);
    if (!plot && !flat && !hasWebGL()) return setFlat(true);
    plot ??= makePlot(frame.plotly);
    if (!isNew(plot, surface, frame.palette, frame.log, frame.extent.join(), frame.point)) return;
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
