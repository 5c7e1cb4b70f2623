// Packages: nothing that is needed at run time needs an install script, so `npm ci --ignore-scripts && npm start` works.

import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "sesame-packages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Package = Readonly<{ hasInstallScript?: boolean; dev?: boolean }>;

test("of the packages at run time two have install scripts, and neither is needed", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, Package> };
  const names = Object.entries(packages).flatMap(([path, { hasInstallScript, dev }]) => (hasInstallScript && !dev ? [path] : []));
  // bun: moves the program of its platform's package, which scripts/bun.mjs finds where it is. core-js-pure: prints an advertisement.
  expect(names.sort()).toEqual(["node_modules/bun", "node_modules/core-js-pure"]);
});

const os = process.platform === "win32" ? "windows" : process.platform;
const arch = process.arch === "arm64" ? "aarch64" : process.arch;
const node = spawnSync("node", ["--version"]).status === 0;

test.skipIf(!node || os === "windows")("scripts/bun.mjs finds Bun where its install script was not run", () => {
  const modules = join(folder, "node_modules");
  const place = (name: string, version: string) => {
    mkdirSync(join(modules, name, "bin"), { recursive: true });
    writeFileSync(join(modules, name, "package.json"), JSON.stringify({ name, version }));
  };
  place("bun", "1.0.0");
  writeFileSync(join(modules, "bun/bin/bun.exe"), '#!/bin/sh\necho "Error: Bun\'s postinstall script was not run."\nexit 1\n', {
    mode: 0o755,
  });
  const musl = os === "linux" && !(process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime;
  const platform = `@oven/bun-${os}-${arch}${musl ? "-musl" : ""}`;
  place(platform, "1.0.0");
  mkdirSync(join(folder, "scripts"));
  copyFileSync(join(root, "scripts/bun.mjs"), join(folder, "scripts/bun.mjs"));
  const launched = () => spawnSync("node", [join(folder, "scripts/bun.mjs"), "--version"], { encoding: "utf8" });
  expect(launched().status).toBe(127); // the stub is not taken for the program
  symlinkSync(process.execPath, join(modules, platform, "bin/bun"));
  expect({ status: launched().status, said: launched().stdout.trim() }).toEqual({ status: 0, said: Bun.version });
});
