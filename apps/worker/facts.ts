// Facts file: what `sesame explain` is told of a mail beside its octets, decoded into the core's Facts. All errors of a
// file are named at once. It asks nobody; rows stand in the file as they stand in the tables.

import { createHash } from "node:crypto";
import {
  type AddressKey,
  addressKey,
  type Bounce,
  type Domain,
  decodeOutbound,
  dmarcPolicyOf,
  type EffectKey,
  type EpochMs,
  err,
  type Facts,
  type Final,
  headLimit,
  isSesBounce,
  type Mail,
  type MailId,
  ok,
  openMail,
  originalIds,
  parseAddress,
  parseDomain,
  parseReversePath,
  quote,
  type ReplyMemory,
  type Result,
  readDsn,
  statusOf,
} from "@sesame/core";
import { z } from "zod";

const instant = z.string().refine((text) => !Number.isNaN(Date.parse(text)), "must be an ISO 8601 instant");
const map = z.record(z.string(), z.unknown());
const memory = z.object({ textHash: z.string(), mailId: z.string(), until: instant });
const final = z.union([
  z.object({ action: z.enum(["delivered", "relayed"]), detail: z.string().default("") }),
  z.object({
    action: z.literal("failed"),
    status: z.string(),
    reason: z.string(),
    scope: z.string().default("recipient"),
    detail: z.string().default(""),
  }),
  z.object({ action: z.literal("skipped"), reason: z.string() }),
]);
const shape = z.object({
  mailId: z.string().min(1).optional(),
  receivedAt: instant.default("2026-01-01T00:00:00Z"),
  domains: z.array(z.string()).min(1),
  envelope: z.object({ from: z.string().nullable(), recipients: z.array(z.string()) }),
  verdicts: z.partialRecord(z.enum(["spam", "virus", "spf", "dkim", "dmarc", "dmarcPolicy"]), z.string().nullable()).default({}),
  rules: map.default({}),
  blocked: map.default({}),
  outbound: map.default({}),
  answered: z.record(z.string(), memory).default({}),
  finals: z.record(z.string(), final).default({}),
});

// Explaining needs no secret: marks are recognised where the facts were written with this key, and drafts are repeatable.
const explainKey = new TextEncoder().encode("sesame explain: not a secret    ");

/** Decodes a facts file for a mail. The error names every field that is wrong. */
export function decodeFacts(value: unknown, octets: Uint8Array): Result<Facts> {
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join(".") || "facts"}: ${issue.message}`);
    return err(`Cannot read the facts as ${issues.join("; ")}: current value is ${quote(value)}`);
  }
  const { envelope, domains, verdicts, ...file } = parsed.data;
  const served = domains.map(parseDomain);
  const wrong = served.find((domain) => !domain.ok);
  if (wrong && !wrong.ok) return wrong;
  const mail = openMail(octets.subarray(0, headLimit), octets.length);
  return ok({
    mailId: (file.mailId ?? `explain/${createHash("sha256").update(octets).digest("hex")}`) as MailId,
    receivedAt: Date.parse(file.receivedAt) as EpochMs,
    envelope: { reversePath: parseReversePath(envelope.from), recipients: envelope.recipients },
    verdicts: {
      spam: statusOf(verdicts.spam ?? undefined),
      virus: statusOf(verdicts.virus ?? undefined),
      spf: statusOf(verdicts.spf ?? undefined),
      dkim: statusOf(verdicts.dkim ?? undefined),
      dmarc: statusOf(verdicts.dmarc ?? undefined),
      dmarcPolicy: dmarcPolicyOf(verdicts.dmarcPolicy ?? undefined),
    },
    domains: served.flatMap((domain): Domain[] => (domain.ok ? [domain.value] : [])),
    mail,
    bounce: bounceIn(mail, file.outbound),
    rows: { rules: new Map(Object.entries(file.rules)), blocked: new Map(Object.entries(file.blocked)) },
    finals: new Map(Object.entries(file.finals) as [EffectKey, Final][]),
    answered: memories(file.answered),
    loopKey: explainKey,
  });
}

function bounceIn(mail: Mail, rows: Readonly<Record<string, unknown>>): Bounce {
  if (!isSesBounce(mail)) return "not-a-bounce";
  const byId = new Map(Object.entries(rows).map(([id, row]) => [id.toLowerCase(), row]));
  const row = originalIds(mail, readDsn(mail)).find((id) => byId.has(id));
  return (row === undefined ? null : decodeOutbound(byId.get(row))) ?? "unknown";
}

function memories(rows: Readonly<Record<string, z.infer<typeof memory>>>): ReadonlyMap<AddressKey, ReplyMemory> {
  const found = new Map<AddressKey, ReplyMemory>();
  for (const [address, { textHash, mailId, until }] of Object.entries(rows)) {
    const parsed = parseAddress(address);
    if (parsed.ok) found.set(addressKey(parsed.value), { textHash, mailId: mailId as MailId, until: Date.parse(until) as EpochMs });
  }
  return found;
}
