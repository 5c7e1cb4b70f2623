// Configuration: the environment decoded, with every error named at once. No file is read and no default is hidden:
// what stands here is the table of the README.

import { isIP } from "node:net";
import { type Domain, err, ok, type Policy, parseDomain, quote, type Result } from "@sesame/core";
import { isEhloName } from "@sesame/smtp";
import { z } from "zod";

const number = (rule: string, isRight: (value: number) => boolean) =>
  z
    .string()
    .refine((text) => /^\d{1,15}(?:\.\d{1,6})?$/.test(text) && isRight(Number(text)), rule)
    .transform(Number);
const count = (least: number, most: number) =>
  number(`must be a whole number from ${least} to ${most}`, (value) => Number.isInteger(value) && value >= least && value <= most);
const port = count(0, 65535);
const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  z.enum(words, { error: `must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}` });
const table = z.string().regex(/^[A-Za-z0-9_.-]{3,255}$/, "must be a table name of 3 to 255 letters, digits, _ . -");
const isHost = (text: string) => isIP(text) !== 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text);
const host = z.string().refine(isHost, "must be a host name or an address, without a port");

const shape = z.object({
  DOMAINS: z.string({ error: "must name the served domains" }),
  QUEUE_NAME: z.string().default("{domain-dashed}-queue"),
  RULES_TABLE: table.default("email-rules"),
  BLOCKED_TABLE: table.default("email-blocked-senders"),
  OUTBOUND_TABLE: table.default("ses-outbound-messages"),
  LEDGER_TABLE: table.default("email-worker-ledger"),
  LEDGER: oneOf("table", "memory").default("table"),
  LOOP_KEY: z.string().min(16, "must have at least 16 characters").optional(),
  SES_MAX_RATE: number("must be a number above 0, at most 100000", (value) => value > 0 && value <= 100_000).optional(),
  MAX_BYTES_IN_FLIGHT: count(1024 * 1024, 64 * 1024 ** 3).default(256 * 1024 * 1024),
  LOG_ADDRESSES: oneOf("plain", "masked").default("plain"),
  DELIVERY: oneOf("smtp", "lmtp").default("smtp"),
  SMTP_HOST: host.optional(),
  SMTP_PORT: port.optional(),
  INTERNAL_SMTP_PORT: port.default(2525),
  SMTP_TLS: oneOf("off", "opportunistic", "required").default("opportunistic"),
  SMTP_USER: z.string().optional(),
  SMTP_PASSWORD: z.string().optional(),
  SMTP_NAME: z.string().refine(isEhloName, "must be a fully qualified name or an address literal").optional(),
  SMTP_POOL_SIZE: count(1, 1000).default(8),
  CONCURRENCY: count(1, 1000).default(32),
  WAIT_SECONDS: count(0, 20).default(20),
  VISIBILITY_SECONDS: count(10, 43200).default(120),
  LEDGER_DAYS: count(1, 3650).default(35),
  MAIL_OBJECTS: z.string().default("{domain-dashed}-emails/**"),
  BLOCKED_MAIL: oneOf("delete", "keep").default("delete"),
  SPAM_VERDICT: oneOf("deliver", "drop").default("deliver"),
  VIRUS_VERDICT: oneOf("deliver", "drop").default("deliver"),
  REPLY_EVERY_DAYS: count(1, 365).default(7),
  HEALTH_PORT: port.default(8080),
  METRICS_PORT: port.default(8000),
  HTTP_HOST: host.default("0.0.0.0"),
  SHUTDOWN_SECONDS: count(1, 3600).default(25),
  LOG_LEVEL: oneOf("debug", "info", "warn", "error").default("info"),
});
type Values = z.infer<typeof shape>;

/** The configuration, decoded. */
export type Config = Readonly<z.infer<typeof shape>> & Readonly<{ domains: readonly Domain[]; policy: Policy }>;

/** Decodes an environment over the defaults of a command. The error has one line for each variable that is wrong. */
export function decodeConfig(
  env: Readonly<Record<string, string | undefined>>,
  defaults: Readonly<Record<string, string>> = {},
): Result<Config> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const given = { ...defaults, ...set };
  const parsed = shape.safeParse(given);
  const issues = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => ({ name: String(path[0]), rule: message }));
  const wrong = new Set(issues.map(({ name }) => name));
  const domains = decodeDomains(given["DOMAINS"] ?? "");
  const errors = [
    ...issues.map(({ name, rule }) => refusal(name, rule, given[name])),
    ...domains.errors,
    ...disagreements(soundPart(given, wrong), wrong),
    ...queueErrors(given["QUEUE_NAME"], domains.list),
  ];
  if (!parsed.success || errors.length > 0) return err(errors.join("\n"));
  const { SPAM_VERDICT: spamVerdict, VIRUS_VERDICT: virusVerdict, REPLY_EVERY_DAYS: replyEveryDays } = parsed.data;
  return ok({ ...parsed.data, domains: domains.list, policy: { spamVerdict, virusVerdict, replyEveryDays } });
}

/** What can be read where something else cannot, with the defaults, so that all errors are named at once. */
function soundPart(given: Readonly<Record<string, unknown>>, wrong: ReadonlySet<string>): Values {
  return shape.parse({ DOMAINS: "", ...Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name))) });
}

/** What is right by itself and wrong together. */
function disagreements(values: Values, wrong: ReadonlySet<string>): readonly string[] {
  const { DELIVERY, SMTP_PORT, SMTP_USER, SMTP_PASSWORD, SHUTDOWN_SECONDS, WAIT_SECONDS, HEALTH_PORT, METRICS_PORT } = values;
  const found: string[] = [];
  const both = (one: string, other: string) => !wrong.has(one) && !wrong.has(other);
  if (DELIVERY === "lmtp" && SMTP_PORT === 25)
    found.push("Cannot use SMTP_PORT: LMTP must not be spoken on port 25, is 25"); // RFC 2033 §5
  if ((SMTP_USER === undefined) !== (SMTP_PASSWORD === undefined))
    found.push("Cannot log in: SMTP_USER and SMTP_PASSWORD go together, is one of them");
  if (SHUTDOWN_SECONDS <= WAIT_SECONDS && both("SHUTDOWN_SECONDS", "WAIT_SECONDS"))
    found.push(`Cannot use SHUTDOWN_SECONDS: must exceed WAIT_SECONDS (${WAIT_SECONDS}), is ${SHUTDOWN_SECONDS}`);
  if (HEALTH_PORT === METRICS_PORT && HEALTH_PORT !== 0 && both("HEALTH_PORT", "METRICS_PORT"))
    found.push(`Cannot use METRICS_PORT: must be another than HEALTH_PORT, is ${METRICS_PORT}`);
  return found;
}

/** A name of SQS has letters, digits, - and _, at most 80. */
function queueErrors(pattern: string | undefined, domains: readonly Domain[]): readonly string[] {
  const wrong =
    pattern === undefined
      ? undefined
      : domains.map((domain) => forDomain(pattern, domain)).find((name) => !/^[A-Za-z0-9_-]{1,80}$/.test(name));
  return wrong === undefined ? [] : [refusal("QUEUE_NAME", "must be the name of an SQS queue, not its URL or ARN", wrong)];
}

/** A pattern such as QUEUE_NAME or MAIL_OBJECTS for one domain. */
export function forDomain(pattern: string, domain: Domain): string {
  return pattern.replaceAll("{domain-dashed}", domain.replaceAll(".", "-")).replaceAll("{domain}", domain);
}

const secrets = ["SMTP_PASSWORD", "LOOP_KEY"];

function refusal(name: string, rule: string, value: string | undefined): string {
  const shown = value === undefined ? "nothing" : secrets.includes(name) ? '"…"' : quote(value);
  return `Cannot use ${name}: it ${rule}, is ${shown}`;
}

function decodeDomains(text: string): { list: readonly Domain[]; errors: readonly string[] } {
  const parts = text.split(",").map((part) => part.trim());
  const parsed = parts.filter((part) => part !== "").map(parseDomain);
  const list = parsed.flatMap((domain) => (domain.ok ? [domain.value] : []));
  const errors = parsed.flatMap((domain) => (domain.ok ? [] : [`Cannot use DOMAINS as each must be a domain: ${domain.error}`]));
  if (text !== "" && parsed.length === 0) errors.push(`Cannot use DOMAINS: must name a domain, is ${quote(text)}`);
  const twice = list.find((domain, index) => list.indexOf(domain) !== index);
  return { list, errors: twice ? [...errors, `Cannot use DOMAINS: each may stand once, is ${quote(text)}`] : errors };
}
