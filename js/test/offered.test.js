// Controls that a lesson does not need are left out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { show, turn } from "./show.js";

const IDS = ["preset", "axis-alpha", "axis-beta", "half-width", "resolution", "compare", "seed", "examples", "split", "scale", "colour-map", "contours", "face", "settings-open"];

/** @param {(id: string) => Element} find */
const there = (find) => IDS.filter((id) => !find(id).closest(".lw-left-out"));

test("all controls are there unless some are named, and all of them again", async () => {
  const { model, find, stop } = await show();
  assert.deepEqual(there(find), IDS);
  for (const [controls, ids] of /** @type {[string[] | null, string[]][]} */ ([
    [["axes"], ["preset", "axis-alpha", "axis-beta"]],
    [["axes", "seed"], ["preset", "axis-alpha", "axis-beta", "seed", "settings-open"]],
    [["domain", "scale"], ["half-width", "scale"]],
    [[], []],
    [null, IDS],
  ])) {
    model.receive({ view: { controls } });
    await turn();
    assert.deepEqual(there(find), ids, String(controls));
  }
  stop();
});

test("the button for settings stays where one of them is named", async () => {
  for (const name of ["examples", "split", "batch_norm", "map", "contours", "quadratic", "titled", "colour"]) {
    const { find, stop } = await show({ view: { controls: [name] } });
    assert.equal(find("settings-open").classList.contains("lw-left-out"), false, name);
    stop();
  }
});
