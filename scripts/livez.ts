// `npm run livez`: how long /livez waits while each of the costliest mails passes through a worker, as a table in Markdown. The waits
// are by the clock, so other programs on the machine lengthen them. `--rounds N`: each mail N times; the longest counts.

import { parseArgs } from "node:util";
import { costlyMails } from "../tests/hostile/costly-mails.ts";
import { type LivezRow, livezRows } from "../tests/hostile/livez.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "2" } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`Cannot measure ${values.rounds} rounds: give --rounds a number from 1`);

const rows = await livezRows(costlyMails, rounds);
console.log("| mail | longest wait of `/livez`, ms | longest own work in one turn, ms | answers | mails sent | MB sent |");
console.log("| --- | --- | --- | --- | --- | --- |");
for (const { what } of costlyMails) console.log(lineOf(rows.filter((row) => row.what === what)));
process.exit(rows.every(({ waits }) => waits.refusals === 0) ? 0 : 1);

function lineOf(each: readonly LivezRow[]): string {
  const most = (figure: (row: LivezRow) => number) => Math.max(...each.map(figure));
  const cells = [
    each[0]?.what,
    most(({ waits }) => waits.longestMs).toFixed(0),
    most(({ turns }) => turns.ownMs).toFixed(0),
    each.reduce((sum, { waits }) => sum + waits.answers, 0),
    most(({ taken }) => taken),
    (most(({ octets }) => octets) / 1e6).toFixed(1),
  ];
  return `| ${cells.join(" | ")} |`;
}
