// Whether there is a kernel behind the page. All that it sends says so; where it is silent, it is asked.

/** @typedef {"there" | "gone" | "unclear"} Kernel  "unclear": busy or gone, and the host does not tell which */

/** Milliseconds between two looks, which cost nothing. */
const LOOK = 1000;
/** Milliseconds that an answer may take where nothing else runs. */
const ANSWER = 3000;
/** Milliseconds of silence after which a kernel is asked that is not known to be busy. */
const SILENCE = 8000;

/** How Jupyter's hosts call a kernel that is not there, or another one than before from now on. */
const DEAD = ["dead", "terminating", "restarting", "autorestarting"];

/**
 * What the host's own connection says of the kernel; "silent" where there is none.
 * @param {any} manager  the host's widget manager
 * @param {boolean} lost  whether a connection that was there has been lost for long
 * @param {boolean} known  whether a kernel has ever answered: one that starts then is another one, which JupyterLab
 *   calls "starting" until it has run something
 * @returns {"dead" | "busy" | "idle" | "silent"}
 */
function signOf(manager, lost, known) {
  const kernel = manager?.kernel;
  if (kernel === undefined) return "silent";
  if (kernel === null || kernel.isDisposed || DEAD.includes(kernel.status) || lost) return "dead";
  if (kernel.status === "starting" && known) return "dead";
  if (kernel.status === "busy") return "busy";
  return kernel.status === "idle" ? "idle" : "silent";
}

/**
 * @param {Pick<import("@anywidget/types").AnyModel, "on" | "off"> & {widget_manager?: any}} model
 * @param {() => void} ask  has the kernel answer with a message
 * @param {(kernel: Kernel) => void} changed
 */
export function createPulse(model, ask, changed) {
  const manager = model.widget_manager;
  /** @type {Kernel} */
  let kernel = "there";
  let heardOnce = false;
  let last = Date.now();
  let silentSince = last;
  /** When the question was put that is not answered yet; the page's first message is one. @type {number | null} */
  let asked = last;
  /** Whether another kernel may answer from now on. */
  let due = false;
  /** When a connection was last seen to be up. @type {number | null} */
  let connected = null;

  /** @param {Kernel} next */
  function become(next) {
    if (next === kernel) return;
    kernel = next;
    changed(next);
  }

  function heard() {
    [asked, due, heardOnce, silentSince] = [null, false, true, Date.now()];
    become("there");
  }

  function gone() {
    [asked, due] = [null, true];
    become("gone");
  }

  function put() {
    [asked, due] = [Date.now(), false];
    ask();
  }

  function look() {
    const now = Date.now();
    const slept = now - last > 3 * LOOK;
    const setBack = now < last;
    last = now;
    if (setBack && connected !== null) connected = now;
    // A page in the background is not looked at, nor is what was silent while the machine slept or its clock was set.
    if (slept || setBack || document.visibilityState === "hidden") [asked, due] = [null, true];
    if (document.visibilityState === "hidden") return;
    if (manager?.kernel?.connectionStatus === "connected") connected = now;
    const sign = signOf(manager, connected !== null && now - connected >= ANSWER, heardOnce);
    if (sign === "dead") return gone();
    // Messages of the page wait for what the kernel runs.
    if (asked !== null && sign === "busy") asked = now;
    else if (asked !== null && now - asked >= ANSWER) {
      [asked, silentSince] = [null, now];
      // A manager that was never answered stands on a page that was saved.
      const saved = !heardOnce && typeof manager?.create_view === "function";
      become(sign === "idle" || saved || kernel === "gone" ? "gone" : "unclear");
    } else if (asked === null) {
      // A restart may be over between two looks; a kernel that did not know this explorer is not asked again.
      const doubt = sign === "silent" || (sign === "idle" && kernel !== "gone");
      if (due || (doubt && now - silentSince >= SILENCE)) put();
    }
  }
  const clock = setInterval(look, LOOK);

  /** The host has connected the model anew, or has given it up. */
  function reconnected() {
    due = true;
  }
  model.on("comm_live_update", reconnected);
  model.on("msg:custom", heard);

  return {
    get kernel() {
      return kernel;
    },
    /** Something has come that only a kernel sends. */
    heard,
    /** A message could not be sent. */
    gone,
    /** A message was sent and has not arrived: the next one may. */
    lost() {
      [asked, due, silentSince] = [null, false, Date.now()];
      become("gone");
    },
    destroy() {
      clearInterval(clock);
      model.off("comm_live_update", reconnected);
      model.off("msg:custom", heard);
    },
  };
}
