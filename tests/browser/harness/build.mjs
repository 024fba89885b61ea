// `node build.mjs DIRECTORY`: the page of the browser tests, bundled into that directory.

import { fileURLToPath } from "node:url";
import { bundle } from "../../../web/bundle.mjs";

const out = process.argv[2];
if (out === undefined) throw new Error("say where the page shall be written");
await bundle(fileURLToPath(new URL(".", import.meta.url)), out, { minify: false });
