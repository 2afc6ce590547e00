// Line drawings: signs in buttons, the sign of the verdict, the small pictures of the glossary.

const SVG = "http://www.w3.org/2000/svg";

/** Signs of 16 by 16. */
export const SIGNS = {
  gear: "M8 3.4a4.6 4.6 0 1 0 .01 0M8 6.4a1.6 1.6 0 1 0 .01 0M8 1.2v2.2M8 12.6v2.2M1.2 8h2.2M12.6 8h2.2M3.2 3.2l1.5 1.5M11.3 11.3l1.5 1.5M12.8 3.2l-1.5 1.5M4.7 11.3l-1.5 1.5",
  width: "M1.5 8h13M4.5 5l-3 3 3 3M11.5 5l3 3-3 3",
  grid: "M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11M6.2 2.5v11M9.8 2.5v11",
  pair: "M2 3h5v10H2zM9 3h5v10H9z",
  next: "M13 8a5 5 0 1 1-1.6-3.7M13.2 1.8v3h-3",
};

/**
 * A drawing that says nothing to screen readers: words stand beside it.
 * @param {[number, number]} size
 * @param {string} name  its class
 * @param {...(string | [string, string])} paths  each alone or with a class of its own
 */
export function drawing([width, height], name, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", class: name };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, String(value));
  for (const each of paths) {
    const [d, kind] = typeof each === "string" ? [each, ""] : each;
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    if (kind) path.setAttribute("class", kind);
    svg.append(path);
  }
  return svg;
}

/** @param {keyof typeof SIGNS} name */
export const sign = (name) => drawing([16, 16], "lw-sign", SIGNS[name]);
