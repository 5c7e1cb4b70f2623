// Copy: a copy of the checkout in a temporary folder, where sources may be changed. The libraries are links to the checkout's
// node_modules; our own packages are links into the copy.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";

const unneeded = new Set([".git", "node_modules", "dist", "sesame-data", "coverage"]);

/** Makes the copy, which is removed when the process ends. */
export function copyOf(root: string): string {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), "sesame-mutants-")));
  process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
  cpSync(root, copy, { recursive: true, filter: (path) => path === root || !unneeded.has(basename(path)) });
  for (const folder of [".", ...globSync("{apps,packages}/*", { cwd: root })]) {
    const libraries = join(root, folder, "node_modules");
    if (!existsSync(libraries)) continue;
    mkdirSync(join(copy, folder, "node_modules"));
    for (const name of readdirSync(libraries)) {
      if (name !== "@sesame") symlinkSync(join(libraries, name), join(copy, folder, "node_modules", name));
    }
  }
  linkOurs(root, copy);
  return copy;
}

function linkOurs(root: string, copy: string): void {
  const ours = join("node_modules", "@sesame");
  mkdirSync(join(copy, ours));
  for (const name of readdirSync(join(root, ours))) {
    const place = relative(realpathSync(root), realpathSync(join(root, ours, name)));
    symlinkSync(join(copy, place), join(copy, ours, name));
  }
}

const running = new Set<ChildProcess>();
const end = (child: ChildProcess) => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL"); // with all that a test started
  } catch {}
};
process.on("exit", () => running.forEach(end));

export type TestRun = Readonly<{ kind: "passed" | "failed" | "too-long"; ms: number }>;

/** Runs tests in the copy until the first one fails. */
export function runTests(copy: string, tests: readonly string[], longestMs: number): Promise<TestRun> {
  const began = performance.now();
  const files = tests.map((test) => `./${test}`);
  const child = spawn(process.execPath, ["test", "--bail", ...files], { cwd: copy, stdio: "ignore", detached: true });
  running.add(child);
  return new Promise((resolve) => {
    let kind: TestRun["kind"] | null = null;
    const timer = setTimeout(() => {
      kind = "too-long";
      end(child);
    }, longestMs);
    child.on("exit", (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ kind: kind ?? (code === 0 ? "passed" : "failed"), ms: performance.now() - began });
    });
  });
}
