// A second picture beside the first: the same views, one camera, and if wanted one scale for the loss.
import { h, setText } from "../ui/dom.js";
import { display } from "../ui/frame.js";
import { createHeatmap } from "./heatmap.js";
import { createCell, samePoint } from "../ui/link.js";
import { createPicture, kernelSurface } from "../model/picture.js";
import { offersLog } from "../model/scale.js";
import { pathsOn } from "../kernel/landmarks.js";
import { lowestPoints } from "../kernel/splits.js";
import { createSurface } from "./surface.js";

/** @typedef {import("../ui/frame.js").Frame} Frame */

/**
 * What the second pair of views shows.
 * @typedef {object} Second
 * @property {import("../kernel/state.js").Snapshot} snapshot  as of an explorer that shows this picture alone
 * @property {string} name  in the views' titles
 * @property {boolean} samePlane  whether a point of the one is a point of the other: then the crosshair is one too
 */

/** Two losses on one plane share a scale where each of them has at least so much of it, else one is all of one colour. */
const SHARE = 1 / 4;

/**
 * The losses that pictures are scaled by, null where each has a scale of its own.
 * @param {boolean | null} one  whether they are to have one; null: where all are seen on it
 * @param {readonly (import("../kernel/decoders.js").SurfaceResult | null | undefined)[]} pictures
 * @returns {[number, number] | null}
 */
export function commonRange(one, pictures) {
  const ranges = pictures.flatMap((picture) => (picture ? [picture.range] : []));
  if (one === false || ranges.length < 2) return null;
  // A picture of holes has no range; the other one's is taken then.
  const ends = ranges[0].map((_, i) => ranges.map((range) => range[i]).filter(Number.isFinite));
  const [low, high] = [Math.min(...ends[0]), Math.max(...ends[1])];
  if (one === null && ranges.some(([a, b]) => b - a < SHARE * (high - low))) return null;
  return [low, high];
}

/** The choice of one scale for pictures side by side. @param {import("../ui/link.js").Link} link */
export function createOneScale(link) {
  const box = h("input", { type: "checkbox", "data-testid": "one-scale" });
  box.addEventListener("change", () => link.oneScale.set(box.checked));
  const words = h("span");
  return {
    label: h("label", { class: "lw-check", title: "The same colours and heights for the same loss in all pictures" }, box, words),
    /** @param {boolean} shared  whether it is on @param {boolean} apart  whether the pictures are around several θ* */
    update(shared, apart) {
      box.checked = shared;
      setText(words, `one scale${shared && apart && link.scale.get() === "auto" ? ", about first θ*" : ""}`);
    },
  };
}

/**
 * @param {HTMLElement} el  where the first views are
 * @param {import("../ui/link.js").Link} link  of the first views
 * @param {{first: import("./zoom.js").Zoom, second: import("./zoom.js").Zoom}} zooms  of either plane
 * @param {() => void} changed  called when the second crosshair moves
 */
export function createPair(el, link, zooms, changed) {
  const own = { ...link, point: createCell(/** @type {import("../ui/link.js").Point | null} */ (null), samePoint) };
  /** @type {ReturnType<typeof createSurface>[]} */
  let views = [];
  let pictureOf = createPicture();
  let samePlane = false;
  /** @type {ReturnType<typeof createOneScale>} */
  let oneScale;
  const stops = [
    link.point.subscribe((point) => samePlane && own.point.set(point)),
    own.point.subscribe((point) => {
      if (samePlane) link.point.set(point);
      changed();
    }),
  ];

  function open() {
    const zoom = samePlane ? zooms.first : zooms.second;
    oneScale = createOneScale(link);
    // Beside the views they belong to, for readers who go from one to the next.
    views = ["surface", "heatmap"].map((name) => {
      const place = document.createDocumentFragment();
      const view = name === "surface" ? createSurface(place, own, "surface-2") : createHeatmap(place, own, zoom, "heatmap-2");
      if (name === "surface") place.querySelector(".lw-panel-tools")?.append(oneScale.label);
      el.querySelector(`[data-testid="${name}"]`)?.after(place);
      return view;
    });
  }

  function close() {
    for (const view of views) view.destroy();
    views = [];
    pictureOf = createPicture();
    own.point.set(null);
  }

  return {
    /**
     * @param {Frame} frame  of the first views
     * @param {Second | null} second  null takes the second views away
     */
    update(frame, second) {
      el.dataset.pair = String(!!second);
      if (views.length && second?.samePlane !== samePlane) close();
      if (!second) return;
      ({ samePlane } = second);
      if (!views.length) open();
      oneScale.update(frame.range !== null, frame.snapshot.compared_checkpoint !== null);
      const { snapshot, name } = second;
      const range = frame.range ?? snapshot.surface?.range;
      const log = link.scale.get() === "log" && range !== undefined && offersLog(range);
      const picture = pictureOf(snapshot, log);
      const pins = kernelSurface(snapshot, picture) ? snapshot.points.marks[samePlane ? 0 : 1] : [];
      const lowest = lowestPoints(picture.surface, samePlane ? frame.picture.surface : null);
      const mine = { ...frame, ...display(link, picture), lowest, snapshot, name, log, picture, basis: frame.range && frame.picture, pins, paths: pathsOn(frame.snapshot.landmarks, picture.surface, 1), point: own.point.get() };
      // Pins belong to θ*.
      if (frame.snapshot.compared_checkpoint !== null) mine.pin = () => {};
      for (const view of views) view.update(mine);
    },
    destroy() {
      close();
      for (const stop of stops) stop();
    },
  };
}
