// What is changed in plotly's scenes while they are bundled: it has no settings for it.
import { readFile } from "node:fs/promises";

/**
 * @typedef {object} Patch
 * @property {RegExp} file
 * @property {string} what
 * @property {[string, string][]} changes  what stands there, once or more, and what stands there instead
 */

/** @type {Patch[]} */
const PATCHES = [
  {
    // Plotly cuts the cells of a surface until there are 120 nodes in each direction or more: of 51 it makes 204,
    // sixteen times as many cells to be uploaded and drawn. Up to 48 it shows, beyond it does not. Where one distance
    // between nodes differs from the others it makes up to 720, to have them all.
    what: "the least resolution of a surface",
    file: /plotly\.js\/src\/traces\/surface\/convert\.js$/,
    changes: [
      ["MIN_RESOLUTION = highlyComposites[9]", "MIN_RESOLUTION = highlyComposites[7]"],
      ["var resDst = 1 + arrayLCM(nums);", "var resDst = resSrc;"],
    ],
  },
  {
    // Plotly draws twice as many pixels in each direction as there are on an ordinary screen, and each of them four
    // times. The first alone looks the same; drawn in software, both take twice as long. Saved images keep both.
    what: "multisampling",
    file: /plotly\.js\/src\/plots\/gl3d\/scene\.js$/,
    changes: [["antialias: true\n        },\n        container", "antialias: devicePixelRatio > 1\n        },\n        container"]],
  },
  {
    // At every drawing plotly has a scene come upright within half a second, also where it is, and takes no turn of
    // the camera meanwhile: a drag just after a picture came was lost.
    what: "the way to upright",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [["      set: function(mode) {\n        var curUp", "      set: function(mode) {\n        if(mode === view.getMode()) return mode\n        var curUp"]],
  },
  {
    // Plotly draws each scene once more, unseen, for what is under the pointer, and reads it back, which the page
    // waits for. Here it is drawn when the pointer asks. What it did for the picture itself stays: depths are cleared,
    // which transparent marks have left locked, and else hide whatever is drawn twice in one frame.
    what: "the picture for the pointer",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [
      ["    if(pickDirty) {\n      pickDirty = false\n      renderPick()\n    }\n", "    gl.depthMask(true)\n"],
      ["        for(var i=0; i<numPick; ++i) {\n          var result", "        if(pickDirty) {\n          pickDirty = false\n          renderPick()\n        }\n        for(var i=0; i<numPick; ++i) {\n          var result"],
      ["  if(!this._readTimeout) {\n    clearTimeout(this._readTimeout)\n  }\n  this._readTimeout = setTimeout(this._readCallback, 1)", "  this._readCallback()"],
    ],
  },
];

/** @type {import("esbuild").Plugin} */
export const plotlyPatches = {
  name: "plotly-patches",
  setup({ onLoad }) {
    // The first that loads a file is the last one: of all patches of a file one call makes one.
    onLoad({ filter: /plotly\.js\/(src|stackgl_modules)\/.*\.js$/ }, async ({ path }) => {
      const due = PATCHES.filter(({ file }) => file.test(path));
      if (!due.length) return undefined;
      let contents = await readFile(path, "utf8");
      for (const [what, from, to] of due.flatMap(({ what, changes }) => changes.map(([from, to]) => [what, from, to]))) {
        if (!contents.includes(from)) throw new Error(`${path}: expected ${what}, ${JSON.stringify(from)}, found none.`);
        contents = contents.replaceAll(from, to);
      }
      return { contents };
    });
  },
};
