/** Paper waits for nothing that is drawn after this turn. */
let printing = false;
for (const event of ["beforeprint", "afterprint"]) globalThis.addEventListener?.(event, () => (printing = event === "beforeprint"));

/** After what was drawn in this turn is seen; soon enough where the page is in the background and paints nothing. */
export const painted = () =>
  new Promise((resolve) => {
    if (printing) return resolve(null);
    const timer = setTimeout(resolve, 100);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(resolve);
    });
  });
