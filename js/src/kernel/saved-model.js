// What stands for a host's model on a page without one: it keeps what the page sets, and sends nothing.

/**
 * @param {Record<string, any>} traits
 * @param {any[]} [pictures]  what it can be made to show
 * @returns {import("./state.js").Model}
 */
export function createSavedModel(traits, pictures) {
  const values = new Map(Object.entries(traits));
  const events = new EventTarget();
  /** @type {any} */
  const model = {
    pictures,
    get: (/** @type {string} */ name) => values.get(name),
    set(/** @type {string} */ name, /** @type {unknown} */ value) {
      if (values.get(name) === value) return;
      values.set(name, value);
      events.dispatchEvent(new Event(`change:${name}`));
    },
    on: (/** @type {string} */ event, /** @type {() => void} */ listener) => events.addEventListener(event, listener),
    off: (/** @type {string} */ event, /** @type {() => void} */ listener) => events.removeEventListener(event, listener),
    save_changes() {},
    send() {},
  };
  return model;
}
