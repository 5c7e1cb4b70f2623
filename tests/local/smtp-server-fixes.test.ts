// Mails are stored as they were sent, whatever octets they have and however these are split into packets.

import { expect, setDefaultTimeout, test } from "bun:test";
import { type Domain, decodeEntry } from "@sesame/core";
import fc from "fast-check";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { openFrontDoor } from "../../apps/worker/local/front-door.ts";
import { SqliteMailQueue } from "../../apps/worker/local/sqlite-mail-queue.ts";
import { octets } from "../contracts/samples.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { inDataFolder } from "./data-folder.ts";
import { SmtpClient, stuffed } from "./smtp-client.ts";

setDefaultTimeout(60_000); // 150 mails, each of them synced to the disk several times

// What the end of the data and the dots at line starts are made of (RFC 5321 §4.5.2).
const atoms = fc.array(fc.constantFrom("\r\n", "\n", "\r", ".", "a", "\r\n.", "\n..", "\0", "\r\n.\r\n", "\n.\n", "\r.\r"), {
  maxLength: 30,
});
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

async function sendInPieces(client: SmtpClient, mail: Uint8Array, sizes: readonly number[]): Promise<string> {
  for (const line of ["MAIL FROM:<>", "RCPT TO:<a@example.com>", "DATA"]) await client.say(line);
  const wire = Buffer.concat([stuffed(mail), octets(".\r\n")]);
  for (let at = 0, turn = 0; at < wire.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    client.write(wire.subarray(at, at + size));
    at += size;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return client.answer();
}

test("openFrontDoor() stores any mail octet by octet when it comes in any packets", () =>
  inDataFolder(async (folder) => {
    const [database, clock, store] = [openDatabase(folder), new FakeClock(), new FileMailStore({ folder })];
    const queue = new SqliteMailQueue({ database, name: "q", clock, waitSeconds: 0 });
    const door = await openFrontDoor({ folder, database, store, queues: new Map([["example.com" as Domain, queue]]), clock, port: 0 });
    if (!door.ok) throw new Error(door.error);
    const client = await SmtpClient.open(door.value.port);
    const property = fc.asyncProperty(atoms, cuts, async (parts, sizes) => {
      const mail = octets(`${parts.join("")}\r\n`);
      expect(await sendInPieces(client, mail, sizes)).toStartWith("250");
      const [entry] = await queue.receive(1, { stopped: false });
      if (entry) await queue.ack([entry]);
      const items = decodeEntry(entry?.body ?? "");
      const item = items.ok ? items.value[0] : undefined;
      if (item?.kind !== "mail" || item.notice.location.kind !== "object") throw new Error("No notice");
      const opened = await store.open(item.notice.location);
      expect(opened === "missing" ? null : Buffer.from(opened.head).toString("latin1")).toBe(Buffer.from(mail).toString("latin1"));
    });
    await fc.assert(property, { numRuns: 150, seed: 20260101 });
    client.hangUp();
    await door.value.close();
    database.close();
  }));
