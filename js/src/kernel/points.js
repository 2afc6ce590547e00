// Pins, centre and the model's weights, as the kernel tells of them.

/**
 * Loss and metrics on one data set; null where a value is not finite.
 * @typedef {{loss: number | null, metrics: Record<string, number | null>, n_examples: number}} Scores
 */

/**
 * A pinned point.
 * @typedef {object} Pin
 * @property {number} number  its name
 * @property {number} alpha  in the plane that it was set on
 * @property {number} beta
 * @property {[string, string]} axes  of that plane
 * @property {string} plane  the same in words, with the seed where it counts
 * @property {string} [fingerprint]  of that plane
 * @property {string[]} symbols  short names of its axes
 * @property {number | null} n_examples  that its eigenvectors rest on
 * @property {boolean} here  whether it is the first plane on show
 * @property {boolean} centred  whether it lies around the present centre
 * @property {([number, number] | null)[]} places  on the first and the second plane on show
 * @property {import("./state.js").BatchNorm | null} batch_norm  statistics of all that follows, which slope and curvature hold fixed
 * @property {Scores | null} train
 * @property {Scores | null} test
 * @property {number | null} gradient_norm
 * @property {number[][] | null} hessian
 * @property {[number, number] | null} curvatures
 * @property {boolean} done
 * @property {string} error
 */

/** @typedef {Pick<Pin, "plane" | "alpha" | "beta" | "train" | "test" | "batch_norm"> & {place: "centre" | "minimum" | "test minimum"}} Row  of the table of minima */

/** @typedef {{number: number, alpha: number, beta: number}} Mark  a pin on a plane */

/**
 * @typedef {object} Points
 * @property {Pin[]} pins
 * @property {boolean} writable  whether there is a model to write weights into
 * @property {Row[] | null} table  at the centre and at the minima of the planes on show; null until it is asked for
 * @property {string} csv  the same as the content of a file
 * @property {string | null} applied  whose weights the user's model holds
 * @property {string} note  why something asked for was not done
 * @property {{depth: number, request: number, moved: number}} centre  `request`: the last one about another centre
 * @property {number} checkpoint  how often weights had been taken from the user's model before the present ones
 * @property {{words: string, takes: boolean} | null} drift  what they have become since; "takes": whether they can be taken
 * @property {string} python  what sets the pins of the first plane on show in a cell that makes it again
 * @property {[Mark[], Mark[]]} marks  on the first and the second plane
 */

/** @param {any} raw @returns {Points} */
export function decodePoints(raw) {
  /** @param {0 | 1} which @returns {Mark[]} */
  const marks = (which) =>
    raw.pins.flatMap((/** @type {Pin} */ { number, places }) => {
      const place = places[which];
      return place ? [{ number, alpha: place[0], beta: place[1] }] : [];
    });
  return { ...raw, marks: [marks(0), marks(1)] };
}
