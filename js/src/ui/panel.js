// The frame around a view: title, place for the plot, words while there is none, a line below.
import { capitalised } from "../model/format.js";
import { h, setText } from "./dom.js";
import { createSave } from "./save-image.js";

/**
 * @param {string} name  the view's test id
 * @param {string} title
 * @param {Parameters<typeof createSave>[2]} tell  what a saved picture is to say of itself
 * @param {string} [kind]  a class of views
 */
export function createPanel(name, title, tell, kind = "") {
  const heading = h("h3", { class: "lw-panel-title" }, title);
  const tools = h("div", { class: "lw-panel-tools" });
  const words = h("p", { class: "lw-skeleton-words" });
  const skeleton = h("div", { class: "lw-skeleton" }, words);
  const note = h("span", { class: "lw-provisional", "data-testid": "provisional", hidden: true });
  const body = h("div", { class: "lw-panel-body" }, skeleton, note);
  const save = createSave(name, body, tell);
  body.append(save.element);
  const foot = h("div", { class: "lw-panel-foot" });
  const element = h(
    "section",
    { class: `lw-panel ${kind}`, "data-testid": name, "aria-label": title },
    h("header", { class: "lw-panel-head" }, heading, tools),
    body,
    foot,
  );

  return {
    element,
    tools,
    body,
    foot,
    /** Names what the view shows, beside its title. @param {string} text  "" where there is nothing to tell apart */
    setName(text) {
      const full = text ? `${title} · ${text}` : title;
      setText(heading, full);
      heading.title = text && full;
      element.setAttribute("aria-label", full);
    },
    /** Shows words in place of a plot, or none. @param {string | null} text */
    wait(text) {
      skeleton.hidden = text === null;
      save.element.hidden = text !== null;
      body.dataset.waiting = String(text !== null);
      if (text !== null) setText(words, text);
    },
    /**
     * Tells that a result is on the page.
     * @param {{request: number, final: boolean, axes?: string[], seed?: number, seeded?: boolean}} result
     */
    drawn(result) {
      save.names(result);
      element.dataset.request = String(result.request);
      element.dataset.final = String(result.final);
    },
    /** Tells that no result is on the page, or that of something else. */
    undrawn() {
      delete element.dataset.request;
      delete element.dataset.final;
    },
    /**
     * Marks what is shown as provisional, or says what else it is.
     * @param {boolean} provisional
     * @param {string} [made]  what such a picture is made of
     */
    setProvisional(provisional, made = "") {
      element.dataset.provisional = String(provisional);
      note.hidden = made === "";
      note.title = provisional ? `Provisional: ${made}` : capitalised(made);
      setText(note, note.title);
    },
  };
}

/** @typedef {ReturnType<typeof createPanel>} Panel */
