// AWS service: the rest of `sesame run`, which is loaded while the first entries are on their way.

import type { Logger } from "pino";
import { openAwsPorts } from "./aws-ports.ts";
import type { AwsStart } from "./aws-start.ts";
import type { Config } from "./config.ts";
import type { KillTrap } from "./kill-point.ts";
import type { Pages } from "./pages.ts";
import { type Service, type ServicePorts, startService, warnOfSharedWindow } from "./service.ts";
import { warnOfVariables } from "./variable-names.ts";

export { stopOnSignal } from "./service.ts";

/** For tests only: a trap, and what lays it around the ports. */
type Trap = Readonly<{ trap: KillTrap; trapPorts(ports: ServicePorts, trap: KillTrap): ServicePorts }>;

export function startOnAws(config: Config, start: AwsStart, logger: Logger, pages: Pages, kill: Trap | null): Service {
  warnOfVariables(process.env, logger);
  warnOfSharedWindow(config, process.env, logger);
  const ports = openAwsPorts(config, start, logger, kill === null ? {} : { onPhase: kill.trap.reach });
  return startService(config, kill === null ? ports : kill.trapPorts(ports, kill.trap), logger, pages);
}
