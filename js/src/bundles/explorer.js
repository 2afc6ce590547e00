// The module that every explorer carries: it hands its element to the page's code, of which a kernel sends
// one copy for all of its explorers.

/** @typedef {import("@anywidget/types").Render} Render */

/** @type {Render} */
function render(props) {
  const { model, el, host, signal } = props;
  // Not awaited: hosts give a view little time to appear.
  host
    .getWidget(model.get("_page"))
    .then(({ exports }) => {
      if (!signal?.aborted) /** @type {{render: Render}} */ (exports).render(props);
    })
    .catch((/** @type {unknown} */ reason) => {
      el.textContent = `The explorer's page could not be loaded: ${reason instanceof Error ? reason.message : reason}`;
    });
}

export default { render };
