// Open log: the log of a worker. On a terminal it has lines for people, else JSON; LOG_FORMAT chooses one of them. The code of the texts
// is loaded only where they are shown.

import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { makeLogger } from "./logger.ts";
import { redactor } from "./redact.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Output = NodeJS.WritableStream & Readonly<{ isTTY?: boolean }>;

/** Opens the log on standard output. */
export async function openLog(
  { LOG_LEVEL, LOG_FORMAT }: Pick<Config, "LOG_LEVEL" | "LOG_FORMAT">,
  env: Environment,
  to: Output = process.stdout,
): Promise<Logger> {
  const redact = redactor(env);
  if ((LOG_FORMAT ?? (to.isTTY ? "text" : "json")) === "json") return makeLogger(LOG_LEVEL, redact, to);
  const { logText } = await import("./log-text/log-text.ts");
  const { terminalStyle } = await import("./log-text/text-style.ts");
  return makeLogger(LOG_LEVEL, redact, to, logText(terminalStyle(to, env), new Date()));
}
