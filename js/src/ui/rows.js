// Explorers beside each other: where they are equally wide, their pictures start at one height, whatever stands above them.

/** The pictures of all explorers on the page. @type {Set<HTMLElement>} */
const all = new Set();

function align() {
  for (const el of all) el.style.marginTop = "";
  const places = [...all].map((el) => {
    const { top, width } = /** @type {Element} */ (el.closest(".lw-root")).getBoundingClientRect();
    return { el, row: `${Math.round(top)} ${Math.round(width)}`, top: el.getBoundingClientRect().top };
  });
  for (const { el, row, top } of places) {
    const lowest = Math.max(...places.map((other) => (other.row === row ? other.top : top)));
    if (lowest > top) el.style.marginTop = `${lowest - top}px`;
  }
}

/**
 * Has the pictures of an explorer start where those beside it do.
 * @param {HTMLElement} root
 * @param {HTMLElement} views
 * @returns {() => void}  takes it out
 */
export function startInRow(root, views) {
  all.add(views);
  const sizes = new ResizeObserver(align);
  // What stands above may take its room from the pictures: all of it as high as before is no sign that nothing moved.
  for (const part of [root, ...(views.parentElement?.children ?? [])]) if (part !== views) sizes.observe(part);
  return () => {
    sizes.disconnect();
    all.delete(views);
    align();
  };
}
