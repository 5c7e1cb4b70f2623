// Facts file: decodes the JSON file that gives `sesame explain` the facts of a mail (envelope, rows, verdicts). It reports all
// errors of a file at once. It calls no port. Rows have the same form as in the tables.

import { createHash } from "node:crypto";
import {
  type AddressKey,
  addressKey,
  compileBlocklist,
  type Domain,
  decodeRuleRows,
  defaultPolicy,
  type EffectKey,
  err,
  type Facts,
  type Final,
  headLimit,
  instant,
  type Mail,
  type MailId,
  ok,
  openMail,
  type Policy,
  parseAddress,
  parseDomain,
  parseRecipients,
  parseReversePath,
  quote,
  type ReplyMemory,
  type Result,
  type SesVerdicts,
} from "@sesame/core";
import type { Assumed } from "@sesame/core/explain";
import { readDsn, scanAttachments } from "@sesame/core/mail";
import { withCanonicalKeys } from "@sesame/core/plan";
import {
  allPassed,
  type Bounce,
  decodeOutboundRow,
  isSesBounce,
  originalIds,
  parseDmarcPolicy,
  parseVerdictStatus,
} from "@sesame/core/ses";
import { z } from "zod";

const must = (rule: string) => ({ error: `must be ${rule}` });
const text = (what: string) => z.string(must(what));
const instantText = text("an ISO 8601 instant").refine((value) => !Number.isNaN(Date.parse(value)), must("an ISO 8601 instant"));
const rows = z.record(z.string(), z.unknown(), must("a map from table keys to rows")).default({});
const verdicts = z.partialRecord(
  z.enum(["spam", "virus", "spf", "dkim", "dmarc", "dmarcPolicy"], must("of spam, virus, spf, dkim, dmarc, dmarcPolicy")),
  z.string(must("a text such as PASS, or null")).nullable(),
  must('a map such as {"spam": "PASS"}'),
);
const memory = z.object(
  { textHash: text("a text"), mailId: text("a text"), until: instantText },
  must("a memory with textHash, mailId and until"),
);
const final = z.union(
  [
    z.object({ action: z.enum(["delivered", "relayed"]), detail: z.string().default("") }),
    z.object({
      action: z.literal("failed"),
      status: z.string(),
      reason: z.string(),
      scope: z.string().default("recipient"),
      detail: z.string().default(""),
    }),
    z.object({ action: z.literal("skipped"), reason: z.string() }),
  ],
  must("delivered or relayed, failed with status and reason, or skipped with reason"),
);
const dropped = z.enum(["deliver", "drop"], must("deliver or drop"));
const shape = z.object(
  {
    mailId: text("a text").min(1, must("a text")).optional(),
    receivedAt: instantText.default("2026-01-01T00:00:00Z"),
    domains: z.array(text("a domain"), must("a list of domains")).min(1, must("a list of at least one domain")),
    envelope: z.object(
      { from: text("an address, or null for none").nullable(), recipients: z.array(text("an address"), must("a list of addresses")) },
      must("a map with from and recipients"),
    ),
    verdicts: verdicts.optional(),
    rules: rows,
    blocked: rows,
    ruleSpellings: z.enum(["strict", "legacy"], must("strict or legacy")).default("strict"),
    outbound: rows,
    answered: z.record(z.string(), memory, must("a map from recipients to memories")).default({}),
    finals: z.record(z.string(), final, must("a map from effect keys to finals")).default({}),
    policy: z
      .object(
        {
          spamVerdict: dropped.optional(),
          virusVerdict: dropped.optional(),
          replyEveryDays: z.number(must("a number of days")).positive(must("a number of days")).optional(),
          repliesPerHour: z.number(must("a number of replies")).nonnegative(must("a number of replies")).optional(),
          repliesPerDay: z.number(must("a number of replies")).nonnegative(must("a number of replies")).optional(),
        },
        must("a map of spamVerdict, virusVerdict, replyEveryDays, repliesPerHour and repliesPerDay"),
      )
      .default({}),
  },
  must("a map with at least domains and envelope"),
);

/** The input of a plan: the facts of one mail, the policy of the operator, and what the file did not say. */
export type ExplainCase = Readonly<{ facts: Facts; policy: Policy; assumed: readonly Assumed[] }>;

// A fixed key that is not secret: it makes drafts repeatable, and loop marks made with it are recognised.
const explainKey = new TextEncoder().encode("sesame explain: not a secret    ");

/** Decodes a facts file for a mail. The error has one line per invalid field. */
export function decodeFacts(value: unknown, octets: Uint8Array): Result<ExplainCase> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) return err(parsed.error.issues.map((issue) => describeIssue(issue, value)).join("\n"));
  const { envelope, domains, verdicts, policy, ...file } = parsed.data;
  const served = domains.map(parseDomain);
  const wrong = served.find((domain) => !domain.ok);
  if (wrong && !wrong.ok) return wrong;
  const mail = openAsWorker(octets);
  const domainNames = served.flatMap((domain): Domain[] => (domain.ok ? [domain.value] : []));
  const facts: Facts = {
    mailId: (file.mailId ?? `explain/${createHash("sha256").update(octets).digest("hex")}`) as MailId,
    receivedAt: instant(file.receivedAt),
    envelope: { reversePath: parseReversePath(envelope.from), recipients: parseRecipients(envelope.recipients, domainNames) },
    sesVerdicts: verdicts === undefined ? allPassed : verdictsOf(verdicts),
    domains: domainNames,
    mail,
    bounce: bounceIn(mail, file.outbound),
    rules: decodeRuleRows(new Map(Object.entries(file.rules)), file.ruleSpellings),
    blocklist: compileBlocklist(new Map(Object.entries(file.blocked).map(patternsIn)), file.ruleSpellings),
    finals: withCanonicalKeys(new Map(Object.entries(file.finals) as [EffectKey, Final][])),
    answered: memories(file.answered),
    attachments: scanAttachments(openMail(octets, octets.length)).names(),
    loopKey: explainKey,
  };
  return ok({ facts, policy: policyOf(policy), assumed: verdicts === undefined ? ["verdicts"] : [] });
}

function describeIssue({ path, message }: z.core.$ZodIssue, value: unknown): string {
  let found = value;
  for (const key of path) found = typeof found === "object" && found !== null ? (found as Record<PropertyKey, unknown>)[key] : undefined;
  return `Cannot read the facts: ${path.length > 0 ? `${path.join(".")} ` : ""}${message}, is ${quote(found)}`;
}

/** Unknown names in a facts file, which are probably typing errors. */
export function unknownFacts(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.keys(value).filter((name) => !(name in shape.shape)) : [];
}

function verdictsOf(given: z.infer<typeof verdicts>): SesVerdicts {
  return {
    spam: parseVerdictStatus(given.spam ?? undefined),
    virus: parseVerdictStatus(given.virus ?? undefined),
    spf: parseVerdictStatus(given.spf ?? undefined),
    dkim: parseVerdictStatus(given.dkim ?? undefined),
    dmarc: parseVerdictStatus(given.dmarc ?? undefined),
    dmarcPolicy: parseDmarcPolicy(given.dmarcPolicy ?? undefined),
  };
}

function policyOf(given: z.infer<typeof shape>["policy"]): Policy {
  return {
    spamVerdict: given.spamVerdict ?? defaultPolicy.spamVerdict,
    virusVerdict: given.virusVerdict ?? defaultPolicy.virusVerdict,
    replyEveryDays: given.replyEveryDays ?? defaultPolicy.replyEveryDays,
    repliesPerHour: given.repliesPerHour ?? defaultPolicy.repliesPerHour,
    repliesPerDay: given.repliesPerDay ?? defaultPolicy.repliesPerDay,
  };
}

/** The patterns of a row. The file may hold the list alone or the whole row. */
function patternsIn([key, row]: readonly [string, unknown]): [string, unknown] {
  const whole = typeof row === "object" && row !== null && "blocked_patterns" in row;
  return [key, whole ? row.blocked_patterns : row];
}

/** Opens the head of a mail, as the worker does, or all of a bounce from SES: its report may be beyond the head. */
function openAsWorker(octets: Uint8Array): Mail {
  const mail = openMail(octets.subarray(0, headLimit), octets.length);
  return isSesBounce(mail) ? openMail(octets, octets.length) : mail;
}

function bounceIn(mail: Mail, rows: Readonly<Record<string, unknown>>): Bounce {
  if (!isSesBounce(mail)) return "not-a-bounce";
  const byId = new Map(Object.entries(rows).map(([id, row]) => [id.toLowerCase(), row]));
  const row = originalIds(mail, readDsn(mail)).find((id) => byId.has(id));
  return (row === undefined ? null : decodeOutboundRow(byId.get(row))) ?? "unknown";
}

function memories(rows: Readonly<Record<string, z.infer<typeof memory>>>): ReadonlyMap<AddressKey, ReplyMemory> {
  const found = new Map<AddressKey, ReplyMemory>();
  for (const [address, { textHash, mailId, until }] of Object.entries(rows)) {
    const parsed = parseAddress(address);
    if (parsed.ok) found.set(addressKey(parsed.value), { textHash, mailId: mailId as MailId, until: instant(until) });
  }
  return found;
}
