// Room for words whose number of lines changes: what stands below them must not move up and down.

/**
 * Tells `place`, in `--lw-most`, how high `words` have been at most since they are as wide as now.
 * @param {HTMLElement} words
 * @param {HTMLElement} place
 * @returns {() => void}  ends it
 */
export function keepRoom(words, place) {
  let [width, most] = [0, 0];
  const sizes = new ResizeObserver(() => {
    const next = words.getBoundingClientRect();
    if (!next.width) return; // hidden: what comes next may be as high as before
    most = Math.max(next.width === width ? most : 0, Math.ceil(next.height));
    ({ width } = next);
    place.style.setProperty("--lw-most", `${most}px`);
  });
  sizes.observe(words);
  return () => sizes.disconnect();
}
