// A page without a browser, and plotly's stand-in, for the tests that need a document.
import { JSDOM } from "jsdom";

/** Time that goes on where a test stops the clock of the page. */
export const later = globalThis.setTimeout;

// A page that a test leaves open must not keep it from ending.
const every = globalThis.setInterval;
globalThis.setInterval = /** @type {any} */ ((/** @type {() => void} */ act, /** @type {number} */ pause) => every(act, pause).unref());

/**
 * Replaces the globals of a page with those of a fresh one.
 * @param {{html?: string, webgl?: boolean}} [options]
 */
export function openPage({ html = "<!doctype html><body></body>", webgl = false } = {}) {
  const { window } = new JSDOM(html, { pretendToBeVisual: true });
  class Observer {
    observe() {}
    disconnect() {}
  }
  const { document, MutationObserver, Event, KeyboardEvent } = window;
  const globals = { window, document, MutationObserver, Event, KeyboardEvent, ResizeObserver: Observer, IntersectionObserver: Observer };
  Object.assign(globalThis, globals, {
    getComputedStyle: window.getComputedStyle.bind(window),
    requestAnimationFrame: (/** @type {FrameRequestCallback} */ draw) => later(() => draw(performance.now()), 1),
    cancelAnimationFrame: clearTimeout,
  });
  window.HTMLCanvasElement.prototype.getContext = /** @type {any} */ (() => (webgl ? { getExtension: () => null } : null));
  return window;
}

/** Notes what it is told to draw. */
export function createPlotly() {
  /** @type {Map<HTMLElement, {data: any[], layout: any}[]>} */
  const drawn = new Map();
  /** @type {Map<HTMLElement, Record<string, (event: any) => void>>} */
  const events = new Map();
  /** @type {HTMLElement[]} */
  const purged = [];
  return {
    drawn,
    events,
    purged,
    Icons: { home: {} },
    async react(/** @type {any} */ el, /** @type {any[]} */ data, /** @type {any} */ layout, /** @type {any} */ config) {
      drawn.set(el, [...(drawn.get(el) ?? []), { data, layout }]);
      el.classList.add("js-plotly-plot");
      Object.assign(el, { data, layout, config });
      const listeners = events.get(el) ?? {};
      events.set(el, listeners);
      el.on = (/** @type {string} */ name, /** @type {(event: any) => void} */ listener) => {
        listeners[name] = listener;
      };
    },
    purge(/** @type {HTMLElement} */ el) {
      purged.push(el);
    },
    Plots: { resize: async () => undefined },
  };
}
