// Security: STARTTLS in its three modes, and AUTH. What needs a certificate is skipped aloud where openssl is not there.

import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { TLSSocket } from "node:tls";
import { isLoopback, SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { type Certificate, selfSigned } from "./certificate.ts";
import { courierTo, inOrder, testOptions, transaction, words } from "./samples.ts";
import { portOf, scriptedServer, scriptedServerAt } from "./scripted-server.ts";

async function play(options: Partial<SmtpOptions>, ...scripts: string[]): Promise<string | undefined> {
  const server = await scriptedServer(...scripts);
  const courier = courierTo(server.port, "smtp", options);
  const verdicts = await courier.send("mailbox", transaction(["alice@example.com"]));
  await courier.close();
  await server.played();
  return inOrder(verdicts).map(words)[0];
}

const offers = (extensions: string) => `
  S: 220 mx.test
  C: EHLO worker.test
  S: 250-mx.test
  S: 250 ${extensions}`;
const mail = `
  C: MAIL FROM:<carol@remote.test>
  S: 250 ok
  C: RCPT TO:<alice@example.com>
  S: 250 ok
  C: DATA
  S: 354 go
  C: Subject: hi
  C:
  C: hello
  C: .
  S: 250 ok
  C: QUIT
  S: 221 bye`;

describe("SmtpCourier with STARTTLS", () => {
  test('send() ignores STARTTLS when tls is "off"', async () => {
    expect(await play({ tls: "off" }, `${offers("STARTTLS")}${mail}`)).toBe("delivered");
  });

  test("send() stays in plaintext when STARTTLS is opportunistic and not offered", async () => {
    expect(await play({ tls: "opportunistic" }, `${offers("HELP")}${mail}`)).toBe("delivered");
  });

  test("send() stays in plaintext when STARTTLS is opportunistic and refused", async () => {
    expect(await play({ tls: "opportunistic" }, `${offers("STARTTLS")}\n C: STARTTLS\n S: 454 4.7.0 not now${mail}`)).toBe("delivered");
  });

  test("send() takes a fresh connection in plaintext when an opportunistic handshake fails", async () => {
    const failing = `${offers("STARTTLS")}\n C: STARTTLS\n S: 220 go\n X: close`;
    expect(await play({ tls: "opportunistic" }, failing, `${offers("STARTTLS")}${mail}`)).toBe("delivered");
  });

  test("F71 send() sends no password in plaintext when a handshake fails", async () => {
    const failing = `${offers("STARTTLS")}\n C: STARTTLS\n S: 220 go\n X: close`;
    expect(await play({ tls: "opportunistic", credentials: { user: "u", password: "p" } }, failing)).toBe("delayed unreachable host");
    const refusing = `${offers("STARTTLS")}\n C: STARTTLS\n S: 454 4.7.0 not now`;
    expect(await play({ tls: "opportunistic", credentials: { user: "u", password: "p" } }, refusing)).toBe("delayed refused-us host");
  });

  test("F71 send() is delayed when TLS is required and not to be had", async () => {
    expect(await play({ tls: "required" }, `${offers("HELP")}\n C: STARTTLS\n S: 502 5.5.1 what?`)).toBe("delayed refused-us host");
    expect(await play({ tls: "required" }, `${offers("STARTTLS")}\n C: STARTTLS\n S: 454 4.7.0 not now`)).toBe("delayed try-later host");
    expect(await play({ tls: "required" }, `${offers("STARTTLS")}\n C: STARTTLS\n S: 220 go\n X: close`)).toBe("delayed unreachable host");
    expect(await play({ tls: "required" }, "S: 220 mx\n C: EHLO worker.test\n S: 502 what?")).toBe("delayed refused-us host");
  });
});

describe("SmtpCourier with AUTH", () => {
  const credentials = { user: "user", password: "secret" };
  const login = `${offers("AUTH PLAIN LOGIN")}\n C: AUTH PLAIN AHVzZXIAc2VjcmV0`;
  const cases: [string, string, string][] = [
    ["is taken", `${login}\n S: 235 2.7.0 welcome${mail}`, "delivered"],
    ["is refused", `${login}\n S: 535 5.7.8 no`, "delayed refused-us host"],
    ["is put off", `${login}\n S: 454 4.7.0 later`, "delayed try-later host"],
    ["is answered 421", `${login}\n S: 421 4.7.0 bye`, "delayed try-later host"],
    ["is dropped", `${login}\n X: close`, "delayed unreachable host"],
    ["is not offered", offers("HELP"), "delayed refused-us host"],
    ["cannot be offered", "S: 220 mx\n C: EHLO worker.test\n S: 502 what?\n C: HELO worker.test\n S: 250 mx", "delayed refused-us host"],
  ];
  for (const [when, script, expected] of cases) {
    test(`send() is ${expected} when AUTH ${when}`, async () => {
      expect(await play({ credentials }, script)).toBe(expected);
    });
  }

  test("send() is delayed when AUTH is not answered", async () => {
    expect(await play({ credentials, commandTimeoutMs: 400 }, `${login}\n X: mute`)).toBe("delayed unreachable host");
  });
});

/** An address of this machine that others can reach; `null` where there is only the loopback. */
function ownAddress(): string | null {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? null;
}

const address = ownAddress();

describe.skipIf(address === null)(
  `SmtpCourier and a password without TLS${address ? "" : " (SKIPPED: there is only the loopback)"}`,
  () => {
    const credentials = { user: "user", password: "secret" };
    const inClear = "the connection is not encrypted, so the password is not sent: the server must offer STARTTLS on this port";

    async function verdictAt(host: string, options: Partial<SmtpOptions>, script: string) {
      const server = await scriptedServerAt(host, script);
      const courier = courierTo(server.port, "smtp", { credentials, ...options }, host);
      const [verdict] = inOrder(await courier.send("mailbox", transaction(["alice@example.com"])));
      await courier.close();
      await server.played();
      return verdict;
    }

    const clear: readonly (readonly [what: string, options: Partial<SmtpOptions>, script: string])[] = [
      ["STARTTLS is not offered", { tls: "opportunistic" }, offers("AUTH PLAIN")],
      ["STARTTLS is refused", { tls: "opportunistic" }, `${offers("STARTTLS")}\n C: STARTTLS\n S: 454 4.7.0 not now`],
      ["STARTTLS is off", { tls: "off" }, `${offers("STARTTLS")}`],
      ["AUTH comes by HELO", { tls: "opportunistic" }, "S: 220 mx\n C: EHLO worker.test\n S: 502 what?\n C: HELO worker.test\n S: 250 mx"],
    ];
    for (const [what, options, script] of clear) {
      test(`X29 send() sends no password and is delayed for the host when ${what}`, async () => {
        const verdict = await verdictAt(address ?? "", options, script);
        expect(words(verdict)).toBe("delayed refused-us host");
        expect(verdict).toMatchObject({ detail: expect.stringContaining(inClear) });
      });
    }

    test("X29 send() logs in without TLS to a server on the loopback", async () => {
      const script = `${offers("AUTH PLAIN")}\n C: AUTH PLAIN AHVzZXIAc2VjcmV0\n S: 235 2.7.0 welcome${mail}`;
      for (const host of ["127.0.0.1", "localhost"])
        expect(words(await verdictAt(host, { tls: "opportunistic" }, script))).toBe("delivered");
    });

    test("X29 send() needs no TLS where it has no password", async () => {
      expect(words(await verdictAt(address ?? "", { tls: "opportunistic", credentials: null }, `${offers("HELP")}${mail}`))).toBe(
        "delivered",
      );
    });
  },
);

test("X29 the internal port has its own TLS and login", async () => {
  const [mailbox, internal] = [
    await scriptedServer(`${offers("AUTH PLAIN")}\n C: AUTH PLAIN AHUAcA==\n S: 235 ok${mail}`),
    await scriptedServer(`${offers("AUTH PLAIN")}${mail}`),
  ];
  const target = (port: number) => ({ host: "127.0.0.1", port, protocol: "smtp" as const });
  const courier = new SmtpCourier(
    { mailbox: target(mailbox.port), internal: { ...target(internal.port), security: { tls: "off", credentials: null } } },
    { ...testOptions, credentials: { user: "u", password: "p" } },
  );
  expect(inOrder(await courier.send("mailbox", transaction(["alice@example.com"]))).map(words)).toEqual(["delivered"]);
  expect(inOrder(await courier.send("internal", transaction(["alice@example.com"]))).map(words)).toEqual(["relayed"]);
  await courier.close();
  await Promise.all([mailbox.played(), internal.played()]);
});

test("X29 isLoopback() knows the addresses of this machine only", () => {
  for (const own of ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"])
    expect([own, isLoopback(own)]).toEqual([own, true]);
  for (const other of [
    "",
    "128.0.0.1",
    "10.0.0.1",
    "::2",
    "::ffff:10.127.0.1",
    "127.0.0.1.example.com",
    "localhost",
    "1127.0.0.1",
    "fe80::1",
  ])
    expect([other, isLoopback(other)]).toEqual([other, false]);
});

/** Takes one command at a time, in plaintext and after STARTTLS. */
function converse(socket: Socket | TLSSocket, certificate: Certificate, said: string[]): void {
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString("latin1").split("\r\n").slice(0, -1)) answer(socket, line, certificate, said);
  });
}

function answer(socket: Socket | TLSSocket, line: string, certificate: Certificate, said: string[]): void {
  const isSecure = socket instanceof TLSSocket;
  said.push(`${isSecure ? "tls" : "plain"} ${line}`);
  if (line.startsWith("EHLO")) socket.write(isSecure ? "250-mx\r\n250 SIZE 5000\r\n" : "250-mx\r\n250 STARTTLS\r\n");
  else if (line === "STARTTLS") {
    // What follows the answer in plaintext must be forgotten (RFC 3207 §6).
    socket.write("220 go\r\n250 injected", () => {});
    socket.removeAllListeners("data");
    converse(new TLSSocket(socket, { isServer: true, ...certificate }), certificate, said);
  } else if (line === "DATA") socket.write("354 go\r\n");
  else if (line === "." || /^(MAIL|RCPT)/.test(line)) socket.write("250 ok\r\n");
  else if (line === "QUIT") socket.end("221 bye\r\n");
}

const certificate = selfSigned();

describe.skipIf(certificate === null)(
  `SmtpCourier over TLS${certificate ? "" : " (skipped: there is no openssl to make a certificate)"}`,
  () => {
    async function playTls(options: Partial<SmtpOptions>): Promise<{ verdict: string; said: string[] }> {
      const said: string[] = [];
      const server = createServer((socket) => {
        converse(socket, certificate as Certificate, said);
        socket.write("220 mx\r\n");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const courier = courierTo(portOf(server), "smtp", options);
      const verdict = words(inOrder(await courier.send("mailbox", transaction(["alice@example.com"])))[0]);
      await courier.close();
      server.close();
      return { verdict, said };
    }

    test("send() encrypts and greets again when STARTTLS is offered, whatever the certificate", async () => {
      const { verdict, said } = await playTls({ tls: "opportunistic" });
      expect(verdict).toBe("delivered");
      expect(said.filter((line) => line.startsWith("plain"))).toEqual(["plain EHLO worker.test", "plain STARTTLS"]);
      expect(said.slice(2, 4)).toEqual(["tls EHLO worker.test", "tls MAIL FROM:<carol@remote.test> SIZE=22"]);
    });

    test("send() trusts any certificate when TLS is required without verification", async () => {
      expect((await playTls({ tls: "required", tlsVerify: false })).verdict).toBe("delivered");
    });

    test("send() is delayed when TLS is required and the certificate is not trusted", async () => {
      const { verdict, said } = await playTls({ tls: "required" });
      expect(verdict).toBe("delayed unreachable host");
      expect(said.filter((line) => line.includes("MAIL"))).toEqual([]);
    });
  },
);
