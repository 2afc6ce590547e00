// Builds dist/: what the page loads, next to nothing else, so that a policy of 'self' is enough.
import { copyFileSync, mkdirSync } from "node:fs";
import { build } from "esbuild";

mkdirSync("dist", { recursive: true });
await build({
  entryPoints: ["host.js"],
  outdir: "dist",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  define: { "process.env": "{}", "process.stderr": "undefined", global: "globalThis" },
  logLevel: "warning",
});
copyFileSync("node_modules/requirejs/require.js", "dist/require.js");
copyFileSync("index.html", "dist/index.html");
