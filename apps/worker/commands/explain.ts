// sesame explain: prints the plan for one mail with the reason of each decision, or for many cases with --batch. It calls the
// functions of the worker and sends nothing.

import type { Readable, Writable } from "node:stream";
import { err, fromBase64, ok, plan, quote, type Result } from "@sesame/core";
import { explainText, planJson } from "@sesame/core/explain";
import { z } from "zod";
import { decodeFacts, type ExplainCase, unknownFacts } from "../facts-file.ts";
import { linesOf } from "../ndjson.ts";
import type { Progress } from "../progress.ts";
import { readInputFile } from "./input-file.ts";

/** Streams for the explanation and for error texts. */
export type ExplainStreams = Readonly<{ out: Writable; problems: Writable }>;

/** The commands that an explanation suggests. */
const commandNames = { rules: "sesame rules", block: "sesame block" };

/** Explains one mail. Returns the exit code. */
export async function explainOne(
  mailPath: string,
  factsPath: string,
  options: Readonly<{ json?: boolean }>,
  { out, problems }: ExplainStreams,
): Promise<number> {
  const read = await readCaseFiles(mailPath, factsPath);
  const known = read.ok ? decodeFacts(read.value.facts, read.value.mail) : read;
  if (!read.ok || !known.ok) {
    problems.write(`${read.ok ? (known.ok ? "" : known.error) : read.error}\n`);
    return 2;
  }
  for (const name of unknownFacts(read.value.facts))
    problems.write(`Cannot use ${quote(name)} in the facts file: there is no fact of this name; it is ignored\n`);
  return printCase(known.value, read.value.mail, options, { out, problems });
}

/** Decides a case and prints the plan. `octets`: of the whole mail. `more`: options that the suggested commands need, such as ` --aws`. */
export async function printCase(
  { facts, policy, assumed }: ExplainCase,
  octets: Uint8Array,
  { json = false, more = "" }: Readonly<{ json?: boolean; more?: string }>,
  { out }: ExplainStreams,
): Promise<number> {
  const decided = await plan(facts, policy);
  const answer = { id: facts.mailId, plan: planJson(decided, octets, facts.mail.bodyStart) };
  out.write(json ? `${JSON.stringify(answer, null, 2)}\n` : explainText(decided, facts, { ...commandNames, options: more }, assumed));
  return 0;
}

async function readCaseFiles(mailPath: string, factsPath: string): Promise<Result<Readonly<{ mail: Uint8Array; facts: unknown }>>> {
  const [mail, text] = [await readInputFile(mailPath, "mail"), await readInputFile(factsPath, "facts")];
  if (!mail.ok) return mail;
  if (!text.ok) return text;
  const facts = parseJson(new TextDecoder().decode(text.value), factsPath);
  return facts.ok ? ok({ mail: mail.value, facts: facts.value }) : facts;
}

function parseJson(text: string, path: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof Error ? ` (${error.message})` : "";
    return err(`Cannot read the facts in ${path}: must be JSON, is ${quote(text)}${reason}`);
  }
}

const caseShape = z.object({ id: z.unknown(), mail: z.string(), facts: z.unknown() });

/** Explains NDJSON cases in order, one answer line each. The answer to an invalid case holds its error. `progress` hears of each. */
export async function explainBatch(input: Readable, out: Writable, progress: Progress = unseen): Promise<number> {
  try {
    for await (const line of linesOf(input)) {
      if (line.trim() === "") continue;
      if (!out.write(`${JSON.stringify(await explainCase(line))}\n`)) await new Promise((resolve) => out.once("drain", resolve));
      progress.step();
    }
  } finally {
    progress.end();
  }
  return 0;
}

const unseen: Progress = { step: () => {}, end: () => {} };

/** The answer to one case. */
export async function explainCase(line: string): Promise<Record<string, unknown>> {
  const parsed = readCase(line);
  if (!parsed.ok) return { id: null, error: parsed.error };
  const { id = null, mail, facts } = parsed.value;
  const octets = fromBase64(mail);
  if (octets === null) return { id, error: "Cannot explain a case: its mail must be in Base64" };
  const decoded = decodeFacts(facts, octets);
  if (!decoded.ok) return { id, error: decoded.error };
  const { facts: known, policy } = decoded.value;
  return { id, plan: planJson(await plan(known, policy), octets, known.mail.bodyStart) };
}

function readCase(line: string): Result<z.infer<typeof caseShape>> {
  try {
    const parsed = caseShape.safeParse(JSON.parse(line));
    if (parsed.success) return ok(parsed.data);
    return err("Cannot explain a case: it must have id, mail and facts");
  } catch {
    return err("Cannot explain a case: each line must be a JSON object");
  }
}
