// Service: what each command that carries mail has in common: logger, metrics, fleet, pages, and an end in good order. Which
// ports it runs on is the command's choice.

import { err, ok, type Result } from "@sesame/core";
import { wallTimers } from "@sesame/smtp";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { healthApp, metricsApp, serve } from "./http.ts";
import { makeMetrics } from "./metrics.ts";
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
  const health = serve(
    healthApp({
      version,
      maxAgeSeconds: fleet.maxAgeSeconds,
      domains: () => fleet.views(),
      stopping: () => fleet.stop.stopped,
      mailServer: () => (fleet.circuit.state === "open" ? "the mail server takes no mail" : null),
    }),
    config.HTTP_HOST,
    config.HEALTH_PORT,
    portTries,
  );
  const numbers = serve(metricsApp(metrics), config.HTTP_HOST, config.METRICS_PORT, portTries);
  if (health === null || numbers === null) {
    await Promise.all([health?.stop(), numbers?.stop(), ports.close()]);
    const { HTTP_HOST, HEALTH_PORT, METRICS_PORT } = config;
    const rule = "HTTP_HOST must be an address of this machine, and HEALTH_PORT and METRICS_PORT free and allowed";
    return err(`Cannot serve health and metrics as ${rule}: current value is ${HTTP_HOST}, ${HEALTH_PORT} and ${METRICS_PORT}`);
  }
  fleet.start();
  const untidy = keepTidy({ timers: wallTimers, resident: () => process.memoryUsage.rss(), collect: () => Bun.gc(true) });
  const end = async (graceSeconds: number) => {
    untidy();
    const ending = fleet.end();
    let ended = (await within(graceSeconds, ending)) !== "over";
    if (!ended) {
      await ports.abort();
      ended = (await within(abortSeconds, ending)) !== "over";
    }
    if (ended) await ports.close();
    await Promise.all([health.stop(), numbers.stop()]);
    return ended;
  };
  return ok({ healthPort: health.port, metricsPort: numbers.port, fleet, end });
}
