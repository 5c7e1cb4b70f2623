// HTTP: health and metrics over Hono. Liveness looks at the loops alone, so that trouble of a neighbour restarts nothing.

import { type Context, Hono } from "hono";
import type { Metrics } from "./metrics.ts";

export type HealthView = Readonly<{
  version: string;
  /** Per domain: seconds since its last poll answered (`null` before the first), and the size of its queue. */
  domains(): Promise<
    readonly Readonly<{ domain: string; pollAgeSeconds: number | null; queue: Readonly<Record<string, number>>; inFlight: number }>[]
  >;
  /** How old a poll may be before its loop counts as dead. */
  maxPollAgeSeconds: number;
}>;

/** `/health`, `/livez` and `/readyz`. */
export function healthApp(view: HealthView): Hono {
  const app = new Hono();
  app.get("/health", async (context) => {
    const domains = await view.domains();
    const ok = domains.every(({ pollAgeSeconds }) => isAlive(pollAgeSeconds, view));
    return context.json({ status: ok ? "ok" : "failing", version: view.version, domains }, ok ? 200 : 503);
  });
  const alive = async (context: Context) => {
    const ok = (await view.domains()).every(({ pollAgeSeconds }) => isAlive(pollAgeSeconds, view));
    return context.json({ status: ok ? "ok" : "failing" }, ok ? 200 : 503);
  };
  app.get("/livez", alive);
  app.get("/readyz", alive);
  return app;
}

function isAlive(age: number | null, { maxPollAgeSeconds }: HealthView): boolean {
  return age !== null && age <= maxPollAgeSeconds;
}

/** `/metrics` in Prometheus text form. */
export function metricsApp({ registry }: Metrics): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) => context.text(await registry.metrics(), 200, { "Content-Type": registry.contentType }));
  return app;
}

/** Serves an app; a busy port: the next one. `null` where none of twenty is free. */
export function serve(app: Hono, hostname: string, port: number): Readonly<{ port: number; stop(): Promise<void> }> | null {
  for (let next = port; next <= (port === 0 ? 0 : port + 20); next++) {
    try {
      const server = Bun.serve({ fetch: app.fetch, hostname, port: next });
      return { port: server.port ?? next, stop: () => server.stop(true) };
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    }
  }
  return null;
}
