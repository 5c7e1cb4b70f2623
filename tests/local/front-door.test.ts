// The front door over a real socket: mail is stored as sent, and 250 means that it is stored.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Address, type Domain, decodeEntry, type Notice, type QueueEntry } from "@sesame/core";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { type FrontDoorOptions, openFrontDoor } from "../../apps/worker/local/front-door.ts";
import { SqliteMailQueue } from "../../apps/worker/local/sqlite-mail-queue.ts";
import { address, octets, pattern, same } from "../contracts/samples.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { inDataFolder } from "./data-folder.ts";
import { SmtpClient } from "./smtp-client.ts";

setDefaultTimeout(60_000); // each mail is synced to the disk several times, and a busy disk takes its time

const [com, org] = ["example.com" as Domain, "xn--bcher-kva.example" as Domain];
const mail = octets("Subject: hello\r\nFrom: a@remote.test\r\n\r\nbody\r\n");

type House = Readonly<{
  folder: string;
  open(): Promise<SmtpClient>;
  store: FileMailStore;
  troubles: Error[];
  notices(domain?: Domain): Promise<readonly Notice[]>;
}>;

async function withDoor(run: (house: House) => Promise<void>, more: Partial<FrontDoorOptions> = {}): Promise<void> {
  await inDataFolder(async (folder) => {
    const [database, clock, store, troubles] = [openDatabase(folder), new FakeClock(), new FileMailStore({ folder }), [] as Error[]];
    const queues = new Map([com, org].map((name) => [name, new SqliteMailQueue({ database, name, clock, waitSeconds: 0 })]));
    const notices = async (domain: Domain = com) => ((await queues.get(domain)?.receive(10, { stopped: false })) ?? []).map(noticeOf);
    const door = await openFrontDoor({
      folder,
      database,
      store,
      queues,
      clock,
      port: 0,
      onTrouble: (error) => troubles.push(error),
      ...more,
    });
    if (!door.ok) throw new Error(door.error);
    const clients: SmtpClient[] = [];
    const open = async () => {
      const client = await SmtpClient.open(door.value.port);
      clients.push(client);
      return client;
    };
    try {
      await run({ folder, open, store, troubles, notices });
    } finally {
      for (const client of clients) client.hangUp();
      await door.value.close();
      database.close();
    }
  });
}

function noticeOf(entry: QueueEntry): Notice {
  const items = decodeEntry(entry.body);
  const [item] = items.ok ? items.value : [];
  if (item?.kind !== "mail") throw new Error(`No notice: ${items.ok ? item?.kind : items.error}`);
  return item.notice;
}

async function stored({ store }: House, { location }: Notice): Promise<Uint8Array> {
  const opened = location.kind === "object" ? await store.open(location) : "missing";
  if (opened === "missing") throw new Error("The object is missing");
  return opened.whole();
}

describe("openFrontDoor()", () => {
  test("openFrontDoor() greets and offers SIZE and 8BITMIME, no AUTH and no STARTTLS", () =>
    withDoor(async ({ open }) => {
      const client = await open();
      const features = await client.say("EHLO client.test");
      expect(features).toContain("SIZE 41943040");
      expect(features).toContain("8BITMIME");
      expect(features).not.toMatch(/AUTH|STARTTLS|SMTPUTF8/);
      expect(await client.say("AUTH PLAIN AGEAYg==")).toStartWith("5");
      expect(await client.say("QUIT")).toStartWith("221");
    }));

  test("openFrontDoor() announces a mail as SES does", () =>
    withDoor(async (house) => {
      const client = await house.open();
      expect(await client.send("prvs=1=a@remote.test", ["Alice+x@Example.com"], mail)).toStartWith("250 2.6.0 ");
      const [notice] = await house.notices();
      expect(notice).toMatchObject({
        location: { kind: "object", bucket: "example-com-emails" },
        receivedAt: Date.parse("2026-01-01T00:00:00Z"),
        envelope: { reversePath: address("prvs=1=a@remote.test"), recipients: ["Alice+x@Example.com"] },
        sesVerdicts: { spam: "PASS", virus: "PASS", spf: "PASS", dkim: "PASS", dmarc: "PASS", dmarcPolicy: null },
      });
      expect(notice?.sesId).toMatch(/^[a-z0-9]{40}$/);
      expect(notice?.mailId).toBe(`example-com-emails/${notice?.sesId}` as Notice["mailId"]);
      if (notice) same(await stored(house, notice), mail);
      expect(await readdir(join(house.folder, "tmp"))).toEqual([]);
    }));

  const exact = (title: string, body: string) =>
    test(`openFrontDoor() stores a mail octet by octet when it has ${title}`, () =>
      withDoor(async (house) => {
        const client = await house.open();
        const whole = octets(`Subject: x\r\n\r\n${body}\r\n`);
        expect(await client.send("", ["a@example.com"], whole)).toStartWith("250");
        const [notice] = await house.notices();
        if (notice) same(await stored(house, notice), whole);
        expect(notice?.envelope.reversePath).toBeNull();
      }));

  exact("8-bit octets and NUL", "\x80\xff\0 \xc3\xa4 \x1a");
  exact("bare LF and bare CR", "a\nb\rc\n\nd\r\r\n");
  exact("lines of dots", ".\r\n..\r\n...\r\n.x\r\n");
  exact("dots after a bare LF", "a\n..b\n.\nc\n.\r\n\r.\r\n\n...\r\nend");
  exact("no line end but the last", "x".repeat(200_000));
  exact("no header block", "\r\n");

  test("openFrontDoor() stores a mail octet by octet however the octets are cut into packets", () =>
    withDoor(async (house) => {
      const client = await house.open();
      const whole = octets("Subject: x\r\n\r\n.a\n..b\r\n.c\r\n\n.\r\n..\r\nend\r\n");
      await client.say("MAIL FROM:<a@remote.test>");
      await client.say("RCPT TO:<a@example.com>");
      await client.say("DATA");
      const sent = "Subject: x\r\n\r\n..a\n..b\r\n..c\r\n\n.\r\n...\r\nend\r\n.\r\n";
      for (const octet of sent) {
        client.write(octet);
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      expect(await client.answer()).toStartWith("250");
      const [notice] = await house.notices();
      if (notice) same(await stored(house, notice), whole);
    }));

  test("openFrontDoor() stores a large mail", () =>
    withDoor(async (house) => {
      const client = await house.open();
      const whole = octets(`Subject: big\r\n\r\n${Buffer.from(pattern(3_000_000)).toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`);
      expect(await client.send("a@remote.test", ["a@example.com"], whole)).toStartWith("250");
      const [notice] = await house.notices();
      if (notice) same(await stored(house, notice), whole);
    }));

  test("openFrontDoor() makes one object and one entry for each domain", () =>
    withDoor(async (house) => {
      const client = await house.open();
      const recipients = ["a@example.com", "b@xn--bcher-kva.example", "c@EXAMPLE.com"];
      expect(await client.send("s@remote.test", recipients, mail)).toStartWith("250");
      const [first, ...others] = await house.notices(com);
      const [second, ...more] = await house.notices(org);
      expect([...others, ...more]).toEqual([]);
      expect(first?.envelope.recipients).toEqual(["a@example.com", "c@EXAMPLE.com"]);
      expect(second?.envelope.recipients).toEqual(["b@xn--bcher-kva.example"]);
      expect(second?.location).toMatchObject({ bucket: "xn--bcher-kva-example-emails", key: first?.sesId ?? "" });
      for (const notice of [first, second]) if (notice) same(await stored(house, notice), mail);
    }));

  test("openFrontDoor() refuses foreign domains and goes on with the others", () =>
    withDoor(async (house) => {
      const client = await house.open();
      await client.say("MAIL FROM:<s@remote.test>");
      expect(await client.say("RCPT TO:<x@foreign.test>")).toStartWith("550 5.7.1 ");
      expect(await client.say("RCPT TO:<x@sub.example.com>")).toStartWith("550 5.7.1 ");
      expect(await client.say("RCPT TO:<a@example.com>")).toStartWith("250 2.1.5");
      expect(await client.say("DATA")).toStartWith("354");
      client.write("Subject: x\r\n\r\n.\r\n");
      expect(await client.answer()).toStartWith("250");
      expect((await house.notices())[0]?.envelope.recipients).toEqual(["a@example.com"]);
    }));

  test("openFrontDoor() takes no DATA when every recipient was refused", () =>
    withDoor(async ({ open, notices }) => {
      const client = await open();
      expect(await client.send("s@remote.test", ["x@foreign.test"], mail)).toStartWith("503");
      expect(await notices()).toEqual([]);
    }));

  test("openFrontDoor() refuses what is no recipient", () =>
    withDoor(async ({ open }) => {
      const client = await open();
      await client.say("MAIL FROM:<s@remote.test>");
      for (const text of ["<>", "<postmaster>", "<@example.com>", "a@example.com", "<a@b@example.com>"]) {
        expect(await client.say(`RCPT TO:${text}`)).toMatch(/^5\d\d 5\.1\.3 /);
      }
    }));

  test("openFrontDoor() accepts unusual local parts unchanged", () =>
    withDoor(async (house) => {
      const client = await house.open();
      const odd = ["a..b@example.com", "o'brien+x/y=z@example.com", "UPPER@example.com"] as Address[];
      expect(await client.send("user.@remote.test", odd, mail)).toStartWith("250");
      expect((await house.notices())[0]?.envelope.recipients).toEqual(odd);
    }));

  test("openFrontDoor() takes several mails in one session", () =>
    withDoor(async (house) => {
      const client = await house.open();
      for (let n = 0; n < 5; n++)
        expect(await client.send("s@remote.test", ["a@example.com"], octets(`Subject: ${n}\r\n\r\n..\r\n`))).toStartWith("250");
      const notices = await house.notices();
      expect(notices.length).toBe(5);
      expect(new Set(notices.map(({ mailId }) => mailId)).size).toBe(5);
      for (const [n, notice] of notices.entries()) same(await stored(house, notice), octets(`Subject: ${n}\r\n\r\n..\r\n`));
    }));

  test("openFrontDoor() says 552 when a mail is over its limit, declared or not, and takes the next", () =>
    withDoor(
      async (house) => {
        const client = await house.open();
        expect(await client.say("MAIL FROM:<s@remote.test> SIZE=1001")).toStartWith("552 5.3.4 ");
        expect(await client.send("s@remote.test", ["a@example.com"], octets(`\r\n${"x".repeat(997)}\r\n`))).toStartWith("552 5.3.4 ");
        expect(await house.notices()).toEqual([]);
        expect(await client.send("s@remote.test", ["a@example.com"], octets(`\r\n${"x".repeat(996)}\r\n`))).toStartWith("250");
        expect((await house.notices()).length).toBe(1);
        expect(await readdir(join(house.folder, "tmp"))).toEqual([]);
      },
      { maxSize: 1000 },
    ));

  test("openFrontDoor() stores nothing when the client hangs up before the final dot", () =>
    withDoor(async (house) => {
      const client = await house.open();
      await client.say("MAIL FROM:<s@remote.test>");
      await client.say("RCPT TO:<a@example.com>");
      await client.say("DATA");
      client.write("Subject: half a mail\r\n\r\nhalf");
      client.hangUp();
      while (house.troubles.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      expect(house.troubles.length).toBeGreaterThan(0);
      expect(await house.notices()).toEqual([]);
      expect(await readdir(join(house.folder, "tmp"))).toEqual([]);
      expect(await readdir(join(house.folder, "mail")).catch(() => [])).toEqual([]);
    }));

  test("openFrontDoor() says 451 and keeps nothing when the disk refuses, and goes on", () =>
    withDoor(async (house) => {
      const client = await house.open();
      await writeFile(join(house.folder, "mail"), "in the way");
      expect(await client.send("s@remote.test", ["a@example.com"], mail)).toStartWith("451 4.3.0 ");
      await rm(join(house.folder, "mail"));
      await rm(join(house.folder, "tmp"), { recursive: true });
      await writeFile(join(house.folder, "tmp"), "in the way");
      expect(await client.send("s@remote.test", ["a@example.com"], mail)).toStartWith("451 4.3.0 ");
      await rm(join(house.folder, "tmp"));
      expect(await house.notices()).toEqual([]);
      expect(await client.send("s@remote.test", ["a@example.com"], mail)).toStartWith("250");
      expect((await house.notices()).length).toBe(1);
      expect(house.troubles.length).toBe(2);
    }));

  test("openFrontDoor() says 451 and erases its objects when the queue refuses", () =>
    inDataFolder(async (folder) => {
      const [database, clock, store] = [openDatabase(folder), new FakeClock(), new FileMailStore({ folder })];
      const queues = new Map([com, org].map((name) => [name, new SqliteMailQueue({ database, name, clock })]));
      const door = await openFrontDoor({ folder, database, store, queues, clock, port: 0 });
      if (!door.ok) throw new Error(door.error);
      database.run("CREATE TRIGGER full BEFORE INSERT ON queue_entries WHEN NEW.queue LIKE 'xn--%' BEGIN SELECT RAISE(ABORT, 'full'); END");
      const client = await SmtpClient.open(door.value.port);
      expect(await client.send("s@remote.test", ["a@example.com", `b@${org}`], mail)).toStartWith("451 4.3.0 ");
      for (const queue of queues.values()) expect(await queue.size()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
      for (const bucket of await readdir(join(folder, "mail"))) expect(await readdir(join(folder, "mail", bucket))).toEqual([]);
      client.hangUp();
      await door.value.close();
      database.close();
    }));

  test("openFrontDoor() takes the next port when one is busy, and says which", () =>
    inDataFolder(async (folder) => {
      const busy = createServer();
      await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
      const { port } = busy.address() as { port: number };
      const [database, clock] = [openDatabase(folder), new FakeClock()];
      const door = await openFrontDoor({ folder, database, store: new FileMailStore({ folder }), queues: new Map(), clock, port });
      expect(door.ok).toBe(true);
      if (door.ok) {
        expect(door.value.port).toBeGreaterThan(port);
        expect(door.value.port).toBeLessThanOrEqual(port + 20);
        await door.value.close();
      }
      busy.close();
      database.close();
    }));

  test("onMail() hears the hash of what was stored", async () => {
    const heard: string[] = [];
    await withDoor(
      async ({ open, notices, folder }) => {
        const client = await open();
        await client.send("s@remote.test", ["a@example.com"], mail);
        const [notice] = await notices();
        const file = await readFile(join(folder, "mail", notice?.mailId ?? ""));
        expect(heard).toEqual([new Bun.CryptoHasher("sha256").update(file).digest("hex")]);
      },
      { onMail: ({ sha256 }) => heard.push(sha256) },
    );
  });
});
