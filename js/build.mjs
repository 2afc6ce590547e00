// Bundles the page side into ../landscape_widget/static/: plotting library and page, each sent once per kernel,
// and the module that every explorer carries a copy of, which only asks for the other two.
import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "landscape_widget", "static");

/** Largest size that each bundle may reach, in bytes. */
const limits = { "runtime.js": 1_750_000, "page.js": 106_000, "page.css": 20_000, "explorer.js": 1_000 };

/**
 * Plotly cuts the cells of a surface until there are 120 nodes in each direction or more, without a setting for it:
 * of 51 it makes 204, sixteen times as many cells to be uploaded and drawn. Up to 48 it shows, beyond it does not.
 * @type {import("esbuild").Plugin}
 */
const coarserSurfaces = {
  name: "coarser-surfaces",
  setup({ onLoad }) {
    onLoad({ filter: /plotly\.js\/src\/traces\/surface\/convert\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace("MIN_RESOLUTION = highlyComposites[9]", "MIN_RESOLUTION = highlyComposites[7]");
      if (contents === source) throw new Error(`${path}: expected its least resolution of a surface, found none.`);
      return { contents };
    });
  },
};

/** @type {import("esbuild").BuildOptions} */
const shared = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  logLevel: "warning",
};

await Promise.all([
  build({
    ...shared,
    entryPoints: ["src/bundles/runtime.js"],
    // A host with require.js on its page would otherwise capture the UMD modules inside plotly.
    define: { define: "undefined", global: "globalThis" },
    // Plotly's style sheets belong to its maps, which this bundle leaves out.
    loader: { ".css": "empty" },
    plugins: [coarserSurfaces],
    legalComments: "eof",
  }),
  build({ ...shared, entryPoints: ["src/bundles/page.js", "src/bundles/explorer.js"] }),
  build({ ...shared, entryPoints: ["src/bundles/page.css"] }),
]);

for (const [name, limit] of Object.entries(limits)) {
  const path = join(out, name);
  const { size } = await stat(path);
  if (size > limit) throw new Error(`${name} has ${size} bytes; expected at most ${limit}.`);
  console.log(`${relative(join(here, ".."), path)}  ${(size / 1000).toFixed(1)} kB`);
}

const runtime = await readFile(join(out, "runtime.js"), "utf8");
if (runtime.includes("define.amd")) throw new Error("runtime.js still asks for an AMD loader.");
