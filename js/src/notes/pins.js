// What a person knows of single points: pins in a table, weights taken.
import { createMemory } from "../ui/changed.js";
import { createButton, h, setText } from "../ui/dom.js";
import { digitsWithin, formatCount, formatNumber } from "../model/format.js";

/** @typedef {import("../kernel/points.js").Pin} Pin */
/** @typedef {import("../kernel/points.js").Points} Points */
/** @typedef {import("../kernel/state.js").State} State */
/** @typedef {import("../kernel/state.js").BatchNorm} BatchNorm */

/** @typedef {Pick<Pin, "train" | "test">} Scored */

/**
 * A column: its head, its test id, its number or numbers for a point, undefined while they are computed, and their digits if not four.
 * @template T
 * @typedef {{name: string, id: string, digits?: number, of: (point: T) => (number | null)[] | undefined}} Column
 */

/**
 * Loss and metrics, on training and test data where there are both.
 * @param {Scored[]} points
 * @returns {Column<Scored>[]}
 */
export function scoreColumns(points) {
  const metrics = [...new Set(points.flatMap(({ train }) => Object.keys(train?.metrics ?? {})))];
  const tested = points.some(({ test }) => test !== null);
  const sets = /** @type {("train" | "test")[]} */ (tested ? ["train", "test"] : ["train"]);
  /** @param {string} name @param {(scores: import("../kernel/points.js").Scores) => number | null | undefined} read */
  const scores = (name, read) =>
    sets.map((set) => {
      const of = (/** @type {Scored} */ point) => {
        const found = point[set];
        return found ? [read(found) ?? null] : undefined;
      };
      const known = /** @type {number[]} */ (points.flatMap((point) => of(point) ?? []).filter(Number.isFinite));
      return {
        name: tested ? `${name}, ${set}` : name,
        id: tested ? `${name}-${set}` : name,
        digits: digitsWithin([Math.min(...known), Math.max(...known)]),
        of,
      };
    });
  return [...scores("loss", ({ loss }) => loss), ...metrics.flatMap((name) => scores(name, ({ metrics }) => metrics[name]))];
}

/**
 * The columns that these pins have numbers for.
 * @param {Pin[]} pins
 * @returns {Column<Pin>[]}
 */
export function columnsOf(pins) {
  const known = (/** @type {Pin} */ { done }, /** @type {(number | null)[] | null} */ values) => values ?? (done ? [null] : undefined);
  const held = pins.some(({ batch_norm }) => batch_norm === "recomputed") ? ", batch norm held fixed" : "";
  return [
    { name: "α, β", id: "place", digits: 3, of: ({ alpha, beta }) => [alpha, beta] },
    ...scoreColumns(pins),
    { name: `‖∇L‖${held}`, id: "gradient", of: (pin) => known(pin, pin.gradient_norm === null ? null : [pin.gradient_norm]) },
    { name: `κ₋, κ₊${held}`, id: "curvatures", of: (pin) => known(pin, pin.curvatures) },
  ];
}

/** Heads of columns; that of one without a name is an empty cell. @param {string[]} names */
export const headsOf = (names) => names.map((name) => h(name ? "th" : "td", { scope: name ? "col" : false }, name));

/** How large the data sets are, for the heads of the columns. @param {Pin[]} pins */
function examplesOf(pins) {
  const of = (/** @type {"train" | "test"} */ set) => pins.find((pin) => pin[set])?.[set]?.n_examples;
  const [train, test] = [of("train"), of("test")];
  if (train === undefined) return "Pinned points";
  return `Pinned points, on all ${formatCount(train)}${test === undefined ? "" : ` training and ${formatCount(test)} test`} examples`;
}

/** What is said of losses beside pictures of other batch-norm statistics. @param {BatchNorm | null} own @param {BatchNorm} shown */
export const statisticsOf = (own, shown) => (!own || own === shown ? "" : `with ${own} batch norm`);

/**
 * The plane that a pin lies on, where that is not the one on show, and what its losses are with where the picture's are not.
 * @param {Pin} pin
 * @param {number} examples  that the plane on show rests on
 * @param {BatchNorm} norm
 */
function placeOf({ here, plane, n_examples, centred, batch_norm }, examples, norm) {
  const part = n_examples === null || n_examples === examples ? "" : `of ${formatCount(n_examples)} examples`;
  const other = here ? [] : [`on ${plane}`, part, centred ? "" : "around another centre"];
  return [...other, statisticsOf(batch_norm, norm)].filter(Boolean).join(", ");
}

/** What the plane's Hessian says in full. @param {Pin} pin */
function hessianWords({ hessian, symbols }) {
  if (!hessian) return "";
  const [[a, b], [, c]] = hessian;
  return `Hessian by (α, β) in the plane of ${symbols.join(" and ")}: A = ${a}, B = ${b}, C = ${c}`;
}

/** @param {string} id @param {string} text @param {string} title @param {() => void} act */
function button(id, text, title, act) {
  const element = createButton(id, { "data-asks": true, title, "aria-label": title }, text);
  element.addEventListener("click", act);
  return element;
}

/** @param {Pin} pin @param {State} state */
function createRow({ number }, state) {
  const act = (/** @type {"unpin" | "recentre" | "apply"} */ type) => () => state.send(type, { pin: number });
  const name = h("th", { scope: "row" }, h("span", { class: "lw-pin-name" }, String(number)));
  const apply = button(`pin-${number}-apply`, "Load into model", `Load into model: it gets the weights of pin ${number}`, act("apply"));
  const problem = h("span", { class: "lw-pins-problem", "data-testid": `pin-${number}-error` });
  const actions = h(
    "span",
    { class: "lw-pin-actions" },
    button(`pin-${number}-recentre`, "Make centre", `Make centre: pin ${number} becomes θ*, to explore around it`, act("recentre")),
    apply,
    button(`pin-${number}-remove`, "Remove", `Remove pin ${number}`, act("unpin")),
    problem,
  );
  const last = h("td", {}, actions);
  const element = h("tr", { "data-testid": `pin-${number}` }, name, last);
  /** @type {HTMLElement[]} */
  let cells = [];

  return {
    element,
    /** @param {Pin} pin @param {Column<Pin>[]} columns @param {boolean} writable @param {string} plane @param {boolean} waits  whether what is not known yet will be */
    update(pin, columns, writable, plane, waits) {
      if (cells.length !== columns.length) {
        for (const cell of cells) cell.remove();
        cells = columns.map(() => h("td"));
        last.before(...cells);
      }
      columns.forEach(({ id, digits, of }, i) => {
        const values = of(pin);
        cells[i].dataset.testid = `pin-${number}-${id}`;
        // In full, for who wants to copy a number.
        cells[i].title = id === "curvatures" ? hessianWords(pin) : (values ?? []).map((value) => value ?? "not finite").join(", ");
        const text = values ? values.map((value) => formatNumber(value, digits)).join(", ") : pin.error || !waits ? "–" : "…";
        // Coordinates are those of the pin's own plane, also while another one is on show.
        const words = id === "place" ? plane : "";
        setText(cells[i], `${text} ${words}`.trimEnd());
        cells[i].toggleAttribute("data-elsewhere", words !== "");
      });
      apply.hidden = !writable;
      element.dataset.done = String(pin.done);
      setText(problem, pin.error);
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {State} state
 */
export function createPins(el, state) {
  const holder = h("span");
  const restore = button("restore", "Put back", "Put back: your model gets the weights that it had before", () => state.send("restore", { force: false }));
  const force = button("restore-force", "Put back all the same", "Put back all the same, and give up what your model has become since", () => state.send("restore", { force: true }));
  const applied = h("p", { class: "lw-pins-line", "data-testid": "applied", hidden: true }, holder, restore, force);
  const note = h("p", { class: "lw-pins-line lw-pins-problem", "data-testid": "note", role: "status", hidden: true });

  const head = h("tr");
  const body = h("tbody");
  const caption = h("caption", { class: "lw-spoken" });
  const table = h("table", { class: "lw-pins-table", "data-testid": "pin-table" }, caption, h("thead", {}, head), body);
  const scroll = h("div", { class: "lw-pins-scroll", tabindex: 0, role: "group", "aria-label": "Pinned points" }, table);
  const element = h("section", { class: "lw-pins", "data-testid": "pins", "aria-label": "Points" }, applied, note, scroll);
  el.append(element);

  /** @type {Map<number, ReturnType<typeof createRow>>} */
  const rows = new Map();
  const isNew = createMemory();

  /** @param {import("../kernel/state.js").Snapshot} snapshot @param {boolean} waits */
  function updateTable({ points: { pins, writable }, examples, batch_norm: norm }, waits) {
    for (const [number, row] of rows) {
      if (pins.some((pin) => pin.number === number)) continue;
      row.element.remove();
      rows.delete(number);
    }
    const columns = columnsOf(pins);
    const names = ["Pin", ...columns.map(({ name }) => name), ""];
    if ([...head.children].map((cell) => cell.textContent).join() !== names.join()) {
      head.replaceChildren(...headsOf(names));
    }
    setText(caption, examplesOf(pins));
    table.title = examplesOf(pins);
    for (const pin of pins) {
      const row = rows.get(pin.number) ?? createRow(pin, state);
      if (!rows.has(pin.number)) body.append(row.element);
      rows.set(pin.number, row);
      row.update(pin, columns, writable, placeOf(pin, examples, norm), waits);
    }
    scroll.hidden = pins.length === 0;
  }

  return {
    /** @param {import("../kernel/state.js").Snapshot} snapshot */
    update(snapshot) {
      const { points, kernel, batch_norm: norm } = snapshot;
      const waits = kernel !== "gone";
      if (!isNew(points, waits, norm)) return;
      updateTable(snapshot, waits);
      const { applied: name, note: words } = points;
      applied.hidden = name === null;
      setText(holder, `Your model holds the weights of ${name}.`);
      note.hidden = words === "";
      setText(note, words);
      // What was refused can be insisted on.
      force.hidden = !(name !== null && words.includes("restore(force=True)"));
      element.hidden = scroll.hidden && applied.hidden && note.hidden;
    },
    destroy() {
      element.remove();
    },
  };
}
