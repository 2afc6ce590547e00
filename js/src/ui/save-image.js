// Pictures as files: each view's plot as PNG or SVG, as it stands on the page.
import { h } from "./dom.js";
import { inSight } from "./caption.js";
import { DENSITY, imageOf } from "./plot.js";
import { captionedPng, captionedSvg } from "../model/picture-file.js";

/** @typedef {"png" | "svg"} Format */

/**
 * A data URL as a blob. Not by fetch, which a host's policy may forbid.
 * @param {string} url
 */
export function blobOf(url) {
  const [, type, base64, content] = /** @type {RegExpMatchArray} */ (url.match(/^data:([^;,]*)(?:;[^;,]*?)*?(;base64)?,(.*)$/s));
  const text = decodeURIComponent(content);
  if (!base64) return new Blob([text], { type });
  return new Blob([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))], { type });
}

/**
 * Hands a file to the reader.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = h("a", { href, download: name });
  link.click();
  // The browser reads it after the click has returned.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/**
 * A file name without what file systems object to: surface_hessian-max_hessian-min.png.
 * @param {string[]} parts
 * @param {Format} format
 */
export const fileName = (parts, format) => `${parts.filter(Boolean).join("_").replace(/[^\w.-]+/g, "-")}.${format}`;

/**
 * A picture with its caption in the file.
 * @param {Blob} blob
 * @param {import("../model/picture-file.js").Caption} caption
 */
export async function captioned(blob, caption) {
  const { type } = blob;
  if (type === "image/png") return new Blob([captionedPng(new Uint8Array(await blob.arrayBuffer()), caption, DENSITY)], { type });
  return new Blob([captionedSvg(await blob.text(), caption)], { type });
}

/**
 * Two buttons that save what a view shows.
 * @param {string} name  of the view
 * @param {HTMLElement} body  where its plot is
 * @param {() => {caption: import("../model/picture-file.js").Caption, titled: boolean}} tell  what it is, and whether that is to be seen in it
 */
export function createSave(name, body, tell) {
  /** What is on show, for the name of the file. @type {string[]} */
  let shown = [];
  const buttons = /** @type {Format[]} */ (["png", "svg"]).map((format) => {
    const words = `Save the ${name} as ${format.toUpperCase()}`;
    const attributes = { type: "button", class: "lw-button", "data-testid": `save-${format}`, title: words, "aria-label": words };
    const button = h("button", attributes, format.toUpperCase());
    button.addEventListener("click", async () => {
      try {
        const { caption, titled } = tell();
        const image = await imageOf(body, format, titled ? [caption.title, ...inSight(caption)].filter(Boolean) : []);
        download(await captioned(blobOf(image), caption), fileName([name, ...shown], format));
      } catch (error) {
        console.error("landscape-widget: a picture could not be saved", error);
      }
    });
    return button;
  });
  return {
    element: h("span", { class: "lw-save", hidden: true }, ...buttons),
    /** @param {{axes?: string[], seed?: number, seeded?: boolean}} result */
    names({ axes = [], seed, seeded = false }) {
      shown = seeded ? [...axes, `seed-${seed}`] : axes;
    },
  };
}
