// Smuggling: whatever a mail holds, the server gets one mail, in lines that end in CRLF, without NUL.

import { describe, expect, test } from "bun:test";
import { consignment, contentOf, courierTo, inOrder, octets, words } from "./samples.ts";
import { sinkServer } from "./sink-server.ts";

describe("SmtpCourier.send() with a mail that pretends to end", () => {
  // What some server or other once took for the end of a mail (SMTP smuggling); all but CRLF.CRLF itself are no end.
  const smuggled: readonly string[] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r.\n",
    "\n.\r",
    "\r\n.\r\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\r\n.\r\r\n",
    "\r\n.\r\r\n",
  ];
  const second = "MAIL FROM:<eve@evil.test>\r\nRCPT TO:<a@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n";
  const attached =
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n@\r\n--b--\r\n";
  const places: [string, (sequence: string) => string][] = [
    ["the header", (sequence) => `Subject: a${sequence}${second}\r\n\r\nbody\r\n`],
    ["the body", (sequence) => `Subject: a\r\n\r\nbody${sequence}${second}`],
    ["an attachment", (sequence) => attached.replace("@", `${sequence}${second}`)],
  ];

  for (const sequence of smuggled) {
    for (const [place, mailWith] of places) {
      test(`send() hands over one mail when ${JSON.stringify(sequence)} stands in ${place}`, async () => {
        const mail = mailWith(sequence);
        const bytes = octets(mail);
        const at = mail.indexOf(sequence);
        // In one piece, and cut at each octet of the sequence into what is in memory and what follows.
        for (let cut = at - 1; cut <= at + sequence.length + 1; cut++) {
          const rest = async function* () {
            yield bytes.subarray(cut);
          };
          const content = cut < at ? contentOf(mail) : contentOf(mail, { pieces: [bytes.subarray(0, cut)], rest });
          const wire: Buffer[] = [];
          const server = await sinkServer({ onData: (_, chunk) => wire.push(chunk) });
          const courier = courierTo(server.port, "smtp");
          const verdicts = await courier.send("mailbox", consignment(["a@example.com"], { content }));
          await courier.close();
          server.close();
          expect(inOrder(verdicts).map(words)).toEqual(["delivered"]);
          expect(server.mails.map(({ from, recipients }) => [from, recipients])).toEqual([["carol@remote.test", ["a@example.com"]]]);
          const data = Buffer.concat(wire)
            .toString("latin1")
            .split("DATA\r\n")
            .slice(1)
            .join("DATA\r\n")
            .replace(/QUIT\r\n$/, "");
          expect(data).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
          expect(data.indexOf("\r\n.\r\n")).toBe(data.length - 5);
          // Line ends apart, and NUL, which is replaced, every octet is the one that was stored.
          const plain = (text: string) => text.replace(/\r\n|\r|\n/g, "\n").replaceAll("\0", "\x80");
          expect(plain(server.mails[0]?.data.toString("latin1") ?? "")).toBe(plain(mail));
        }
      });
    }
  }
});
