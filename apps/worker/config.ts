// Configuration: the environment decoded, with every error named at once. No file is read and no default is hidden:
// what stands here is the table of the README.

import { type Domain, err, ok, type Policy, parseDomain, quote, type Result } from "@sesame/core";
import { z } from "zod";

const count = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const port = count(0, 65535);

const shape = z.object({
  DOMAINS: z.string().min(1),
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
  const all = [...errors, ...domains.errors];
  if (!parsed.success || all.length > 0) return err(all.join("\n"));
  const { SPAM_VERDICT: spamVerdict, VIRUS_VERDICT: virusVerdict, REPLY_EVERY_DAYS: replyEveryDays } = parsed.data;
  return ok({ ...parsed.data, domains: domains.list, policy: { spamVerdict, virusVerdict, replyEveryDays } });
}

function describe(name: string, rule: string, given: Readonly<Record<string, unknown>>): string {
  const value = name === "SMTP_PASSWORD" ? '"…"' : quote(given[name] ?? null);
  return `Cannot use ${name} as ${rule}: current value is ${value}`;
}

function decodeDomains(text: string): { list: readonly Domain[]; errors: readonly string[] } {
  const parts = text.split(",").map((part) => part.trim());
  const parsed = parts.filter((part) => part !== "").map(parseDomain);
  const list = parsed.flatMap((domain) => (domain.ok ? [domain.value] : []));
  const errors = parsed.flatMap((domain) => (domain.ok ? [] : [`Cannot use DOMAINS as each must be a domain: ${domain.error}`]));
  const twice = list.find((domain, index) => list.indexOf(domain) !== index);
  return { list, errors: twice ? [...errors, `Cannot use DOMAINS as each may stand once: current value is ${quote(text)}`] : errors };
}
