// Pages: the two HTTP servers of a worker, for health and for metrics. They are open before anything is received, so that a port in
// use ends the start in time; what they answer comes later (http.ts).

import { err, ok, quote, type Result } from "@sesame/core";
import type { Config } from "./config.ts";

type Answer = (request: Request) => Response | Promise<Response>;

export type Pages = Readonly<{ health: Served; metrics: Served; close(): Promise<void> }>;

/** Opens both. `tries`: how many ports above the configured ones may be tried. */
export async function openPages(config: Pick<Config, "HTTP_HOST" | "HEALTH_PORT" | "METRICS_PORT">, tries: number): Promise<Result<Pages>> {
  const at = { hostname: config.HTTP_HOST, tries };
  const health = serve({ ...at, port: config.HEALTH_PORT, variable: "HEALTH_PORT" });
  const metrics = serve({ ...at, port: config.METRICS_PORT, variable: "METRICS_PORT" });
  const close = async () => void (await Promise.all([health, metrics].map((page) => (page.ok ? page.value.stop() : null))));
  if (health.ok && metrics.ok) return ok({ health: health.value, metrics: metrics.value, close });
  await close();
  return err([health, metrics].flatMap((page) => (page.ok ? [] : [page.error])).join("\n"));
}

/** An HTTP server that runs. */
type Served = Readonly<{
  port: number;
  /** Answers so from now on. */
  show(answer: Answer): void;
  stop(): Promise<void>;
}>;

type ServeOptions = Readonly<{
  hostname: string;
  port: number;
  /** The variable with the port, for the error text. */
  variable: "HEALTH_PORT" | "METRICS_PORT";
  /** How many ports above the first may be tried if it is in use. */
  tries: number;
}>;

/** Until something is shown, the worker starts. The error names the variable to change. */
function serve({ hostname, port, variable, tries }: ServeOptions): Result<Served> {
  const last = port === 0 ? 0 : Math.min(port + tries, 65_535);
  for (let next = port; next <= last; next++) {
    try {
      const server = Bun.serve({ fetch: starting, hostname, port: next });
      const show = (answer: Answer) => void server.reload({ fetch: answer });
      return ok({ port: server.port ?? next, show, stop: () => server.stop(true) });
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code !== "EADDRINUSE") return err(refusal(code, { hostname, port: next, variable }, error));
    }
  }
  const ports = last === port ? String(port) : `${port} to ${last}`;
  return err(`Cannot listen on ${hostname} port ${ports}: another program uses it; set ${variable} to a free port`);
}

/** A start that waits for AWS is no reason to restart the worker. */
function starting({ url }: Request): Response {
  if (new URL(url).pathname === "/livez") return Response.json({ status: "ok", trouble: [] });
  return Response.json({ status: "failing", trouble: ["starting"] }, { status: 503 });
}

function refusal(code: string | undefined, { hostname, port, variable }: Omit<ServeOptions, "tries">, error: unknown): string {
  if (code === "EACCES") return `Cannot listen on ${hostname} port ${port}: this user may not use it; set ${variable} to a port above 1023`;
  const reason = code ?? String(error);
  return `Cannot listen on port ${port}: HTTP_HOST must be an address of this machine, is ${quote(hostname)} (${reason})`;
}
