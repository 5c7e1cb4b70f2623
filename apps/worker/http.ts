// HTTP: health and metrics over Hono. Liveness looks at the loops alone, so that trouble of a neighbour restarts nothing;
// readiness also asks whether the queues answer and the mail server takes mail. No page holds an address or a secret.

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

/** Serves an app. `tries`: how many ports above the first may be taken instead of a busy one; `null` where none can be had. */
export function serve(app: Hono, hostname: string, port: number, tries: number): Readonly<{ port: number; stop(): Promise<void> }> | null {
  for (let next = port; next <= (port === 0 ? 0 : port + tries); next++) {
    try {
      const server = Bun.serve({ fetch: app.fetch, hostname, port: next });
      return { port: server.port ?? next, stop: () => server.stop(true) };
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") return null; // no other port will do: the address, or the right
    }
  }
  return null;
}
