// Vertical lines with a label, for values that a plot's axis is marked with.
import { formatNumber } from "../model/format.js";

/** Height of a label's row, in pixels. */
const ROW = 16;

/**
 * The share of a plot's height that labels in rows at its top need, so that nothing drawn is below them.
 * @param {HTMLElement} el  around the plot
 * @param {number} rows
 */
export const headroom = ({ clientHeight }, rows) => Math.min(0.4, (ROW * rows + 4) / Math.max(120, clientHeight - 48));

/**
 * A vertical line with its label, or an arrow at the edge where the value lies outside.
 * @param {{name: string, value: number, color: string, row: number, digits?: number}} mark  the label's row, from the top
 * @param {[number, number]} range
 * @param {string} background
 */
export function drawMark({ name, value, color, row, digits = 3 }, [low, high], background) {
  const outside = value < low ? -1 : value > high ? 1 : 0;
  const text = `${name} = ${formatNumber(value, digits)}`;
  const position = Math.min(high, Math.max(low, value));
  // The label leans to the side where there is room.
  const left = outside === 1 || (outside === 0 && position > (low + high) / 2);
  const annotation = {
    x: position,
    y: 1,
    yref: "paper",
    yanchor: "top",
    yshift: -1 - ROW * row,
    xanchor: left ? "right" : "left",
    xshift: outside ? 0 : left ? -4 : 4,
    text: outside === 1 ? `${text} →` : outside === -1 ? `← ${text}` : text,
    showarrow: false,
    font: { size: 11, color },
    bgcolor: background,
    opacity: 0.92,
    borderpad: 1,
  };
  const line = { type: "line", x0: value, x1: value, y0: 0, y1: 1, yref: "paper", line: { color, width: 2, dash: "dash" } };
  return { annotation, shape: outside ? null : line };
}

/** Where the curvature changes its sign. @param {string} color */
export const zeroLine = (color) => ({ type: "line", x0: 0, x1: 0, y0: 0, y1: 1, yref: "paper", layer: "below", line: { color, width: 1 } });
