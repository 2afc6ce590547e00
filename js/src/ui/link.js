// What the views of one explorer share and the kernel need not know.
import { isStart } from "../model/camera.js";

/**
 * A value that others can watch.
 * @template T
 * @param {T} initial
 * @param {(a: T, b: T) => boolean} [same]
 */
export function createCell(initial, same = Object.is) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (same(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(next);
    },
    /** @param {(value: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * A point of the plane that the crosshair marks, and the view it was set from.
 * @typedef {{alpha: number, beta: number, source: "surface" | "heatmap" | "slices"}} Point
 */

/** @param {Point | null} a @param {Point | null} b */
export const samePoint = (a, b) => a === b || (!!a && !!b && a.alpha === b.alpha && a.beta === b.beta && a.source === b.source);

/**
 * What a view of the plane does when the pointer comes to a node of it, and leaves it.
 * @param {Link} link
 * @param {Point["source"]} source
 * @returns {Record<"plotly_hover" | "plotly_unhover", (event: any) => void>}
 */
export const pointing = (link, source) => ({
  plotly_hover({ points: [at] = [] }) {
    if (at) link.point.set({ alpha: at.x, beta: at.y, source });
  },
  plotly_unhover() {
    if (link.point.get()?.source === source) link.point.set(null);
  },
});

/** @typedef {import("../kernel/decoders.js").SurfaceResult} SurfaceResult */

/** @typedef {"loss" | "error"} Colouring  the loss itself, or what the quadratic model leaves of it */

/**
 * How losses are shown; what is not there is as usual.
 * @typedef {object} View
 * @property {import("../model/scale.js").ScaleName} [scale]
 * @property {import("../model/colours.js").ColourMap} [map]
 * @property {Colouring} [colour]
 * @property {boolean} [contours]
 * @property {boolean} [quadratic]
 * @property {boolean} [titled]
 * @property {import("../model/free-places.js").Camera | null} [camera]  as it was told, which may be in part
 * @property {readonly string[] | null} [controls]  those on the page; null for all
 */

/** The usual way. @type {Required<View>} */
const USUAL = { scale: "auto", map: "Viridis", colour: "loss", contours: true, quadratic: false, titled: true, camera: null, controls: null };
const OPTIONS = /** @type {(keyof View)[]} */ (Object.keys(USUAL));

/** @param {keyof View} name @param {unknown} value */
const isUsual = (name, value) => value === USUAL[name] || (name === "camera" && isStart(value));

/** What of a view is not as usual. @param {Link} link @returns {View} */
export const viewOf = (link) => Object.fromEntries(OPTIONS.map((name) => /** @type {const} */ ([name, link[name].get()])).filter((each) => !isUsual(...each)));

/** Shows losses so, all that is not told as usual. @param {Link} link @param {View} view */
export function setView(link, view) {
  for (const name of OPTIONS) /** @type {{set(value: any): void}} */ (link[name]).set(view[name] ?? USUAL[name]);
  link.began.set(link.camera.get());
}

/** The crosshair and the camera of one explorer's views, and how they show losses. */
export function createLink() {
  return {
    point: createCell(/** @type {Point | null} */ (null), samePoint),
    scale: createCell(USUAL.scale),
    contours: createCell(USUAL.contours),
    quadratic: createCell(USUAL.quadratic),
    colour: createCell(USUAL.colour),
    map: createCell(USUAL.map),
    /** Whether a title stands in saved pictures. */
    titled: createCell(USUAL.titled),
    /** Where a person has turned the surfaces to; null: where they start. */
    camera: createCell(USUAL.camera),
    /** Where they stood at first, and are reset to. */
    began: createCell(USUAL.camera),
    controls: createCell(USUAL.controls),
    /** Whether two pictures side by side share colours and heights; null: as they are best seen. */
    oneScale: createCell(/** @type {boolean | null} */ (null)),
    /** The first pictures of all explorers of a group, in their order. */
    members: createCell(/** @type {readonly {key: object, surface: SurfaceResult | null}[]} */ ([])),
  };
}

/** @typedef {ReturnType<typeof createLink>} Link */

/** Links that explorers on one page share, by the names of their groups. @type {Map<string, Link>} */
const groups = new Map();

/**
 * The link of an explorer: that of its group, but for crosshair and controls, which are its own.
 * @param {string} group  "" for an explorer that is alone
 */
export function linkOf(group) {
  const own = createLink();
  const shared = (group && groups.get(group)) || own;
  if (group) groups.set(group, shared);
  return { ...shared, point: own.point, controls: own.controls };
}

/**
 * Tells a group what a member shows, null once it is gone.
 * @param {Link} link
 * @param {object} key  of the member
 * @param {SurfaceResult | null | undefined} surface  undefined takes the member out
 */
export function tellMembers(link, key, surface) {
  const before = link.members.get();
  if (surface === undefined) {
    const left = before.filter((member) => member.key !== key);
    for (const [name, { members }] of groups) if (members === link.members && !left.length) groups.delete(name);
    return link.members.set(left);
  }
  const i = before.findIndex((member) => member.key === key);
  if (i < 0) link.members.set([...before, { key, surface }]);
  else if (before[i].surface !== surface) link.members.set(before.map((member) => (member.key === key ? { key, surface } : member)));
}
