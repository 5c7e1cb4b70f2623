// Service: what each command that carries mail has in common: logger, metrics, fleet, pages, and an end in good order. Which
// ports it runs on is the command's choice.

import { err, ok, type Result } from "@sesame/core";
import { wallTimers } from "@sesame/smtp";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { healthApp, metricsApp, serve } from "./http.ts";
import { type Metrics, makeMetrics } from "./metrics.ts";
import { within } from "./signals.ts";
import { keepTidy } from "./tidy.ts";
import { version } from "./version.ts";

/** The ports of a service, and how to let go of them. */
export type ServicePorts = Pick<FleetOptions, "queues" | "ledger" | "courier" | "probe" | "way" | "stop" | "witness"> &
  Readonly<{
    smtpSessions(): Readonly<{ idle: number; busy: number }>;
    /** Ends what is still under way at once, so that its verdicts come in. */
    abort(): Promise<void>;
    close(): Promise<void>;
  }>;

export type Service = Readonly<{
  healthPort: number;
  metricsPort: number;
  fleet: Fleet;
  /** Ends within the grace. False: mails were still in work, and their leases will run out. */
  end(graceSeconds: number): Promise<boolean>;
}>;

const abortSeconds = 5;

/** Serves the pages and begins to poll. `portTries`: how far to look for free ports of the pages. */
export async function openService(config: Config, ports: ServicePorts, logger: Logger, portTries: number): Promise<Result<Service>> {
  const metrics = makeMetrics(version);
  metrics.watch({ smtpSessions: ports.smtpSessions });
  const fleet = new Fleet({
    ...ports,
    logger,
    logAddresses: config.LOG_ADDRESSES,
    metrics,
    concurrency: config.CONCURRENCY,
    visibilitySeconds: config.VISIBILITY_SECONDS,
    waitSeconds: config.WAIT_SECONDS,
    bytesInFlight: config.MAX_BYTES_IN_FLIGHT,
    timers: wallTimers,
  });
  const pages = await servePages(config, fleet, metrics, portTries);
  if (!pages.ok) {
    await ports.close();
    return pages;
  }
  fleet.start();
  const untidy = keepTidy({ timers: wallTimers, resident: () => process.memoryUsage.rss(), collect: () => Bun.gc(true) });
  const { healthPort, metricsPort, close } = pages.value;
  const end = async (graceSeconds: number) => {
    untidy();
    const ended = await endFleet(fleet, ports, graceSeconds);
    await close();
    return ended;
  };
  return ok({ healthPort, metricsPort, fleet, end });
}

type Pages = Readonly<{ healthPort: number; metricsPort: number; close(): Promise<unknown> }>;

async function servePages(config: Config, fleet: Fleet, metrics: Metrics, tries: number): Promise<Result<Pages>> {
  const view = {
    version,
    maxAgeSeconds: fleet.maxAgeSeconds,
    domains: () => fleet.views(),
    stopping: () => fleet.stop.stopped,
    mailServer: () => (fleet.circuit.state === "open" ? "the mail server takes no mail" : null),
  };
  const at = { hostname: config.HTTP_HOST, tries };
  const health = serve(healthApp(view), { ...at, port: config.HEALTH_PORT, variable: "HEALTH_PORT" });
  const numbers = serve(metricsApp(metrics), { ...at, port: config.METRICS_PORT, variable: "METRICS_PORT" });
  const close = () => Promise.all([health, numbers].map((page) => (page.ok ? page.value.stop() : null)));
  if (health.ok && numbers.ok) return ok({ healthPort: health.value.port, metricsPort: numbers.value.port, close });
  await close();
  return err([health, numbers].flatMap((page) => (page.ok ? [] : [page.error])).join("\n"));
}

/** No step may wait for more than its time: a mail server that hangs would keep the process until it is killed. */
async function endFleet(fleet: Fleet, ports: ServicePorts, graceSeconds: number): Promise<boolean> {
  const ending = fleet.end();
  let ended = (await within(graceSeconds, ending)) !== "over";
  if (!ended) {
    const [over] = await Promise.all([within(abortSeconds, ending), within(abortSeconds, ports.abort())]);
    ended = over !== "over";
  }
  if (ended) await within(abortSeconds, ports.close());
  return ended;
}

/** Ends a service in good order once it is told to, and says so. Gives the exit code: 1 where mails were still in work. */
export async function endAt(
  ending: Promise<string>,
  { end }: Pick<Service, "end">,
  { SHUTDOWN_SECONDS: graceSeconds }: Config,
  logger: Logger,
): Promise<0 | 1> {
  const signal = await ending;
  logger.info({ event: "stopping", signal, graceSeconds }, `stopping within ${graceSeconds} s; a second signal ends it at once`);
  const began = performance.now();
  const ended = await end(graceSeconds);
  const seconds = (performance.now() - began) / 1000;
  if (ended) logger.info({ event: "stopped", seconds }, "stopped");
  else logger.error({ event: "stopped-in-work", seconds }, "stopped with mails in work: they may be delivered more than once");
  return ended ? 0 : 1;
}
