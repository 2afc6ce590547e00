// Synthetic results about curvature, each shaped as the kernel sends it.
import { wire } from "./wire.js";

/** Uniform numbers in (0, 1), the same every time. @param {number} seed */
function uniform(seed) {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

/** Normally distributed numbers. @param {number} count @param {number} mean @param {number} spread @param {number} seed */
function normal(count, mean, spread, seed) {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return mean + spread * radius * Math.cos(2 * Math.PI * next());
  });
}

/** @param {Float32Array} sample */
function moments(sample) {
  const mean = sample.reduce((sum, value) => sum + value, 0) / sample.length;
  const std = Math.sqrt(sample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (sample.length - 1));
  return { fit: { mean, std }, mean: { value: mean, stderr: std / Math.sqrt(sample.length) } };
}

/** @param {number} request @param {number} samples @param {{kappa_minus: number, kappa_plus: number} | null} plane @param {number} [scale] */
export function mockProjections(request, samples, plane, scale = 1) {
  const [minus, plus] = [normal(samples, 0.35 * scale, 0.42 * scale, 12345), normal(samples, 1.15 * scale, 0.5 * scale, 777)];
  const [m, p] = [moments(minus), moments(plus)];
  const done = samples === 2000;
  return {
    request, kappa_minus: wire(minus), kappa_plus: wire(plus), samples, total: 2000, plane, final: done,
    seeds: 5000,
    fits: { kappa_minus: m.fit, kappa_plus: p.fit },
    means: { kappa_minus: m.mean, kappa_plus: p.mean, trace: { value: 601.3, stderr: 4.2 } },
    blindness: done
      ? { measured: "27.3–31.4 %", closed_form: "29.3 %", spectral: "28.5–29.8 %" }
      : { measured: null, closed_form: null, spectral: null },
  };
}

const VALUES = [3.8214, 2.2071, -0.6204, -1.4973];

const SADDLE = "Saddle: λmax 3.821, λmin −1.497, ‖∇L‖ 0.0031. A random plane hides it in 27.3–31.4 % of cases (586 of 2000 drawn);";

/** @param {number} request @param {number} [scale] */
export const mockEigenpairs = (request, scale = 1) => ({
  request, axes: ["hessian:max", "hessian:max:2", "hessian:min:2", "hessian:min"],
  symbols: ["λ₁", "λ₂", "λₙ₋₁", "λₙ"], words: ["λmax", "λmax (2)", "λmin (2)", "λmin"], values: VALUES.map((value) => scale * value), residuals: [2.1e-4, 3.4e-4, 5e-4, 8.7e-5].map((value) => scale * value),
  converged: [true, true, true, true], slopes: null, domains: null, centre_loss: null, n_examples: 1797, n_hvp: 42, gradient_norm: 0.0031, verdict: "saddle", final: true,
  sentence: `${SADDLE} this plane shows it.`,
  sights: [`${SADDLE} this plane shows it.`, `${SADDLE} it lies in this plane but cannot be seen at this domain.`],
});

/**
 * A bulk around zero with a long positive side, and outliers that one eigenvalue each stands for.
 * @param {number} request @param {number} probes @param {number} total @param {number} [scale]
 */
export function mockSpectrum(request, probes, total, scale = 1) {
  const [count, width] = [512, 0.045];
  const x = Float64Array.from({ length: count }, (_, i) => -1.75 + (5.8 * i) / (count - 1));
  const lone = 1 / 23946;
  const nodes = Float64Array.of(...VALUES, -0.11, -0.03, 0, 0.05, 0.2, 0.55, 1.1);
  const weights = Float64Array.of(lone, lone, lone, lone, 0.12, 0.18, 0.34, 0.24, 0.1, 0.019, 0.001 - 4 * lone);
  const density = x.map((at) =>
    nodes.reduce((sum, node, k) => {
      const spread = width * (k < 4 ? 0.7 : 1 + 2.2 * Math.abs(node));
      return sum + (weights[k] / (spread * Math.sqrt(2 * Math.PI))) * Math.exp(-0.5 * ((at - node) / spread) ** 2);
    }, 0),
  );
  return {
    request, x: wire(x.map((at) => scale * at)), density: wire(density.map((value) => value / scale)), ends: { min: scale * VALUES[3], max: scale * VALUES[0] },
    words: `mean λ ${Number((0.0251 * scale).toPrecision(3))} ± ${Number((0.002 * scale).toPrecision(1))} · 21–39 % below 0`, probes, total, n_hvp: 40 * probes, final: probes === total,
  };
}

/**
 * Running means of noise around 600, the curvature fit's a little wider, and the trace itself.
 * @param {number} request @param {number} vectors @param {number} total @param {number} [scale]
 */
export function mockTrace(request, vectors, total, scale = 1) {
  const run = (/** @type {number} */ spread, /** @type {number} */ seed) => {
    const draws = normal(total, 600 * scale, spread * scale, seed).subarray(0, vectors);
    let [sum, squares] = [0, 0];
    const rows = Array.from(draws, (draw, i) => {
      sum += draw;
      squares += draw * draw;
      const k = i + 1;
      return [k, sum / k, i ? 1.97 * Math.sqrt(Math.max(0, squares / k - (sum / k) ** 2) / i) : NaN];
    });
    const [n, value, error] = [0, 1, 2].map((column) => wire(Float64Array.from(rows, (row) => row[column])));
    return { n, value, error };
  };
  return {
    request, final: vectors === total,
    reference: { name: "exact", label: "exact", value: 600.2 * scale, error: 0, n_hvp: 1001 },
    methods: [
      { name: "hutchinson", label: "Hutchinson", stderr: 4.1, bias: 0, half_width: null, ...run(58, 4242) },
      { name: "curvature-fit", label: "curvature fit", stderr: 4.1, bias: 0, half_width: 0.05, ...run(75, 99) },
    ],
  };
}
