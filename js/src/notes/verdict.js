// What the certified curvature says about θ*, in words, and what the picture is made of.
import { createButton, h, setText } from "../ui/dom.js";
import { capitalised, formatCount, formatNumber, formatPart } from "../model/format.js";
import { isPart } from "../model/picture.js";
import { sightOn } from "../model/scale.js";
import { drawing } from "../ui/drawing.js";
import { keepRoom } from "../ui/room.js";
import { nearestNode } from "../model/values.js";

/** @typedef {import("../kernel/state.js").Snapshot} Snapshot */
/** @typedef {import("../kernel/curvature-decoders.js").EigenResult} EigenResult */

/** Cross-sections as signs: what the loss does along the two extreme directions. @type {Record<string, string>} */
const SIGNS = {
  minimum: "M2 3 C5 15 13 15 16 3",
  maximum: "M2 14 C5 2 13 2 16 14",
  saddle: "M2 3 C5 12 13 12 16 3 M2 15 C5 6 13 6 16 15",
  slope: "M2 14 L16 4",
};
const UNDECIDED = "M3 9 H15";

function createSign() {
  const svg = drawing([18, 18], "lw-sign lw-verdict-sign", UNDECIDED);
  return {
    svg,
    /** @param {string} verdict */
    set: (verdict) => /** @type {SVGPathElement} */ (svg.firstChild).setAttribute("d", SIGNS[verdict] ?? UNDECIDED),
  };
}

/**
 * How certain each eigenvalue is: |λ − exact| is at most the residual.
 * @param {EigenResult} eigenpairs
 */
export function describeResiduals({ words, values, residuals, converged }) {
  return words
    .map((name, i) => {
      const state = converged[i] ? "" : ", not converged";
      return `${name} ${formatNumber(values[i])} ± ${formatNumber(residuals[i], 1)}${state}`;
    })
    .join(" · ");
}

/** What the pictures show where it is not the function whose curvature is told. @type {Record<string, string>} */
const BATCH_NORM = {
  frozen: "",
  recomputed: "batch-norm statistics recomputed at each point; verdict and curvature are those of frozen ones",
  difference: "shown: what recomputing batch-norm statistics at each point adds to the loss; verdict and curvature are those of frozen ones",
};

/**
 * What the loss in a picture is on, where that is not the data whose curvature is told.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {number} count  of test examples
 */
function splitText({ split }, count) {
  if (split === "train") return "";
  const less = split === "test" ? "" : " less that on the training examples";
  return `shown: the loss on ${formatCount(count)} test examples${less}; directions, verdict and curvature are those of the training loss`;
}

/**
 * What a picture rests on; of one on part of the examples, how far their loss is from that of all at θ*.
 * @param {import("../kernel/decoders.js").SurfaceResult} surface
 * @param {number} wanted
 */
function examplesText(surface, wanted) {
  const { nExamples, batchNorm, split, centreLoss, rows, alpha, beta } = surface;
  if (nExamples >= wanted) return `${formatCount(nExamples)} example${nExamples === 1 ? "" : "s"}`;
  const part = `A first picture on ${formatPart(nExamples, wanted)}`;
  const centre = rows[nearestNode(beta, 0)][nearestNode(alpha, 0)];
  if (batchNorm !== "frozen" || split !== "train" || centreLoss === null || !Number.isFinite(centre)) return part;
  return `${part}, off by ${formatNumber(Math.abs(centre - centreLoss), 2)} at θ*`;
}

/**
 * The caption: what was computed, on what, and what a unit of the axes is.
 * @param {Snapshot} snapshot
 */
export function captionText({ surface, info, examples }) {
  const parameters = info.n_parameters ? `${formatCount(info.n_parameters)} parameters` : "";
  if (!surface) return parameters;
  const total = formatCount(surface.loss.length);
  const points = surface.final ? surface.coverage || `${total} points` : `Coarse: ${formatCount(surface.nDone)} of ${total} points, the rest interpolated`;
  const [eta, delta] = surface.norms.map((norm) => formatNumber(norm, 3));
  const alone = surface.norms[1] === 0; // the second axis of a single parameter
  const both = eta === delta ? `1 on either axis is ‖Δθ‖ = ${eta}` : `1 on α is ‖Δθ‖ = ${eta}, on β ${delta}`;
  const unit = alone ? `1 on α is ‖Δθ‖ = ${eta}, β has no direction of its own` : both;
  const norm = BATCH_NORM[surface.batchNorm];
  const split = splitText(surface, info.n_test_examples);
  const theta = surface.thetaNorm ? ` (‖θ*‖ = ${formatNumber(surface.thetaNorm, 3)})` : "";
  return [points, examplesText(surface, examples), parameters, unit + theta, split, norm, surface.details.Mode, surface.note].filter(Boolean).join(" · ");
}

/** What all of a long computation takes, while it goes on. @param {Snapshot} snapshot */
const planText = ({ status, progress, kernel }) => (status === "computing" && kernel !== "gone" ? capitalised(progress?.plan ?? "") : "");

/**
 * The verdict's own word, the numbers that it rests on, and what else there is to say.
 * @param {string} sentence
 * @returns {[string, string, string]}
 */
export function splitSentence(sentence) {
  const [word] = /** @type {RegExpMatchArray} */ (sentence.match(/^[^:.,;]*/));
  const stop = sentence.search(/\.\s/);
  const end = stop < 0 ? sentence.length : stop + 1;
  return [word, sentence.slice(word.length, end), sentence.slice(end)];
}

/**
 * @param {HTMLElement} head  where the verdict stands, before anything else
 * @param {HTMLElement} corner  what its words flow around
 * @param {HTMLElement} foot  where it says what all rests on
 * @param {(shared: boolean) => void} showSaddle  goes to where a saddle that lies in this plane is seen; `shared`: it leaves a shared scale
 */
export function createVerdict(head, corner, foot, showSaddle) {
  const sign = createSign();
  /** What the verdict on show is part of. @type {EigenResult | null} */
  let judged = null;
  let sentence = "";
  const parts = [h("strong"), h("span"), h("span")];
  const plan = h("span", { class: "lw-plan", "data-testid": "plan", title: "What all of this takes, measured before it began" });
  const verdict = h("p", { class: "lw-verdict", "data-testid": "verdict", "aria-live": "polite", hidden: true });
  const show = createButton("show-saddle", { hidden: true });
  /** Whether it is the shared scale that hides it. */
  let leave = false;
  show.addEventListener("click", () => showSaddle(leave));
  verdict.append(sign.svg, h("span", { class: "lw-sentence" }, parts[0], parts[1], h("span", { class: "lw-more" }, parts[2], plan)));
  head.append(verdict);
  corner.append(show);
  const leaveRoom = keepRoom(verdict, head);

  const line = h("summary", { "data-testid": "caption", title: "What the pictures rest on; a click shows all" });
  const residuals = h("p", { class: "lw-residuals", "data-testid": "residuals" });
  const caption = h("details", { class: "lw-caption" }, line, residuals);
  foot.append(caption);

  /** Whether what all takes stands on nothing else, as it would below a verdict of very many lines. */
  function hasRoom() {
    const [own, room, other] = [plan, head, corner].map((element) => element.getBoundingClientRect());
    const below = own.top >= other.bottom;
    return own.bottom <= room.bottom && (below || own.bottom <= other.top || own.right <= other.left);
  }

  return {
    /** @param {import("../ui/frame.js").Frame} frame */
    update(frame) {
      const { snapshot } = frame;
      const { eigenpairs } = snapshot;
      // Estimates have no verdict yet: the former one keeps its place.
      if (eigenpairs?.sentence || !eigenpairs) judged = eigenpairs;
      const former = judged !== eigenpairs || snapshot.former(eigenpairs);
      const part = isPart(snapshot);
      show.hidden = !judged;
      const cancelled = snapshot.status === "cancelled" && snapshot.kernel !== "gone";
      const takes = planText(snapshot);
      setText(plan, takes);
      plan.hidden = !takes;
      verdict.hidden = !judged && !cancelled && !takes;
      if (!judged) {
        for (const name of ["verdict", "provisional", "seen"]) delete verdict.dataset[name];
        sign.set("");
        const none = cancelled ? ["No verdict", ": cancelled before the curvature was certified.", ""] : ["", "", ""];
        none.forEach((text, i) => setText(parts[i], text));
      } else {
        verdict.dataset.verdict = judged.verdict;
        verdict.dataset.provisional = String(former);
        sign.set(judged.verdict);
        const { seen, shared, words } = sightOn(frame, judged.sights ?? [judged.sentence, judged.sentence]);
        if (!former || !sentence) sentence = words;
        const [word, ...rest] = splitSentence(sentence);
        const whose = former ? "Former verdict: " : part ? "Of the whole picture: " : "";
        // no line ends between an eigenvalue's name and its number
        [whose + word, ...rest].forEach((text, i) => setText(parts[i], text.replaceAll(/(λ\S+) (?=[\d−])/g, "$1\u00a0")));
        verdict.dataset.seen = String(seen || !judged.sights);
        leave = shared;
        setText(show, shared ? "Own scale" : "Show it");
        show.title = shared ? "A scale for each picture" : "The domain by the curvatures, on the scale about L(θ*)";
        show.hidden = former || part || seen || !judged.sights || (!shared && snapshot.domain === null && !snapshot.equal_axes && frame.scale === "auto");
      }
      sign.svg.toggleAttribute("hidden", !judged && !cancelled);
      if (takes) plan.classList.toggle("lw-no-room", !hasRoom());
      const known = eigenpairs && !former ? describeResiduals(eigenpairs) : "";
      setText(residuals, known && `Eigenvalues and how far they may be off: ${known}`);
      setText(line, captionText(snapshot));
    },
    destroy() {
      leaveRoom();
      verdict.remove();
      show.remove();
      caption.remove();
    },
  };
}
