// The page: builds the page side of one explorer and hands every change to its views.
import { createControls } from "./controls.js";
import { createCurvature } from "./curvature.js";
import { h, setText } from "./dom.js";
import { waitingWords } from "./frame.js";
import { createHeatmap } from "./heatmap.js";
import { createLink } from "./link.js";
import { createPicture } from "./picture.js";
import { createProgress } from "./progress.js";
import { offersLog } from "./scale.js";
import { createState } from "./state.js";
import { createSurface } from "./surface.js";
import { createTheme } from "./theme.js";
import { createVerdict } from "./verdict.js";
import { createViewOptions } from "./view-options.js";

/** @typedef {import("./plot.js").Plotly} Plotly */

/** @type {import("@anywidget/types").Render} */
export function render({ model, el, host, signal }) {
  const state = createState(model);
  const link = createLink();
  const error = h("div", { class: "lw-error", role: "alert", "data-testid": "error", hidden: true });
  const views = h("div", { class: "lw-views" });
  const foot = h("footer", { class: "lw-foot" });
  const body = h("div", { class: "lw-body" });
  const root = h("div", { class: "lw-root", "data-testid": "landscape-explorer", "data-lm-suppress-shortcuts": "true" }, body);
  // A notebook in command mode acts on plain keys: "b" in a menu of ours must not add a cell. The attribute
  // above says so to JupyterLab, which listens before the page does.
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  });
  el.append(root);

  const theme = createTheme(root, update);
  const controls = createControls(body, state);
  const progress = createProgress(/** @type {HTMLElement} */ (body.querySelector(".lw-controls")), state);
  body.append(error);
  const options = createViewOptions(body, link);
  body.append(views, foot);
  const plots = [createSurface(views, link), createHeatmap(views, link), createCurvature(views, state)];
  const verdict = createVerdict(foot);
  const pictureOf = createPicture();

  /** @type {Plotly | null} */
  let plotly = null;
  let fault = "";

  function update() {
    const { snapshot } = state;
    root.dataset.status = snapshot.status;
    const message = [snapshot.error, fault].filter(Boolean).join("\n");
    error.hidden = message === "";
    setText(error, message);
    controls.update(snapshot);
    progress.update(snapshot);
    verdict.update(snapshot);
    const log = link.log.get() && snapshot.surface !== null && offersLog(snapshot.surface.range);
    const picture = pictureOf(snapshot, log);
    const frame = {
      snapshot,
      plotly,
      palette: theme.palette,
      log,
      contours: link.contours.get(),
      quadratic: link.quadratic.get() && picture.model !== null,
      errors: link.colour.get() === "error" && picture.model !== null,
      colours: link.map.get(),
      point: link.point.get(),
      picture,
      words: waitingWords(snapshot, plotly !== null, fault),
    };
    options.update(frame);
    for (const plot of plots) plot.update(frame);
  }

  state.subscribe(update);
  for (const cell of Object.values(link)) cell.subscribe(update);
  update();

  let destroyed = false;
  function destroy() {
    if (destroyed) return;
    destroyed = true;
    state.destroy();
    theme.destroy();
    for (const view of [controls, progress, options, verdict, ...plots]) view.destroy();
    root.remove();
  }
  signal?.addEventListener("abort", destroy, { once: true });

  // Not awaited: hosts give a view little time to appear, and the library takes longer than that to arrive.
  Promise.resolve()
    .then(() => host.getWidget(state.runtime))
    .then(({ exports }) => {
      plotly = /** @type {{Plotly: Plotly}} */ (exports).Plotly;
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
