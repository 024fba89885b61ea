// How TypeScript becomes a page: one script and one style sheet beside index.html, nothing from
// elsewhere. The trial page and the page of the browser tests are both made here.

import { copyFile, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { build } from "esbuild";

const PACKAGES = fileURLToPath(new URL("node_modules", import.meta.url));

/**
 * Writes the page whose source is in `source` (index.html, page.ts, page.css or none) to `out`,
 * which is emptied before.
 */
export async function bundle(source, out, { minify }) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await build({
    entryPoints: [join(source, "page.ts")],
    outdir: out,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify,
    sourcemap: minify ? false : "inline",
    nodePaths: [PACKAGES],
    logLevel: "warning",
  });
  await copyFile(join(source, "index.html"), join(out, "index.html"));
}
