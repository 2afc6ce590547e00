// The explorer's page as a widget of its own: one for a kernel, which all explorers share.
import { render } from "../app/app.js";

export default {
  initialize() {
    return { render };
  },
};
