// Marks of a plot without a pointer: the arrow keys go from one to the next, Enter does what a click does.
import { h, isButton, setText } from "./dom.js";

/**
 * A mark that can be chosen.
 * @typedef {object} Stop
 * @property {number} x
 * @property {number} width  of a bar; 0 for a line
 * @property {string} color  as #rrggbb
 * @property {string} words
 * @property {(event: {shiftKey: boolean}) => void} choose
 */

/**
 * What a plot offers: rows of marks, each from left to right and none of them empty.
 * @typedef {object} Offer
 * @property {string} label  what the keys do, for those who do not see it
 * @property {string} invitation  what Enter does, after the words of a mark
 * @property {Stop[][]} rows
 */

/** @type {Offer} */
export const NOTHING = { label: "", invitation: "", rows: [] };

/** @param {Stop[]} row @param {number} x */
const nearest = (row, x) => row.reduce((best, stop, i) => (Math.abs(stop.x - x) < Math.abs(row[best].x - x) ? i : best), 0);

/**
 * @param {HTMLElement} body  of the plot; it takes the focus while there is something to choose
 * @param {() => void} moved  called when another mark is the present one
 */
export function createWalk(body, moved) {
  const readout = h("output", { class: "lw-walk", "data-testid": "mark" });
  let offer = NOTHING;
  /** The present mark; marks may come and go around it. @type {{row: number, x: number} | null} */
  let at = null;

  function present() {
    const row = at && offer.rows[Math.min(at.row, offer.rows.length - 1)];
    return row ? row[nearest(row, /** @type {{x: number}} */ (at).x)] : null;
  }

  /** @param {number} row @param {number} i  beyond an end: the end */
  function go(row, i) {
    const stops = offer.rows[row];
    at = { row, x: stops[Math.min(stops.length - 1, Math.max(0, i))].x };
  }

  /** To the mark of another row that stands nearest. @param {number} row @param {number} x */
  const across = (row, x) => go(row, nearest(offer.rows[row], x));

  /** @type {Record<string, (row: number, i: number, x: number) => void>} */
  const moves = {
    ArrowLeft: (row, i) => go(row, i - 1),
    ArrowRight: (row, i) => go(row, i + 1),
    ArrowUp: (row, _, x) => across((row + offer.rows.length - 1) % offer.rows.length, x),
    ArrowDown: (row, _, x) => across((row + 1) % offer.rows.length, x),
    Home: (row) => go(row, 0),
    End: (row) => go(row, Infinity),
  };

  body.addEventListener("keydown", (event) => {
    if (isButton(event.target)) return;
    const stop = present();
    if (event.key === "Escape") at = null;
    else if (event.key === "Enter" && stop) stop.choose(event);
    else if (event.key in moves && offer.rows.length) {
      const row = Math.min(at?.row ?? 0, offer.rows.length - 1);
      if (at) moves[event.key](row, nearest(offer.rows[row], at.x), at.x);
      else go(row, Math.floor(offer.rows[row].length / 2));
    } else return;
    event.preventDefault();
    tell();
    moved();
  });

  function tell() {
    const stop = present();
    setText(readout, stop ? `${stop.words}. ${offer.invitation}` : "");
  }

  return {
    readout,
    /** Changes whenever the present mark does. */
    get at() {
      return at;
    },
    /** No mark is the present one. */
    leave() {
      at = null;
      tell();
    },
    /** @param {Offer} next */
    set(next) {
      offer = next;
      if (offer.rows.length) {
        for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": offer.label })) body.setAttribute(name, value);
      } else for (const name of ["tabindex", "role", "aria-label"]) body.removeAttribute(name);
      tell();
    },
    /** The present mark on a figure. @param {import("./plot.js").Figure} figure */
    onto(figure) {
      const stop = present();
      if (!stop) return figure;
      const { x, width, color } = stop;
      const frame = { type: "rect", x0: x - width / 2, x1: x + width / 2, y0: 0, y1: 1, yref: "paper" };
      const shape = { ...frame, fillcolor: `${color}2e`, line: { color, width: 1.5 } };
      return { ...figure, layout: { ...figure.layout, shapes: [...(figure.layout.shapes ?? []), shape] } };
    },
  };
}
