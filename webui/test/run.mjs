// SPDX-License-Identifier: LGPL-3.0-or-later
// Runs test/*.test.mjs with node's own runner, TypeScript bundled in first: node test/run.mjs [--modules DIR]

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { modules: { type: "string" } } });
const modules = resolve(values.modules ?? join(here, "../node_modules"));
const esbuild = createRequire(join(modules, "anchor.cjs"))("esbuild");

const tests = readdirSync(here).filter((name) => name.endsWith(".test.mjs"));
if (tests.length === 0) throw new Error("no tests found");
const out = mkdtempSync(join(tmpdir(), "commhub-webui-test-"));
try {
  await esbuild.build({
    entryPoints: tests.map((name) => join(here, name)),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    jsx: "automatic",
    jsxImportSource: "preact",
    nodePaths: [modules],
    sourcemap: "inline",
    outdir: out,
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...tests.map((name) => join(out, name))], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
