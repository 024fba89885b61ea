// `npm run build`: the trial page, from src/ to dist/, which `gateway serve --dev` serves as /try/.

import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

await bundle(here("src"), here("dist"), { minify: true });
