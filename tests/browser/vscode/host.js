/**
 * Hosts VS Code's widget manager on a page with a kernel connection of its own. The page exposes
 * `window.host = { open, execute, setTheme }` to the tests.
 */
import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { activate } from "@vscode/jupyter-ipywidgets8";

const WIDGET = "application/vnd.jupyter.widget-view+json";

/** @type {import("@jupyterlab/services").Kernel.IKernelConnection} */
let kernel;
/** @type {any} */
let manager;

/** Loads widget modules with require.js, as VS Code does with the files it copies to the webview. */
const scriptLoader = {
  widgetsRegisteredInRequireJs: new Set(),
  /** @param {string} name */
  async loadWidgetScript(name) {
    window.requirejs.config({ paths: { [name]: `nbextensions/${name}/index` } });
    this.widgetsRegisteredInRequireJs.add(name);
  },
  successHandler() {},
  /** @param {string} className @param {string} moduleName @param {string} version @param {Error} error */
  errorHandler(className, moduleName, version, error) {
    console.error(`${moduleName}@${version} has no ${className}: ${error}`);
  },
};

/**
 * Connects to a running kernel and starts the widget manager.
 * @param {string} baseUrl @param {string} token @param {string} kernelId
 */
async function open(baseUrl, token, kernelId) {
  const serverSettings = ServerConnection.makeSettings({
    baseUrl,
    wsUrl: baseUrl.replace(/^http/, "ws"),
    token,
    appendToken: true,
  });
  const kernels = new KernelManager({ serverSettings });
  await kernels.ready;
  kernel = kernels.connectTo({ model: { id: kernelId, name: "python3" } });
  await kernel.info;
  activate();
  window.vscIPyWidgets8.load();
  manager = new window.vscIPyWidgets.WidgetManager(
    kernel,
    document.querySelector("#outputs"),
    scriptLoader,
    () => {},
  );
}

/**
 * Runs code as one cell and shows the widgets that it displays.
 * @param {string} code
 * @returns {Promise<string>} what it printed
 */
async function execute(code) {
  const output = document.createElement("section");
  document.querySelector("#outputs").append(output);
  let text = "";
  /** @type {Promise<void>[]} */
  const shown = [];
  const future = kernel.requestExecute({ code });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") text += content.text;
    if (header.msg_type === "error") shown.push(Promise.reject(new Error(content.traceback.join("\n"))));
    const view = content.data?.[WIDGET];
    if (view) shown.push(show(view.model_id, output));
  };
  await future.done;
  await Promise.all(shown);
  return text;
}

/** @param {string} modelId @param {HTMLElement} output */
async function show(modelId, output) {
  // Views stand in the order in which the cell displayed them, however long each takes.
  const node = output.appendChild(document.createElement("div"));
  const model = await manager.get_model(modelId);
  const view = await manager.create_view(model);
  await manager.display_view(null, view, { node });
}

/** @param {"light" | "dark"} theme */
function setTheme(theme) {
  document.body.className = `vscode-${theme}`;
  document.body.dataset.vscodeThemeKind = `vscode-${theme}`;
}

window.host = { open, execute, setTheme };
