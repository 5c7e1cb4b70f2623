// Runs the pinned Deno of node_modules with the arguments given; like bun.mjs it also finds the binary where npm blocked
// the install script.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const exe = process.platform === "win32" ? "deno.exe" : "deno";
const libc = process.platform === "linux" ? "-glibc" : "";
const names = [`@deno/${process.platform}-${process.arch}${libc}`, "deno"];
const deno = names
  .flatMap((name) => {
    try {
      return [join(dirname(require.resolve(`${name}/package.json`)), exe)];
    } catch {
      return [];
    }
  })
  .find((path) => existsSync(path) && statSync(path).size > 1_000_000);
if (!deno) {
  console.error(`Cannot find Deno for ${process.platform}-${process.arch} in node_modules. Run npm ci`);
  process.exit(127);
}
const { status } = spawnSync(deno, process.argv.slice(2), { stdio: "inherit" });
process.exit(status ?? 1);
