// mox servers: the 16 servers against which mox tests its SMTP client (smtpclient), by what they do.

import { bye, data, envelope, hello, resetAndBye, three } from "../smtp/scripts.ts";
import { mailFrom, type Row, startTls, unreachable } from "./server-row.ts";

const rcptTo = `${mailFrom}\n S: 250 ok\n C: RCPT TO:<alice@example.com>`;

export const moxServers: readonly Row[] = [
  { name: "bogus greeting", scripts: ["S: bogus"], verdicts: ["delayed protocol-error host"], session: "dropped", number: "F55" },
  { name: "closes at once", scripts: ["X: close"], verdicts: unreachable, session: "dropped", number: "F55" },
  {
    name: "not SMTP",
    scripts: ["S: HTTP/1.1 400 Bad Request"],
    verdicts: ["delayed protocol-error host"],
    session: "dropped",
    number: "F55",
  },
  { name: "4-digit code", scripts: ["S: 2200 mx"], verdicts: ["delayed protocol-error host"], session: "dropped", number: "F55" },
  {
    name: "multi-line with different codes",
    scripts: ["S: 220 mx.test\n C: EHLO worker.test\n S: 250-mx.test\n S: 251 no"],
    verdicts: ["delayed protocol-error host"],
    session: "dropped",
    number: "F55",
  },
  {
    name: "5xx MAIL", // speaks of our reverse-path, so it is our configuration
    scripts: [`${mailFrom}\n S: 550 5.7.0 not allowed${resetAndBye}`],
    verdicts: ["delayed refused-us mail"],
    session: "kept",
    number: "F57",
  },
  {
    name: "4xx MAIL",
    scripts: [`${mailFrom}\n S: 451 not now${resetAndBye}`],
    verdicts: ["delayed try-later mail"],
    session: "kept",
    number: "F57",
  },
  {
    name: "4xx RCPT",
    scripts: [`${rcptTo}\n S: 451 not now${resetAndBye}`],
    verdicts: ["delayed try-later recipient"],
    session: "kept",
    number: "F58",
  },
  {
    name: "5xx DATA",
    scripts: [`${envelope}\n C: DATA\n S: 550 no!${resetAndBye}`],
    verdicts: ["failed content-refused mail 5.6.0"],
    session: "kept",
    number: "F60",
  },
  {
    name: "TLS required",
    scripts: [`${startTls}\n S: 454 4.7.0 not now`],
    options: { tls: "required" },
    verdicts: ["delayed try-later host"],
    session: "dropped",
    number: "F71",
  },
  {
    name: "TLS skipped",
    scripts: [`${startTls}\n S: 454 4.7.0 not now${data.replace(hello, "")}\n S: 250 ok${bye}`],
    options: { tls: "opportunistic" },
    verdicts: ["delivered"],
    session: "kept",
    number: "F71",
  },
  {
    name: "RSET before the next transaction", // the server goes at the RSET: the verdict stands
    scripts: [`${mailFrom}\n S: 451 not now\n C: RSET\n X: close`],
    verdicts: ["delayed try-later mail"],
    session: "dropped",
    number: "F70",
  },
  {
    name: "550 + close while pipelining MAIL", // there: stays permanent; here: stays what the 550 said, and is no lost session
    scripts: [pipelined("S: 550 5.7.1 not allowed\n X: close")],
    verdicts: ["delayed refused-us mail"],
    session: "dropped",
    number: "F57",
  },
  {
    name: "554 + close at RCPT",
    scripts: [`${rcptTo}\n S: 554 5.1.1 no such user\n X: close`],
    verdicts: ["failed no-such-mailbox recipient 5.1.1"],
    session: "dropped",
    number: "F59",
  },
  {
    name: "452 on the first of several, pipelined",
    scripts: [
      pipelined(
        "S: 250 ok\n S: 452 4.5.3 too many\n S: 250 ok\n S: 250 ok\n S: 354 go\n C: Subject: hi\n C:\n C: hello\n C: .\n S: 250 ok",
        three,
      ) + bye,
    ],
    to: three,
    verdicts: ["delayed try-later recipient", "delivered", "delivered"],
    session: "kept",
    number: "F58",
  },
  {
    name: "452 on the first of several, not pipelined",
    scripts: [
      `${mailFrom}
      S: 250 ok
      C: RCPT TO:<a@example.com>
      S: 452 4.5.3 too many
      C: RCPT TO:<b@example.com>
      S: 250 ok
      C: RCPT TO:<c@example.com>
      S: 250 ok
      C: DATA
      S: 354 go
      C: Subject: hi
      C:
      C: hello
      C: .
      S: 250 ok${bye}`,
    ],
    to: three,
    verdicts: ["delayed try-later recipient", "delivered", "delivered"],
    session: "kept",
    number: "F58",
  },
];

/** A server that lets commands be sent together, and answers all of them then (RFC 2920). */
function pipelined(answers: string, to: readonly string[] = ["alice@example.com"]): string {
  const rcpt = to.map((address) => `C: RCPT TO:<${address}>`).join("\n");
  return `S: 220 mx.test\n C: EHLO worker.test\n S: 250-mx.test\n S: 250 PIPELINING\n C: MAIL FROM:<carol@remote.test>\n ${rcpt}\n C: DATA\n ${answers}`;
}
