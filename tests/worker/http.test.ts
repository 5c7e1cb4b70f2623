import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import type { DomainView } from "../../apps/worker/fleet.ts";
import { type HealthView, healthApp } from "../../apps/worker/http.ts";
import { openPages } from "../../apps/worker/pages.ts";

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

const portsOf = (HEALTH_PORT: number, METRICS_PORT = 0) => ({ HTTP_HOST: "127.0.0.1", HEALTH_PORT, METRICS_PORT });

test("openPages() uses a port above a busy one if allowed, and else names the variable to change", async () => {
  const first = await openPages(portsOf(0), 0);
  if (!first.ok) throw new Error(first.error);
  const { port } = first.value.health;
  const second = await openPages(portsOf(port), 20);
  expect(second.ok && second.value.health.port).toBeGreaterThan(port);
  const refusal = (variable: string) => `Cannot listen on 127.0.0.1 port ${port}: another program uses it; set ${variable} to a free port`;
  expect(await openPages(portsOf(port), 0)).toEqual({ ok: false, error: refusal("HEALTH_PORT") });
  expect(await openPages(portsOf(0, port), 0)).toEqual({ ok: false, error: refusal("METRICS_PORT") });
  for (const each of [first, second]) if (each.ok) await each.value.close();
});

test("while the worker starts it lives and is not ready", async () => {
  const pages = await openPages(portsOf(0), 0);
  if (!pages.ok) throw new Error(pages.error);
  const { health, close } = pages.value;
  const ask = async (page: string) => {
    const answer = await fetch(`http://127.0.0.1:${health.port}${page}`);
    return [answer.status, await answer.json()];
  };
  expect(await ask("/livez")).toEqual([200, { status: "ok", trouble: [] }]);
  for (const page of ["/readyz", "/health", "/metrics"])
    expect(await ask(page)).toEqual([503, { status: "failing", trouble: ["starting"] }]);
  health.show(() => Response.json("shown"));
  expect(await ask("/livez")).toEqual([200, "shown"]);
  await close();
});
