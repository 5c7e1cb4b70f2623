// HTTP: health and metrics pages. Liveness checks only the loops of the pollers: a failure of AWS or of the mail server must
// not restart the worker. Readiness also checks the queues and the mail server. No page shows an address or a secret.

import { err, ok, quote, type Result } from "@sesame/core";
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

/** `/health`, `/livez` and `/readyz`. */
export function healthApp(view: HealthView): Hono {
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

/** An HTTP server that runs. */
export type Served = Readonly<{ port: number; stop(): Promise<void> }>;

export type ServeOptions = Readonly<{
  hostname: string;
  port: number;
  /** The variable with the port, for the error text. */
  variable: "HEALTH_PORT" | "METRICS_PORT";
  /** How many ports above the first may be tried if it is in use. */
  tries: number;
}>;

/** Serves an app. The error names the variable to change. */
export function serve(app: Hono, { hostname, port, variable, tries }: ServeOptions): Result<Served> {
  const last = port === 0 ? 0 : Math.min(port + tries, 65_535);
  for (let next = port; next <= last; next++) {
    try {
      const server = Bun.serve({ fetch: app.fetch, hostname, port: next });
      return ok({ port: server.port ?? next, stop: () => server.stop(true) });
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== "EADDRINUSE") return err(refusal(code, { hostname, port: next, variable }, error));
    }
  }
  const ports = last === port ? String(port) : `${port} to ${last}`;
  return err(`Cannot listen on ${hostname} port ${ports}: another program uses it; set ${variable} to a free port`);
}

function refusal(code: string | undefined, { hostname, port, variable }: Omit<ServeOptions, "tries">, error: unknown): string {
  if (code === "EACCES") return `Cannot listen on ${hostname} port ${port}: this user may not use it; set ${variable} to a port above 1023`;
  const reason = code ?? String(error);
  return `Cannot listen on port ${port}: HTTP_HOST must be an address of this machine, is ${quote(hostname)} (${reason})`;
}
