// The page: builds the page side of one explorer and hands every change to its views.
import { createAcknowledgement } from "./acknowledge.js";
import { createCheckpoints } from "../controls/checkpoints.js";
import { comparedPlane, createComparison, firstName, pictureName } from "../controls/compare.js";
import { createCopy } from "../notes/copy-python.js";
import { createControls } from "../controls/controls.js";
import { createCurves } from "../views/curves.js";
import { createCurvature } from "../curvature/panel.js";
import { h, setText } from "../ui/dom.js";
import { display, waitingWords } from "../ui/frame.js";
import { createDrift } from "../notes/drift.js";
import { createGlossary } from "../notes/glossary.js";
import { createHeatmap } from "../views/heatmap.js";
import { createKernelLine } from "../controls/kernel-line.js";
import { linkOf, setView, tellMembers } from "../ui/link.js";
import { commonRange, createOneScale, createPair } from "../views/second-picture.js";
import { createPicture, kernelSurface } from "../model/picture.js";
import { createPins } from "../notes/pins.js";
import { createProgress } from "../controls/progress.js";
import { offerControls } from "../controls/offered.js";
import { offersLog } from "../model/scale.js";
import { createScoreTable } from "../notes/score-table.js";
import { createSettings } from "../controls/settings.js";
import { createSlices } from "../views/slices.js";
import { createLines } from "../views/lines.js";
import { pathsOn } from "../kernel/landmarks.js";
import { startInRow } from "../ui/rows.js";
import { lowestPoints } from "../kernel/splits.js";
import { createState } from "../kernel/state.js";
import { createStyles } from "../ui/styles.js";
import { createSurface } from "../views/surface.js";
import { createTheme } from "../ui/theme.js";
import { createVerdict } from "../notes/verdict.js";
import { createViewOptions } from "../controls/view-options.js";
import { createZoom, ZOOM_KEYS, ZOOM_MOUSE } from "../views/zoom.js";

/** @typedef {import("../ui/plot.js").Plotly} Plotly */

/** @type {import("../kernel/points.js").Mark[]} */
const NO_PINS = [];

/**
 * @param {import("@anywidget/types").RenderProps} props
 * @param {string} css  style sheet of the page
 */
export function render({ model, el, host, signal }, css = "") {
  const state = createState(model);
  const link = linkOf(state.group);
  if (!link.members.get().length) setView(link, state.snapshot.view);
  const error = h("div", { class: "lw-error", role: "alert", "data-testid": "error", hidden: true });
  const corner = h("div", { class: "lw-corner" });
  const head = h("header", { class: "lw-head" }, corner);
  const views = h("div", { class: "lw-views", group: state.group });
  const foot = h("footer", { class: "lw-foot" });
  const body = h("div", { class: "lw-body" });
  const root = h("div", { class: "lw-root", "data-testid": "landscape-explorer", "data-lm-suppress-shortcuts": "true", "data-saved": state.snapshot.saved, tabindex: "-1" }, body);
  // A notebook in command mode acts on plain keys: "b" in a menu of ours must not add a cell. The attribute
  // above says so to JupyterLab, which listens before the page does.
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  });
  // In a row of widgets it must neither take all nor shrink to nothing.
  el.classList.add("lw-host");
  const styles = createStyles(el, css);
  el.append(root);

  const theme = createTheme(root, update);
  const settings = createSettings(state);
  const glossary = createGlossary({ mouse: ZOOM_MOUSE, keys: ZOOM_KEYS }, state.snapshot.saved);
  body.append(head, error);
  const verdict = createVerdict(head, corner, foot, (shared) => {
    if (shared) return link.oneScale.set(false);
    link.scale.set("auto");
    state.set({ domain: null, equal_axes: false });
  });
  const progress = createProgress(corner, state);
  const drift = createDrift(body, state);
  const kernelLine = createKernelLine(body, root);
  const controls = createControls(body, state, settings.button, glossary.button);
  const checkpoints = createCheckpoints(body, state);
  // The line comes and goes with what is set: above, it would move a choice away from the pointer.
  body.append(settings.body, settings.line, views, foot);
  views.append(glossary.body);
  const options = createViewOptions(settings.body, foot, link);
  const zoom = createZoom(state, "domain");
  const oneScale = createOneScale(link);
  const comparison = createComparison(views, state);
  const surface = createSurface(views, link, "surface", options.scale, ...(state.group ? [oneScale.label] : []));
  // The scene last: the page waits for what is drawn of it, and those after it would be late.
  const plots = [
    comparison,
    createHeatmap(views, link, zoom),
    createCurvature(views, state),
    createSlices(views, link),
    createLines(views, state),
    createCurves(views, state, checkpoints),
    surface,
  ];
  const pair = createPair(views, link, { first: zoom, second: createZoom(state, "compared_domain") }, update);
  const pins = createPins(foot, state);
  const copy = createCopy(foot, link);
  const scores = createScoreTable(foot, state);
  const pictureOf = createPicture();
  const acknowledgement = createAcknowledgement((number) => {
    drawn = number;
    state.send("drawn", { number });
    tellProgress();
    keepFocus();
  });
  /** The newest picture that is; what was done before this page came is not waited for. */
  let drawn = state.snapshot.status === "done" ? state.snapshot.sent : 0;

  // For a person a computation is done once its last picture is drawn.
  function tellProgress() {
    const { snapshot } = state;
    progress.update(snapshot, snapshot.status === "done" && snapshot.progress !== null && drawn < snapshot.sent);
  }

  /** What was drawn last. */
  let seen = state.snapshot;
  /** @type {Plotly | null} */
  let plotly = null;
  let fault = "";

  /** @type {import("../ui/frame.js").Frame["pin"]} */
  function pin({ snapshot, picture }, { alpha, beta }) {
    const surface = kernelSurface(snapshot, picture);
    if (surface) state.send("pin", { alpha, beta, picture: [surface.request, surface.axes, surface.nExamples] });
  }

  /** A part that cannot show something keeps neither the others from it nor the kernel waiting. @param {() => void} act */
  function attempt(act) {
    try {
      act();
    } catch (reason) {
      console.error("landscape-widget:", reason);
      error.hidden = false;
      setText(error, `${error.textContent}\nA part of this page could not be drawn: ${reason}`.trim());
    }
  }

  // A button that goes once it was pressed would take the focus off the explorer with it.
  function keepFocus() {
    const { activeElement } = /** @type {Document | ShadowRoot} */ (root.getRootNode());
    if (root.contains(activeElement) && activeElement?.closest("[hidden]")) root.focus({ preventScroll: true });
  }

  function update() {
    attempt(draw);
    keepFocus();
    acknowledgement.update(state.snapshot.sent);
  }

  function draw() {
    const { snapshot } = state;
    seen = snapshot;
    root.dataset.status = snapshot.status;
    const message = [snapshot.error, fault].filter(Boolean).join("\n");
    error.hidden = message === "";
    setText(error, message);
    tellProgress();
    for (const part of [controls, checkpoints, drift, pins, copy, scores]) attempt(() => part.update(snapshot));
    const second = comparedPlane(snapshot);
    const members = link.members.get();
    const [leader] = members;
    const asOne = link.oneScale.get() ?? (members.length > 1 || snapshot.compared_checkpoint !== null || second?.samePlane ? null : false);
    const range = snapshot.surface && commonRange(asOne, [snapshot.surface, second?.snapshot.surface, ...members.flatMap(({ key, surface }) => (key === state ? [] : [surface]))]);
    oneScale.update(range !== null, members.length > 1);
    const log = link.scale.get() === "log" && snapshot.surface !== null && offersLog(range ?? snapshot.surface.range);
    const picture = pictureOf(snapshot, log);
    const frame = {
      snapshot,
      plotly,
      palette: theme.palette,
      log,
      ...display(link, picture),
      point: link.point.get(),
      picture,
      pins: kernelSurface(snapshot, picture) ? snapshot.points.marks[0] : NO_PINS,
      paths: pathsOn(snapshot.landmarks, picture.surface, 0),
      pin,
      range,
      // Of a group the first picture says what heights and colours are about.
      basis: range && leader && leader.key !== state && leader.surface ? /** @type {any} */ ({ surface: leader.surface, model: leader.surface.quadratic }) : null,
      lowest: lowestPoints(picture.surface, second?.samePlane ? second.snapshot.surface : null),
      name: second || snapshot.split !== "train" ? second && !second.samePlane ? firstName(snapshot) : pictureName(snapshot, false) : "",
      words: waitingWords(snapshot, plotly !== null, fault),
    };
    for (const part of [options, verdict, ...plots]) attempt(() => part.update(frame));
    attempt(() => settings.update(snapshot, options.unusual(frame)));
    attempt(() => pair.update(frame, second));
    kernelLine.update(snapshot);
  }

  const tell = () => tellMembers(link, state, state.snapshot.surface);
  tell();
  state.subscribe((snapshot) => {
    tell();
    // Where the first picture is another one, all of its group were drawn by this, and the page itself.
    if (snapshot !== seen) update();
  });
  let { view } = state.snapshot;
  state.subscribe((snapshot) => {
    if (snapshot.view === view) return;
    ({ view } = snapshot);
    setView(link, view);
  });
  const stops = Object.values(link).map((cell) => cell.subscribe(update));
  const offer = () => offerControls(root, link.controls.get());
  link.controls.subscribe(offer);
  offer();
  update();

  const leaveRow = startInRow(root, views);
  let destroyed = false;
  function destroy() {
    if (destroyed) return;
    destroyed = true;
    for (const stop of [leaveRow, ...stops]) stop();
    tellMembers(link, state, undefined);
    state.destroy();
    theme.destroy();
    for (const view of [styles, kernelLine, controls, checkpoints, settings, progress, options, drift, pins, verdict, copy, scores, pair, acknowledgement, ...plots]) view.destroy();
    root.remove();
  }
  signal?.addEventListener("abort", destroy, { once: true });

  // Not awaited: hosts give a view little time to appear, and the library takes longer than that to arrive.
  Promise.resolve()
    .then(() => host.getWidget(state.runtime))
    .then(({ exports }) => /** @type {{load: () => Promise<Plotly>}} */ (exports).load())
    .then((library) => {
      plotly = library;
      styles.update();
    })
    .catch((/** @type {unknown} */ reason) => {
      fault = `The plotting library could not be loaded: ${reason instanceof Error ? reason.message : reason}`;
    })
    .then(() => {
      if (!destroyed) update();
    });

  state.send("shown");
  return destroy;
}
