// HTTP: health and metrics over Hono. Liveness looks at the loops alone, so that trouble of a neighbour restarts nothing;
// readiness also asks whether the queues answer and the mail server takes mail. No page holds an address or a secret.

import { err, ok, quote, type Result } from "@sesame/core";
import { type Context, Hono } from "hono";
import type { DomainView } from "./fleet.ts";
import type { Metrics } from "./metrics.ts";

export type HealthView = Readonly<{
  version: string;
  /** How old a loop or a poll may be before it counts as dead. */
  maxAgeSeconds: number;
  domains(): readonly DomainView[];
  /** True from the first signal to stop. */
  stopping(): boolean;
  /** Why the mail server takes no mail; `null` where it does. */
  mailServer(): string | null;
}>;

type Status = "ok" | "degraded" | "failing";

/** `/health`, `/livez` and `/readyz`. */
export function healthApp(view: HealthView): Hono {
  const app = new Hono();
  app.get("/health", (context) => {
    const domains = view.domains();
    const polled = domains.filter((domain) => isAlive(domain, view) && isPolled(domain, view));
    const mailServer = view.mailServer();
    const status: Status = polled.length === 0 ? "failing" : polled.length < domains.length || mailServer ? "degraded" : "ok";
    return context.json({ status, version: view.version, mailServer: mailServer ?? "ok", domains }, status === "failing" ? 503 : 200);
  });
  app.get("/livez", (context) => answer(context, view.domains().every((domain) => isAlive(domain, view)) ? [] : ["a poller hangs"]));
  app.get("/readyz", (context) => answer(context, troubles(view)));
  return app;
}

function answer(context: Context, trouble: readonly string[]): Response {
  return context.json({ status: trouble.length === 0 ? "ok" : "failing", trouble }, trouble.length === 0 ? 200 : 503);
}

function troubles(view: HealthView): readonly string[] {
  const mailServer = view.mailServer();
  return [
    ...(view.stopping() ? ["shutting down"] : []),
    ...(mailServer === null ? [] : [`mail server: ${mailServer}`]),
    ...view.domains().flatMap((domain) => {
      if (!isAlive(domain, view)) return [`${domain.domain}: the poller hangs`];
      return isPolled(domain, view) ? [] : [`${domain.domain}: the queue does not answer`];
    }),
  ];
}

/** A loop that ended because it shall says nothing of the mails that are still in work. */
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

/** A page that is served. */
export type Served = Readonly<{ port: number; stop(): Promise<void> }>;

export type ServeOptions = Readonly<{
  hostname: string;
  port: number;
  /** The variable that the port comes from, for the error. */
  variable: "HEALTH_PORT" | "METRICS_PORT";
  /** How many ports above the first may be taken instead of a busy one. */
  tries: number;
}>;

/** Serves an app. The error names the variable that must be another. */
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
  return err(`Cannot serve on ${hostname}: ${variable} must be free, is ${ports}, which another program has`);
}

function refusal(code: string | undefined, { hostname, port, variable }: Omit<ServeOptions, "tries">, error: unknown): string {
  if (code === "EACCES") return `Cannot serve on ${hostname}: this user must be allowed to take ${variable}, is ${port}`;
  const said = code ?? String(error);
  return `Cannot serve on port ${port}: HTTP_HOST must be an address of this machine, is ${quote(hostname)} (${said})`;
}
