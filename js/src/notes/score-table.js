// The table of loss and metrics at the centre and where each plane on show is lowest, behind a button.
import { WORDS } from "../kernel/agreed.js";
import { createButton, h, setText } from "../ui/dom.js";
import { capitalised, formatNumber } from "../model/format.js";
import { headsOf, scoreColumns, statisticsOf } from "./pins.js";
import { download } from "../ui/save-image.js";

/** @typedef {import("../kernel/points.js").Row} Row */

/** @param {Row} row */
const nameOf = ({ place, plane }) => (place === "centre" ? "θ*" : `${capitalised(WORDS.lowest[place === "minimum" ? "train" : "test"])}, ${plane}`);

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createScoreTable(el, state) {
  const button = createButton("table-open", { "aria-expanded": "false", title: "Loss and metrics at θ* and the lowest points on show" }, "Lowest losses …");
  const head = h("tr");
  const body = h("tbody");
  const table = h("table", { class: "lw-pins-table", "data-testid": "score-table" }, h("thead", {}, head), body);
  const scroll = h("div", { class: "lw-pins-scroll", tabindex: 0, role: "group", "aria-label": "Lowest losses", hidden: true }, table);
  const csv = createButton("table-csv", { title: "Save the table with every digit", hidden: true }, "CSV");
  csv.addEventListener("click", () => download(new Blob([state.snapshot.points.csv], { type: "text/csv" }), "minima.csv"));
  const element = h("section", { class: "lw-pins lw-score", hidden: true }, h("p", { class: "lw-pins-line" }, button, csv), scroll);
  el.append(element);
  let open = false;
  /** @type {Row[] | null} */
  let shown = null;
  button.addEventListener("click", () => {
    open = !open;
    if (open && !state.snapshot.points.table) state.send("table");
    update(state.snapshot);
  });

  /** @param {Row[]} rows @param {import("../kernel/state.js").BatchNorm} norm */
  function fill(rows, norm) {
    const columns = scoreColumns(rows);
    head.replaceChildren(...headsOf([statisticsOf(rows[0].batch_norm, norm), "α, β", ...columns.map(({ name }) => name)]));
    body.replaceChildren(
      ...rows.map((row, i) => {
        const cell = (/** @type {string} */ id, /** @type {(number | null)[]} */ values, /** @type {number | undefined} */ digits) =>
          h("td", { "data-testid": `row-${i}-${id}`, title: values.map((value) => value ?? "not finite").join(", ") }, values.map((value) => formatNumber(value, digits)).join(", "));
        return h("tr", {}, h("th", { scope: "row" }, nameOf(row)), cell("place", [row.alpha, row.beta], 3), ...columns.map(({ id, of, digits }) => cell(id, of(row) ?? [null], digits)));
      }),
    );
  }

  /** @param {import("../kernel/state.js").Snapshot} snapshot */
  function update({ points, surface, kernel, batch_norm: norm }) {
    element.hidden = surface === null;
    // A picture that changed while the table is open closes it: its numbers were of another one.
    if ((shown || points.note || kernel === "gone") && !points.table) open = false;
    if (points.table && points.table !== shown) fill(points.table, norm);
    shown = points.table;
    scroll.hidden = csv.hidden = !open || !shown;
    button.toggleAttribute("data-asks", !shown);
    button.setAttribute("aria-expanded", String(open));
    setText(button, open ? (shown ? "Hide lowest losses" : "Evaluating …") : "Lowest losses …");
  }

  return {
    update,
    destroy() {
      element.remove();
    },
  };
}
