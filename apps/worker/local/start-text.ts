// Start text: what `sesame local` prints when it takes mail: its addresses, its folder, and commands to try.

import { isAbsolute, relative, resolve } from "node:path";
import { shellWord } from "@sesame/core/explain";

/** What a start text is made from. */
export type LocalStart = Readonly<{
  version: string;
  domains: readonly string[];
  /** Address of the page; `null` if there is none. */
  page: string | null;
  healthPort: number;
  smtpPort: number;
  /** The port that `sesame send` takes without --port. */
  usualSmtpPort: number;
  /** The mail server that gets the mail; `null`: Maildirs in the data folder. */
  mailServer: string | null;
  /** The data folder, the folder in which the command was started, and the data folder that the commands take without --data. */
  folder: string;
  here: string;
  usualFolder: string;
  /** How the command line is called, such as `sesame`. */
  command: string;
}>;

/** The text, with an empty line at its end. */
export function startText(start: LocalStart): string {
  const { version, domains, page, healthPort, smtpPort, mailServer, folder, here, command } = start;
  const [domain = "example.com"] = domains;
  const port = smtpPort === start.usualSmtpPort ? "" : ` --port ${smtpPort}`;
  const data = folder === resolve(here, start.usualFolder) ? "" : ` --data ${shellWord(folder)}`;
  const where = mailServer === null ? "nothing leaves this machine" : `mail goes to ${mailServer}, and to no other host`;
  return `Sesame ${version} serves ${domains.join(", ")}; ${where}

  ${page === null ? `health    http://127.0.0.1:${healthPort}/health` : `page      ${page}`}
  mail in   smtp://127.0.0.1:${smtpPort}
  data      ${shownFolder(folder, here)} (${mailServer === null ? "mailboxes, " : ""}outbox, rules)

${page === null ? "Paste" : "Open the page, or paste"} one of these into another terminal:

  ${command} send${port} --from bob@remote.test --to alice@${domain} --subject Hello
  ${command} rules set alice@${domain}${data} --ooo "I am away until Monday"
  ${command} block set alice@${domain}${data} "*@spam.test"

`;
}

/** Relative to the folder in which the command was started, if it is in there. */
function shownFolder(folder: string, here: string): string {
  const short = relative(here, folder);
  return short === "" || short.startsWith("..") || isAbsolute(short) ? folder : short;
}
