// The explorer's page as a widget of its own: one for a kernel, which all explorers share.
import { render } from "../app/app.js";

/** @typedef {import("@anywidget/types").RenderProps} Props */

export default {
  /** @param {import("@anywidget/types").InitializeProps} props */
  initialize({ model }) {
    return { render: (/** @type {Props} */ props) => render(props, model.get("_css")) };
  },
};
