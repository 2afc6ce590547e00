// A page that was saved with results: it carries the other bundles, too, and asks nobody for anything.
import { inflate, unpack } from "../kernel/packed.js";
import { createSavedModel } from "../kernel/saved-model.js";

/** What an element of the page carries. @param {string} id */
const carried = async (id) => unpack(await inflate(/** @type {HTMLElement} */ (document.getElementById(id)).textContent ?? ""));

/** A bundle, as a browser loads a module that has no address. @param {Uint8Array<ArrayBuffer>} source */
async function load(source) {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return (await import(address)).default;
  } finally {
    URL.revokeObjectURL(address);
  }
}

async function open() {
  const [code, { pictures, ...traits }] = await Promise.all(["code", "data"].map(carried));
  const model = createSavedModel(traits, pictures);
  const { render } = (await load(code.page)).initialize({ model: createSavedModel({ _css: code.css }) });
  const el = document.getElementById("explorer");
  el?.replaceChildren();
  render({ model, el, host: { getWidget: async () => ({ exports: (await load(code.runtime)).initialize() }) } });
  preparePaper();
}

/** Has the page printed as it is on the screen, in the light and on paper as wide as that. To be called once there are plots, which hear first of it. */
function preparePaper() {
  const root = document.documentElement;
  addEventListener("beforeprint", () => {
    root.dataset.lwTheme = "light";
    const paper = document.getElementById("paper");
    const width = root.clientWidth + 40;
    // Paper is not as high as the window is, by which pictures go, and what is drawn stays as large as it is.
    const height = document.querySelector(".lw-of-plane .lw-panel-body")?.clientHeight;
    if (paper) paper.textContent = `@page { size: ${width}px ${Math.round(width / Math.SQRT2)}px; margin: 20px; } @media print { .lw-root .lw-views { --lw-picture: ${height}px !important; } }`;
  });
  /** Browsers print nothing of WebGL. @type {HTMLElement[]} */
  const copies = [];
  // The plots are light by now: what a listener has set in motion is done before the next one is called.
  addEventListener("beforeprint", () => {
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      const drawn = /** @type {any} */ (plot)._fullLayout?.scene?._scene?.glplot;
      if (!drawn) continue;
      drawn.redraw();
      const copy = drawn.canvas.cloneNode();
      copy.getContext("2d").drawImage(drawn.canvas, 0, 0);
      drawn.canvas.after(copy);
      copies.push(copy);
    }
  });
  addEventListener("afterprint", () => {
    delete root.dataset.lwTheme;
    for (const copy of copies.splice(0)) copy.remove();
  });
}

open().catch((/** @type {unknown} */ reason) => {
  const words = `The page could not be opened, which takes a browser of 2023 or later: ${reason}`;
  document.getElementById("explorer")?.replaceChildren(words);
});
