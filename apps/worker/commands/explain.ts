// sesame explain: the plan for one mail and the reason of each decision, or thousands of cases in one process. It runs
// the very functions of the worker and sends nothing.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { err, fromBase64, ok, plan, quote, type Result } from "@sesame/core";
import { z } from "zod";
import { planJson, planText } from "../explanation.ts";
import { decodeFacts } from "../facts.ts";

/** Explains one mail. Returns the exit code. */
export async function explainOne(
  mailPath: string,
  factsPath: string,
  options: Readonly<{ json?: boolean }>,
  out: Writable,
): Promise<number> {
  const mail = new Uint8Array(await readFile(mailPath));
  const json = parseJson(await readFile(factsPath, "utf8"), factsPath);
  const facts = json.ok ? decodeFacts(json.value, mail) : json;
  if (!facts.ok) {
    process.stderr.write(`${facts.error}\n`);
    return 2;
  }
  const decided = await plan(facts.value);
  const answer = { id: facts.value.mailId, plan: planJson(decided, mail, facts.value.mail.bodyStart) };
  out.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : planText(decided));
  return 0;
}

function parseJson(text: string, path: string): Result<unknown> {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(`Cannot read the facts in ${path} as they must be JSON: current value is ${quote(text)}`);
  }
}

const caseShape = z.object({ id: z.unknown(), mail: z.string(), facts: z.unknown() });

/** Explains NDJSON cases, one answer line each, in order. A bad case gets an answer with its error. */
export async function explainBatch(input: Readable, out: Writable): Promise<number> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === "") continue;
    if (!out.write(`${JSON.stringify(await explainCase(line))}\n`)) await new Promise((resolve) => out.once("drain", resolve));
  }
  return 0;
}

/** The answer to one case. */
export async function explainCase(line: string): Promise<Record<string, unknown>> {
  const parsed = readCase(line);
  if (!parsed.ok) return { id: null, error: parsed.error };
  const { id = null, mail, facts } = parsed.value;
  const octets = fromBase64(mail);
  if (octets === null) return { id, error: "Cannot explain a case as its mail must be Base64: current value is no Base64" };
  const decoded = decodeFacts(facts, octets);
  if (!decoded.ok) return { id, error: decoded.error };
  return { id, plan: planJson(await plan(decoded.value), octets, decoded.value.mail.bodyStart) };
}

function readCase(line: string): Result<z.infer<typeof caseShape>> {
  try {
    const parsed = caseShape.safeParse(JSON.parse(line));
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, error: "Cannot explain a case as it must hold id, mail and facts: current value lacks one of them" };
  } catch {
    return { ok: false, error: "Cannot explain a case as each line must be JSON: current value is no JSON" };
  }
}
