// What is changed in plotly while it is bundled: it has no settings for it.
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
    // Plotly traces contour lines through the ticks of the axis, to replace them by those that were asked for.
    what: "contour lines through ticks",
    file: /plotly\.js\/src\/traces\/surface\/convert\.js$/,
    changes: [["params.levels[i] = contourLevels[i];", "params.levels[i] = contourParams.size > 0 ? [] : contourLevels[i];"]],
  },
  {
    // Plotly goes through all that a trace may have to find its lists, which only a pointer asks for.
    what: "the lists in a trace",
    file: /plotly\.js\/src\/plots\/plots\.js$/,
    changes: [["trace._arrayAttrs = PlotSchema.findArrayAttributes(trace);", "Object.defineProperty(trace, '_arrayAttrs', { configurable: true, get: function() { return PlotSchema.findArrayAttributes(this); } });"]],
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
  {
    // Plotly asks for a frame of the page after each, whether a scene has changed or not: an explorer that nobody
    // touched kept a twentieth of a core busy. Here a scene that has not changed looks again without one.
    what: "the frames of a scene",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [
      ["    if(!dirty) {\n      return\n    }\n\n    if(boundsChanged)", "    if(!dirty) {\n      return true\n    }\n\n    if(boundsChanged)"],
      ["    redraw()\n    requestAnimationFrame(render)", "    if(redraw()) setTimeout(render, 32)\n    else requestAnimationFrame(render)"],
    ],
  },
  {
    // Plotly waits for half a second before it saves a scene, and draws it at every frame until then. Drawn in software,
    // with three pixels for each of the page, that took up to twenty seconds; the frames that are asked for take two.
    what: "the frames of a scene that is saved",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [["  scene.enableMouseListeners()\n  render()", "  scene.enableMouseListeners()\n  if(!options.gl) render()"]],
  },
  {
    // Plotly sends each node of a surface six times, once for each corner of a triangle that it is in: 2.4 MB for
    // 101×101. Here each is sent once, and corners are numbers, of which 16 bits do for 255×255 nodes.
    what: "the nodes of a surface",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [
      ["var tverts = pool.mallocFloat(bits.nextPow2(10 * count))", "var corners = new Uint16Array(count)\n    var written = new Uint8Array(shape[0] * shape[1])\n    var tverts = pool.mallocFloat(bits.nextPow2(10 * written.length))"],
      ["          var c = j + QUAD[k][1]\n\n          var tx", "          var c = j + QUAD[k][1]\n          var node = shape[1] * r + c\n          corners[vertexCount++] = node\n          if(written[node]) continue\n          written[node] = 1\n          tptr = 10 * node\n\n          var tx"],
      ["          hi_intensity = Math.max(hi_intensity, vf)\n\n          vertexCount += 1\n", "          hi_intensity = Math.max(hi_intensity, vf)\n"],
      ["    // Scale all vertex intensities\n    for (i = 6;", "    tptr = 10 * written.length\n    this._corners.update(corners.subarray(0, vertexCount))\n    for (i = 6;"],
      ["      size: 3,\n      stride: SURFACE_VERTEX_SIZE,\n      offset: 28\n    }\n  ])", "      size: 3,\n      stride: SURFACE_VERTEX_SIZE,\n      offset: 28\n    }\n  ], corners)"],
      ["  var coordinateBuffer = createBuffer(gl)\n  var vao = createVAO(gl, [\n    { buffer: coordinateBuffer,\n      size: 4,\n      stride: SURFACE", "  var coordinateBuffer = createBuffer(gl)\n  var corners = createBuffer(gl, undefined, gl.ELEMENT_ARRAY_BUFFER)\n  var vao = createVAO(gl, [\n    { buffer: coordinateBuffer,\n      size: 4,\n      stride: SURFACE"],
      ["  var nparams = {\n    levels: [[], [], []]\n  }", "  surface._corners = corners\n  var nparams = {\n    levels: [[], [], []]\n  }"],
      ["  this._coordinateBuffer.dispose()\n", "  this._coordinateBuffer.dispose()\n  this._corners.dispose()\n"],
    ],
  },
  {
    // Plotly links the program of a scene's axes anew whenever a tick is elsewhere, and waits for it: for all that is
    // still being drawn, too.
    what: "the lines of axes",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [
      ["  if(this._lines && ticksUpdate) {\n    this._lines.dispose()\n    this._lines = null\n  }\n  if(!this._lines) {\n    this._lines = createLines(this.gl, this.bounds, this.ticks)", "  if(!this._lines || ticksUpdate) {\n    this._lines = createLines(this.gl, this.bounds, this.ticks, this._lines)"],
      ["function createLines(gl, bounds, ticks) {", "function createLines(gl, bounds, ticks, former) {"],
      ["  //Create cube VAO\n", "  if(former) {\n    former.vertBuffer.update(new Float32Array(vertices))\n    return Object.assign(former, { tickCount: tickCount, tickOffset: tickOffset, gridCount: gridCount, gridOffset: gridOffset })\n  }\n"],
    ],
  },
  {
    // Plotly compiles and links a program anew whenever the last line or mark that is drawn by it has gone, links another
    // for each to see what it takes, and asks WebGL whether it still has one: all of these wait for what is being drawn.
    what: "programs of a scene",
    file: /plotly\.js\/stackgl_modules\/index\.js$/,
    changes: [
      ["ShaderReference.prototype.dispose = function() {\n", "ShaderReference.prototype.dispose = function() {\n  return\n"],
      ["  if(!uniforms || !attributes) {\n\n", "  var known = wrapper._vref.known || (wrapper._vref.known = {})\n  known = known[wrapper._fref.id] || (known[wrapper._fref.id] = {})\n  uniforms = uniforms || known.uniforms\n  attributes = attributes || known.attributes\n  if(!uniforms || !attributes) {\n\n"],
      ["    gl.deleteProgram(testProgram)\n", "    gl.deleteProgram(testProgram)\n    known.uniforms = uniforms\n    known.attributes = attributes\n"],
      ["if(!shader || !gl.isShader(shader.shader)) {", "if(!shader) {"],
      ["if(!prog || !this.gl.isProgram(prog)) {", "if(!prog) {"],
      ["if(!handle || !gl.isBuffer(handle)) {", "if(!handle) {"],
    ],
  },
  {
    // Plotly draws colour bars, lets them push margins, and draws them again where these are others than before. What
    // has fixed margins has them beforehand.
    what: "fixed margins",
    file: /plotly\.js\/src\/plot_api\/plot_api\.js$/,
    changes: [
      ["        subroutines.drawMarginPushers(gd);\n", "        if(fullLayout.margin.autoexpand === false) Plots.doAutoMargin(gd);\n        subroutines.drawMarginPushers(gd);\n"],
      ["if (!Plots.didMarginChange(oldMargins, fullLayout._size)) return;", "if (fullLayout.margin.autoexpand === false || !Plots.didMarginChange(oldMargins, fullLayout._size)) return;"],
    ],
  },
  {
    // Plotly names each cell before it looks whether a contour line runs through it; most have none.
    what: "cells without a contour line",
    file: /plotly\.js\/src\/traces\/contour\/make_crossings\.js$/,
    changes: [
      ["            startIndices = ystartIndices.slice();", "            var first = z[yi][xi], second = z[yi][xi + 1], third = z[yi + 1][xi], fourth = z[yi + 1][xi + 1];\n            for(i = 0; i < pathinfo.length; i++) {\n                var above = first > pathinfo[i].level;\n                if(second > pathinfo[i].level !== above || third > pathinfo[i].level !== above || fourth > pathinfo[i].level !== above) break;\n            }\n            if(i === pathinfo.length) continue;\n\n            startIndices = ystartIndices.slice();"],
    ],
  },
  {
    // Plotly looks for the least and the largest value, for the colours of contour lines that have one colour.
    what: "the colours of contour lines",
    file: /plotly\.js\/src\/traces\/contour\/calc\.js$/,
    changes: [["    Colorscale.calc(gd,", "    if(contours.coloring !== 'none') Colorscale.calc(gd,"]],
  },
  {
    // Plotly looks for names of settings that former versions of it had, through all that a trace has. Figures here
    // are of this version.
    what: "names of former versions",
    file: /plotly\.js\/src\/plot_api\/helpers\.js$/,
    changes: [["exports.cleanData = function (data) {\n", "exports.cleanData = function (data) {\n    return;\n"]],
  },
  {
    // Plotly takes each name of a setting apart whenever it asks for one.
    what: "names of settings",
    file: /plotly\.js\/src\/lib\/nested_property\.js$/,
    changes: [
      ["module.exports = function nestedProperty(", "var KNOWN = new Map();\n\nmodule.exports = function nestedProperty("],
      ["    var propParts = propStr.split('.');\n", "    var known = KNOWN.get(propStr);\n    var propParts = known || propStr.split('.');\n"],
      ["    for(j = 0; j < propParts.length; j++) {\n        // guard", "    for(j = 0; !known && j < propParts.length; j++) {\n        // guard"],
      ["    while(j < propParts.length) {\n        // look", "    while(!known && j < propParts.length) {\n        // look"],
      ["    if(typeof container !== 'object') {\n        return badContainer", "    KNOWN.set(propStr, propParts);\n    if(typeof container !== 'object') {\n        return badContainer"],
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
