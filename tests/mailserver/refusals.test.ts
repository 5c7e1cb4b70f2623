// What the real servers refuse, and what the verdict on it is.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { SmtpCourier, type SmtpOptions, type SmtpTargets } from "@sesame/smtp";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/refusals: ${missing}`);

/** A policy service that turns each sender away once (Postfix SMTPD_POLICY_README). */
function greylist(): Promise<Server> {
  const seen = new Set<string>();
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const sender = /^sender=(.*)$/m.exec(text.slice(0, end))?.[1] ?? "";
        text = text.slice(end + 2);
        const isGrey = sender.startsWith("grey") && !seen.has(sender);
        seen.add(sender);
        socket.write(`action=${isGrey ? "451 4.7.1 Greylisted, come back later" : "DUNNO"}\n\n`);
      }
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

describe.skipIf(missing !== null)("the real mail server refuses", () => {
  let server: MailServer;
  let policy: Server;
  const couriers: SmtpCourier[] = [];

  beforeAll(async () => {
    policy = await greylist();
    const { port } = policy.address() as { port: number };
    server = await MailServer.start({ policyPort: port, main: ["message_size_limit = 100000", "smtpd_helo_required = yes"] });
  }, 120_000);
  afterAll(async () => {
    await Promise.all(couriers.map((courier) => courier.close()));
    await server?.stop();
    policy?.close();
  }, 120_000);

  function courierTo(mailbox: SmtpTargets["mailbox"], options: Partial<SmtpOptions> = {}): SmtpCourier {
    const internal = { host: "127.0.0.1", port: server.ports.internal, protocol: "smtp" as const };
    const courier = new SmtpCourier({ mailbox, internal }, { name: "worker.example.com", tls: "off", ...options });
    couriers.push(courier);
    return courier;
  }
  const smtp = (options?: Partial<SmtpOptions>) => courierTo({ host: "127.0.0.1", port: server.ports.smtp, protocol: "smtp" }, options);
  const lmtp = (host = "127.0.0.1") => courierTo({ host, port: server.ports.lmtp, protocol: "lmtp" });

  const cases: readonly [string, () => SmtpCourier, Uint8Array, readonly string[], readonly string[]][] = [
    [
      "an unknown user, by SMTP",
      smtp,
      mailOf("u1"),
      ["alice@example.com", "nobody@example.com"],
      ["delivered", "failed no-such-mailbox 5.1.1"],
    ],
    [
      "an unknown user, by LMTP",
      lmtp,
      mailOf("u2"),
      ["alice@example.com", "nobody@example.com"],
      ["delivered", "failed no-such-mailbox 5.1.1"],
    ],
    [
      "a full mailbox with 552",
      lmtp,
      mailOf("f1", 5000),
      ["full@example.com", "bob@example.com"],
      ["failed mailbox-full 5.2.2", "delivered"],
    ],
    [
      "a full mailbox with 452",
      () => lmtp("127.0.0.2"),
      mailOf("f2", 5000),
      ["full@example.com", "bob@example.com"],
      ["delayed try-later recipient", "delivered"],
    ],
    ["a mail that the mailbox has no room for", lmtp, mailOf("s1", 30_000), ["small@example.com"], ["failed mailbox-full 5.2.2"]],
    [
      "a broken mailbox with 451",
      lmtp,
      mailOf("b1"),
      ["broken@example.com", "bob@example.com"],
      ["delayed try-later recipient", "delivered"],
    ],
    ["a mail that is too big", smtp, mailOf("t1", 150_000), ["alice@example.com"], ["failed too-big 5.3.4"]],
  ];
  for (const [what, courier, octets, to, expected] of cases) {
    test(what, async () => {
      const sent = await courier().send("mailbox", transactionOf(octets, to));
      expect(to.map((address) => inWords(new Map([[address as never, sent.get(address as never) as never]]))[0])).toEqual([...expected]);
    });
  }

  test("a greylisted sender once, and takes it the next time on the same session", async () => {
    const courier = smtp({ poolSize: 1 });
    const mail = transactionOf(mailOf("grey"), ["alice@example.com"], "grey@remote.test");
    expect(inWords(await courier.send("mailbox", mail))).toEqual(["delayed try-later recipient"]);
    expect(inWords(await courier.send("mailbox", mail))).toEqual(["delivered"]);
  });

  test("an address that needs SMTPUTF8 is served where the server offers it", async () => {
    expect(inWords(await smtp().send("mailbox", transactionOf(mailOf("x1"), ["jörg@example.com"])))).toEqual([
      "failed no-such-mailbox 5.1.1",
    ]);
  });

  test("two hundred unknown users one after the other do not trip its error limit", async () => {
    const courier = smtp({ poolSize: 2 });
    const verdicts: string[] = [];
    for (let i = 0; i < 200; i++)
      verdicts.push(...inWords(await courier.send("mailbox", transactionOf(mailOf(`n${i}`), [`nobody${i}@example.com`]))));
    expect(verdicts.filter((verdict) => verdict !== "failed no-such-mailbox 5.1.1")).toEqual([]);
    expect(inWords(await courier.send("mailbox", transactionOf(mailOf("after"), ["alice@example.com"])))).toEqual(["delivered"]);
  }, 120_000);

  /** Changes Postfix's configuration for a while. */
  async function configured(lines: readonly string[], back: readonly string[], work: () => Promise<void>): Promise<void> {
    await server.reconfigurePostfix(lines);
    try {
      await work();
    } finally {
      await server.reconfigurePostfix(back);
    }
  }

  test("to relay for a stranger: our configuration, so delayed and never failed", async () => {
    await configured(["mynetworks=192.0.2.0/24"], ["mynetworks=127.0.0.0/8"], async () => {
      const sent = await smtp().send("mailbox", transactionOf(mailOf("r1"), ["x@elsewhere.test"]));
      expect(inWords(sent)).toEqual(["delayed refused-us recipient"]);
    });
  }, 120_000);

  test("our HELO: delayed for the host, and the circuit may open", async () => {
    const refusing = ["smtpd_delay_reject=no", "smtpd_helo_restrictions=reject"];
    await configured(refusing, ["smtpd_delay_reject=yes", "smtpd_helo_restrictions="], async () => {
      const sent = await smtp().send("mailbox", transactionOf(mailOf("h1"), ["alice@example.com"]));
      expect(inWords(sent)).toEqual(["delayed refused-us host"]);
    });
  }, 120_000);
});
