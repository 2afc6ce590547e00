// The planes that the page holds: they can be shown where no kernel is left to ask.

/** @typedef {import("./decoders.js").SurfaceResult} SurfaceResult */
/** @typedef {ReturnType<typeof import("./curvature-decoders.js").decodeProjections>} Projections */

/** Planes to remember. */
const MOST = 12;

/**
 * The controls whose answer a surface is.
 * @param {SurfaceResult} surface
 * @returns {Partial<import("./state.js").Controls>}
 */
export const controlsOf = ({ axes, seed, nExamples, batchNorm, split, alpha, equalAxes, checkpoint }) => ({
  axes: [...axes],
  seed,
  examples: nExamples,
  batch_norm: batchNorm,
  split,
  resolution: alpha.length,
  equal_axes: equalAxes,
  checkpoint,
  domain: null,
});

export function createHeld() {
  /** The last picture of each pair of axes, the newest last. @type {Map<string, {surface: SurfaceResult, projections: Projections | null}>} */
  const planes = new Map();
  return {
    /**
     * @param {SurfaceResult | null} surface
     * @param {Projections | null} projections
     * @param {number} former  the last request about another centre
     */
    keep(surface, projections, former) {
      for (const [name, plane] of planes) if (plane.surface.request <= former) planes.delete(name);
      if (!surface?.final || surface.request <= former) return;
      const name = String(surface.axes);
      const own = projections?.request === surface.request ? projections : (planes.get(name)?.projections ?? null);
      planes.delete(name);
      planes.set(name, { surface, projections: own });
      if (planes.size > MOST) planes.delete(/** @type {string} */ (planes.keys().next().value));
    },
    /** @param {readonly string[]} axes */
    of: (axes) => planes.get(String(axes)) ?? null,
  };
}
