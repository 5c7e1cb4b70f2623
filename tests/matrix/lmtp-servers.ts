// LMTP servers: the 6 ways to misbehave that only an LMTP server has, which answers the final dot once for each recipient
// (RFC 2033 §4.2).

import { bye, lhlo, lmtpData, lmtpEnvelope, three } from "../smtp/scripts.ts";
import { type Row, soon } from "./server-row.ts";

export const lmtpServers: readonly Row[] = [
  {
    name: "per-recipient 250/451/550",
    scripts: [`${lmtpData}\n S: 250 2.0.0 a\n S: 451 4.3.0 b\n S: 550 5.1.1 c${bye}`],
    verdicts: ["delivered", "delayed try-later recipient", "failed no-such-mailbox recipient 5.1.1"],
    session: "kept",
    number: "F65",
  },
  {
    name: "250 then drop",
    scripts: [`${lmtpData}\n S: 250 a\n X: close`],
    verdicts: ["delivered", "delayed in-doubt mail twice?", "delayed in-doubt mail twice?"],
    session: "dropped",
    number: "F66",
  },
  {
    name: "fewer answers than recipients",
    scripts: [`${lmtpData}\n S: 250 a\n S: 250 b\n X: mute`],
    options: { dotTimeoutMs: soon },
    verdicts: ["delivered", "delivered", "delayed in-doubt mail twice?"],
    session: "dropped",
    number: "F67",
  },
  {
    name: "more answers",
    scripts: [`${lmtpData}\n S: 250 a\n S: 250 b\n S: 250 c\n S: 250 d`],
    verdicts: ["delivered", "delivered", "delivered"],
    session: "dropped",
    number: "F67",
  },
  {
    name: "answer for a recipient refused at RCPT", // a fourth line for the three of whom one was refused
    scripts: [
      `${lmtpEnvelope}\n S: 250 ok\n S: 250 a\n S: 550 5.1.1 b\n S: 250 c\n S: 354 go\n C: Subject: hi\n C:\n C: hello\n C: .\n S: 250 a\n S: 250 c\n S: 550 5.1.1 b`,
    ],
    verdicts: ["delivered", "failed no-such-mailbox recipient 5.1.1", "delivered"],
    session: "dropped",
    number: "F67",
  },
  {
    name: "duplicate recipient", // asked for once, so that the answers cannot be miscounted
    scripts: [
      `${lhlo}\n C: MAIL FROM:<carol@remote.test>\n C: RCPT TO:<a@example.com>\n C: DATA\n S: 250 ok\n S: 250 ok\n S: 354 go\n C: Subject: hi\n C:\n C: hello\n C: .\n S: 250 a${bye}`,
    ],
    to: ["a@example.com", "A@example.com"],
    verdicts: ["delivered", "delivered"],
    session: "kept",
    number: "F67",
  },
].map((row): Row => ({ protocol: "lmtp", to: three, ...row }) as Row);
