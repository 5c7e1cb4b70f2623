// SMTP matrix: nine commands answered in five bad ways, by SMTP and by LMTP. The server is Postfix's smtp-sink, which can
// do all of it but speak unasked: an idle session is the scripted server's.

import { describe, expect, test } from "bun:test";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import { courierTo, inOrder, transaction, words } from "../smtp/samples.ts";
import { scriptedServer } from "../smtp/scripted-server.ts";
import { until } from "../until.ts";
import { pageSection, writtenSection } from "./page.ts";
import { type Command, commands, expectedOf, numberOf, type Protocol, type Way, ways } from "./smtp-expected.ts";
import { missingSink, startSink } from "./smtp-sink.ts";
import { smtpTable } from "./smtp-table.ts";

const protocols: readonly Protocol[] = ["smtp", "lmtp"];
const cells = commands.flatMap((command) => ways.flatMap((way) => protocols.map((protocol) => ({ command, way, protocol }))));
const recipients = ["a@example.com", "b@example.com"];

/** What each command is refused with for good; smtp-sink's own word means something else at each of them. */
const refusals: Readonly<Record<Exclude<Command, "idle">, string>> = {
  CONNECT: "554 5.7.1 no",
  EHLO: "502 5.5.1 what?",
  MAIL: "550 5.7.1 no",
  RCPT: "550 5.1.1 no such user",
  DATA: "554 5.6.0 no",
  ".": "554 5.6.0 no",
  RSET: "502 5.5.1 what?",
  QUIT: "502 5.5.1 what?",
};

/** Deadlines for what is answered, which a busy machine may keep waiting, and for what never is. */
function options(way: Way): Partial<SmtpOptions> {
  const ms = way === "silence" ? 400 : 10_000;
  const waits = { connectTimeoutMs: 10_000, greetingTimeoutMs: ms, commandTimeoutMs: ms, dataTimeoutMs: ms, dotTimeoutMs: ms };
  return { poolSize: 1, probeTimeoutMs: ms, quitTimeoutMs: 200, ...waits };
}

function flagsOf(command: Exclude<Command, "idle">, way: Way, protocol: Protocol): readonly string[] {
  const name = command === "EHLO" && protocol === "lmtp" ? "LHLO" : command;
  const soft = [...(command === "RSET" ? ["RCPT"] : []), ...(way === "4xx" ? [name] : [])]; // RSET is owed after a refusal
  return [
    ...(protocol === "lmtp" ? ["-L"] : []),
    ...(soft.length > 0 ? ["-r", soft.join(",")] : []),
    ...(way === "5xx" ? ["-f", name, "-B", refusals[command]] : []),
    ...(way === "drop" ? ["-q", name] : []),
    ...(way === "421" ? ["-Q", name] : []),
    // Without pipelining: it answers what follows before what it is silent about.
    ...(way === "silence" ? ["-p", "-W", `${name}:60`] : []),
  ];
}

async function send(courier: SmtpCourier): Promise<readonly string[]> {
  const verdicts = inOrder(await courier.send("mailbox", transaction(recipients))).map(words);
  await until(() => courier.gauge.busy === 0, "a session stays busy", 5); // RSET is still under way
  return verdicts;
}

function nameOf({ command, way, protocol }: (typeof cells)[number]): string {
  const { verdicts, session } = expectedOf(command, way, protocol);
  const number = numberOf(command, way, protocol);
  const said = [verdicts].flat().join(" and ");
  return `${number === null ? "" : `${number} `}send() by ${protocol.toUpperCase()} is ${said}, session ${session}, when ${command} meets ${way}`;
}

const missing = missingSink();

describe.skipIf(missing !== null)(`SmtpCourier against smtp-sink${missing === null ? "" : ` (SKIPPED: ${missing})`}`, () => {
  for (const cell of cells) {
    const { command, way, protocol } = cell;
    if (command === "idle") continue;
    test.concurrent(nameOf(cell), async () => {
      const expected = expectedOf(command, way, protocol);
      const verdicts = [expected.verdicts, expected.verdicts].flat().slice(0, 2);
      const sink = await startSink(flagsOf(command, way, protocol));
      const courier = courierTo(sink.port, protocol, options(way));
      expect(await send(courier)).toEqual(verdicts);
      expect(courier.gauge).toEqual({ idle: expected.session === "kept" ? 1 : 0, busy: 0 });
      // The next mail finds the same server: a session that was kept is in step, one that was dropped is not missed.
      expect(await send(courier)).toEqual(verdicts);
      await courier.close();
      await sink.stop();
    }, 120_000);
  }
});

describe("SmtpCourier with an idle session", () => {
  const said: Readonly<Record<Way, string>> = {
    "4xx": "\n S: 450 4.3.0 unasked",
    "5xx": "\n S: 500 5.3.0 unasked",
    drop: "\n X: close",
    "421": "\n S: 421 4.4.2 timeout",
    silence: "\n C: RSET\n X: mute",
  };
  for (const cell of cells.filter(({ command }) => command === "idle")) {
    test(nameOf(cell), async () => {
      const { way, protocol } = cell;
      const dot = protocol === "lmtp" ? "\n S: 250 a\n S: 250 b" : "\n S: 250 ok";
      const script = `
        S: 220 mx
        C: ${protocol === "lmtp" ? "LHLO" : "EHLO"} worker.test
        S: 250 mx
        C: MAIL FROM:<carol@remote.test>
        S: 250 ok
        ${recipients.map((address) => `C: RCPT TO:<${address}>\n S: 250 ok`).join("\n")}
        C: DATA
        S: 354 go
        C: Subject: hi
        C:
        C: hello
        C: .${dot}`;
      const server = await scriptedServer(`${script}${said[way]}`, `${script}\n C: QUIT\n S: 221 bye`);
      // Probed before it is used again, since only that tells a session whose server is silent.
      const courier = courierTo(server.port, protocol, { ...options(way), probeAfterMs: -1 });
      expect(await send(courier)).toEqual(["delivered", "delivered"]);
      if (way !== "silence") await gone(courier);
      expect(await send(courier)).toEqual(["delivered", "delivered"]);
      expect(server.connections()).toBe(2);
      await courier.close();
      await server.played();
    });
  }
});

/** Until the pool has noticed what the server said or did meanwhile. */
async function gone(courier: SmtpCourier): Promise<void> {
  await until(() => courier.gauge.idle === 0, "the pool notices nothing", 5);
}

test("the SMTP matrix has 9 commands, 5 ways and 2 protocols", () => {
  expect(new Set(cells.map(({ command, way, protocol }) => `${command} ${way} ${protocol}`)).size).toBe(90);
});

test("docs/reliability.md shows the SMTP matrix as it is played", () => {
  expect(writtenSection("smtp-matrix", smtpTable())).toBe(pageSection("smtp-matrix"));
});
