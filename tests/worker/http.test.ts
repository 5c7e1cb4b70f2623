import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import type { DomainView } from "../../apps/worker/fleet.ts";
import { type HealthView, healthApp, metricsApp, serve } from "../../apps/worker/http.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";

const good: DomainView = { domain: "example.com" as Domain, loopAgeSeconds: 1, pollAgeSeconds: 3, inFlight: 0, queue: null };
const other = { ...good, domain: "another.test" as Domain };

function appOf(domains: readonly DomainView[], more: Partial<HealthView> = {}) {
  const app = healthApp({
    version: "1.2.3",
    maxAgeSeconds: 60,
    domains: () => domains,
    stopping: () => false,
    mailServer: () => null,
    circuits: () => new Map(),
    ...more,
  });
  return async (path: string) => {
    const response = await app.request(path);
    const body = (await response.json()) as { status: string; trouble?: string[] };
    return [response.status, body.status, ...(body.trouble ?? [])];
  };
}

const rows: readonly [string, readonly DomainView[], Partial<HealthView>, string, readonly (string | number)[]][] = [
  ["all is well", [good, other], {}, "/health", [200, "ok"]],
  ["all is well", [good], {}, "/readyz", [200, "ok"]],
  ["a queue does not answer", [good, { ...other, pollAgeSeconds: 61 }], {}, "/health", [200, "degraded"]],
  ["a queue never answered", [{ ...good, pollAgeSeconds: null }], {}, "/health", [503, "failing"]],
  [
    "a queue never answered",
    [{ ...good, pollAgeSeconds: null }],
    {},
    "/readyz",
    [503, "failing", "example.com: the queue does not answer"],
  ],
  ["a queue never answered", [{ ...good, pollAgeSeconds: null }], {}, "/livez", [200, "ok"]], // a restart does not repair a queue
  ["a loop hangs", [{ ...good, loopAgeSeconds: 61 }], {}, "/livez", [503, "failing", "a poller hangs"]],
  ["a loop hangs", [{ ...good, loopAgeSeconds: 61 }], {}, "/readyz", [503, "failing", "example.com: the poller hangs"]],
  ["its loops have ended and mails are still in work", [{ ...good, loopAgeSeconds: 300 }], { stopping: () => true }, "/livez", [200, "ok"]],
  ["the mail server is away", [good], { mailServer: () => "it is away" }, "/livez", [200, "ok"]],
  ["the mail server is away", [good], { mailServer: () => "it is away" }, "/readyz", [503, "failing", "mail server: it is away"]],
  ["the mail server is away", [good], { mailServer: () => "it is away" }, "/health", [200, "degraded"]],
  [
    "the ledger does not answer",
    [good],
    { circuits: () => new Map([["ledger", true]]) },
    "/readyz",
    [503, "failing", "the ledger does not answer"],
  ],
  ["the ledger does not answer", [good], { circuits: () => new Map([["ledger", true]]) }, "/health", [200, "degraded"]],
  ["the ledger does not answer", [good], { circuits: () => new Map([["ledger", true]]) }, "/livez", [200, "ok"]],
  ["SES does not answer", [good], { circuits: () => new Map([["ses", true]]) }, "/readyz", [200, "ok"]], // mail is delivered
  ["SES does not answer", [good], { circuits: () => new Map([["ses", true]]) }, "/health", [200, "degraded"]],
  ["it shuts down", [good], { stopping: () => true }, "/readyz", [503, "failing", "shutting down"]],
  ["it shuts down", [good], { stopping: () => true }, "/livez", [200, "ok"]],
];
for (const [when, domains, more, path, expected] of rows) {
  test(`F88 ${path} says ${expected.join(" ")} when ${when}`, async () => {
    expect(await appOf(domains, more)(path)).toEqual([...expected]);
  });
}

test("serve() uses a port above a busy one if allowed, and else names the variable to change", async () => {
  const at = { hostname: "127.0.0.1", variable: "HEALTH_PORT" } as const;
  const app = metricsApp(makeMetrics("0"));
  const first = serve(app, { ...at, port: 0, tries: 0 });
  if (!first.ok) throw new Error(first.error);
  const { port } = first.value;
  const second = serve(app, { ...at, port, tries: 20 });
  expect(second.ok && second.value.port).toBeGreaterThan(port);
  const third = serve(app, { ...at, port, tries: 0 });
  expect(third).toEqual({
    ok: false,
    error: `Cannot listen on 127.0.0.1 port ${port}: another program uses it; set HEALTH_PORT to a free port`,
  });
  await Promise.all([first, second].map((page) => (page.ok ? page.value.stop() : null)));
});
