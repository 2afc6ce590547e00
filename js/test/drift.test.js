// A model that has moved: the page says so, and asks for its weights only when told to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults } from "../dev/mock.js";
import { show } from "./show.js";

const drifted = (/** @type {object | null} */ drift) => ({ _pins: { ...defaults._pins, drift } });

test("what the kernel says of the model is on the page, with a button that asks for the new weights", async () => {
  const { model, find } = await show(drifted(null));
  assert.ok(find("drift").hidden);
  model.receive(drifted({ words: "Your model has moved ‖Δθ‖ = 1.01 since.", takes: true }));
  await Promise.resolve();
  assert.ok(!find("drift").hidden);
  assert.ok(find("drift").textContent.startsWith("Your model has moved ‖Δθ‖ = 1.01 since."));
  const before = model.messages.length;
  find("update").click();
  assert.deepEqual(model.messages.slice(before), [{ type: "update" }]);
  model.receive(drifted(null));
  await Promise.resolve();
  assert.ok(find("drift").hidden);
});

test("what cannot be taken has no button, and without a kernel none is of use", async () => {
  const { find } = await show(drifted({ words: "Your model has other parameters by now (0.weight).", takes: false }));
  assert.ok(!find("drift").hidden);
  assert.ok(find("update").hidden);
  assert.ok(find("update").hasAttribute("data-asks"));
});

test("a button that goes once it was pressed leaves the focus on the explorer", async () => {
  const { model, find } = await show(drifted({ words: "Your model has moved.", takes: true }));
  find("update").focus();
  assert.equal(document.activeElement, find("update"));
  model.receive(drifted({ words: "Your model has moved again.", takes: true }));
  await Promise.resolve();
  assert.equal(document.activeElement, find("update"), "while it is there it keeps the focus");
  model.receive(drifted(null));
  await Promise.resolve();
  assert.equal(document.activeElement, find("landscape-explorer"));
});
