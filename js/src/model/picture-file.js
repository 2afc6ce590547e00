// What a picture's file says of itself: texts in a PNG, a title and a description in an SVG.

/**
 * @typedef {object} Caption
 * @property {string} title
 * @property {Record<string, string>} details  what the picture rests on, by names in plain words
 */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Where the first chunk, the header, ends. */
const HEADER_END = 33;

/** The check sum that ends a chunk (PNG specification, annex D). @param {Uint8Array} bytes */
function checkSum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/** A chunk: its type and its content. @param {Uint8Array} body */
function chunkOf(body) {
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, checkSum(body));
  return chunk;
}

/** A text in UTF-8: keyword, no compression, no language. @param {string} name @param {string} text */
const textChunk = (name, text) => chunkOf(new TextEncoder().encode(`iTXt${name}\0\0\0\0\0${text}`));

/** How large a picture is to be, by its pixels in an inch of 96 of the page. @param {number} density  pixels for each of the page */
function sizeChunk(density) {
  const perMetre = Math.round((96 * density) / 0.0254);
  const number = [24, 16, 8, 0].map((bits) => perMetre >> bits);
  return chunkOf(Uint8Array.of(...new TextEncoder().encode("pHYs"), ...number, ...number, 1));
}

/** Details as lines. @param {Record<string, string>} details */
const linesOf = (details) => Object.entries(details).map(([name, words]) => `${name}: ${words}`).join("\n");

/**
 * The same PNG with its size on paper and texts behind its header; what is no PNG stays as it is.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Caption} caption
 * @param {number} density  pixels for each of the page
 */
export function captionedPng(bytes, { title, details }, density) {
  if (bytes.length < HEADER_END || !SIGNATURE.every((byte, i) => bytes[i] === byte)) return bytes;
  const texts = { Title: title, Description: linesOf(details), Software: details.Software ?? "", "landscape-widget": JSON.stringify({ title, ...details }) };
  const chunks = Object.entries(texts).map(([name, text]) => textChunk(name, text));
  const parts = [bytes.subarray(0, HEADER_END), sizeChunk(density), ...chunks, bytes.subarray(HEADER_END)];
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>]/g, (sign) => /** @type {Record<string, string>} */ ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

/**
 * The same SVG with title, description and metadata, which come first in it; what is no SVG stays as it is.
 * @param {string} svg
 * @param {Caption} caption
 */
export const captionedSvg = (svg, { title, details }) =>
  svg.replace(/<svg\b[^>]*>/, (start) => {
    const data = JSON.stringify({ title, ...details });
    return `${start}<title>${escaped(title)}</title><desc>${escaped(linesOf(details))}</desc><metadata>${escaped(data)}</metadata>`;
  });

/**
 * Parts of a line, as many of them in each line as it has room for.
 * @param {string[]} parts
 * @param {number} most  characters
 */
export function wrapped(parts, most) {
  /** @type {string[]} */
  const lines = [];
  for (const part of parts) {
    const longer = lines.length ? `${lines[lines.length - 1]} · ${part}` : part;
    if (lines.length && longer.length <= most) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}
