// SMTP expected: nine commands of a session, each answered in five bad ways, and what becomes of the mail and of the
// session. "idle" is no command: the session waits in the pool. Data for the SMTP matrix.

export type Command = (typeof commands)[number];
export const commands = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT", "idle"] as const;

export type Way = (typeof ways)[number];
export const ways = ["4xx", "5xx", "drop", "421", "silence"] as const;

export type Protocol = "smtp" | "lmtp";

/** One verdict for both recipients, or one for each; `session`: whether the next mail may use it. */
export type Expected = Readonly<{ verdicts: string | readonly [string, string]; session: "kept" | "dropped" }>;

/** A cell in which the two protocols differ names both. */
type Cell = Expected | Readonly<Record<Protocol, Expected>>;

const kept = (verdicts: Expected["verdicts"]): Expected => ({ verdicts, session: "kept" });
const dropped = (verdicts: Expected["verdicts"]): Expected => ({ verdicts, session: "dropped" });

const unreachable = dropped("delayed unreachable host");
const goodbye = dropped("delayed try-later host");
const goodbyeAfterMail = dropped("delayed try-later mail"); // the server answered MAIL, so it is there
const inDoubt = "delayed in-doubt mail twice?"; // RFC 1047
const taken = kept("delivered");
const renewed = dropped("delivered"); // over a fresh session, within the attempt
const afterRefusal = dropped("delayed try-later recipient");

const cells: Readonly<Record<Command, Readonly<Record<Way, Cell>>>> = {
  CONNECT: { "4xx": goodbye, "5xx": dropped("delayed refused-us host"), drop: unreachable, "421": goodbye, silence: unreachable },
  EHLO: {
    // Who knows no EHLO is asked by HELO (RFC 5321 §3.2); LMTP has no such fallback (RFC 2033 §4.1).
    "4xx": { smtp: taken, lmtp: goodbye },
    "5xx": { smtp: taken, lmtp: dropped("delayed refused-us host") },
    drop: unreachable,
    "421": goodbye,
    silence: unreachable,
  },
  MAIL: {
    "4xx": kept("delayed try-later host"), // 4.3.0 speaks of the system (RFC 3463 §3.4)
    "5xx": kept("delayed refused-us mail"),
    drop: dropped("delayed session-lost host"),
    "421": goodbye,
    silence: dropped("delayed session-lost host"),
  },
  RCPT: {
    "4xx": kept("delayed try-later recipient"),
    "5xx": kept("failed no-such-mailbox recipient 5.1.1"),
    drop: dropped("delayed session-lost mail"),
    "421": goodbyeAfterMail,
    silence: dropped("delayed session-lost mail"),
  },
  DATA: {
    "4xx": kept("delayed try-later mail"),
    "5xx": kept("failed content-refused mail 5.6.0"),
    drop: dropped("delayed session-lost mail"),
    "421": goodbyeAfterMail,
    silence: dropped("delayed session-lost mail"),
  },
  ".": {
    "4xx": { smtp: kept("delayed try-later mail"), lmtp: kept("delayed try-later recipient") },
    "5xx": { smtp: kept("failed content-refused mail 5.6.0"), lmtp: kept("failed content-refused recipient 5.6.0") },
    drop: dropped(inDoubt),
    "421": { smtp: dropped("delayed try-later mail twice?"), lmtp: dropped(["delayed try-later mail twice?", inDoubt]) },
    silence: dropped(inDoubt),
  },
  // RSET is owed after a refused mail: the verdict is that of the refusal (here 450 at RCPT).
  RSET: { "4xx": afterRefusal, "5xx": afterRefusal, drop: afterRefusal, "421": afterRefusal, silence: afterRefusal },
  QUIT: { "4xx": taken, "5xx": taken, drop: taken, "421": taken, silence: taken },
  idle: { "4xx": renewed, "5xx": renewed, drop: renewed, "421": renewed, silence: renewed },
};

/** What a cell must come to. */
export function expectedOf(command: Command, way: Way, protocol: Protocol): Expected {
  const cell = cells[command][way];
  return "session" in cell ? cell : cell[protocol];
}

/** The fault's number in the project's list of 88, where it has one. */
export function numberOf(command: Command, way: Way, protocol: Protocol): string | null {
  const refused = way === "4xx" || way === "5xx";
  switch (command) {
    case "CONNECT":
      return "F55";
    case "EHLO":
      return refused ? "F56" : null;
    case "MAIL":
      return refused ? "F57" : null;
    case "RCPT":
      return { "4xx": "F58", "5xx": "F59" }[way as string] ?? null;
    case "DATA":
      return refused || way === "silence" ? "F60" : null;
    case ".":
      if (refused) return protocol === "lmtp" ? "F65" : "F62";
      return "F63";
    case "RSET":
      return "F70";
    case "QUIT":
      return null;
    case "idle":
      return "F69";
    default:
      return command satisfies never;
  }
}
