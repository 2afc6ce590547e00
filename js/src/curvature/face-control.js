// Which face of the curvature panel is on show: one of three, side by side.
import { createSegments } from "../ui/segments.js";

/** @typedef {import("../kernel/state.js").Face} Face */

/** @type {{value: Face, label: string, title: string}[]} */
const CHOICES = [
  { value: "projections", label: "Projections", title: "The curvature that random planes show" },
  { value: "spectrum", label: "Spectrum", title: "How the eigenvalues of the Hessian are spread" },
  { value: "trace", label: "Trace", title: "The trace of the Hessian, and running estimates of it" },
];

/** @param {(face: Face) => void} send */
export const createFaceControl = (send) => createSegments({ name: "face", label: "Curvature by", choices: CHOICES, send });
