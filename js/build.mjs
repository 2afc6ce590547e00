// Bundles the page side into ../landscape_widget/static/: plotting library and page, each sent once per kernel,
// the module that every explorer carries a copy of, which only asks for the other two, and the one that opens a saved page.
import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { plotlyPatches } from "./plotly-patches.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "landscape_widget", "static");

/** Largest size that each bundle may reach, in bytes. What adds to the page raises it by what it needs, and says so. */
const limits = { "runtime.js": 1_750_000, "page.js": 150_000, "page.css": 22_000, "explorer.js": 1_000, "saved.js": 4_000 };

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
    plugins: [plotlyPatches],
    legalComments: "eof",
  }),
  // A module is read as UTF-8 whatever a host says: a sign takes two bytes, its escape six.
  build({ ...shared, charset: "utf8", entryPoints: ["page", "explorer", "saved"].map((name) => `src/bundles/${name}.js`) }),
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
