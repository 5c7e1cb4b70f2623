// Stale sessions: what waited in the pool and died there costs no attempt, and what was refused is reset before the next.

import { describe, expect, test } from "bun:test";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import { contentOf, courierTo, inOrder, transaction, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";

async function one(courier: SmtpCourier, subject = "x"): Promise<string> {
  const content = contentOf(`Subject: ${subject}\r\n\r\n`);
  return words(inOrder(await courier.send("mailbox", transaction(["a@example.com"], { content })))[0]);
}

describe("SmtpCourier and a stale session", () => {
  const hello = "S: 220 mx\n C: EHLO worker.test\n S: 250 mx";
  const mail = `
    C: MAIL FROM:<carol@remote.test>
    S: 250 ok
    C: RCPT TO:<a@example.com>
    S: 250 ok
    C: DATA
    S: 354 go
    C: Subject: x
    C:
    C: .
    S: 250 ok`;
  const bye = "\n C: QUIT\n S: 221 bye";

  async function twice(options: Partial<SmtpOptions>, ...scripts: string[]): Promise<string[]> {
    const server = await scriptedServer(...scripts);
    const courier = courierTo(server.port, "smtp", options);
    const verdicts = [await one(courier), await one(courier)];
    await courier.close();
    await server.played();
    return verdicts;
  }

  for (const end of ["X: close", "X: reset", "S: 421 4.4.2 timeout", "S: 421 4.4.2 timeout\n X: close"]) {
    test(`send() reconnects within the attempt when MAIL on a used session meets ${end.replace("\n ", ", ")}`, async () => {
      expect(await twice({}, `${hello}${mail}\n C: MAIL FROM:<carol@remote.test>\n ${end}`, `${hello}${mail}${bye}`)).toEqual([
        "delivered",
        "delivered",
      ]);
    });
  }

  test("send() reconnects within the attempt when MAIL on a used session is not answered", async () => {
    const [first, second] = [`${hello}${mail}\n C: MAIL FROM:<carol@remote.test>\n X: mute`, `${hello}${mail}${bye}`];
    expect(await twice({ commandTimeoutMs: 400 }, first, second)).toEqual(["delivered", "delivered"]);
  });

  test("send() reconnects within the attempt when the session of a probe rested and died", async () => {
    const server = await scriptedServer(`${hello}\n C: MAIL FROM:<carol@remote.test>\n X: close`, `${hello}${mail}${bye}`);
    const courier = courierTo(server.port, "smtp");
    expect((await courier.probe("mailbox")).kind).toBe("reachable");
    expect(await one(courier)).toBe("delivered");
    await courier.close();
    await server.played();
  });

  test("send() reconnects once only", async () => {
    const end = "\n C: MAIL FROM:<carol@remote.test>\n X: close";
    expect(await twice({}, `${hello}${mail}${end}`, `${hello}${end}`)).toEqual(["delivered", "delayed session-lost host"]);
  });

  test("send() does not reconnect when the session was fresh", async () => {
    expect(await twice({}, `${hello}\n C: MAIL FROM:<carol@remote.test>\n X: close`, `${hello}${mail}${bye}`)).toEqual([
      "delayed session-lost host",
      "delivered",
    ]);
  });

  test("send() does not reconnect when MAIL was accepted", async () => {
    const end = "\n C: MAIL FROM:<carol@remote.test>\n S: 250 ok\n C: RCPT TO:<a@example.com>\n X: close";
    expect(await twice({}, `${hello}${mail}${end}`)).toEqual(["delivered", "delayed session-lost mail"]);
  });

  test("send() does not reconnect when MAIL was refused before the drop", async () => {
    const end = "\n C: MAIL FROM:<carol@remote.test>\n S: 552 5.3.4 too big\n X: close";
    expect(await twice({}, `${hello}${mail}${end}`)).toEqual(["delivered", "failed too-big mail 5.3.4"]);
  });

  const refused = `${hello}
    C: MAIL FROM:<carol@remote.test>
    S: 250 ok
    C: RCPT TO:<a@example.com>
    S: 550 5.1.1 no
    C: RSET`;
  const no = "failed no-such-mailbox recipient 5.1.1";

  test("send() goes on in the session when RSET after a refusal is taken", async () => {
    expect(await twice({ poolSize: 1 }, `${refused}\n S: 250 ok${mail}${bye}`)).toEqual([no, "delivered"]);
  });

  test("send() takes a fresh session when RSET after a refusal is refused", async () => {
    expect(await twice({ poolSize: 1 }, `${refused}\n S: 502 no`, `${hello}${mail}${bye}`)).toEqual([no, "delivered"]);
  });

  test("send() takes a fresh session when RSET after a refusal is answered twice", async () => {
    expect(await twice({ poolSize: 1 }, `${refused}\n S: 250 ok\n S: 250 surplus`, `${hello}${mail}${bye}`)).toEqual([no, "delivered"]);
  });

  test("send() takes a fresh session when RSET after a refusal is not answered", async () => {
    expect(await twice({ poolSize: 1, commandTimeoutMs: 400 }, `${refused}\n X: mute`, `${hello}${mail}${bye}`)).toEqual([no, "delivered"]);
  });
});
