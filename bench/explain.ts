// Explain: `sesame explain --batch`, which explains many cases in one process, against a process for each; and the start
// of the executable against that of the source under Bun. The cases are those of the golden folders.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explainCase } from "../apps/worker/commands/explain.ts";
import { compile } from "../tests/system/executable.ts";
import { type Bench, compare, type Row, type Scale, type Taken, timed } from "./compare.ts";

const root = join(import.meta.dir, "..");
const golden = join(root, "tests/golden");
const names = readdirSync(golden).filter((name) => !name.includes("."));
const source = [process.execPath, join(root, "apps/worker/main.ts")];

type Program = readonly string[];

export const explain: Bench = {
  name: "explain",
  about: "`sesame explain --batch` against a process for each case, and the start of the executable against the source's",
  run: async (scale) => {
    if (scale === "tiny") return [await batchRow(source, scale)];
    const executable = await compile();
    if (executable === null) throw new Error("Cannot compile: Bun's runtime must be at hand, is none");
    try {
      return [await batchRow([executable.path], scale), await startRow([executable.path])];
    } finally {
      executable.remove();
    }
  },
};

/** Cases a second. The batch has many more of them, or nothing but its start would be seen. */
async function batchRow(program: Program, scale: Scale): Promise<Row> {
  const [few, many] = scale === "tiny" ? [2, 10] : [20, 4000];
  const cases = Array.from({ length: many }, (_, i) => caseOf(names[i % names.length] ?? ""));
  const explained = await Promise.all(cases.slice(0, few).map(explainCase));
  const expected: readonly unknown[] = explained.map(({ plan }) => JSON.parse(JSON.stringify(plan)));
  return compare({
    what: `${many.toLocaleString("en-US")} cases`,
    unit: "cases/s",
    better: "more",
    rounds: scale === "tiny" ? 1 : 3,
    warmUps: 0,
    expected,
    ours: () => inOneProcess(program, cases, few),
    otherWay: "a process for each case",
    other: () => inProcesses(program, few),
  });
}

function caseOf(name: string): string {
  const read = (file: string, encoding: "base64" | "utf8") => readFileSync(join(golden, name, file), encoding);
  return JSON.stringify({ id: name, mail: read("mail.eml", "base64"), facts: JSON.parse(read("facts.json", "utf8")) });
}

async function inOneProcess(program: Program, cases: readonly string[], few: number): Promise<Taken<readonly unknown[]>> {
  const input = new TextEncoder().encode(`${cases.join("\n")}\n`);
  const { figure, result } = await timed(() => said([...program, "explain", "--batch"], input));
  const answers = result.trimEnd().split("\n");
  if (answers.length !== cases.length) throw new Error(`Cannot count cases: each must be answered, is ${answers.length}`);
  return { figure: (cases.length * 1000) / figure, result: answers.slice(0, few).map((line) => JSON.parse(line).plan) };
}

async function inProcesses(program: Program, few: number): Promise<Taken<readonly unknown[]>> {
  const { figure, result } = await timed(async () => {
    const answers: string[] = [];
    for (const name of names.slice(0, few)) {
      const [mail, facts] = [join(golden, name, "mail.eml"), join(golden, name, "facts.json")];
      answers.push(await said([...program, "explain", mail, "--facts", facts, "--json"]));
    }
    return answers;
  });
  return { figure: (few * 1000) / figure, result: result.map((answer) => JSON.parse(answer).plan) };
}

function startRow(executable: Program): Promise<Row> {
  const take = (program: Program) => () => timed(() => said([...program, "--version"]));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return compare({
    what: "`sesame --version`",
    unit: "ms",
    better: "less",
    rounds: 9,
    warmUps: 1,
    expected: `${version}\n`,
    ours: take(executable),
    otherWay: "from source",
    other: take(source),
  });
}

/** What a program prints, from a folder in which nothing lies. */
async function said(command: Program, input?: Uint8Array): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-bench-"));
  try {
    const child = Bun.spawn([...command], { cwd: folder, env: { PATH: "/nowhere" }, stdin: input ?? "ignore", stderr: "inherit" });
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`Cannot run ${command.join(" ")}: must end well, is ${text}`);
    return text;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
