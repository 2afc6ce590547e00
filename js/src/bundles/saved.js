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
}

// Printed is what is on the screen, on paper as wide as that: plots are not drawn anew before it is printed.
addEventListener("beforeprint", () => {
  const width = document.documentElement.clientWidth;
  const paper = document.getElementById("paper");
  if (paper) paper.textContent = `@page { size: ${width + 40}px ${Math.round((width + 40) / Math.SQRT2)}px; margin: 20px; }`;
});

open().catch((/** @type {unknown} */ reason) => {
  const words = `The page could not be opened, which takes a browser of 2023 or later: ${reason}`;
  document.getElementById("explorer")?.replaceChildren(words);
});
