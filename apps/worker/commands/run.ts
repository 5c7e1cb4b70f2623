// sesame run: the worker on AWS. Polls until a signal, then stops in order. What must be asked of AWS first is asked before the
// most of the code is loaded.

import { startAws } from "../aws-start.ts";
import { decodeConfig } from "../config.ts";
import { exitSoon } from "../exit.ts";
import { openLog } from "../open-log.ts";
import { openPages } from "../pages.ts";
import { stopSignal } from "../signals.ts";
import { version } from "../version.ts";

/** Runs until a signal. Returns the exit code: 0 after an orderly stop, 1 if mails were still in work, 2 for a wrong configuration. */
export async function runWorker(): Promise<number> {
  const decoded = decodeConfig(process.env);
  const killPoint = process.env["SESAME_KILL_POINT"];
  const kill = killPoint ? await import("../kill-point.ts") : null;
  const order = kill?.decodeKillOrder(killPoint) ?? null;
  if (!decoded.ok || order?.ok === false) return fail([decoded, order].flatMap((each) => (each?.ok === false ? [each.error] : [])));
  const config = decoded.value;
  const logger = await openLog(config, process.env);
  const signalled = stopSignal();
  const aws = await startAws(config, logger);
  const pages = await openPages(config, 0);
  if (!pages.ok) return fail([pages.error]);
  const ready = await Promise.race([aws.ready, signalled.then(() => null)]);
  if (ready === null) {
    logger.info({ event: "stopped", seconds: 0 }, "stopped before the worker had started");
    return exitSoon(0);
  }
  if (!ready.ok) return fail([ready.error]);
  await aws.receive();
  const { startOnAws, stopOnSignal } = await import("../aws-service.ts");
  const trap = kill && order?.value ? { ...kill, trap: kill.armTrap(order.value, logger) } : null;
  const service = startOnAws(config, aws, logger, pages.value, trap);
  const { healthPort, metricsPort } = service;
  logger.info({ event: "started", version, domains: config.DOMAINS, healthPort, metricsPort }, "started");
  return exitSoon(await stopOnSignal(signalled, service, config, logger));
}

function fail(errors: readonly string[]): number {
  process.stderr.write(`${errors.join("\n")}\n`);
  return exitSoon(2);
}
