// Wire: what becomes of the octets of a mail between its content and the server, and who waits for whom.

import { afterEach, describe, expect, test } from "bun:test";
import type { Content } from "@sesame/core";
import type { SmtpCourier } from "@sesame/smtp";
import { contentOf, courierTo, inOrder, octets, transaction, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";
import { type SinkServer, sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function sink(options: Parameters<typeof sinkServer>[0] = {}): Promise<SinkServer> {
  const server = await sinkServer(options);
  ends.push(() => server.close());
  return server;
}

function courier(...args: Parameters<typeof courierTo>): SmtpCourier {
  const made = courierTo(...args);
  ends.push(() => made.close());
  return made;
}

/** The octets between 354 and the answer, as they stood on the wire. */
async function wireOf(content: Content): Promise<string> {
  const wire: Buffer[] = [];
  const server = await sink({ extensions: [], onData: (_, chunk) => wire.push(chunk) });
  expect(inOrder(await courier(server.port, "smtp").send("mailbox", transaction(["a@example.com"], { content }))).map(words)).toEqual([
    "delivered",
  ]);
  const all = Buffer.concat(wire).toString("latin1");
  return all.slice(all.indexOf("DATA\r\n") + 6);
}

describe("SmtpCourier.send() on the wire", () => {
  const good: [string, string, string][] = [
    ["a plain mail", "a: b\r\n\r\nc\r\n", "a: b\r\n\r\nc\r\n.\r\n"],
    ["no line end at the end", "a\r\nb", "a\r\nb\r\n.\r\n"],
    ["nothing", "", "\r\n.\r\n"],
    ["dots at the start of lines", ".\r\n..\r\n.a\r\na.\r\n", "..\r\n...\r\n..a\r\na.\r\n.\r\n"],
    ["8-bit", "\xe4\xff\x80\r\n", "\xe4\xff\x80\r\n.\r\n"],
    ["NUL", "\0a\0\0\r\n\0", "\x80a\x80\x80\r\n\x80\r\n.\r\n"],
    ["NUL before a dot", "a\r\n\0.\r\nb\r\n", "a\r\n\x80.\r\nb\r\n.\r\n"],
    ["NUL behind a dot", "a\r\n.\0\r\nb\r\n", "a\r\n..\x80\r\nb\r\n.\r\n"],
    ["CRCRLF", "a\r\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"],
    ["bare LF", "a\nb\n", "a\r\nb\r\n.\r\n"],
    ["bare CR", "a\rb\r", "a\r\nb\r\n.\r\n"],
    ["smuggled LF dot LF", "a\n.\nMAIL FROM:<x@y>\n", "a\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"],
    ["smuggled LF dot CRLF", "a\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
    ["smuggled CRLF dot LF", "a\r\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
    ["smuggled CR dot CR", "a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
    ["smuggled CRLF dot CR", "a\r\n.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
    ["smuggled CR dot CRLF", "a\r.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
    ["the end of the data itself", "a\r\n.\r\nRSET\r\n", "a\r\n..\r\nRSET\r\n.\r\n"],
  ];
  for (const [name, mail, wire] of good) {
    test(`send() leaves nothing that ends the mail early in ${name}`, async () => {
      expect(await wireOf(contentOf(mail))).toBe(wire);
    });
    test(`send() does the same octet by octet in ${name}`, async () => {
      const pieces = [...octets(mail)].map((octet) => new Uint8Array([octet]));
      const middle = Math.floor(pieces.length / 2);
      const rest = async function* () {
        yield* pieces.slice(middle);
      };
      expect(await wireOf(contentOf(mail, { pieces: pieces.slice(0, middle), rest }))).toBe(wire);
    });
  }

  test("send() replaces each NUL by one octet, so that the size it declares is that of the mail", async () => {
    const mail = "Subject: a\0b\r\n\r\n\0\0\r\n.\0\r\n";
    const server = await scriptedServer(`
      S: 220 mx.test
      C: EHLO worker.test
      S: 250-mx.test
      S: 250-SIZE 1000
      S: 250 8BITMIME
      C: MAIL FROM:<carol@remote.test> BODY=8BITMIME SIZE=${mail.length}
      S: 250 ok
      C: RCPT TO:<a@example.com>
      S: 250 ok
      C: DATA
      S: 354 go
      C: Subject: a\x80b
      C:
      C: \x80\x80
      C: ..\x80
      C: .
      S: 250 ok
      C: QUIT
      S: 221 bye`);
    const made = courier(server.port, "smtp");
    const bytes = octets(mail);
    const content = contentOf(mail, { pieces: [bytes], eightBit: true });
    expect(inOrder(await made.send("mailbox", transaction(["a@example.com"], { content }))).map(words)).toEqual(["delivered"]);
    await made.close();
    await server.played();
    expect(bytes).toEqual(octets(mail)); // the stored octets are another recipient's too
  });

  test("send() takes a window of a larger buffer for what it is", async () => {
    const window = octets("####a: b\r\n####").subarray(4, 10);
    expect(await wireOf({ pieces: [window], rest: null, size: 6, eightBit: false })).toBe("a: b\r\n.\r\n");
  });
});

describe("SmtpCourier.send() with a source that fails", () => {
  async function verdictWith(content: Content, options = {}): Promise<{ verdict: string; server: SinkServer }> {
    const server = await sink();
    const verdicts = await courier(server.port, "smtp", options).send("mailbox", transaction(["a@example.com"], { content }));
    return { verdict: words(inOrder(verdicts)[0]), server };
  }

  test("send() closes the session and is not in doubt when the source breaks off", async () => {
    const rest = async function* () {
      yield octets("b\r\n");
      throw new Error("broke off");
    };
    const { verdict, server } = await verdictWith(contentOf("a\r\n", { rest, size: 100 }));
    expect(verdict).toBe("delayed port-error mail");
    expect(server.mails).toEqual([]);
    expect(server.commands.filter((line) => line.includes("QUIT"))).toEqual([]);
  });

  test("send() closes the session when the source ends early", async () => {
    const rest = async function* () {
      yield octets("b\r\n");
    };
    const { verdict, server } = await verdictWith(contentOf("a\r\n", { rest, size: 100 }));
    expect(verdict).toBe("delayed port-error mail");
    expect(server.mails).toEqual([]);
  });

  test("send() closes the session when the source has more than it said", async () => {
    const { verdict, server } = await verdictWith(contentOf("a\r\nb\r\n", { size: 3 }));
    expect(verdict).toBe("delayed port-error mail");
    expect(server.mails).toEqual([]);
  });

  test("send() closes the session when the source stalls", async () => {
    const rest = async function* () {
      yield octets("b\r\n");
      await new Promise(() => {});
    };
    const { verdict, server } = await verdictWith(contentOf("a\r\n", { rest, size: 100 }), { chunkTimeoutMs: 40 });
    expect(verdict).toBe("delayed port-error mail");
    expect(server.mails).toEqual([]);
  });

  test("send() does not open the source when the recipient is refused", async () => {
    let opened = 0;
    const rest = async function* () {
      opened++;
      yield octets("b\r\n");
    };
    const server = await sink({ answer: (line) => (line.startsWith("RCPT") ? "550 5.1.1 no" : null) });
    const verdicts = await courier(server.port, "smtp").send(
      "mailbox",
      transaction(["a@example.com"], { content: contentOf("a\r\n", { rest, size: 6 }) }),
    );
    expect(inOrder(verdicts).map(words)).toEqual(["failed no-such-mailbox recipient 5.1.1"]);
    expect(opened).toBe(0);
  });

  test("F61 send() lets go of the source when the server drops in mid-body", async () => {
    let closed = false;
    const rest = async function* () {
      try {
        for (let i = 0; i < 1000; i++) yield new Uint8Array(60_000).fill(65);
      } finally {
        closed = true;
      }
    };
    const server = await sink({ keep: false, onData: (socket) => server.octets() > 200_000 && socket.resetAndDestroy() });
    const verdicts = await courier(server.port, "smtp").send(
      "mailbox",
      transaction(["a@example.com"], { content: contentOf("a\r\n", { rest, size: 60_000_003 }) }),
    );
    expect(inOrder(verdicts).map(words)).toEqual(["delayed session-lost mail"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(true);
  });
});

describe("SmtpCourier.send() with a server that fails in mid-body", () => {
  const large: Content = {
    pieces: [],
    rest: async function* () {
      for (let i = 0; i < 1000; i++) yield new Uint8Array(60_000).fill(65);
    },
    size: 60_000_000,
    eightBit: false,
  };
  const upTo354 = `
    S: 220 mx.test
    C: EHLO worker.test
    S: 250 mx.test
    C: MAIL FROM:<carol@remote.test>
    S: 250 ok
    C: RCPT TO:<a@example.com>
    S: 250 ok
    C: DATA
    S: 354 go`;

  async function verdictAfter(end: string, protocol: "smtp" | "lmtp" = "smtp", chunkTimeoutMs = 60_000): Promise<string> {
    const server = await scriptedServer(protocol === "smtp" ? `${upTo354}\n${end}` : `${upTo354.replace("EHLO", "LHLO")}\n${end}`);
    const made = courier(server.port, protocol, { chunkTimeoutMs });
    const verdicts = await made.send("mailbox", transaction(["a@example.com"], { content: large }));
    await server.played().catch(() => {}); // the mail itself is beyond the script
    return words(inOrder(verdicts)[0]);
  }

  test("F61 send() is delayed in time when the server stops reading", async () => {
    expect(await verdictAfter("X: deaf", "smtp", 60)).toBe("delayed session-lost mail");
  });

  test("send() believes a refusal in mid-body", async () => {
    expect(await verdictAfter("S: 552 5.3.4 too big")).toBe("failed too-big mail 5.3.4");
    expect(await verdictAfter("S: 451 4.3.0 later")).toBe("delayed try-later mail");
    expect(await verdictAfter("S: 421 4.3.2 bye")).toBe("delayed try-later mail");
  });

  test("send() believes no refusal in mid-body of LMTP, where it could be anybody's", async () => {
    expect(await verdictAfter("S: 552 5.3.4 too big", "lmtp")).toBe("delayed protocol-error mail");
  });
});

describe("SmtpCourier.send() with a large mail", () => {
  test("F61 send() waits for the server and holds a few chunks when the mail is 25 MB", async () => {
    const [chunk, count] = [Buffer.from(`${"0123456789".repeat(6)}\r\n`.repeat(1000)), 410];
    let [given, held] = [0, 0];
    let paused = false;
    const server = await sink({
      keep: false,
      onData: (socket) => {
        if (paused || server.octets() < 1_000_000) return;
        paused = true;
        socket.pause();
        // Only when the sender has come to rest: two looks a little apart see the same.
        const look = (before: number): void => {
          if (given !== before) return void setTimeout(look, 30, given);
          held = given - server.octets();
          socket.resume();
        };
        look(-1);
      },
    });
    const rest = async function* () {
      for (let i = 0; i < count; i++) {
        given += chunk.length;
        yield chunk;
      }
    };
    const content: Content = { pieces: [], rest, size: chunk.length * count, eightBit: false };
    const verdicts = await courier(server.port, "smtp").send("mailbox", transaction(["a@example.com"], { content }));
    expect(inOrder(verdicts).map(words)).toEqual(["delivered"]);
    expect(server.octets()).toBeGreaterThan(25_000_000);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(12_000_000); // the kernel's buffers on loopback, and three chunks of ours
  });
});
