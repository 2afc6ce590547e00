// What kernel and page must agree on. Written by `python -m tests.project.agreed` from the kernel's own
// tables: change it there.

/** What the values of a picture are, by split and batch-norm statistics. */
export const QUANTITIES = /** @type {const} */ ({
  "train": {
    "frozen": "loss",
    "recomputed": "loss",
    "difference": "loss, recomputed − frozen"
  },
  "test": {
    "frozen": "test loss",
    "recomputed": "test loss",
    "difference": "test loss, recomputed − frozen"
  },
  "difference": {
    "frozen": "test − training loss",
    "recomputed": "test − training loss",
    "difference": "test − training loss, recomputed − frozen"
  }
});

/** What quantities are called. */
export const WORDS = /** @type {const} */ ({
  "splits": {
    "train": "training loss",
    "test": "test loss",
    "difference": "test − training loss"
  },
  "lowest": {
    "train": "lowest loss",
    "test": "lowest test loss"
  },
  "falls": "the loss still falls at the border",
  "recomputedLessFrozen": "recomputed − frozen",
  "level": "L(θ*)",
  "here": "at this domain",
  "projected": "projected curvature κ",
  "planes": "random planes",
  "eigenvalue": "eigenvalue λ",
  "density": "spectral density",
  "vectors": "random vectors",
  "trace": "tr(H)"
});

/** That half-widths snap to. */
export const MANTISSAS = /** @type {const} */ ([1, 1.5, 2, 3, 4, 5, 6, 8]);

/** Of the curvature panel. */
export const FACES = /** @type {const} */ (["projections", "spectrum", "trace"]);

/** What losses along lines may follow. */
export const LINES = /** @type {const} */ (["solutions", "random", "random:filter"]);
