// What drives plotly: when a picture is made anew.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPlot } from "../src/ui/plot.js";
import { createPlotly, openPage } from "./page.js";
import { nextFrame, painted } from "./show.js";

test("a figure that was made while its place was wider for less than a frame is made anew", async () => {
  const { document } = openPage();
  /** @type {() => void} */
  let tell = () => {};
  globalThis.ResizeObserver = /** @type {any} */ (
    class {
      constructor(/** @type {() => void} */ listener) {
        tell = listener;
      }
      observe() {}
      disconnect() {}
    }
  );
  const el = document.body.appendChild(document.createElement("div"));
  const made = /** @type {number[]} */ ([]);
  let width = 316;
  const make = () => ({ data: [], layout: { width: made[made.push(width) - 1] } });
  const plot = createPlot(el, /** @type {any} */ (createPlotly()), { buttons: [], patient: true, onResize: () => plot.draw(make) });
  const place = /** @type {HTMLElement} */ (el.firstElementChild);
  Object.defineProperties(place, { offsetWidth: { get: () => width }, offsetHeight: { value: 200 } });
  const settled = async () => {
    for (let i = 0; i < 4; i++) {
      await painted();
      await nextFrame();
    }
  };
  plot.draw(make);
  await settled();
  tell();
  await settled();
  // a host swaps its style sheet, and observers never tell
  width = 600;
  plot.draw(make);
  width = 316;
  await settled();
  assert.deepEqual(made.slice(-2), [600, 316]);
  plot.destroy();
});
