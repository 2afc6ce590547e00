// What of an explorer touches, covers or is cut off: sentences, one for each fault.
(root) => {
  const faults = [];
  const box = (element) => element.getBoundingClientRect();
  const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box(element).width > 0;
  const name = (element) => (element.textContent || element.dataset?.testid || element.getAttribute("class") || element.tagName).trim().slice(0, 40);
  const overlap = (a, b, slack) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
  const apart = (elements, slack, what) => {
    const shown = elements.filter(visible);
    shown.forEach((a, i) => shown.slice(i + 1).forEach((b) => {
      if (!a.contains(b) && !b.contains(a) && overlap(box(a), box(b), slack)) faults.push(`${what}: "${name(a)}" touches "${name(b)}"`);
    }));
  };
  const inside = (elements, outer, slack, what) => {
    for (const element of elements.filter(visible)) {
      const [a, b] = [box(element), box(outer)];
      if (a.left < b.left - slack || a.right > b.right + slack || a.top < b.top - slack || a.bottom > b.bottom + slack) faults.push(`${what}: "${name(element)}" is cut off`);
    }
  };

  // Controls, words and panels.
  const all = (selector, within = root) => [...within.querySelectorAll(selector)];
  for (const row of all(".lw-bar, .lw-fields, .lw-panel-head, .lw-views, .lw-foot, .lw-options, .lw-field, .lw-tools, .lw-progress")) {
    const parts = [...row.children].filter((child) => !child.matches(".lw-spoken"));
    apart(parts.filter((part) => part.dataset.testid !== "glossary"), 0.5, row.className); // which lies over the pictures
    inside(parts, root, 0.5, row.className);
  }
  // Words flow around what stands in the corner: their lines count, not the box around all of them.
  const corners = all(".lw-corner > .lw-button, .lw-progress > :not(.lw-spoken), .lw-plan");
  apart(corners, 0.5, "lw-corner");
  for (const corner of corners.filter(visible)) {
    for (const words of all(".lw-sentence > :not(.lw-more), .lw-more > *").filter((words) => visible(words) && words !== corner)) {
      const range = document.createRange();
      range.selectNodeContents(words);
      if ([...range.getClientRects()].some((line) => overlap(line, box(corner), 0.5))) faults.push(`lw-head: "${name(words)}" touches "${name(corner)}"`);
    }
  }
  // Plotly's own buttons stand in the head.
  for (const panel of all(".lw-panel")) apart([...all(".modebar-group", panel), ...all(".lw-panel-head > *, .lw-panel-tools > *", panel)], 0.5, "plotly's buttons");
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth - root.clientWidth} pixels too wide`);
  for (const button of all("button, .lw-segment span").filter(visible)) {
    if (button.scrollWidth > button.clientWidth + 1) faults.push(`the words of "${name(button)}" are cut off`);
  }

  for (const words of all(".lw-readout, .lw-panel-foot, .lw-panel-title, .lw-marks, .lw-holds, .lw-sentence, .lw-copied, summary, dt, dd, output").filter(visible)) {
    if (words.scrollWidth > words.clientWidth + 1 && getComputedStyle(words).display !== "inline") faults.push(`"${name(words)}" is cut short`);
  }

  // Texts of plots. Their boxes are as high as a line, which leaves a little air above and below.
  for (const plot of all(".js-plotly-plot").filter(visible)) {
    const view = plot.closest("section").dataset.testid;
    const texts = all(".xtick text, .ytick text, .x2tick text, .y2tick text, .infolayer [class^='g-'] text, .cbaxis text, [class*='cbtitle'] text, .annotation-text", plot)
      .filter((text) => text.textContent && !text.closest("[class*='cbtitle'] [class*='cbtitle']"));
    const unique = [...new Set(texts)];
    const axes = [...new Set(texts.flatMap((text) => text.closest(".xtick, .ytick, .x2tick, .y2tick")?.getAttribute("class") ?? []))];
    for (const axis of axes) {
      const labels = unique.filter((text) => text.closest(`.${axis}`));
      if (labels.length < 2) faults.push(`${view}: one label alone, "${name(labels[0])}", on ${axis.replace("tick", "")}`);
    }
    apart([...unique, ...all(".cbfills, .cbbg + .cbfill", plot), ...all(".lw-provisional", plot.parentElement)], 1, view);
    inside(unique, plot, 2, view);
    for (const label of all(".annotation-text", plot).filter(visible)) {
      const at = box(label);
      const covered = all(".barlayer path, .bars path", plot).filter((bar) => overlap(at, box(bar), 1));
      if (covered.length) faults.push(`${view}: "${name(label)}" covers ${covered.length} bars`);
      for (const line of all(".scatterlayer path.js-line", plot)) {
        const matrix = line.getScreenCTM();
        const length = line.getTotalLength();
        for (let k = 0; k <= 400; k++) {
          const { x, y } = line.getPointAtLength((k / 400) * length).matrixTransform(matrix);
          if (x <= at.left || x >= at.right || y <= at.top || y >= at.bottom) continue;
          faults.push(`${view}: "${name(label)}" covers a line`);
          break;
        }
      }
    }
  }
  return faults;
}
