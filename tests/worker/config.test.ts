import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import { decodeConfig, forDomain } from "../../apps/worker/config.ts";

const base = { DOMAINS: "example.com" };

test("decodeConfig() fills in the documented defaults", () => {
  const config = decodeConfig(base);
  expect(config.ok && config.value).toMatchObject({
    domains: ["example.com"],
    QUEUE_NAME: "{domain-dashed}-queue",
    RULES_TABLE: "email-rules",
    BLOCKED_TABLE: "email-blocked-senders",
    OUTBOUND_TABLE: "ses-outbound-messages",
    LEDGER_TABLE: "email-worker-ledger",
    DELIVERY: "smtp",
    INTERNAL_SMTP_PORT: 2525,
    SMTP_TLS: "opportunistic",
    SMTP_TLS_VERIFY: "true",
    INTERNAL_SMTP_TLS: "opportunistic",
    SMTP_POOL_SIZE: 32,
    CONCURRENCY: 128,
    MAX_BYTES_IN_FLIGHT: 268435456,
    WAIT_SECONDS: 20,
    VISIBILITY_SECONDS: 120,
    LEDGER: "table",
    LEDGER_DAYS: 35,
    BLOCKED_MAIL: "delete",
    RULE_SPELLINGS: "strict",
    REPLY_EVERY_DAYS: 7,
    HEALTH_PORT: 8080,
    METRICS_PORT: 8000,
    SHUTDOWN_SECONDS: 25,
    LOG_LEVEL: "info",
    LOG_ADDRESSES: "plain",
  });
});

const bad: readonly [Record<string, string>, RegExp][] = [
  [{ DOMAINS: "" }, /DOMAINS/],
  [{ DOMAINS: " , " }, /DOMAINS: must name a domain, is " , "/],
  [{ DOMAINS: "exa mple.com" }, /^Cannot read DOMAINS: must be domain names, separated by commas, is "exa mple.com"/],
  [{ DOMAINS: "a.test,A.test" }, /must name each domain once/],
  [{ SMTP_PORT: "70000" }, /SMTP_PORT/],
  [{ DELIVERY: "lmtp", SMTP_PORT: "25" }, /must not be 25 with DELIVERY=lmtp/],
  [{ SMTP_NAME: "3f2a9c" }, /SMTP_NAME: must be a fully qualified name/],
  [{ SMTP_USER: "me" }, /SMTP_USER and SMTP_PASSWORD: both must be set, or neither/],
  [{ SMTP_TLS_VERIFY: "no" }, /^Cannot read SMTP_TLS_VERIFY: must be true or false, is "no"$/],
  [{ INTERNAL_SMTP_TLS: "yes" }, /^Cannot read INTERNAL_SMTP_TLS: must be off, opportunistic or required, is "yes"$/],
  [{ SHUTDOWN_SECONDS: "20" }, /SHUTDOWN_SECONDS: must be greater than WAIT_SECONDS \(20\), is 20/],
  [{ LOOP_KEY: "short-secret" }, /LOOP_KEY: must have at least 16 characters, is "…"/],
  [{ RULES_TABLE: "a/b" }, /RULES_TABLE/],
  [{ SES_MAX_RATE: "0" }, /SES_MAX_RATE/],
  [{ MAX_BYTES_IN_FLIGHT: "12" }, /MAX_BYTES_IN_FLIGHT/],
  [{ LOG_ADDRESSES: "hidden" }, /^Cannot read LOG_ADDRESSES: must be plain or masked, is "hidden"$/],
  [{ RULE_SPELLINGS: "old" }, /^Cannot read RULE_SPELLINGS: must be strict or legacy, is "old"$/],
  [{ LOG_LEVEL: "trace" }, /^Cannot read LOG_LEVEL: must be debug, info, warn or error, is "trace"$/],
  [{ LOG_FORMAT: "pretty" }, /^Cannot read LOG_FORMAT: must be json or text, is "pretty"$/],
  [{ CONCURRENCY: "many" }, /^Cannot read CONCURRENCY: must be a whole number from 1 to 1000, is "many"$/],
  [{ CONCURRENCY: "0x20" }, /CONCURRENCY/], // JavaScript would take it for 32
  [{ VISIBILITY_SECONDS: "1e2" }, /VISIBILITY_SECONDS: must be a whole number from 10 to 43200/],
  [{ SES_MAX_RATE: "fast" }, /SES_MAX_RATE: must be a number above 0, at most 100000, is "fast"/],
  [{ QUEUE_NAME: "https://sqs.eu-west-1.amazonaws.com/1/q" }, /QUEUE_NAME: must be the name of an SQS queue, not its URL or ARN/],
  [{ QUEUE_NAME: "{domain}-queue" }, /QUEUE_NAME: must be the name .*, is "example.com-queue"/], // SQS allows no dots
  [{ SMTP_HOST: "mail.example.com:25" }, /SMTP_HOST: must be a host name or an IP address, without a port/],
  [{ SMTP_HOST: "smtp://mail" }, /SMTP_HOST/],
  [{ HTTP_HOST: "0.0.0.0:80" }, /HTTP_HOST: must be a host name or an IP address, without a port/],
  [{ HEALTH_PORT: "9000", METRICS_PORT: "9000" }, /METRICS_PORT: must differ from HEALTH_PORT, is 9000/],
];
for (const [more, expected] of bad) {
  test(`decodeConfig() refuses ${JSON.stringify(more)}`, () => {
    const config = decodeConfig({ ...base, ...more });
    expect(config.ok).toBe(false);
    expect(config.ok ? "" : config.error).toMatch(expected);
  });
}

const login = { SMTP_USER: "me", SMTP_PASSWORD: "secret", SMTP_TLS: "off" };
const clear: readonly [host: string, isRefused: boolean][] = [
  ["mail.example.com", true],
  ["192.0.2.7", true],
  ["127.example.com", true], // a name
  ["localhost.example.com", true],
  ["localhost", false],
  ["mail.localhost", false],
  ["127.0.0.1", false],
  ["127.1.2.3", false],
  ["::1", false],
];
for (const [host, isRefused] of clear) {
  test(`X29 decodeConfig() ${isRefused ? "refuses" : "takes"} a login without TLS to ${host}`, () => {
    const config = decodeConfig({ ...base, ...login, SMTP_HOST: host });
    const text = 'Cannot read SMTP_TLS: must be opportunistic or required with SMTP_USER, so that the password is encrypted, is "off"';
    expect(config.ok ? "" : config.error).toBe(isRefused ? text : "");
    expect(decodeConfig({ ...base, ...login, SMTP_HOST: host, SMTP_TLS: "opportunistic" }).ok).toBe(true);
  });
}

test("decodeConfig() says what DOMAINS is for when it is not set", () => {
  const config = decodeConfig({});
  expect(config.ok ? "" : config.error).toBe("Cannot read DOMAINS: must name the served domains, such as example.com; it is not set");
});

const good: readonly Record<string, string>[] = [
  { SMTP_HOST: "2001:db8::25" },
  { SMTP_HOST: "mail_server" }, // a name of Docker's
  { SMTP_HOST: "192.0.2.1", HTTP_HOST: "::" },
  { SMTP_HOST: "" }, // an empty value counts as not set
  { HEALTH_PORT: "0", METRICS_PORT: "0" },
  { SES_MAX_RATE: "0.5" },
  { QUEUE_NAME: "all-mail" },
];
for (const more of good) {
  test(`decodeConfig() takes ${JSON.stringify(more)}`, () => {
    expect(decodeConfig({ ...base, ...more })).toMatchObject({ ok: true });
  });
}

const pages: readonly (readonly [Record<string, string>, string])[] = [
  [{}, ""], // summary
  [{ PAGE: "off" }, ""],
  [{ PAGE: "full", HTTP_HOST: "127.0.0.1" }, ""],
  [{ PAGE: "full", HTTP_HOST: "127.9.9.9" }, ""],
  [{ PAGE: "full", HTTP_HOST: "::1" }, ""],
  [{ PAGE: "full", HTTP_HOST: "localhost" }, ""],
  [{ PAGE: "full", PAGE_TOKEN: "x".repeat(24) }, ""],
  [{ PAGE: "full" }, 'Cannot serve the full page: PAGE_TOKEN must be set, or HTTP_HOST be a loopback address, is "0.0.0.0"'],
  [
    { PAGE: "full", HTTP_HOST: "mail.example.com" },
    'Cannot serve the full page: PAGE_TOKEN must be set, or HTTP_HOST be a loopback address, is "mail.example.com"',
  ],
  [{ PAGE: "full", PAGE_TOKEN: "canary" }, 'Cannot read PAGE_TOKEN: must have at least 24 characters, is "…"'],
  [{ PAGE: "all" }, 'Cannot read PAGE: must be full, summary or off, is "all"'],
];
for (const [more, error] of pages) {
  test(`decodeConfig() says ${error === "" ? "nothing" : error} to ${JSON.stringify(more)}`, () => {
    const config = decodeConfig({ ...base, ...more });
    expect(config.ok ? "" : config.error).toBe(error);
  });
}

test("decodeConfig() names every error at once, and no secret", () => {
  const wrong = { SMTP_PORT: "x", CONCURRENCY: "0", LOOP_KEY: "canary-secret", SMTP_NAME: "a b", SMTP_PASSWORD: "canary-password" };
  const config = decodeConfig({ ...base, ...wrong, SHUTDOWN_SECONDS: "3" });
  const text = config.ok ? "" : config.error;
  expect(text.split("\n").length).toBe(6);
  expect(text).not.toContain("canary");
});

test("decodeConfig() does not compare a value that is not a number", () => {
  const config = decodeConfig({ ...base, WAIT_SECONDS: "5s", SHUTDOWN_SECONDS: "10" });
  expect(config.ok ? "" : config.error).toMatch(/^Cannot read WAIT_SECONDS: [^\n]*$/);
});

test("forDomain() fills in a domain", () => {
  expect(forDomain("{domain-dashed}-queue", "mail.example.com" as Domain)).toBe("mail-example-com-queue");
  expect(forDomain("q-{domain}", "local" as Domain)).toBe("q-local");
});
