// Page names: the commands and the mail server as the page names them, so that what it prints can be copied.

import { shellWord } from "@sesame/core/explain";
import type { Config } from "./config.ts";
import type { Commands } from "./page/story.tsx";

/** The commands, as this program is called. `tables`: the option that chooses the tables, with a space before it. */
export function commandsNamed(program: string, tables: string): Commands {
  return { rules: `${program} rules`, block: `${program} block`, trace: `${program} trace`, replay: `${program} replay`, tables };
}

const isCompiled = Bun.main.includes("$bunfs"); // the virtual file system of the compiled executable

/** How a person calls the command line that runs now, for commands to copy. */
export function programName(): string {
  if (!isCompiled) return "npm run --silent sesame --";
  return Bun.which("sesame") === process.execPath ? "sesame" : shellWord(process.execPath);
}

/** Host and port of the mail server. */
export function serverName({ SMTP_HOST = "localhost", SMTP_PORT, DELIVERY }: Pick<Config, "SMTP_HOST" | "SMTP_PORT" | "DELIVERY">): string {
  return `${SMTP_HOST}:${SMTP_PORT ?? (DELIVERY === "lmtp" ? 24 : 25)}`;
}
