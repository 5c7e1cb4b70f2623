// Runs the pinned Bun of node_modules with the arguments given.
// npm may have blocked Bun's install script, in which case `node_modules/.bin/bun` is a stub that only prints an
// error; the platform's own package still holds the real binary, so both places are tried.
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const folderOf = (name) => {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return null;
  }
};

function findBun() {
  const os = process.platform === "win32" ? "windows" : process.platform;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const musl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const exe = os === "windows" ? "bun.exe" : "bun";
  const base = `@oven/bun-${os}-${arch}${musl ? "-musl" : ""}`;
  const places = [
    [folderOf("bun"), "bin/bun.exe"],
    [folderOf(base), `bin/${exe}`],
    [folderOf(`${base}-baseline`), `bin/${exe}`],
  ];
  // A stub of a few hundred bytes stands where the binary is missing.
  return places
    .filter(([folder]) => folder !== null)
    .map(([folder, file]) => join(folder, file))
    .find((path) => existsSync(path) && statSync(path).size > 1_000_000);
}

const bun = findBun();
if (!bun) {
  console.error(`Cannot find Bun for ${process.platform}-${process.arch} in node_modules. Run npm ci, with optional dependencies`);
  process.exit(127);
}
const child = spawn(bun, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
