// The comparison of two planes: which ones, on what domains, and what each of them shows of θ*.
import { planeLabel, presetOf, refusal } from "../kernel/axes.js";
import { capitalised } from "../model/format.js";
import { h, setText } from "../ui/dom.js";
import { createField } from "../ui/field.js";
import { WORDS } from "../kernel/agreed.js";
import { secondControls } from "../kernel/asked.js";
import { sightOn } from "../model/scale.js";
import { checkpointOf } from "./checkpoints.js";
import { createWidth } from "./width.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */

/**
 * What tells a picture from the one beside it: its plane, or on the same plane what the loss is on; both where
 * that is not the training loss.
 * @param {Snapshot} snapshot  as of an explorer that shows this picture alone
 * @param {boolean} planes  whether the other one is of another plane
 * @param {number | string | null} [around]  the checkpoint or solution that it is around, where the other one is not
 */
export function pictureName({ axes, split, surface, info }, planes, around = null) {
  const loss = WORDS.splits[surface?.split ?? split];
  if (!planes) return capitalised(loss);
  const plane = surface?.name ?? planeLabel(info.axes, axes);
  const centre = typeof around === "number" ? info.checkpoints[around]?.label : around;
  return [plane, centre, split === "train" ? "" : loss].filter(Boolean).join(", ");
}

/** What the picture is called that has another one beside it. @param {Snapshot} snapshot */
export const firstName = (snapshot) => pictureName(snapshot, true, snapshot.compared_checkpoint === null ? null : checkpointOf(snapshot));

/**
 * The second picture, null where there is none.
 * @param {Snapshot} snapshot
 * @returns {import("../views/second-picture.js").Second | null}
 */
export function comparedPlane(snapshot) {
  const controls = secondControls(snapshot);
  if (!controls) return null;
  const second = { ...controls, surface: snapshot.compared, provisional: snapshot.comparedProvisional };
  const samePlane = snapshot.compared_axes === null && snapshot.compared_checkpoint === null;
  return { snapshot: second, name: pictureName(second, !samePlane, snapshot.compared_checkpoint), samePlane };
}

/**
 * @param {HTMLElement} el
 * @param {import("../kernel/state.js").State} state
 */
export function createComparison(el, state) {
  const select = h("select", { "data-testid": "compared-preset" });
  const custom = h("option", { value: "custom", disabled: true }, "Custom");
  const offer = state.snapshot.info.axes;
  const options = offer.presets.map(({ value, label }) => h("option", { value }, label));
  select.append(...options, custom);
  select.addEventListener("change", () => {
    const preset = offer.presets.find(({ value }) => value === select.value);
    if (preset) state.set({ compared_axes: [...preset.axes], compared_domain: null });
  });
  const plane = createField(select, { label: "Second plane", title: "The plane that is shown beside the first" });
  const width = createWidth({
    name: "compared-half-width",
    auto: "compared-domain-auto",
    equal: "compared-equal-axes",
    label: "Its half-width",
    state,
    control: "compared_domain",
  });

  const terms = [0, 1].map((i) => ({ name: h("dt"), sight: h("dd", { "data-testid": `sight-${i + 1}` }) }));
  const sights = h("dl", { class: "lw-sights" }, ...terms.map(({ name, sight }) => h("div", {}, name, sight)));
  const fields = h("div", { class: "lw-options" }, plane, width.element);
  const element = h("section", { class: "lw-comparison", "data-testid": "comparison", "aria-label": "Comparison", hidden: true }, fields, sights);
  el.append(element);

  return {
    /** @param {import("../ui/frame.js").Frame} frame */
    update(frame) {
      const { snapshot, name, picture } = frame;
      const { compared_domain, compared, info, offers } = snapshot;
      const second = comparedPlane(snapshot);
      element.hidden = !second || second.samePlane;
      if (!second || second.samePlane) return;
      const preset = presetOf(offer, second.snapshot.axes);
      custom.hidden = preset !== undefined;
      select.value = preset?.value ?? "custom";
      options.forEach((option, i) => {
        const { axes } = offer.presets[i];
        const why = (option.dataset.why = refusal(info, axes));
        option.disabled = why !== "" || !offers({ compared_axes: axes, compared_domain: null });
      });
      width.set(compared_domain, compared?.domain, second.snapshot);
      const beside = { ...frame, basis: frame.range && picture, picture: { surface: compared, model: compared?.quadratic ?? null } };
      [name, second.name].forEach((text, i) => {
        setText(terms[i].name, text);
        // Of the scale on show, as the verdict is.
        setText(terms[i].sight, (compared && sightOn([frame, beside][i], compared.sights[i]).words) || "…");
      });
    },
    destroy() {
      width.destroy();
      element.remove();
    },
  };
}
