// Dovecot servers: the 22 servers and resolvers against which Dovecot tests its SMTP client (test-smtp-client-errors), by its
// names.

import { contentOf } from "../smtp/samples.ts";
import { data, envelope, hello } from "../smtp/scripts.ts";
import { mailFrom, type Row, soon, startTls, unreachable } from "./server-row.ts";

const silent = "delayed session-lost host";
const credentials = { user: "user", password: "secret" };
const authPlain = "S: 220 mx.test\n C: EHLO worker.test\n S: 250-mx.test\n S: 250 AUTH PLAIN\n C: AUTH PLAIN AHVzZXIAc2VjcmV0";

async function* brokenPayload(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("hel");
  throw new Error("the store broke off");
}

export const dovecotServers: readonly Row[] = [
  {
    name: "unconfigured ssl", // there: no TLS to be had on our side; here: none on theirs, where it is required
    scripts: ["S: 220 mx.test\n C: EHLO worker.test\n S: 250 mx.test\n C: STARTTLS\n S: 502 5.5.1 what?"],
    options: { tls: "required" },
    verdicts: ["delayed refused-us host"],
    session: "dropped",
    number: "F71",
  },
  {
    name: "ssl abort",
    scripts: [`${startTls}\n S: 220 go\n X: close`],
    options: { tls: "required" },
    verdicts: unreachable,
    session: "dropped",
    number: "F71",
  },
  { name: "host lookup failed", scripts: [], dns: "unknown", verdicts: unreachable, session: "dropped", number: "F54" },
  { name: "connection refused", scripts: [], verdicts: unreachable, session: "dropped", number: "F54" },
  { name: "lost prematurely", scripts: ["X: close"], verdicts: unreachable, session: "dropped", number: "F55" },
  {
    name: "timed out",
    scripts: ["X: mute"],
    options: { greetingTimeoutMs: soon },
    verdicts: unreachable,
    session: "dropped",
    number: "F55",
  },
  {
    name: "broken payload",
    scripts: [`${envelope}\n C: DATA\n S: 354 go\n X: mute`],
    content: contentOf("Subject: hi\r\n\r\n", { rest: brokenPayload, size: 100 }),
    verdicts: ["delayed port-error mail"],
    session: "dropped",
  },
  {
    name: "connection lost",
    scripts: [`${envelope}\n C: DATA\n S: 354 go\n X: reset`],
    content: large(),
    verdicts: ["delayed session-lost mail"],
    session: "dropped",
    number: "F61",
  },
  {
    name: "unexpected reply", // behind the answer to EHLO: nothing is said to a server that is out of step from the start
    scripts: [`${hello}\n S: 250 surplus\n X: mute`],
    verdicts: ["delayed protocol-error host"],
    session: "dropped",
    number: "F70",
  },
  {
    name: "premature reply", // to RCPT and DATA, before they are sent
    scripts: [`${mailFrom}\n S: 250 ok\n S: 250 ok\n S: 354 go\n X: mute`],
    verdicts: ["delayed protocol-error mail"],
    session: "dropped",
    number: "F70",
  },
  {
    name: "early data reply", // believed where it refuses the mail for all, since nothing was taken
    scripts: [`${envelope}\n C: DATA\n S: 354 go\n S: 500 5.0.0 Unacceptable!\n X: mute`],
    verdicts: ["failed content-refused mail 5.0.0"],
    session: "dropped",
    number: "F60",
  },
  { name: "partial reply", scripts: [`${mailFrom}\n S~ 500 Comm\n X: close`], verdicts: [silent], session: "dropped" },
  { name: "bad reply", scripts: [`${mailFrom}\n S: 666 Really bad reply`], verdicts: ["delayed protocol-error host"], session: "dropped" },
  { name: "bad greeting", scripts: ["S: 666 Mouhahahaha!!"], verdicts: ["delayed protocol-error host"], session: "dropped", number: "F55" },
  {
    name: "command timed out",
    scripts: [`${mailFrom}\n X: mute`],
    options: { commandTimeoutMs: soon },
    verdicts: [silent],
    session: "dropped",
  },
  { name: "command aborted early", scripts: [`${mailFrom}\n X: mute`], ours: "abort", verdicts: [silent], session: "dropped" },
  {
    name: "client deinit early",
    scripts: ["X: mute"],
    ours: "close",
    verdicts: ["delayed stopped mail"],
    session: "dropped",
  },
  { name: "dns service failure", scripts: [], dns: "no service", verdicts: unreachable, session: "dropped", number: "F54" },
  {
    name: "dns timeout",
    scripts: [],
    dns: "silent",
    options: { connectTimeoutMs: soon },
    verdicts: unreachable,
    session: "dropped",
    number: "F54",
  },
  { name: "dns lookup failure", scripts: [], dns: "unknown", verdicts: unreachable, session: "dropped", number: "F54" },
  {
    name: "authentication failed",
    scripts: [`${authPlain}\n S: 535 5.7.8 no`],
    options: { credentials },
    verdicts: ["delayed refused-us host"],
    session: "dropped",
  },
  {
    name: "transaction timeout",
    scripts: [`${data}\n X: mute`],
    options: { dotTimeoutMs: soon },
    verdicts: ["delayed in-doubt mail twice?"],
    session: "dropped",
    number: "F63",
  },
];

/** A mail that does not fit into the buffers between us and the server. */
function large(): ReturnType<typeof contentOf> {
  return contentOf(`Subject: hi\r\n\r\n${"0123456789".repeat(7)}\r\n`.repeat(200_000));
}
