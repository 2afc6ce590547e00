// What a saved picture says of itself: the kernel's words for the plane, and how the page shows it.
import { formatNumber } from "../model/format.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("../model/picture-file.js").Caption} Caption */

/** Details that also stand in the picture, below its title. */
const IN_SIGHT = ["Eigenvalues", "Examples", "Directions", "Half-widths", "Resolution"];

/** The details that stand in a picture. @param {Caption} caption */
export const inSight = ({ details }) => IN_SIGHT.filter((name) => details[name]).map((name) => (name === "Resolution" ? `${details[name]} nodes` : details[name]));

/**
 * Certified eigenvalues, the outermost first, and how far they may be off.
 * @param {import("../kernel/curvature-decoders.js").EigenResult | null} eigenpairs
 */
function eigenvalues(eigenpairs) {
  if (!eigenpairs?.final) return "";
  const { words, values, residuals } = eigenpairs;
  const ends = values.length > 1 ? [0, values.length - 1] : [0];
  return ends.map((i) => `${words[i]} ${formatNumber(values[i])} ± ${formatNumber(residuals[i], 1)}`).join(", ");
}

/** The part of a plane that is on show, where it is not what the kernel's picture shows. @param {readonly number[]} extent */
function reachOf(extent) {
  const [a0, a1, b0, b1] = extent.map((end) => formatNumber(end, 3));
  return `α ${a0} to ${a1}, β ${b0} to ${b1}`;
}

/**
 * What a saved picture is to say of itself.
 * @param {() => Frame | null} frame  the last one
 * @param {(frame: Frame) => string} [head]
 * @param {(frame: Frame) => Record<string, string>} [own]
 */
export const teller = (frame, head, own) => () => ({ caption: captionOf(frame(), head, own), titled: frame()?.titled ?? false });

/**
 * @param {Frame | null} frame
 * @param {(frame: Frame) => string} head  what the picture is, where that is not the surface's own title
 * @param {(frame: Frame) => Record<string, string>} own  details in place of the surface's, "" for none
 * @returns {Caption}
 */
export function captionOf(frame, head = () => "", own = () => ({})) {
  const surface = frame?.picture.surface ?? frame?.snapshot.surface;
  if (!frame || !surface) return { title: "", details: {} };
  const { scale, log, colours, errors, picture, snapshot } = frame;
  const { eigenpairs } = snapshot;
  const pairs = snapshot.former(eigenpairs) ? null : eigenpairs;
  const made = picture.provisional ? `provisional: ${picture.note}` : picture.note;
  const shown = { auto: "about L(θ*)", linear: "linear", log: "log" }[scale === "auto" ? "auto" : log ? "log" : "linear"];
  const details = {
    Eigenvalues: eigenvalues(pairs),
    Verdict: pairs?.sentence ?? "",
    ...surface.details,
    ...(picture.composed && { "Half-widths": reachOf(picture.extent) }),
    Scale: errors ? "loss − quadratic" : shown,
    Colours: errors || scale === "auto" ? "diverging" : colours,
    Picture: made,
    ...own(frame),
  };
  const title = [head(frame) || surface.title, made].filter(Boolean).join(", ");
  return { title, details: /** @type {Record<string, string>} */ (Object.fromEntries(Object.entries(details).filter(([, words]) => words))) };
}
