// What of the kernel's results goes on show: never an older one than before.

/**
 * Whether a result is older than the one on show.
 * @param {{request: number, final: boolean} | null} shown
 * @param {{request: number, final: boolean}} next
 */
export function isStale(shown, next) {
  if (!shown) return false;
  if (next.request !== shown.request) return next.request < shown.request;
  return shown.final && !next.final;
}

/**
 * One result trait: decoded once per value, never replaced by an older one.
 * @template {{request: number, final: boolean}} T
 * @param {(raw: any) => T} decode
 */
export function createResult(decode) {
  /** @type {unknown} */
  let seen;
  /** @type {T | null} */
  let current = null;
  /** @param {any} raw */
  return (raw) => {
    if (raw === seen) return current;
    seen = raw;
    if (!raw) current = null;
    else if (!isStale(current, raw)) current = decode(raw);
    return current;
  };
}
