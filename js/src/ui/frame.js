// Everything that a view needs to draw itself, gathered once per change.

import { capitalised } from "../model/format.js";

/**
 * @typedef {object} Frame
 * @property {import("../kernel/state.js").Snapshot} snapshot
 * @property {import("./plot.js").Plotly | null} plotly  null until the plotting library is there
 * @property {import("./theme.js").Palette} palette
 * @property {boolean} log  whether losses are shown as logarithms
 * @property {import("../model/scale.js").ScaleName} scale  what is asked for
 * @property {import("../model/picture.js").Picture | null} basis  whose scale this picture has, if not its own
 * @property {boolean} contours
 * @property {boolean} quadratic  whether the quadratic model is shown over the loss
 * @property {boolean} errors  whether colours stand for what the quadratic model leaves of the loss
 * @property {import("../model/colours.js").ColourMap} colours
 * @property {boolean} titled  whether saved pictures have their title in sight
 * @property {import("./link.js").Point | null} point  where the crosshair is
 * @property {import("../model/picture.js").Picture} picture  what the views of the plane show
 * @property {import("../kernel/points.js").Mark[]} pins  on the plane of the picture
 * @property {import("../kernel/landmarks.js").PathOnPlane[]} paths  of training and to other solutions, on that plane
 * @property {import("../kernel/splits.js").Lowest[]} lowest  points where losses on this plane are lowest
 * @property {(frame: Frame, at: {alpha: number, beta: number}) => void} pin  pins a point of the picture
 * @property {[number, number] | null} range  losses that colours and heights span; null: those of the picture
 * @property {string} name  of the plane, in titles; "" where there is but one
 * @property {{surface: string, heatmap: string, slices: string, curvature: Record<import("../kernel/state.js").Face, string>}} words  in place of pictures that are not there yet
 */

/** @param {string} missing @returns {Frame["words"]["curvature"]} */
const curvature = (missing) => ({
  projections: `The curvature that random planes show. ${missing}`,
  spectrum: `How the Hessian's eigenvalues are spread. ${missing}`,
  trace: `The Hessian's trace, and running estimates of it. ${missing}`,
});

/**
 * What stands in the three places before there is anything to draw.
 * @param {import("../kernel/state.js").Snapshot} snapshot
 * @param {boolean} loaded  whether the plotting library is there
 * @param {string} fault  why it will never be, "" if it may
 * @returns {Frame["words"]}
 */
export function waitingWords({ status, progress, kernel }, loaded, fault) {
  const faces = (/** @type {string} */ text) => ({ projections: text, spectrum: text, trace: text });
  const all = (/** @type {string} */ text) => ({ surface: text, heatmap: text, slices: text, curvature: faces(text) });
  if (fault) return all("No plots: the plotting library is missing.");
  const missing = status === "computing" ? "Being computed …" : kernel === "gone" ? "Not computed." : "Not computed yet.";
  if (kernel === "gone" && loaded) return { ...all("No picture."), curvature: curvature(missing) };
  if (status === "failed" || status === "cancelled") return all("No picture yet.");
  if (!loaded) return all("Loading the plotting library …");
  const stage = progress?.stage ? `${capitalised(progress.stage)} …` : "Waiting for the kernel …";
  return {
    surface: stage,
    slices: "The loss along each axis.",
    heatmap: "A coarse picture first, then finer where it needs to be.",
    curvature: curvature(missing),
  };
}

/**
 * How losses are to be shown, as far as the picture allows.
 * @param {import("./link.js").Link} link
 * @param {import("../model/picture.js").Picture} picture
 */
export const display = (link, { model }) => ({
  scale: link.scale.get(),
  contours: link.contours.get(),
  quadratic: link.quadratic.get() && model !== null,
  errors: link.colour.get() === "error" && model !== null,
  colours: link.map.get(),
  titled: link.titled.get(),
});

/**
 * All that changes how the same losses look.
 * @param {Frame} frame
 */
export const displayOf = ({ log, scale, basis, contours, quadratic, errors, colours, range, pins, paths, lowest, picture: { model } }) => [paths, range?.join(), JSON.stringify([pins, lowest]), log, scale, basis?.surface, contours, quadratic, errors, colours, model];
