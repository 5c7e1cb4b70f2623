// Configuration: decodes the environment variables and reports all errors at once. It reads no file. docs/configuration.md has
// the same variables and defaults.

import { isIP } from "node:net";
import { type Domain, defaultPolicy, err, ok, type Policy, parseDomain, quote, type Result } from "@sesame/core";
import type { HonourMarks } from "@sesame/core/journey";
import { isEhloName, isLoopback } from "@sesame/smtp";
import { z } from "zod";

const number = (rule: string, isValid: (value: number) => boolean) =>
  z
    .string()
    .refine((text) => /^\d{1,15}(?:\.\d{1,6})?$/.test(text) && isValid(Number(text)), rule)
    .transform(Number);
const count = (least: number, most: number) =>
  number(`must be a whole number from ${least} to ${most}`, (value) => Number.isInteger(value) && value >= least && value <= most);
const port = count(0, 65535);
const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  z.enum(words, { error: `must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}` });
const table = z.string().regex(/^[A-Za-z0-9_.-]{3,255}$/, "must be a table name of 3 to 255 letters, digits, _ . -");
const isHost = (text: string) => isIP(text) !== 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text);
const host = z.string().refine(isHost, "must be a host name or an IP address, without a port");

const shape = z.object({
  DOMAINS: z.string({ error: "must name the served domains, such as example.com" }),
  QUEUE_NAME: z.string().default("{domain-dashed}-queue"),
  RULES_TABLE: table.default("email-rules"),
  BLOCKED_TABLE: table.default("email-blocked-senders"),
  OUTBOUND_TABLE: table.default("ses-outbound-messages"),
  LEDGER_TABLE: table.default("email-worker-ledger"),
  LEDGER: oneOf("table", "memory").default("table"),
  LOOP_KEY: z.string().min(16, "must have at least 16 characters").optional(),
  SES_MAX_RATE: number("must be a number above 0, at most 100000", (value) => value > 0 && value <= 100_000).optional(),
  AWS_CLIENT: oneOf("fast", "sdk").default("fast"),
  MAX_BYTES_IN_FLIGHT: count(1024 * 1024, 64 * 1024 ** 3).default(256 * 1024 * 1024),
  LOG_ADDRESSES: oneOf("plain", "masked").default("plain"),
  DELIVERY: oneOf("smtp", "lmtp").default("smtp"),
  SMTP_HOST: host.optional(),
  SMTP_PORT: port.optional(),
  INTERNAL_SMTP_PORT: port.default(2525),
  SMTP_TLS: oneOf("off", "opportunistic", "required").default("opportunistic"),
  SMTP_TLS_VERIFY: oneOf("true", "false").default("true"),
  INTERNAL_SMTP_TLS: oneOf("off", "opportunistic", "required").default("opportunistic"),
  SMTP_USER: z.string().optional(),
  SMTP_PASSWORD: z.string().optional(),
  SMTP_NAME: z.string().refine(isEhloName, "must be a fully qualified name or an address literal").optional(),
  SMTP_POOL_SIZE: count(1, 1000).default(32),
  CONCURRENCY: count(1, 1000).default(128),
  WAIT_SECONDS: count(0, 20).default(20),
  VISIBILITY_SECONDS: count(10, 43200).default(120),
  LEDGER_DAYS: count(1, 3650).default(35),
  MAIL_OBJECTS: z.string().default("{domain-dashed}-emails/**"),
  AUDIT_MARK: oneOf("all", "exceptions").default("all"),
  BLOCKED_MAIL: oneOf("delete", "keep").default("delete"),
  HONOUR_MARKS: oneOf("false", "true", "all-names").default("false"),
  SPAM_VERDICT: oneOf("deliver", "drop").default("deliver"),
  VIRUS_VERDICT: oneOf("deliver", "drop").default("deliver"),
  RULE_SPELLINGS: oneOf("strict", "legacy").default("strict"),
  REPLY_EVERY_DAYS: count(1, 365).default(7),
  REPLIES_PER_HOUR: count(0, 1000).default(defaultPolicy.repliesPerHour),
  REPLIES_PER_DAY: count(0, 1000).default(defaultPolicy.repliesPerDay),
  MAILBOX_GRACE_SECONDS: count(0, 86_400).default(600),
  TABLE_CACHE_SECONDS: count(0, 3600).default(0),
  TRACE_INDEX: oneOf("on", "off").default("off"),
  HEALTH_PORT: port.default(8080),
  METRICS_PORT: port.default(8000),
  HTTP_HOST: host.default("0.0.0.0"),
  PAGE: oneOf("full", "summary", "off").default("summary"),
  PAGE_TOKEN: z.string().min(24, "must have at least 24 characters").optional(),
  SHUTDOWN_SECONDS: count(1, 3600).default(25),
  LOG_LEVEL: oneOf("debug", "info", "warn", "error").default("info"),
  LOG_FORMAT: oneOf("json", "text").optional(),
});
type Values = z.infer<typeof shape>;

/** The names of all variables. */
export const variableNames: readonly string[] = Object.keys(shape.shape);

/** The configuration, decoded. */
export type Config = Readonly<z.infer<typeof shape>> & Readonly<{ domains: readonly Domain[]; policy: Policy }>;

/** Decodes an environment with the defaults of a command. The error has one line per problem. */
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
  return ok({ ...parsed.data, domains: domains.list, policy: policyOf(parsed.data) });
}

function policyOf(values: Values): Policy {
  return {
    spamVerdict: values.SPAM_VERDICT,
    virusVerdict: values.VIRUS_VERDICT,
    replyEveryDays: values.REPLY_EVERY_DAYS,
    repliesPerHour: values.REPLIES_PER_HOUR,
    repliesPerDay: values.REPLIES_PER_DAY,
  };
}

/** The valid variables and the defaults, so that combinations are checked even if some variable is invalid. */
function soundPart(given: Readonly<Record<string, unknown>>, wrong: ReadonlySet<string>): Values {
  return shape.parse({ DOMAINS: "", ...Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name))) });
}

/** Values that are valid alone, but not together. */
function disagreements(values: Values, wrong: ReadonlySet<string>): readonly string[] {
  const { DELIVERY, SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USER, SMTP_PASSWORD, SHUTDOWN_SECONDS, WAIT_SECONDS, HEALTH_PORT, METRICS_PORT } =
    values;
  const found: string[] = [];
  const both = (one: string, other: string) => !wrong.has(one) && !wrong.has(other);
  if (DELIVERY === "lmtp" && SMTP_PORT === 25)
    found.push("Cannot read SMTP_PORT: must not be 25 with DELIVERY=lmtp, set the LMTP port of the mail server (usually 24)"); // RFC 2033 §5
  if ((SMTP_USER === undefined) !== (SMTP_PASSWORD === undefined))
    found.push("Cannot read SMTP_USER and SMTP_PASSWORD: both must be set, or neither");
  if (SMTP_USER !== undefined && SMTP_TLS === "off" && SMTP_HOST !== undefined && !isThisMachine(SMTP_HOST))
    found.push('Cannot read SMTP_TLS: must be opportunistic or required with SMTP_USER, so that the password is encrypted, is "off"');
  if (SHUTDOWN_SECONDS <= WAIT_SECONDS && both("SHUTDOWN_SECONDS", "WAIT_SECONDS"))
    found.push(`Cannot read SHUTDOWN_SECONDS: must be greater than WAIT_SECONDS (${WAIT_SECONDS}), is ${SHUTDOWN_SECONDS}`);
  if (HEALTH_PORT === METRICS_PORT && HEALTH_PORT !== 0 && both("HEALTH_PORT", "METRICS_PORT"))
    found.push(`Cannot read METRICS_PORT: must differ from HEALTH_PORT, is ${METRICS_PORT}`);
  return both("PAGE_TOKEN", "HTTP_HOST") ? [...found, ...pageErrors(values)] : found;
}

/** Whoever reaches the full page sees all addresses. The address of the peer proves nothing: a proxy on this machine has it too. */
function pageErrors({ PAGE, PAGE_TOKEN, HTTP_HOST }: Values): readonly string[] {
  if (PAGE !== "full" || PAGE_TOKEN !== undefined || isLoopbackHost(HTTP_HOST)) return [];
  return [`Cannot serve the full page: PAGE_TOKEN must be set, or HTTP_HOST be a loopback address, is ${quote(HTTP_HOST)}`];
}

/** Whether a host is this machine by its name alone. The worker looks at the address that it is connected to. */
function isThisMachine(host: string): boolean {
  return isLoopback(host) || /^(?:.+\.)?localhost\.?$/i.test(host);
}

/** Whether only programs of this machine reach what listens on this host. */
export function isLoopbackHost(host: string): boolean {
  return isLoopback(host) || host.toLowerCase() === "localhost";
}

/** A queue name of SQS has at most 80 letters, digits, - and _. */
function queueErrors(pattern: string | undefined, domains: readonly Domain[]): readonly string[] {
  const wrong =
    pattern === undefined
      ? undefined
      : domains.map((domain) => forDomain(pattern, domain)).find((name) => !/^[A-Za-z0-9_-]{1,80}$/.test(name));
  return wrong === undefined ? [] : [refusal("QUEUE_NAME", "must be the name of an SQS queue, not its URL or ARN", wrong)];
}

/** Replaces the placeholders of QUEUE_NAME or MAIL_OBJECTS for one domain. */
export function forDomain(pattern: string, domain: Domain): string {
  return pattern.replaceAll("{domain-dashed}", domain.replaceAll(".", "-")).replaceAll("{domain}", domain);
}

/** HONOUR_MARKS in the words of the core. */
export function honourMarksOf({ HONOUR_MARKS }: Pick<Config, "HONOUR_MARKS">): HonourMarks {
  return HONOUR_MARKS === "false" ? "never" : HONOUR_MARKS === "true" ? "other-names" : HONOUR_MARKS;
}

/** The queue of each served domain. Without a placeholder in QUEUE_NAME it is one for all. */
export function queueNamesOf({ QUEUE_NAME, domains }: Pick<Config, "QUEUE_NAME" | "domains">): ReadonlyMap<Domain, string> {
  return new Map(domains.map((domain) => [domain, forDomain(QUEUE_NAME, domain)]));
}

const secrets = ["SMTP_PASSWORD", "LOOP_KEY", "PAGE_TOKEN"];

function refusal(name: string, rule: string, value: string | undefined): string {
  if (value === undefined) return `Cannot read ${name}: ${rule}; it is not set`;
  return `Cannot read ${name}: ${rule}, is ${secrets.includes(name) ? '"…"' : quote(value)}`;
}

function decodeDomains(text: string): { list: readonly Domain[]; errors: readonly string[] } {
  const parts = text.split(",").map((part) => part.trim());
  const named = parts.filter((part) => part !== "");
  const parsed = named.map(parseDomain);
  const list = parsed.flatMap((domain) => (domain.ok ? [domain.value] : []));
  const errors = named
    .filter((_, index) => !parsed[index]?.ok)
    .map((part) => `Cannot read DOMAINS: must be domain names, separated by commas, is ${quote(part)}`);
  if (text !== "" && parsed.length === 0) errors.push(`Cannot read DOMAINS: must name a domain, is ${quote(text)}`);
  const duplicate = list.find((domain, index) => list.indexOf(domain) !== index);
  return { list, errors: duplicate ? [...errors, `Cannot read DOMAINS: must name each domain once, is ${quote(text)}`] : errors };
}
