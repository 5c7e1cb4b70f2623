// HTTP: health and metrics pages. Liveness checks only the loops of the pollers: a failure of AWS or of the mail server must
// not restart the worker. Readiness also checks the queues and the mail server. No page shows an address or a secret.

import { type Context, Hono } from "hono";
import type { DomainView } from "./fleet.ts";
import type { Metrics } from "./metrics.ts";

export type HealthView = Readonly<{
  version: string;
  /** A loop or poll that is older counts as hung. */
  maxAgeSeconds: number;
  domains(): readonly DomainView[];
  /** True after the first stop signal. */
  stopping(): boolean;
  /** Why the mail server does not accept mail; `null` if it does. */
  mailServer(): string | null;
  /** Whether each dependency is away: mail server, ledger, SES, and buckets that failed. */
  circuits(): ReadonlyMap<string, boolean>;
}>;

type Status = "ok" | "degraded" | "failing";

/** Answers what no health page answers. `env`: the server, which knows the peer. */
export type PageHandler = (request: Request, env: unknown) => Promise<Response>;

/** `/health`, `/livez` and `/readyz`, and the page if there is one. */
export function healthApp(view: HealthView, page: PageHandler | null = null): Hono {
  const app = new Hono();
  app.get("/health", (context) => {
    const domains = view.domains();
    const polled = domains.filter((domain) => isAlive(domain, view) && isPolled(domain, view));
    const mailServer = view.mailServer();
    const away = [...view.circuits()].flatMap(([dependency, isAway]) => (isAway ? [dependency] : []));
    const isDegraded = polled.length < domains.length || mailServer !== null || away.length > 0;
    const status: Status = polled.length === 0 ? "failing" : isDegraded ? "degraded" : "ok";
    const page = { status, version: view.version, mailServer: mailServer ?? "ok", away, domains };
    return context.json(page, status === "failing" ? 503 : 200);
  });
  app.get("/livez", (context) => answer(context, view.domains().every((domain) => isAlive(domain, view)) ? [] : ["a poller hangs"]));
  app.get("/readyz", (context) => answer(context, problemsOf(view)));
  if (page !== null) app.all("*", (context) => page(context.req.raw, context.env));
  return app;
}

function answer(context: Context, trouble: readonly string[]): Response {
  return context.json({ status: trouble.length === 0 ? "ok" : "failing", trouble }, trouble.length === 0 ? 200 : 503);
}

function problemsOf(view: HealthView): readonly string[] {
  const mailServer = view.mailServer();
  return [
    ...(view.stopping() ? ["shutting down"] : []),
    ...(mailServer === null ? [] : [`mail server: ${mailServer}`]),
    ...(view.circuits().get("ledger") === true ? ["the ledger does not answer"] : []),
    ...view.domains().flatMap((domain) => {
      if (!isAlive(domain, view)) return [`${domain.domain}: the poller hangs`];
      return isPolled(domain, view) ? [] : [`${domain.domain}: the queue does not answer`];
    }),
  ];
}

/** A loop that ended because of a stop signal does not count as hung. */
function isAlive({ loopAgeSeconds }: DomainView, { maxAgeSeconds, stopping }: HealthView): boolean {
  return stopping() || loopAgeSeconds <= maxAgeSeconds;
}

function isPolled({ pollAgeSeconds }: DomainView, { maxAgeSeconds }: HealthView): boolean {
  return pollAgeSeconds !== null && pollAgeSeconds <= maxAgeSeconds;
}

/** `/metrics` in Prometheus text form. */
export function metricsApp({ registry }: Metrics): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) => context.text(await registry.metrics(), 200, { "Content-Type": registry.contentType }));
  return app;
}
