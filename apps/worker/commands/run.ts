// sesame run: the worker on AWS. Polls until a signal, then stops in order.

import { clientsOf, openAwsPorts } from "../aws-ports.ts";
import { decodeConfig } from "../config.ts";
import { armTrap, decodeKillOrder, trapPorts } from "../kill-point.ts";
import { makeLogger } from "../log.ts";
import { redactor } from "../redact.ts";
import { openService, stopOnSignal, warnOfSharedWindow } from "../service.ts";
import { stopSignal } from "../signals.ts";
import { exitSoon } from "../timers.ts";
import { version } from "../version.ts";

/** Runs until a signal. Returns the exit code: 0 after an orderly stop, 1 if mails were still in work, 2 for a wrong configuration. */
export async function runWorker(): Promise<number> {
  const config = decodeConfig(process.env);
  const killOrder = decodeKillOrder(process.env["SESAME_KILL_POINT"]);
  if (!config.ok || !killOrder.ok) {
    for (const each of [config, killOrder]) if (!each.ok) process.stderr.write(`${each.error}\n`);
    return 2;
  }
  const { DOMAINS, LOG_LEVEL } = config.value;
  const logger = makeLogger(LOG_LEVEL, redactor(process.env));
  warnOfSharedWindow(config.value, process.env, logger);
  const signalled = stopSignal();
  const trap = killOrder.value && armTrap(killOrder.value, logger);
  const clients = clientsOf(config.value);
  const opening = openAwsPorts(config.value, clients, logger, trap ? { onPhase: trap.reach } : {});
  const ports = await Promise.race([opening, signalled.then(() => null)]);
  if (ports === null) {
    clients.close();
    logger.info({ event: "stopped", seconds: 0 }, "stopped before the worker had started");
    return exitSoon(0);
  }
  const service = ports.ok ? await openService(config.value, trap ? trapPorts(ports.value, trap) : ports.value, logger, 0) : ports;
  if (!service.ok) {
    process.stderr.write(`${service.error}\n`);
    return exitSoon(2);
  }
  const { healthPort, metricsPort } = service.value;
  logger.info({ event: "started", version, domains: DOMAINS, healthPort, metricsPort }, "started");
  return exitSoon(await stopOnSignal(signalled, service.value, config.value, logger));
}
