// SPDX-License-Identifier: LGPL-3.0-or-later
// Bundles the dashboard: node build.mjs [--out DIR] [--modules DIR]
//   --out      where index.html, app.js, app.css, favicon.svg and commipc.js go (dist beside this file)
//   --modules  the node_modules to take packages from (the one beside this file)

import { copyFile, mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

/** The whole dashboard, as a browser loads it. */
const BUDGET_GZIP_BYTES = 100 * 1024;

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { out: { type: "string" }, modules: { type: "string" } } });
const out = resolve(values.out ?? join(here, "dist"));
const modules = resolve(values.modules ?? join(here, "node_modules"));
const esbuild = createRequire(join(modules, "anchor.cjs"))("esbuild");

await mkdir(out, { recursive: true });
await esbuild.build({
  entryPoints: [{ in: join(here, "src/main.tsx"), out: "app" }, { in: join(here, "src/app.css"), out: "app" }],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  nodePaths: [modules],
  outdir: out,
  logLevel: "warning",
});
await esbuild.build({
  entryPoints: [join(here, "commipc/commipc.mjs")],
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  outfile: join(out, "commipc.js"),
  logLevel: "warning",
});
for (const name of ["index.html", "favicon.svg"]) await copyFile(join(here, "src", name), join(out, name));

let total = 0;
for (const name of ["index.html", "app.js", "app.css", "favicon.svg"]) {
  const bytes = await readFile(join(out, name));
  const gzip = gzipSync(bytes, { level: 9 }).length;
  total += gzip;
  console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(7)} bytes ${String(gzip).padStart(7)} gzip`);
}
console.log(`${"total".padEnd(12)} ${"".padStart(13)} ${String(total).padStart(7)} gzip of ${BUDGET_GZIP_BYTES}`);
if (total > BUDGET_GZIP_BYTES) {
  console.error("The dashboard is over its budget.");
  process.exit(1);
}
