// Configuration: the environment decoded, with every error named at once. No file is read and no default is hidden:
// what stands here is the table of the README.

import { type Domain, err, ok, type Policy, parseDomain, quote, type Result } from "@sesame/core";
import { isEhloName } from "@sesame/smtp";
import { z } from "zod";

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const port = count(0, 65535);

const name = z.string().regex(/^[A-Za-z0-9_.-]{3,255}$/, "must be a table name of 3 to 255 letters, digits, _ . -");

const shape = z.object({
  DOMAINS: z.string({ error: "must name the served domains" }).min(1),
  QUEUE_NAME: z.string().min(1).default("{domain-dashed}-queue"),
  RULES_TABLE: name.default("email-rules"),
  BLOCKED_TABLE: name.default("email-blocked-senders"),
  OUTBOUND_TABLE: name.default("ses-outbound-messages"),
  LEDGER_TABLE: name.default("email-worker-ledger"),
  LEDGER: z.enum(["table", "memory"]).default("table"),
  LOOP_KEY: z.string().min(16, "must have at least 16 characters").optional(),
  SES_MAX_RATE: z.coerce.number().positive().max(100_000).optional(),
  MAX_BYTES_IN_FLIGHT: count(1024 * 1024, 64 * 1024 ** 3).default(256 * 1024 * 1024),
  LOG_ADDRESSES: z.enum(["plain", "masked"]).default("plain"),
  DELIVERY: z.enum(["smtp", "lmtp"]).default("smtp"),
  SMTP_HOST: z.string().min(1).optional(),
  SMTP_PORT: port.optional(),
  INTERNAL_SMTP_PORT: port.default(2525),
  SMTP_TLS: z.enum(["off", "opportunistic", "required"]).default("opportunistic"),
  SMTP_USER: z.string().optional(),
  SMTP_PASSWORD: z.string().optional(),
  SMTP_NAME: z.string().optional(),
  SMTP_POOL_SIZE: count(1, 1000).default(8),
  CONCURRENCY: count(1, 1000).default(32),
  WAIT_SECONDS: count(0, 20).default(20),
  VISIBILITY_SECONDS: count(10, 43200).default(120),
  LEDGER_DAYS: count(1, 3650).default(35),
  MAIL_OBJECTS: z.string().min(1).default("{domain-dashed}-emails/**"),
  BLOCKED_MAIL: z.enum(["delete", "keep"]).default("delete"),
  SPAM_VERDICT: z.enum(["deliver", "drop"]).default("deliver"),
  VIRUS_VERDICT: z.enum(["deliver", "drop"]).default("deliver"),
  REPLY_EVERY_DAYS: count(1, 365).default(7),
  HEALTH_PORT: port.default(8080),
  METRICS_PORT: port.default(8000),
  HTTP_HOST: z.string().default("0.0.0.0"),
  SHUTDOWN_SECONDS: count(1, 3600).default(25),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

/** The configuration, decoded. */
export type Config = Readonly<z.infer<typeof shape>> & Readonly<{ domains: readonly Domain[]; policy: Policy }>;

/** Decodes an environment over the defaults of a command. The error has one line for each variable that is wrong. */
export function decodeConfig(
  env: Readonly<Record<string, string | undefined>>,
  defaults: Readonly<Record<string, string>> = {},
): Result<Config> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = shape.safeParse({ ...defaults, ...given });
  const errors = parsed.success ? [] : parsed.error.issues.map((issue) => describe(String(issue.path[0]), issue.message, given));
  const domains = decodeDomains(given["DOMAINS"] ?? defaults["DOMAINS"] ?? "");
  const all = [...errors, ...domains.errors, ...(parsed.success ? disagreements(parsed.data) : [])];
  if (!parsed.success || all.length > 0) return err(all.join("\n"));
  const { SPAM_VERDICT: spamVerdict, VIRUS_VERDICT: virusVerdict, REPLY_EVERY_DAYS: replyEveryDays } = parsed.data;
  return ok({ ...parsed.data, domains: domains.list, policy: { spamVerdict, virusVerdict, replyEveryDays } });
}

/** What is right by itself and wrong together. */
function disagreements(data: z.infer<typeof shape>): readonly string[] {
  const { DELIVERY, SMTP_PORT, SMTP_NAME, SMTP_USER, SMTP_PASSWORD, SHUTDOWN_SECONDS, WAIT_SECONDS } = data;
  const wrong: string[] = [];
  if (DELIVERY === "lmtp" && SMTP_PORT === 25)
    wrong.push("Cannot use SMTP_PORT as LMTP must not be spoken on port 25: current value is 25"); // RFC 2033 §5
  if (SMTP_NAME !== undefined && !isEhloName(SMTP_NAME))
    wrong.push(`Cannot use SMTP_NAME as it must be a fully qualified name or an address literal: current value is ${quote(SMTP_NAME)}`);
  if ((SMTP_USER === undefined) !== (SMTP_PASSWORD === undefined))
    wrong.push("Cannot log in as SMTP_USER and SMTP_PASSWORD go together: current value is one of them");
  if (SHUTDOWN_SECONDS <= WAIT_SECONDS)
    wrong.push(`Cannot use SHUTDOWN_SECONDS as it must exceed WAIT_SECONDS (${WAIT_SECONDS}): current value is ${SHUTDOWN_SECONDS}`);
  return wrong;
}

/** The queue of a domain. */
export function queueName(pattern: string, domain: Domain): string {
  return pattern.replaceAll("{domain-dashed}", domain.replaceAll(".", "-")).replaceAll("{domain}", domain);
}

const secrets = ["SMTP_PASSWORD", "LOOP_KEY"];

function describe(name: string, rule: string, given: Readonly<Record<string, unknown>>): string {
  const value = secrets.includes(name) ? '"…"' : quote(given[name] ?? null);
  return `Cannot use ${name} as ${rule}: current value is ${value}`;
}

function decodeDomains(text: string): { list: readonly Domain[]; errors: readonly string[] } {
  const parts = text.split(",").map((part) => part.trim());
  const parsed = parts.filter((part) => part !== "").map(parseDomain);
  const list = parsed.flatMap((domain) => (domain.ok ? [domain.value] : []));
  const errors = parsed.flatMap((domain) => (domain.ok ? [] : [`Cannot use DOMAINS as each must be a domain: ${domain.error}`]));
  if (text !== "" && parsed.length === 0) errors.push(`Cannot use DOMAINS as it must name a domain: current value is ${quote(text)}`);
  const twice = list.find((domain, index) => list.indexOf(domain) !== index);
  return { list, errors: twice ? [...errors, `Cannot use DOMAINS as each may stand once: current value is ${quote(text)}`] : errors };
}
