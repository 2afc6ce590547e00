// The style sheets of a view, inside the view: a host may put it into a shadow root, which those of the page do not reach.
import { h, setText } from "./dom.js";

/** What plotly writes into the page's head when it is loaded: without it, its drawings lie one below the other. */
const plotlyRules = () => {
  const style = /** @type {HTMLStyleElement | null} */ (document.getElementById("plotly.js-style-global"));
  return [...(style?.sheet?.cssRules ?? [])].map((rule) => rule.cssText).join("\n");
};

/**
 * Puts style sheets before what is in `el`, wherever that is or will be.
 * @param {HTMLElement} el
 * @param {string} css  of the explorer's page
 */
export function createStyles(el, css) {
  const [own, plotly] = [h("style", {}, css), h("style")];
  el.append(own, plotly);
  return {
    /** Once the plotting library is there. */
    update() {
      setText(plotly, plotlyRules());
    },
    destroy() {
      own.remove();
      plotly.remove();
    },
  };
}
