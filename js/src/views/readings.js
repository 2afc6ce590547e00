// What is read off the plane, in words: at the crosshair, or where the loss is lowest.
import { h } from "../ui/dom.js";
import { digitsWithin, formatNumber } from "../model/format.js";
import { modelAt } from "../model/quadratic.js";
import { isDifference, quantityOf, SIGNS, SPLIT_WORDS } from "../kernel/splits.js";
import { fallsAt } from "../model/border.js";
import { distanceWords } from "../model/units.js";
import { nearestNode } from "../model/values.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */
/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** @param {SurfaceResult} surface @param {number} alpha @param {number} beta */
export function readAt(surface, alpha, beta) {
  const [i, j] = [nearestNode(surface.beta, beta), nearestNode(surface.alpha, alpha)];
  const [a, b] = [formatNumber(surface.alpha[j], 3), formatNumber(surface.beta[i], 3)];
  const loss = formatNumber(surface.rows[i][j], digitsWithin(surface.range));
  return `α = ${a}\u2003β = ${b}\u2003${quantityOf(surface)} = ${loss}`;
}

/**
 * Writes a reading whose parts are not broken across lines.
 * @param {HTMLElement} element
 * @param {string} text  parts with wide spaces between them
 */
export function setReading(element, text) {
  if (element.textContent === text) return;
  element.replaceChildren(...text.split("\u2003").flatMap((part, i) => [...(i ? ["\u2003"] : []), h("span", {}, part)]));
}

/** Whether the loss on show still falls where it is lowest. @param {Frame["lowest"]} lowest @param {SurfaceResult} surface */
export const isCut = (lowest, surface) => !isDifference(surface) && lowest.some((point) => point.split === surface.split && fallsAt(surface, point));

/** Where the loss is lowest; of two losses, without what it is there. @param {Frame} frame @param {SurfaceResult} surface */
export function readLowest({ lowest }, surface) {
  const [first] = lowest;
  if (!first) return "";
  if (lowest.length === 1) return `${SIGNS[first.split]} ${readAt(surface, first.alpha, first.beta)}`;
  const words = lowest.map(({ split, alpha, beta }) => `${SIGNS[split]} ${SPLIT_WORDS[split]} (${formatNumber(alpha, 3)}, ${formatNumber(beta, 3)})`);
  return `lowest ${words.join("\u2003")}`;
}

/** The same point: how far from θ*, and where the model is on show, what it says. @param {Frame} frame @param {SurfaceResult} surface @param {{alpha: number, beta: number}} at */
export function readBelow({ quadratic, errors, picture: { model } }, surface, at) {
  const [a, b] = [surface.alpha[nearestNode(surface.alpha, at.alpha)], surface.beta[nearestNode(surface.beta, at.beta)]];
  const second = model && (quadratic || errors) ? `\u2003quadratic ${formatNumber(modelAt(model, a, b))}` : "";
  return distanceWords(surface, a, b) + second;
}
