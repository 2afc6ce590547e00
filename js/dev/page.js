// Shows the built widget on a mock model; the address chooses how.
import { withPaths } from "./mock-axes.js";
import { attachKernel, createMockModel, defaults } from "./mock.js";

/** What the address asks for. */
let query = new URLSearchParams(location.search);

// Through variables: the bundles are build output, without types.
const bundle = (/** @type {string} */ name) => import(`../../landscape_widget/static/${name}.js`);
const { default: explorer } = await bundle("explorer");

const page = createMockModel({ _css: await (await fetch("../../landscape_widget/static/page.css")).text() });

const host = {
  async getWidget(/** @type {string} */ reference) {
    const name = reference.replace("anywidget:", "");
    if (name === "runtime" && query.has("noruntime")) throw new Error("the host has no widget of this name");
    return { exports: (await bundle(name)).default.initialize({ model: page }) };
  },
};

/** Takes off the page what it shows. */
let away = new AbortController();

/** Shows what an address asks for, in place of what there was. @param {string} search */
function show(search) {
  away.abort();
  away = new AbortController();
  document.body.replaceChildren();
  query = new URLSearchParams(search);
  document.documentElement.dataset.lwTheme = query.get("theme") ?? "light";
  const checkpoints = Array.from({ length: Number(query.get("checkpoints") ?? 0) }, (_, i) => ({ step: 10 * i, label: `step ${10 * i}` }));
  const info = { ...defaults._info, checkpoints, axes: query.has("paths") ? withPaths(defaults._info.axes) : defaults._info.axes };
  const half = Number(query.get("half") ?? 1);
  const model = createMockModel({ ...defaults, _info: info, face: query.get("face") ?? defaults.face, resolution: Number(query.get("resolution") ?? defaults.resolution), _group: query.get("group") ?? "", domain: query.has("half") ? [-half, half, -half, half] : null });
  attachKernel(model, { pace: Number(query.get("pace") ?? 250), once: query.has("once"), decades: query.has("decades"), holes: query.has("holes"), scale: Number(query.get("scale") ?? 1), stretch: Number(query.get("stretch") ?? 1), paths: query.has("paths") });
  Object.assign(globalThis, { model });

  Object.assign(document.body.style, query.has("row") ? { display: "flex", gap: "4px" } : { display: "", gap: "" });

  for (let i = 0; i < Number(query.get("views") ?? 1); i++) {
    const el = document.createElement("div");
    if (query.has("width")) el.style.width = `${query.get("width")}px`;
    if (query.has("shadow")) document.body.appendChild(document.createElement("div")).attachShadow({ mode: "open" }).append(el);
    else document.body.append(el);
    explorer.render({ model, el, host, signal: away.signal });
  }
}

Object.assign(globalThis, { show });
show(location.search);
