// Light or dark, and the colours that plots need: both follow the host, live.
import { h } from "./dom.js";

/**
 * @typedef {object} Palette
 * @property {"light" | "dark"} theme
 * @property {string} text
 * @property {string} muted
 * @property {string} grid
 * @property {string} background
 * @property {string} kappaMinus
 * @property {string} kappaPlus
 * @property {string} first  of two methods
 * @property {string} second
 */

/** What says light or dark: a page, or a part of one; the last are those of Vuetify 2 and 3, which Solara is made with. */
const PARTS = '[data-theme="dark"], [data-theme="light"], .dark, .theme--dark, .theme--light, .v-theme--dark, .v-theme--light';

/**
 * Like `closest`, also past the shadow roots that an element is in.
 * @param {Element} el
 * @param {string} selector
 * @returns {Element | null}
 */
function closest(el, selector) {
  const found = el.closest(selector);
  const root = el.getRootNode();
  return found ?? ("host" in root ? closest(/** @type {ShadowRoot} */ (root).host, selector) : null);
}

/** The theme that a person chose for the explorer. @param {Element} el @returns {"light" | "dark" | null} */
function explicitTheme(el) {
  const value = closest(el, "[data-lw-theme]")?.getAttribute("data-lw-theme");
  return value === "light" || value === "dark" ? value : null;
}

/** What VS Code or JupyterLab says, whose own colours go with it. @param {Element} el @returns {"light" | "dark" | null} */
function notebookTheme(el) {
  const { body } = el.ownerDocument;
  const classes = body.classList;
  if (classes.contains("vscode-light") || classes.contains("vscode-high-contrast-light")) return "light";
  if (classes.contains("vscode-dark") || classes.contains("vscode-high-contrast")) return "dark";

  const jupyter = (closest(el, "[data-jp-theme-light]") ?? body).getAttribute("data-jp-theme-light");
  return jupyter === null ? null : jupyter === "false" ? "dark" : "light";
}

/**
 * The theme around an element: an explicit choice (`data-lw-theme` on an ancestor), then VS Code, then
 * JupyterLab, then what the page or a part of it says of itself, then the system's preference.
 * @param {Element} el
 * @returns {"light" | "dark"}
 */
export function detectTheme(el) {
  const said = explicitTheme(el) ?? notebookTheme(el);
  if (said) return said;

  const part = closest(el, PARTS);
  if (part) return part.matches('[data-theme="dark"], .dark:not([data-theme="light"]), .theme--dark, .v-theme--dark') ? "dark" : "light";
  return el.ownerDocument.defaultView?.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * The plot colours, resolved from the style sheet's custom properties.
 * @param {HTMLElement} root
 * @param {"light" | "dark"} theme
 * @returns {Palette}
 */
function readPalette(root, theme) {
  const style = getComputedStyle(root);
  /** @param {string} name @param {string} fallback */
  const colour = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const dark = theme === "dark";
  return {
    theme,
    text: colour("--lw-text", dark ? "#e0e0e0" : "#212121"),
    muted: colour("--lw-muted", dark ? "#a8a8a8" : "#616161"),
    grid: dark ? "rgba(255, 255, 255, 0.13)" : "rgba(0, 0, 0, 0.11)",
    background: colour("--lw-background", dark ? "#111111" : "#ffffff"),
    kappaMinus: colour("--lw-kappa-minus", dark ? "#6cb4ee" : "#1f6fb2"),
    kappaPlus: colour("--lw-kappa-plus", dark ? "#f2a65a" : "#c8620a"),
    first: colour("--lw-first", dark ? "#4dc3b2" : "#00796b"),
    second: colour("--lw-second", dark ? "#c793e8" : "#8430ad"),
  };
}

/**
 * The colours of paper, whatever those of the page are, and with them those of the squares of a legend.
 * @param {HTMLElement} root
 * @param {Element[]} squares
 */
export function lightOf(root, squares) {
  const paper = h("div", { class: "lw-root", "data-theme": "light", "data-chosen": true, hidden: true }, ...squares.map((square) => square.cloneNode()));
  root.append(paper);
  const [palette, colours] = [readPalette(paper, "light"), [...paper.children].map((square) => getComputedStyle(square).backgroundColor)];
  paper.remove();
  return { palette, colours };
}

/**
 * Follows the host's theme for `root`.
 * @param {HTMLElement} root
 * @param {() => void} onChange
 */
export function createTheme(root, onChange) {
  const { body, documentElement, defaultView } = root.ownerDocument;

  const attributes = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-lw-theme", "data-jp-theme-light", "data-jp-theme-name"] };
  const observer = new MutationObserver(refresh);

  function read() {
    const place = root.parentElement ?? root;
    const theme = detectTheme(place);
    root.dataset.theme = theme;
    // Other hosts have JupyterLab's light colours from its widgets, whatever their own are.
    root.toggleAttribute("data-chosen", explicitTheme(place) !== null || notebookTheme(place) === null);
    const part = closest(place, PARTS);
    if (part) observer.observe(part, attributes);
    return readPalette(root, theme);
  }
  let palette = read();

  function refresh() {
    const next = read();
    if (JSON.stringify(next) === JSON.stringify(palette)) return;
    palette = next;
    onChange();
  }

  for (const page of [body, documentElement]) observer.observe(page, attributes);
  // A sheet that is there already will not load again: what waits for it would keep a view that is gone.
  const ended = new AbortController();
  // Hosts swap the theme's style sheet after they have changed the attribute.
  const sheets = new MutationObserver((records) => {
    const isSheet = (/** @type {Node} */ node) => node.nodeName === "LINK" || node.nodeName === "STYLE";
    if (!records.some((record) => [...record.addedNodes, ...record.removedNodes].some(isSheet))) return;
    refresh();
    for (const link of root.ownerDocument.querySelectorAll("link[rel=stylesheet]")) {
      link.addEventListener("load", refresh, { once: true, signal: ended.signal });
    }
  });
  for (const parent of [root.ownerDocument.head, body]) sheets.observe(parent, { childList: true });
  const preference = defaultView?.matchMedia?.("(prefers-color-scheme: dark)");
  preference?.addEventListener?.("change", refresh);
  // A host puts the view on its page only after it was made; the page's colours can be read from then on.
  const sights = new IntersectionObserver(refresh);
  sights.observe(root);

  return {
    get palette() {
      return palette;
    },
    destroy() {
      observer.disconnect();
      sheets.disconnect();
      sights.disconnect();
      ended.abort();
      preference?.removeEventListener?.("change", refresh);
    },
  };
}
