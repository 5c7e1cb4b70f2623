// The one gate: tests, fast and slow, format, lint, dead code, types, the other runtimes, the executable. Prints what failed,
// names the tests that were skipped, and ends with a line "N passed, N failed" in which each test and each step counts one.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const quick = process.argv.includes("--quick");
let [passed, failed] = [0, 0];
const skipped = [];

function step(name, command, args, options = {}) {
  const began = Date.now();
  const run = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20, ...options });
  const ok = run.status === 0 && (options.expect === undefined || options.expect.test(run.stdout));
  ok ? passed++ : failed++;
  console.log(`${ok ? "ok    " : "FAILED"} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  if (!ok) console.log(withoutPassed(`${run.stdout ?? ""}${run.stderr ?? ""}${run.error ?? ""}`).slice(-20_000));
  return ok;
}

/** What a run of tests said, but for the tests that passed and the names of their files. */
function withoutPassed(text) {
  const lines = text.split("\n").filter((line) => !/^\((?:pass|skip)\) |^tests\/\S+\.test\.ts:$/.test(line));
  return lines.join("\n").replace(/\n{3,}/g, "\n\n");
}

/** Runs one set of the tests (scripts/tests.mjs). Each test counts one, and the run itself one. */
function tests(script, env = {}) {
  const report = resolve(`dist/${script.replace(":", "-")}.xml`);
  mkdirSync("dist", { recursive: true });
  rmSync(report, { force: true });
  const ran = step(`npm run ${script}`, "npm", ["run", script, "--", "--reporter=junit", `--reporter-outfile=${report}`], {
    env: { ...env, ...process.env },
  });
  try {
    const xml = readFileSync(report, "utf8");
    const [, total, bad, left = "0"] = /<testsuites[^>]*tests="(\d+)"[^>]*failures="(\d+)"(?:[^>]*skipped="(\d+)")?/.exec(xml);
    passed += Number(total) - Number(bad) - Number(left);
    failed += Number(bad);
    const names = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*>\s*<skipped/g)].map(([, name]) => readable(name));
    skipped.push(...names);
    if (names.length !== Number(left)) skipped.push(`(the report of ${script} counts ${left})`);
    if (Number(total) === 0 && ran) failed++; // a run of no tests proves nothing
  } catch {
    failed++;
    console.log(`FAILED ${script} wrote no report`);
  }
}

function readable(name) {
  const signs = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return name.replace(/&(lt|gt|quot|apos|amp);/g, (_, sign) => signs[sign]);
}

const bun = (...args) => ["node", ["scripts/bun.mjs", ...args]];
tests("test");
tests("test:slow", { SESAME_FUZZ_SECONDS: "10" });
tests("test:page");
step("format and lint", "npx", ["biome", "ci", "."]);
step("types: core, with nothing of a platform", "npx", ["tsc", "-p", "packages/core"]);
step("types: smtp", "npx", ["tsc", "-p", "packages/smtp"]);
step("types: aws-adapters", "npx", ["tsc", "-p", "packages/aws-adapters"]);
step("types: all", "npx", ["tsc", "-p", "."]);
step("dead code", "npx", ["knip"]);
step("cost: linear work for what strangers write", ...bun("scripts/cost.ts"));
step("core under Deno", "node", ["scripts/deno.mjs", "test", "--no-check", "-A", "tests/runtime/smoke.deno.ts"]);
const contracts = [
  "smtp/contracts",
  "aws-adapters/sqs-contract",
  "aws-adapters/s3-contract",
  "aws-adapters/sqs-answers",
  "aws-adapters/s3-answers",
  "aws-adapters/dynamo-contracts",
  "aws-adapters/ses-contracts",
];
step("adapters type-check under Deno", "node", ["scripts/deno.mjs", "check", "packages/smtp/mod.ts", "packages/aws-adapters/mod.ts"]);
step("contract suites under Deno", "node", [
  "scripts/deno.mjs",
  "test",
  "--no-check",
  "-A",
  ...contracts.map((name) => `tests/${name}.test.ts`),
]);
step("core built as ESM", ...bun("build", "packages/core/mod.ts", "--target=node", "--format=esm", "--outfile=dist/core.mjs"));
step("core under Node", "node", ["--test", "tests/runtime/smoke.node.mjs"]);
if (!quick) executable();
if (skipped.length > 0) console.log(`${skipped.length} skipped: ${skipped.join("; ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

function executable() {
  if (!step("compile", ...bun("scripts/compile.mjs"))) return;
  const folder = mkdtempSync(join(tmpdir(), "sesame-smoke-"));
  const env = { PATH: "/nowhere" };
  writeFileSync(join(folder, "mail.eml"), "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n");
  writeFileSync(
    join(folder, "facts.json"),
    JSON.stringify({ domains: ["example.com"], envelope: { from: "bob@remote.test", recipients: ["alice@example.com"] } }),
  );
  const sesame = resolve("dist/sesame");
  step("executable: --version", sesame, ["--version"], { cwd: folder, env, expect: /^\d+\.\d+\.\d+\s*$/ });
  step("executable: explain", sesame, ["explain", "mail.eml", "--facts", "facts.json"], {
    cwd: folder,
    env,
    expect: /deliver\s+from <bob@remote\.test>/,
  });
  rmSync(folder, { recursive: true, force: true });
}
