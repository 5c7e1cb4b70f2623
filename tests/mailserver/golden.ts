// Golden: a golden folder as a journey from end to end: the mail that comes in, what the tables must hold, and every mail
// that must leave: through which door, from whom, to whom, and with which octets.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { concat, type Effect, type Facts, type Plan, type Policy, plan } from "@sesame/core";
import { decodeFacts } from "../../apps/worker/facts-file.ts";
import { outgoing } from "../../packages/core/explain/plan-json.ts";
import { asciiAddress } from "../../packages/core/mail/address.ts";
import { type HeaderEdit, renderBlock } from "../../packages/core/mail/header-edit.ts";
import type { Door } from "../system/traffic.ts";

/** One mail that must leave for one recipient. */
export type Leaving = Readonly<{ kind: Effect["kind"]; door: Door; from: string; to: string; octets: Uint8Array }>;

/** A facts file, as far as it is needed as it stands. */
export type Source = Readonly<{
  receivedAt: string;
  domains: readonly string[];
  envelope: Readonly<{ from: string | null; recipients: readonly string[] }>;
  verdicts?: Readonly<Record<string, string>>;
  outbound?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  rules?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The patterns, or the whole row. */
  blocked?: Readonly<Record<string, unknown>>;
}>;

export type Golden = Readonly<{
  /** Without the number of its folder. */
  name: string;
  octets: Uint8Array;
  source: Source;
  facts: Facts;
  policy: Policy;
  plan: Plan;
  /** In the order of the plan; `null` stands for an effect that an earlier attempt has ended. */
  leaving: readonly (Leaving | null)[];
}>;

const root = join(import.meta.dir, "../golden");

/** All of them, in order. */
export async function readGoldens(): Promise<readonly Golden[]> {
  const folders = readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  return Promise.all(folders.sort().map(readGolden));
}

async function readGolden(folder: string): Promise<Golden> {
  const read = (file: string) => readFileSync(join(root, folder, file));
  const source = JSON.parse(read("facts.json").toString()) as Source;
  const golden = await makeGolden(folder.replace(/^\d+-/, ""), new Uint8Array(read("mail.eml")), source);
  const files = readdirSync(join(root, folder)).filter((file) => file.startsWith("out-"));
  const kept = files.map((file) => ({ kind: /^out-\d+-(\w+)\.eml$/.exec(file)?.[1], octets: read(file) }));
  const missing = golden.leaving.find((mail) => mail && !kept.some(({ kind, octets }) => kind === mail.kind && octets.equals(mail.octets)));
  if (missing) throw new Error(`Cannot use ${folder} as it must hold the ${missing.kind} to ${missing.to}: run npm run golden`);
  return golden;
}

/** A journey that no folder holds. */
export async function makeGolden(name: string, octets: Uint8Array, source: Source): Promise<Golden> {
  const decoded = decodeFacts(source, octets);
  if (!decoded.ok) throw new Error(decoded.error);
  const { facts, policy } = decoded.value;
  const decided = await plan(facts, policy);
  const courses = decided.kind === "carry" ? decided.courses : [];
  const leaving = courses.flatMap((course) => {
    if (course.kind !== "serve") return [];
    return course.effects.map((effect) => (facts.finals.has(effect.key) ? null : leavingOf(effect, course.recipient)));
  });
  return { name, octets, source, facts, policy, plan: decided, leaving };

  function leavingOf(effect: Effect, recipient: string): Leaving {
    const from = effect.from === null ? "" : (asciiAddress(effect.from) ?? effect.from);
    if (effect.kind === "deliver") return { kind: "deliver", door: "mailbox", from, to: recipient, octets: edited(effect.edits) };
    return { kind: effect.kind, door: effect.route, from, to: effect.to, octets: outgoing(effect.recipe, octets, facts.mail.bodyStart) };
  }

  function edited(edits: readonly HeaderEdit[]): Uint8Array {
    return edits.length === 0 ? octets : concat([renderBlock(facts.mail.block, edits), octets.subarray(facts.mail.bodyStart)]);
  }
}

/** The mailbox that an address leads to: without a tag, in lower case, its domain as DNS has it. */
export function mailboxOf(to: string): string {
  const at = to.lastIndexOf("@");
  return `${to.slice(0, at).replace(/\+.*$/, "").toLowerCase()}@${new URL(`http://${to.slice(at + 1)}`).hostname}`;
}
