// Pipes mutated mails through a real `sesame explain --batch` and prints what came of it: `npm run mutate -- COUNT SEED`.
// Each case is sent when the one before it is answered, so that the slowest one is known. Exit code 1: something was wrong.
// Run by Bun.
import { spawn } from "node:child_process";
import { linesOf } from "../apps/worker/ndjson.ts";
import { examine } from "../tests/mutation/complaints.ts";
import { mutationCases } from "../tests/mutation/mutations.ts";

const [count = 1000, seed = 1] = process.argv.slice(2).map(Number);
if (!Number.isInteger(count) || !Number.isInteger(seed)) throw new Error("Cannot mutate: COUNT and SEED must be whole numbers");

const slowLimit = 1000; // ms
const shown = 20;

/** A process that answers cases, one line each, until it dies. */
class Explainer {
  readonly #child = spawn(process.execPath, ["apps/worker/main.ts", "explain", "--batch"], { stdio: ["pipe", "pipe", "inherit"] });
  readonly #lines: AsyncIterator<string> = linesOf(this.#child.stdout);

  /** The answer; `null`: the process died. */
  async ask(line: string): Promise<Record<string, unknown> | null> {
    this.#child.stdin.write(`${line}\n`);
    const answer = await this.#lines.next();
    return answer.done || answer.value === "" ? null : JSON.parse(answer.value);
  }

  close(): void {
    this.#child.stdin.end();
  }
}

/** Started when it answers: the first answer would else be the slowest. */
async function started(): Promise<Explainer> {
  const explainer = new Explainer();
  if ((await explainer.ask("are you there")) === null) throw new Error("Cannot mutate: sesame explain does not answer");
  return explainer;
}

let explainer = await started();
let [drafts, injected, slow, slowest, slowestId] = [0, 0, 0, 0, "none"];
const complaints: string[] = [];
const began = performance.now();
for (const one of mutationCases(count, seed)) {
  const sent = performance.now();
  const answer = await explainer.ask(one.line);
  const took = performance.now() - sent;
  if (took > slowest) [slowest, slowestId] = [took, one.id];
  if (took > slowLimit) slow++;
  const finding = examine(one, answer ?? { id: one.id, error: "the process died" });
  drafts += finding.drafts;
  injected += finding.injected;
  complaints.push(...finding.complaints.map((complaint) => `${one.id}: ${complaint}`));
  if (answer === null) explainer = await started();
}
explainer.close();

console.log(`${count} cases with seed ${seed} in ${((performance.now() - began) / 1000).toFixed(1)} s, ${drafts} drafts`);
console.log(`slowest: ${slowest.toFixed(1)} ms (${slowestId}); over ${slowLimit} ms: ${slow}`);
console.log(`injected: ${injected}; errors: ${complaints.length}`);
for (const complaint of complaints.slice(0, shown)) console.log(`  ${complaint}`);
if (complaints.length > shown) console.log(`  and ${complaints.length - shown} more`);
process.exit(complaints.length + slow + injected > 0 ? 1 : 0);
