// The module that every explorer carries.
import assert from "node:assert/strict";
import { test } from "node:test";
import explorer from "../src/bundles/explorer.js";
import { settled } from "./show.js";

/** @param {(props: any) => void} render @param {{aborted?: boolean, fails?: string}} [host] */
async function display(render, { aborted = false, fails } = {}) {
  const props = /** @type {any} */ ({
    model: { get: (/** @type {string} */ name) => `reference of ${name}` },
    el: { textContent: "" },
    signal: { aborted },
    host: {
      async getWidget(/** @type {string} */ reference) {
        assert.equal(reference, "reference of _page");
        if (fails) throw new Error(fails);
        return { exports: { render } };
      },
    },
  });
  explorer.render(props);
  await settled();
  return props;
}

test("hands everything to the shared page", async () => {
  /** @type {any[]} */
  const got = [];
  const props = await display((given) => got.push(given));
  assert.deepEqual(got, [props]);
});

test("draws nothing into a view that was closed meanwhile", async () => {
  await display(() => assert.fail("drawn"), { aborted: true });
});

test("says why there is no page", async () => {
  const { el } = await display(() => assert.fail("drawn"), { fails: "no such widget" });
  assert.equal(el.textContent, "The explorer's page could not be loaded: no such widget");
});
