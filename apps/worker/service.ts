// Service: the long-running part that `sesame run` and `sesame local` share: fleet, metrics, health pages and an orderly
// shutdown. The command brings the ports and the open pages.

import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { collectGarbageOnGrowth } from "./garbage-collection.ts";
import { type HealthView, healthApp, metricsApp, type PageHandler } from "./http.ts";
import { makeMetrics } from "./metrics.ts";
import { PageDoor, type PagePorts } from "./page-door.ts";
import type { Pages } from "./pages.ts";
import { wallTimers, within } from "./timers.ts";
import { version } from "./version.ts";

/** Older versions read it for each domain: whoever sets it for several domains should know that they share it now. */
export function warnOfSharedWindow(
  { domains, CONCURRENCY }: Config,
  env: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): void {
  if (domains.length < 2 || !env["CONCURRENCY"]) return;
  logger.warn(
    { event: "concurrency-shared", concurrency: CONCURRENCY, domains: domains.length },
    `CONCURRENCY is for the whole process: ${domains.length} domains share ${CONCURRENCY} mails in work`,
  );
}

/** The ports of a service, and how to close them. */
export type ServicePorts = Pick<FleetOptions, "queues" | "courier" | "probe" | "journeyPorts" | "stop" | "observer"> &
  Readonly<{
    smtpSessions(): Readonly<{ idle: number; busy: number; limit: number }>;
    /** Aborts running SMTP transactions and sends, so that their verdicts arrive at once. */
    abort(): Promise<void>;
    close(): Promise<void>;
    page: PagePorts;
  }>;

export type Service = Readonly<{
  healthPort: number;
  metricsPort: number;
  fleet: Fleet;
  /** Stops within the grace period. False: mails were still in work; their leases expire later. */
  end(graceSeconds: number): Promise<boolean>;
}>;

const abortSeconds = 5;

/** Starts polling, and shows the pages. */
export function startService(config: Config, ports: ServicePorts, logger: Logger, pages: Pages): Service {
  const metrics = makeMetrics(version);
  metrics.watch({ smtpSessions: ports.smtpSessions });
  const door = config.PAGE === "off" ? null : new PageDoor();
  const fleet = new Fleet({
    ...ports,
    ...(door !== null && { watcher: door.watcher }),
    logger,
    logAddresses: config.LOG_ADDRESSES,
    metrics,
    concurrency: config.CONCURRENCY,
    visibilitySeconds: config.VISIBILITY_SECONDS,
    waitSeconds: config.WAIT_SECONDS,
    bytesInFlight: config.MAX_BYTES_IN_FLIGHT,
    timers: wallTimers,
  });
  fleet.start();
  void door?.load();
  pages.health.show(healthApp(viewOf(fleet), door && pageOf(door, { config, fleet, ports, logger, pages })).fetch);
  pages.metrics.show(metricsApp(metrics).fetch);
  const stopCollecting = collectGarbageOnGrowth({
    timers: wallTimers,
    resident: () => process.memoryUsage.rss(),
    collect: () => Bun.gc(false), // beside the work: a forced collection would keep the event loop for 20 to 130 ms
  });
  const end = async (graceSeconds: number) => {
    stopCollecting();
    door?.stopping(graceSeconds);
    const ended = await endFleet(fleet, ports, graceSeconds);
    await door?.end();
    await pages.close();
    return ended;
  };
  return { healthPort: pages.health.port, metricsPort: pages.metrics.port, fleet, end };
}

type Running = Readonly<{ config: Config; fleet: Fleet; ports: ServicePorts; logger: Logger; pages: Pages }>;

/** The page behind the health pages. */
function pageOf(door: PageDoor, { config, fleet, ports, logger, pages }: Running): PageHandler {
  const house = {
    ...{ config, fleet, ports: ports.page, logger, version, timers: wallTimers, sessions: ports.smtpSessions },
    deadLetters: () => fleet.deadLetters,
    healthPort: () => pages.health.port,
    metricsPort: () => pages.metrics.port,
  };
  return (request, env) => door.answer(request, env, house);
}

function viewOf(fleet: Fleet): HealthView {
  return {
    version,
    maxAgeSeconds: fleet.maxAgeSeconds,
    domains: () => fleet.views(),
    stopping: () => fleet.stop.stopped,
    mailServer: () => mailServerProblem(fleet),
    circuits: () => fleet.circuits.states(),
  };
}

function mailServerProblem({ circuits: { mailServer } }: Fleet): string | null {
  if (mailServer.state === "open") return "the mail server does not accept mail";
  return mailServer.reached ? null : "the mail server was not reached yet";
}

/** Each step has a time limit: a mail server that hangs would keep the process running until it is killed. */
async function endFleet(fleet: Fleet, ports: ServicePorts, graceSeconds: number): Promise<boolean> {
  const ending = fleet.end();
  let ended = (await within(graceSeconds, ending)) !== "timeout";
  if (!ended) {
    fleet.giveUp();
    const [result] = await Promise.all([within(abortSeconds, ending), within(abortSeconds, ports.abort())]);
    ended = result !== "timeout";
  }
  if (ended) await within(abortSeconds, ports.close());
  return ended;
}

/** Stops a service at the signal and logs it. Returns the exit code: 1 if mails were still in work. */
export async function stopOnSignal(
  signalled: Promise<string>,
  { end }: Pick<Service, "end">,
  { SHUTDOWN_SECONDS: graceSeconds }: Config,
  logger: Logger,
): Promise<0 | 1> {
  const signal = await signalled;
  logger.info({ event: "stopping", signal, graceSeconds }, `stopping within ${graceSeconds} s; a second signal ends the process at once`);
  const startedAt = performance.now();
  const ended = await end(graceSeconds);
  const seconds = (performance.now() - startedAt) / 1000;
  if (ended) logger.info({ event: "stopped", seconds }, "stopped");
  else logger.error({ event: "stopped-in-work", seconds }, "stopped with mails in work: they may be delivered more than once");
  return ended ? 0 : 1;
}
