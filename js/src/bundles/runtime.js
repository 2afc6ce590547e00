// The plotting library as a widget of its own: one per kernel, which all explorers share.
import Plotly from "plotly.js/lib/core";
import bar from "plotly.js/lib/bar";
import contour from "plotly.js/lib/contour";
import heatmap from "plotly.js/lib/heatmap";
import scatter3d from "plotly.js/lib/scatter3d";
import surface from "plotly.js/lib/surface";

Plotly.register([bar, contour, heatmap, scatter3d, surface]);

export default {
  initialize() {
    return { Plotly };
  },
};
