/** After what was drawn in this turn is seen; soon enough where the page is in the background and paints nothing. */
export const painted = () =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, 100);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(resolve);
    });
  });
