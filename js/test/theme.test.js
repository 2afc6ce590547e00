import assert from "node:assert/strict";
import { test } from "node:test";
import { createTheme, detectTheme } from "../src/ui/theme.js";
import { openPage } from "./page.js";

/**
 * @param {string} body  the page's body element
 * @param {boolean} [prefersDark]
 */
function themeOf(body, prefersDark = false) {
  const window = openPage({ html: `<!doctype html>${body}` });
  window.matchMedia = /** @type {any} */ (() => ({ matches: prefersDark }));
  return detectTheme(/** @type {Element} */ (window.document.querySelector("#el")));
}

const el = "<div id=el></div>";

test("an explicit choice comes before every host", () => {
  assert.equal(themeOf(`<body class="vscode-light" data-jp-theme-light="true"><div data-lw-theme="dark">${el}</div>`), "dark");
  assert.equal(themeOf(`<body class="vscode-dark"><div data-lw-theme="light">${el}</div>`, true), "light");
});

test("VS Code comes before JupyterLab", () => {
  assert.equal(themeOf(`<body class="vscode-dark" data-jp-theme-light="true">${el}`), "dark");
  assert.equal(themeOf(`<body class="vscode-light" data-jp-theme-light="false">${el}`), "light");
  assert.equal(themeOf(`<body class="vscode-high-contrast">${el}`), "dark");
  assert.equal(themeOf(`<body class="vscode-high-contrast vscode-high-contrast-light">${el}`), "light");
});

test("JupyterLab comes before the page and the system", () => {
  assert.equal(themeOf(`<body data-jp-theme-light="true" data-theme="dark">${el}`, true), "light");
  assert.equal(themeOf(`<body data-jp-theme-light="false">${el}`), "dark");
});

test("a page's own word comes before the system's preference", () => {
  assert.equal(themeOf(`<body data-theme="light">${el}`, true), "light");
  assert.equal(themeOf(`<body class="dark">${el}`), "dark");
  assert.equal(themeOf(`<body>${el}`, true), "dark");
  assert.equal(themeOf(`<body>${el}`), "light");
});

test("the nearest part of a page has the word, and Vuetify's own words are known", () => {
  assert.equal(themeOf(`<body><div class="theme--dark"><p>${el}`), "dark");
  assert.equal(themeOf(`<body><div class="v-application theme--light"><main class="v-theme--dark">${el}`), "dark");
  assert.equal(themeOf(`<body class="dark"><div class="v-theme--light">${el}`, true), "light");
});

/** The theme in a shadow root. @param {string} body  the page's body element, with the root's host */
function themeInShadow(body) {
  const { document } = openPage({ html: `<!doctype html>${body}` });
  const root = /** @type {Element} */ (document.querySelector("#host")).attachShadow({ mode: "open" });
  root.innerHTML = "<section><div id=el></div></section>";
  const place = /** @type {HTMLElement} */ (root.querySelector("#el"));
  const theme = createTheme(place, () => {});
  theme.destroy();
  return [detectTheme(place), place.hasAttribute("data-chosen")];
}

test("what is said around a shadow root holds inside it", () => {
  const host = "<div id=host></div>";
  assert.deepEqual(themeInShadow(`<body><div data-lw-theme="dark">${host}</div>`), ["dark", true]);
  assert.deepEqual(themeInShadow(`<body data-jp-theme-light="true"><div data-jp-theme-light="false">${host}</div>`), ["dark", false]);
  assert.deepEqual(themeInShadow(`<body data-theme="dark">${host}`), ["dark", true]);
  assert.deepEqual(themeInShadow(`<body class="dark">${host}`), ["dark", true]);
});

test("a part of the page may have a theme of its own, and change it", async () => {
  assert.equal(themeOf(`<body><div class="v-application theme--dark">${el}</div>`), "dark");
  assert.equal(themeOf(`<body><div class="v-application theme--light">${el}</div>`, true), "light");
  const { document } = openPage({ html: "<!doctype html><body><main class=theme--light><div id=el></div></main></body>" });
  const root = /** @type {HTMLElement} */ (document.querySelector("#el"));
  const theme = createTheme(root, () => {});
  /** @type {HTMLElement} */ (document.querySelector("main")).className = "theme--dark";
  await Promise.resolve();
  assert.equal(theme.palette.theme, "dark");
  theme.destroy();
});

test("a change of the host's theme is seen, and no longer after the end", async () => {
  const { document } = openPage({ html: '<!doctype html><body data-jp-theme-light="true"><div id=el></div></body>' });
  const root = /** @type {HTMLElement} */ (document.querySelector("#el"));
  let changes = 0;
  const theme = createTheme(root, () => changes++);
  assert.deepEqual([theme.palette.theme, root.dataset.theme], ["light", "light"]);

  document.body.setAttribute("data-jp-theme-light", "false");
  await Promise.resolve();
  assert.deepEqual([theme.palette.theme, root.dataset.theme, changes], ["dark", "dark", 1]);

  theme.destroy();
  document.body.setAttribute("data-jp-theme-light", "true");
  await Promise.resolve();
  assert.equal(changes, 1);
});

test("a theme's style sheet is waited for, and by no view that has ended", async () => {
  const { document, Event } = openPage({ html: "<!doctype html><body><div id=el></div></body>" });
  const root = /** @type {HTMLElement} */ (document.querySelector("#el"));
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  /** @type {(AbortSignal | undefined)[]} */
  const signals = [];
  const listen = sheet.addEventListener.bind(sheet);
  sheet.addEventListener = (/** @type {string} */ name, /** @type {any} */ listener, /** @type {any} */ options) => {
    signals.push(options.signal);
    // jsdom takes its own signals only
    listen(name, () => options.signal.aborted || listener(), { once: true });
  };
  let changes = 0;
  const theme = createTheme(root, () => changes++);
  document.head.append(sheet);
  await Promise.resolve();
  document.body.dataset.lwTheme = "dark";
  root.dataset.theme = "unread";
  sheet.dispatchEvent(new Event("load"));
  assert.equal(root.dataset.theme, "dark");
  theme.destroy();
  assert.deepEqual(signals.map((signal) => signal?.aborted), [true]);
});
