// sesame run: the worker on AWS. Polls until a signal, then ends in good order.

import { clientsOf, openAwsPorts } from "../aws-ports.ts";
import { decodeConfig } from "../config.ts";
import { armTrap, decodeKillOrder, trapPorts } from "../kill-point.ts";
import { makeLogger } from "../log.ts";
import { redactor } from "../secrets.ts";
import { openService } from "../service.ts";
import { signalled } from "../signals.ts";
import { version } from "../version.ts";

const lastWordsMs = 1000;

/** Runs until a signal. Returns the exit code: 0 after an end in order, 1 where mails were still in work, 2 for a wrong configuration. */
export async function runWorker(): Promise<number> {
  const config = decodeConfig(process.env);
  const killOrder = decodeKillOrder(process.env["SESAME_KILL_POINT"]);
  if (!config.ok || !killOrder.ok) {
    for (const each of [config, killOrder]) if (!each.ok) process.stderr.write(`${each.error}\n`);
    return 2;
  }
  const { DOMAINS, SHUTDOWN_SECONDS, LOG_LEVEL } = config.value;
  const logger = makeLogger(LOG_LEVEL, redactor(process.env));
  const ending = signalled();
  const trap = killOrder.value && armTrap(killOrder.value, logger);
  const clients = clientsOf(config.value);
  const opening = openAwsPorts(config.value, clients, logger, trap ? { onPhase: trap.reach } : {});
  const ports = await Promise.race([opening, ending.then(() => null)]);
  if (ports === null) {
    clients.close();
    logger.info({ event: "stopped", seconds: 0 }, "stopped before the start");
    return exitSoon(0);
  }
  const service = ports.ok ? await openService(config.value, trap ? trapPorts(ports.value, trap) : ports.value, logger, 0) : ports;
  if (!service.ok) {
    process.stderr.write(`${service.error}\n`);
    return exitSoon(2);
  }
  const { healthPort, metricsPort, end } = service.value;
  logger.info({ event: "started", version, domains: DOMAINS, healthPort, metricsPort }, "started");
  const signal = await ending;
  logger.info({ event: "stopping", signal, graceSeconds: SHUTDOWN_SECONDS }, "stopping");
  const began = performance.now();
  const ended = await end(SHUTDOWN_SECONDS);
  const seconds = (performance.now() - began) / 1000;
  if (ended) logger.info({ event: "stopped", seconds }, "stopped");
  else logger.error({ event: "stopped-in-work", seconds }, "stopped with mails in work: they may be delivered more than once");
  return exitSoon(ended ? 0 : 1);
}

/** What nobody waits for any more must not keep the process; but the log must have time to leave it. */
function exitSoon(code: number): number {
  setTimeout(() => process.exit(code), lastWordsMs).unref();
  return code;
}
