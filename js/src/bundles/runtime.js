// The plotting library as a widget of its own: one per kernel, which all explorers share.

export default {
  initialize() {
    // Not run before a view asks for it, and never in another's way: hosts give a module little time to be ready.
    return { load: async () => (await import("./plotly.js")).default };
  },
};
