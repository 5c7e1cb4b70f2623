// Smuggling: whatever a mail holds, the server gets one mail, in lines that end in CRLF, without NUL.

import { describe, expect, test } from "bun:test";
import { contentOf, courierTo, inOrder, octets, transaction, words } from "./samples.ts";
import { sinkServer } from "./sink-server.ts";
import { asDelivered, smuggledMails } from "./smuggled.ts";

for (const protocol of ["smtp", "lmtp"] as const) {
  describe(`SmtpCourier.send() by ${protocol} with a mail that pretends to end`, () => {
    for (const { end, place, text: mail } of smuggledMails("a@example.com")) {
      test(`F74 send() hands over one mail when ${JSON.stringify(end)} stands in ${place}`, async () => {
        const bytes = octets(mail);
        const at = mail.indexOf(end);
        // In one piece, and cut at each octet of the sequence into what is in memory and what follows.
        for (let cut = at - 1; cut <= at + end.length + 1; cut++) {
          const rest = async function* () {
            yield bytes.subarray(cut);
          };
          const content = cut < at ? contentOf(mail) : contentOf(mail, { pieces: [bytes.subarray(0, cut)], rest });
          const wire: Buffer[] = [];
          const server = await sinkServer({ protocol, onData: (_, chunk) => wire.push(chunk) });
          const courier = courierTo(server.port, protocol);
          const verdicts = await courier.send("mailbox", transaction(["a@example.com"], { content }));
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
          expect(asDelivered(server.mails[0]?.data.toString("latin1") ?? "")).toBe(asDelivered(mail));
        }
      });
    }
  });
}
