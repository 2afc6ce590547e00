/** Remembers what a view drew last: tells whether any of the values differs from the call before. */
export function createMemory() {
  /** @type {unknown[]} */
  let last = [];
  return (/** @type {unknown[]} */ ...values) => {
    const isNew = values.length !== last.length || values.some((value, i) => value !== last[i]);
    last = values;
    return isNew;
  };
}
