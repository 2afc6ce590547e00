// Why a control cannot be used, in its tooltip: its own reason in `data-why`, or else what is so of all of them.

/** The tooltips of controls that were given a reason, and that reason. @type {WeakMap<HTMLElement, {live: string, told: string}>} */
const known = new WeakMap();

/** An empty tooltip would hide that of the field around. @param {HTMLElement} control @param {string} words */
function setTitle(control, words) {
  if (words) control.title = words;
  else control.removeAttribute("title");
}

/**
 * Gives disabled controls the reason for their tooltip, and the others back their own.
 * @param {ParentNode} root
 * @param {string} reason  of those that have none of their own; "" where nobody knows
 */
export function tellReasons(root, reason) {
  for (const control of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("button, input, select, option"))) {
    const before = known.get(control);
    const live = before && before.told === control.title ? before.live : control.title;
    const told = control.disabled ? control.dataset.why || reason : "";
    if (told) known.set(control, { live, told });
    else known.delete(control);
    if (told || before) setTitle(control, told || live);
  }
}
