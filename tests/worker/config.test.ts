import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import { decodeConfig, queueName } from "../../apps/worker/config.ts";

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
    SMTP_POOL_SIZE: 8,
    CONCURRENCY: 32,
    MAX_BYTES_IN_FLIGHT: 268435456,
    WAIT_SECONDS: 20,
    VISIBILITY_SECONDS: 120,
    LEDGER: "table",
    LEDGER_DAYS: 35,
    BLOCKED_MAIL: "delete",
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
  [{ DOMAINS: " , " }, /DOMAINS as it must name a domain: current value is " , "/],
  [{ DOMAINS: "exa mple.com" }, /DOMAINS as each must be a domain/],
  [{ DOMAINS: "a.test,A.test" }, /may stand once/],
  [{ SMTP_PORT: "70000" }, /SMTP_PORT/],
  [{ DELIVERY: "lmtp", SMTP_PORT: "25" }, /LMTP must not be spoken on port 25/],
  [{ SMTP_NAME: "3f2a9c" }, /SMTP_NAME as it must be a fully qualified name/],
  [{ SMTP_USER: "me" }, /SMTP_USER and SMTP_PASSWORD go together/],
  [{ SHUTDOWN_SECONDS: "20" }, /SHUTDOWN_SECONDS as it must exceed WAIT_SECONDS \(20\): current value is 20/],
  [{ LOOP_KEY: "short-secret" }, /LOOP_KEY as must have at least 16 characters: current value is "…"/],
  [{ RULES_TABLE: "a/b" }, /RULES_TABLE/],
  [{ SES_MAX_RATE: "0" }, /SES_MAX_RATE/],
  [{ MAX_BYTES_IN_FLIGHT: "12" }, /MAX_BYTES_IN_FLIGHT/],
  [{ LOG_ADDRESSES: "hidden" }, /LOG_ADDRESSES/],
];
for (const [more, expected] of bad) {
  test(`decodeConfig() refuses ${JSON.stringify(more)}`, () => {
    const config = decodeConfig({ ...base, ...more });
    expect(config.ok).toBe(false);
    expect(config.ok ? "" : config.error).toMatch(expected);
  });
}

test("decodeConfig() names every error at once, and no secret", () => {
  const config = decodeConfig({ ...base, SMTP_PORT: "x", CONCURRENCY: "0", LOOP_KEY: "canary-secret" });
  const text = config.ok ? "" : config.error;
  expect(text.split("\n").length).toBe(3);
  expect(text).not.toContain("canary");
});

test("queueName() fills in a domain", () => {
  expect(queueName("{domain-dashed}-queue", "mail.example.com" as Domain)).toBe("mail-example-com-queue");
  expect(queueName("q/{domain}", "example.com" as Domain)).toBe("q/example.com");
});
