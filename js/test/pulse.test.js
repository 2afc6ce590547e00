// Whether there is a kernel: what its messages, its silence and the host's connection say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMockModel } from "../dev/mock.js";
import { createPulse } from "../src/kernel/pulse.js";
import { openPage } from "./page.js";

/**
 * A page whose clock the test drives.
 * @param {import("node:test").TestContext} t
 * @param {any} [manager]  the host's widget manager
 */
function open(t, manager) {
  const window = openPage();
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const model = Object.assign(createMockModel({}), { widget_manager: manager });
  /** @type {string[]} */
  const said = [];
  let asked = 0;
  const pulse = createPulse(model, () => asked++, (kernel) => said.push(kernel));
  const answer = () => model.hear({ type: "alive" });
  const seconds = (/** @type {number} */ count) => {
    for (let i = 0; i < count; i++) t.mock.timers.tick(1000);
  };
  return { window, model, said, pulse, answer, seconds, asked: () => asked };
}

/** @param {object} kernel @returns {any} */
const jupyter = (kernel) => ({ kernel: { isDisposed: false, connectionStatus: "connected", ...kernel }, create_view() {} });

test("a host that says nothing is asked where the kernel is silent, and an answer ends the doubt", (t) => {
  const { said, answer, seconds, asked, pulse } = open(t, { get_model() {} });
  seconds(3);
  assert.deepEqual(said, ["unclear"]);
  answer();
  assert.deepEqual(said, ["unclear", "there"]);
  seconds(9);
  assert.equal(asked(), 1);
  answer();
  seconds(20);
  assert.deepEqual(said, ["unclear", "there", "unclear"]);
  answer();
  assert.equal(pulse.kernel, "there");
});

for (const hours of [-2, 2]) {
  test(`a clock that is set by ${hours} hours delays nothing and declares no kernel gone`, (t) => {
    const manager = jupyter({ status: "idle" });
    const { said, seconds, answer, asked } = open(t, manager);
    answer();
    seconds(3);
    const { now } = Date;
    t.mock.method(Date, "now", () => now() + hours * 3600e3);
    seconds(1);
    assert.deepEqual([said, asked()], [[], 1]);
    answer();
    manager.kernel.connectionStatus = "disconnected";
    seconds(9);
    assert.deepEqual(said, ["gone"]);
  });
}

test("a page that was saved has no kernel", (t) => {
  const { said, seconds } = open(t, { create_view() {} });
  seconds(3);
  assert.deepEqual(said, ["gone"]);
});

test("a kernel that is busy for ten minutes is not declared dead, nor asked again and again", (t) => {
  const manager = jupyter({ status: "busy" });
  const { said, seconds, asked, answer } = open(t, manager);
  seconds(600);
  assert.deepEqual([said, asked()], [[], 0]);
  answer();
  seconds(600);
  manager.kernel.status = "idle";
  seconds(1);
  assert.deepEqual([said, asked()], [[], 1]);
  answer();
  assert.deepEqual(said, []);
});

test("a restart that no look has seen is noticed by silence", (t) => {
  const { said, seconds, answer, asked } = open(t, jupyter({ status: "idle" }));
  answer();
  seconds(600);
  assert.deepEqual([said, asked()], [["gone"], 1]);
});

test("an idle kernel that does not know this explorer is as good as none, and is not asked twice", (t) => {
  const { said, seconds, asked } = open(t, jupyter({ status: "idle" }));
  seconds(600);
  assert.deepEqual([said, asked()], [["gone"], 0]);
});

test("a kernel that starts where one had answered is another one", (t) => {
  const manager = jupyter({ status: "starting" });
  const { said, seconds, answer } = open(t, manager);
  seconds(2);
  assert.deepEqual(said, []);
  answer();
  manager.kernel.status = "idle";
  seconds(2);
  manager.kernel.status = "starting";
  seconds(1);
  assert.deepEqual(said, ["gone"]);
});

for (const status of ["restarting", "autorestarting", "terminating", "dead"]) {
  test(`a kernel that is ${status} is gone within a second, and one that answers afterwards is noticed`, (t) => {
    const manager = jupyter({ status: "idle" });
    const { said, seconds, asked, answer } = open(t, manager);
    answer();
    manager.kernel.status = status;
    seconds(1);
    assert.deepEqual(said, ["gone"]);
    manager.kernel.status = "idle";
    seconds(1);
    assert.equal(asked(), 1);
    seconds(60);
    assert.deepEqual([said, asked()], [["gone"], 1]);
    answer();
    assert.deepEqual(said, ["gone", "there"]);
  });
}

test("a kernel that was shut down is gone", (t) => {
  const manager = jupyter({ status: "idle" });
  const { said, seconds, answer } = open(t, manager);
  answer();
  Object.assign(manager, { kernel: null });
  seconds(1);
  assert.deepEqual(said, ["gone"]);
});

test("a connection may blink, but not be away for long", (t) => {
  const manager = jupyter({ status: "idle" });
  const { said, seconds, answer } = open(t, manager);
  answer();
  seconds(1);
  manager.kernel.connectionStatus = "connecting";
  seconds(2);
  manager.kernel.connectionStatus = "connected";
  seconds(2);
  assert.deepEqual(said, []);
  manager.kernel.connectionStatus = "connecting";
  seconds(4);
  assert.deepEqual(said, ["gone"]);
});

test("a host whose connection never says that it is up is judged by answers", (t) => {
  const { said, seconds, answer, asked } = open(t, jupyter({ status: "unknown", connectionStatus: "connecting" }));
  answer();
  seconds(9);
  assert.deepEqual([said, asked()], [[], 1]);
});

test("a page in the background asks nothing; back in front it asks at once", (t) => {
  const { window, said, seconds, asked, answer } = open(t, {});
  answer();
  Object.defineProperty(window.document, "visibilityState", { value: "hidden", configurable: true });
  seconds(600);
  assert.deepEqual([said, asked()], [[], 0]);
  Object.defineProperty(window.document, "visibilityState", { value: "visible" });
  seconds(1);
  assert.equal(asked(), 1);
});

test("after a sleep of the machine a kernel is asked before it is judged", (t) => {
  const { said, asked, answer } = open(t, {});
  answer();
  t.mock.timers.setTime(3_600_000);
  t.mock.timers.tick(1000);
  assert.deepEqual([said, asked()], [[], 1]);
});

test("a model that the host has connected anew is asked", (t) => {
  const { model, seconds, answer, asked } = open(t, jupyter({ status: "idle" }));
  answer();
  model.emit("comm_live_update");
  seconds(1);
  assert.equal(asked(), 1);
});

test("a message that was lost leaves no kernel, which is asked again after a while", (t) => {
  const { pulse, said, seconds, asked, answer } = open(t, { get_model() {} });
  answer();
  for (const count of [1, 2]) {
    pulse.lost();
    seconds(7);
    assert.deepEqual([said, asked()], [["gone"], count - 1]);
    seconds(2);
    assert.equal(asked(), count);
  }
  answer();
  assert.deepEqual(said, ["gone", "there"]);
});

test("a kernel that is gone stays so until it answers, however busy the page is", (t) => {
  const { pulse, said, seconds, asked, answer } = open(t, { get_model() {} });
  answer();
  pulse.gone();
  t.mock.timers.setTime(3_600_000);
  seconds(60);
  assert.ok(asked() > 1);
  assert.deepEqual(said, ["gone"]);
  answer();
  assert.equal(pulse.kernel, "there");
});

test("nothing is asked after the end", (t) => {
  const { model, pulse, seconds, asked } = open(t, {});
  pulse.destroy();
  seconds(60);
  assert.deepEqual([asked(), model.count("msg:custom"), model.count("comm_live_update")], [0, 0, 0]);
});
