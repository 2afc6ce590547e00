// Words keep the room that they once took.
import assert from "node:assert/strict";
import { test } from "node:test";
import { keepRoom } from "../src/ui/room.js";
import { openPage } from "./page.js";

test("the room of words grows with them, and shrinks only where their width is another one", () => {
  openPage();
  const [words, place] = [document.createElement("p"), document.createElement("div")];
  let [tell, ended] = [() => {}, false];
  globalThis.ResizeObserver = /** @type {any} */ (
    class {
      constructor(/** @type {() => void} */ told) {
        tell = told;
      }
      observe() {}
      disconnect() {
        ended = true;
      }
    }
  );
  const end = keepRoom(words, place);
  const seen = [[700, 62], [700, 45], [700, 78.4], [0, 0], [700, 62], [699, 62], [700, 45]].map(([width, height]) => {
    words.getBoundingClientRect = () => /** @type {any} */ ({ width, height });
    tell();
    return place.style.getPropertyValue("--lw-most");
  });
  assert.deepEqual(seen, ["62px", "62px", "79px", "79px", "79px", "62px", "45px"]);
  end();
  assert.ok(ended);
});
