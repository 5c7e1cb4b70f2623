// Logger: JSON lines on standard output, without secrets. log.ts says what is written; open-log.ts may make texts for people of them.

import pino, { type DestinationStream, type Logger, type LoggerOptions } from "pino";
import type { Redact } from "./redact.ts";

/**
 * Makes the logger: `time` in RFC 3339 UTC, `level` as a word. Each finished line passes `redact`, and then `shape`, which may make a text
 * for people from it.
 */
export function makeLogger(
  level: string,
  redact: Redact,
  to: DestinationStream = process.stdout,
  shape: (line: string) => string = oneLine,
): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: { streamWrite: (line) => shape(redact(line)) },
  };
  return pino(options, to);
}

/** Escapes characters that are data in JSON (RFC 8259 §7) but line ends for some log readers. */
function oneLine(line: string): string {
  return line.replace(/[\u0085\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
