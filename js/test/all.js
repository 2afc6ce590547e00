// Runs all tests, or the named ones, in one process: to start one and to load jsdom anew for each file takes longer than
// most files run. Their globals are those of the page that was opened last, and tests run one after another.
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const named = process.argv.slice(2).map((path) => resolve(path));
const all = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".test.js"))
  .map((name) => resolve(import.meta.dirname, name));

for (const path of named.length ? named : all) await import(pathToFileURL(path).href);
