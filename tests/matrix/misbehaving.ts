// Misbehaving servers: all of them, by whose they are, and as docs/reliability.md shows them.

import { dovecotServers } from "./dovecot-servers.ts";
import { lmtpServers } from "./lmtp-servers.ts";
import { moxServers } from "./mox-servers.ts";
import type { Row } from "./server-row.ts";

export const misbehaving: readonly (readonly [source: string, servers: readonly Row[], count: number])[] = [
  ["Dovecot", dovecotServers, 22],
  ["mox", moxServers, 16],
  ["LMTP", lmtpServers, 6],
];

/** Lines of Markdown. */
export function misbehavingTable(): readonly string[] {
  const rows = misbehaving.flatMap(([source, servers]) =>
    servers.map(
      ({ name, verdicts, session }) =>
        `| ${source} | ${name} | ${verdicts.join("; ").replaceAll(" twice?", ", ≤ 1 copy more")} | ${session} |`,
    ),
  );
  return ["| of | server | mail | session |", "|---|---|---|---|", ...rows];
}
