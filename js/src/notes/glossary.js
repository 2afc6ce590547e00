// The words of the field, each with a small picture, and what mouse and keys do: behind a button.
import { h } from "../ui/dom.js";
import { drawing } from "../ui/drawing.js";
import { createFold } from "../ui/fold.js";

/** A drawing's paths: in the text's colour, or with the class of a colour. @typedef {(string | [string, string])[]} Paths */

const FLOOR = "M4 40H68";

/** @type {{term: string, words: string, paths: Paths}[]} */
const TERMS = [
  {
    term: "θ*",
    words: "The weights that are looked at: the middle of the picture, α = β = 0. Trained weights are often taken for a minimum; whether they are one is what this shows.",
    paths: [FLOOR, ["M6 8C22 44 50 44 66 8", "lw-minus"], ["M36 32.5a3 3 0 1 0 .01 0", "lw-dot"]],
  },
  {
    term: "λmax, λmin",
    words: "The largest and the smallest curvature of the loss over all directions: the outermost eigenvalues of its Hessian. One above and one below zero make a saddle.",
    paths: [["M10 6C20 44 52 44 62 6", "lw-plus"], ["M6 44C20 12 52 12 66 44", "lw-minus"], ["M36 25a3 3 0 1 0 .01 0", "lw-dot"]],
  },
  {
    term: "Turns; on a slope",
    words: "Along one direction the loss to second order is a parabola: it turns where that is level. θ* is a minimum, saddle or maximum where it turns inside the domain along every direction, also those that no picture shows; else it is on a slope, whatever the plane looks like.",
    paths: [FLOOR, ["M4 8C24 44 48 44 68 16", "lw-minus"], ["M15 20a3 3 0 1 0 .01 0", "lw-dot"], "M40 32V40"],
  },
  {
    term: "κ₋, κ₊",
    words: "The smallest and the largest curvature within one plane. Random planes see means over many directions, so that both are mostly positive even at a saddle. Their directions are not of length 1 but about √N: their curvatures are about tr(H), far above λmax.",
    paths: [FLOOR, "M22 40V6", ["M8 40C18 40 20 12 28 12S38 40 48 40", "lw-minus"], ["M26 40C36 40 40 18 48 18S58 40 66 40", "lw-plus"]],
  },
  {
    term: "Blindness",
    words: "The share of random planes that hide a saddle: those in which the loss curves one way all around, so that θ* looks like a minimum or a maximum.",
    paths: [["M6 12C22 44 50 44 66 12", "lw-plus"], ["M36 34C44 34 52 38 58 46M36 34C28 34 20 38 14 46", "lw-minus lw-dashed"], ["M36 33a3 3 0 1 0 .01 0", "lw-dot"]],
  },
  {
    term: "Filter-normalised",
    words: "A random direction rescaled, filter by filter, to the size of the model's own weights (Li et al., 2018): a step of 1 changes each filter by as much as it is large.",
    paths: [["M10 40V14M22 40V26M34 40V8", "lw-plus lw-thick"], ["M44 40V14M56 40V26M68 40V8", "lw-minus lw-thick"], FLOOR],
  },
  {
    term: "L(θ* + αη + βδ)",
    words: "What the pictures show: the loss of the weights a step of α along one direction and of β along another away from θ*.",
    paths: ["M36 30L66 38M36 30L58 8", ["M66 38l-7-5M66 38l-8 2M58 8l-8 3M58 8l-1 8", "lw-plus"], ["M36 27a3 3 0 1 0 .01 0", "lw-dot"]],
  },
  {
    term: "tr(H), density",
    words: "The sum of all eigenvalues, and how they are spread between λmin and λmax. Most are near zero, and few stand apart from the rest.",
    paths: [FLOOR, ["M14 40V36M22 40V30", "lw-minus lw-thick"], ["M30 40V6M38 40V24M46 40V34M66 40V36", "lw-plus lw-thick"]],
  },
  {
    term: "PC₁, PC₂",
    words: "The directions along which the checkpoints of a run differ most: the principal components of what lies between them and θ*. The path is drawn at its own losses, above or below the surface where it leaves the plane.",
    paths: [FLOOR, ["M8 10C14 34 30 26 40 36S54 36 62 38", "lw-plus lw-dashed"], ["M62 35a3 3 0 1 0 .01 0", "lw-dot"]],
  },
  {
    term: "2/η",
    words: "Gradient descent with learning rate η overshoots along a direction of larger curvature. Training often raises λmax to this edge and stays there: the edge of stability (Cohen et al., 2021). With momentum β the edge is (2 + 2β)/η.",
    paths: [FLOOR, "M4 14H68", ["M6 38C22 36 26 10 34 14S42 12 46 15S54 12 58 15S64 13 68 14", "lw-plus"]],
  },
  {
    term: "Barrier",
    words: "How far the loss between two solutions rises above the straight line that joins their losses.",
    paths: [FLOOR, "M12 34L60 28", ["M4 26C8 36 14 36 18 30S30 8 38 10S50 32 60 28S66 22 68 18", "lw-plus"], ["M36 31V11", "lw-minus"]],
  },
];

/**
 * @param {{mouse: string, keys: string}} zoom  how the plane is zoomed
 * @param {boolean} saved  whether the page was saved, on which nothing is pinned
 */
export function createGlossary({ mouse, keys }, saved) {
  const { button, body } = createFold({ name: "glossary", label: "Glossary", title: "What the words mean, and what mouse and keys do", mark: "?" });
  const entries = TERMS.map(({ term, words, paths }) =>
    h("div", { class: "lw-term" }, drawing([72, 48], "lw-drawing", ...paths), h("dt", {}, term), h("dd", {}, words)),
  );
  const handling = [
    ["Plane", `${mouse} ${saved ? "Arrow keys move the crosshair;" : "A click pins a point. Arrow keys move the crosshair, Enter pins;"} ${keys}`],
    ["Surface", "Drag to turn. The wheel zooms after a click, until the pointer leaves. A mark that the surface hides stands above it, on a stem that leads down to its place; dashed on it: where a path runs, seen from above."],
  ].map(([term, words]) => h("div", { class: "lw-term lw-wide" }, h("dt", {}, term), h("dd", {}, words)));
  body.append(h("dl", { class: "lw-terms" }, ...entries, ...handling));
  body.tabIndex = 0; // keys scroll it
  return { button, body };
}
