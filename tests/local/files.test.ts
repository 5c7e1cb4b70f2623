// Files of the data folder: safe names, mails that are complete or absent, and repeated writes to the same file.

import { describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Content, type Domain, type MailTransaction, PortError } from "@sesame/core";
import { spool } from "../../apps/worker/local/accept-mail.ts";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { emptyTemporary } from "../../apps/worker/local/durable-file.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { MaildirCourier } from "../../apps/worker/local/maildir-courier.ts";
import { OutboxCourier } from "../../apps/worker/local/outbox-courier.ts";
import { safeFileName } from "../../apps/worker/local/safe-file-name.ts";
import { address, deliverKey, mailId, octets, same } from "../contracts/samples.ts";
import { inDataFolder } from "./data-folder.ts";

const mail = octets("Subject: x\r\n\r\nbody\r\n");
const content: Content = { pieces: [mail], rest: null, size: mail.length, eightBit: false };

function transaction(to: string, more: Partial<MailTransaction> = {}): MailTransaction {
  const recipients = [{ address: address(to), key: deliverKey(to) }];
  return { mailId: mailId("example-com-emails/a"), from: null, recipients, content, ...more };
}

async function tree(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

describe("safeFileName()", () => {
  const good = (text: string, name: string) =>
    test(`safeFileName() gives ${name} when the text is ${JSON.stringify(text)}`, () => expect(safeFileName(text)).toBe(name));

  good("alice", "alice");
  good("A.b_c-9", "A.b_c-9");
  good("..", "%2E%2E"); // the parent folder
  good(".", "%2E");
  good("", "~");
  good("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd");
  good("a/b", "a%2Fb"); // one name, no folder
  good("a%2Fb", "a%252Fb"); // and not the same one
  good("ü", "%C3%BC");
  good("a\0b\\c:d", "a%00b%5Cc%3Ad");
  good("x.json", "x%2Ejson"); // a sidecar's name
  good("~", "%7E"); // marks what was too long

  test("safeFileName() keeps long texts apart and their names short", () => {
    const names = ["a", "b"].map((end) => safeFileName("ü".repeat(500) + end));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name.length).toBeLessThan(200);
  });
});

test.skipIf(process.platform === "win32")("X27 mail and database are for this user alone, whatever the umask is", () =>
  inDataFolder(async (folder) => {
    const umask = process.umask(0);
    try {
      const store = new FileMailStore({ folder });
      const location = { kind: "object", bucket: "b", key: "k" } as const;
      await store.put(location, mail);
      const opened = await store.open(location);
      if (opened !== "missing") await store.mark(opened, { processed: "true" });
      const maildir = new MaildirCourier({ folder });
      const outbox = new OutboxCourier({ folder, domains: [], maildir });
      await maildir.send("mailbox", transaction("alice@example.com"));
      await outbox.send("ses", transaction("x@remote.test"));
      await spool(folder, (async function* () {})(), 10);
      const database = openDatabase(folder);
      database.run("DELETE FROM email_rules");
      const open = async (name: string) => ((await stat(join(folder, name))).mode & 0o077) !== 0;
      const names = await readdir(folder, { recursive: true });
      expect(names.length).toBeGreaterThan(15);
      expect((await Promise.all(names.map(open))).some(Boolean)).toBe(false);
      database.close();
    } finally {
      process.umask(umask);
    }
  }),
);

describe("FileMailStore", () => {
  const at = (key: string) => ({ kind: "object", bucket: "example-com-emails", key }) as const;

  test("put() leaves one file, and mark() one beside it", () =>
    inDataFolder(async (folder) => {
      const store = new FileMailStore({ folder });
      await store.put(at("a"), mail);
      const opened = await store.open(at("a"));
      if (opened !== "missing") await store.mark(opened, { processed: "true" });
      expect(await tree(folder)).toEqual(["mail/example-com-emails/a", "mail/example-com-emails/a.json"]);
      same(await readFile(join(folder, "mail/example-com-emails/a")), mail);
    }));

  test("put() leaves nothing when its stream breaks off", () =>
    inDataFolder(async (folder) => {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield mail;
        throw new Error("broke off");
      };
      const store = new FileMailStore({ folder });
      await expect(store.put(at("a"), broken())).rejects.toBeInstanceOf(PortError);
      expect(await tree(folder)).toEqual([]);
      expect(await store.open(at("a"))).toBe("missing");
    }));

  test("mark() throws and writes nothing when the mail is gone", () =>
    inDataFolder(async (folder) => {
      const store = new FileMailStore({ folder });
      await store.put(at("a"), mail);
      const opened = await store.open(at("a"));
      if (opened === "missing") throw new Error("missing");
      await store.erase(opened);
      await expect(store.mark(opened, { processed: "true" })).rejects.toBeInstanceOf(PortError);
      expect(await tree(folder)).toEqual([]);
    }));

  test("open() is not misled by a mark of another key", () =>
    inDataFolder(async (folder) => {
      const store = new FileMailStore({ folder });
      for (const key of ["a", "a.json"]) await store.put(at(key), octets(key));
      const opened = await store.open(at("a"));
      if (opened !== "missing") await store.mark(opened, { processed: "true" });
      const other = await store.open(at("a.json"));
      expect(other === "missing" ? null : [Buffer.from(other.head).toString(), other.attributes]).toEqual(["a.json", {}]);
    }));

  test("emptyTemporary() removes the files of a dead process", () =>
    inDataFolder(async (folder) => {
      await mkdir(join(folder, "tmp"));
      await writeFile(join(folder, "tmp", "half"), "half a mail");
      await emptyTemporary(folder);
      expect(await tree(folder)).toEqual([]);
    }));
});

describe("MaildirCourier", () => {
  const home = "maildir/example.com/alice";

  test("send() puts a mail into new/ and leaves nothing in tmp/", () =>
    inDataFolder(async (folder) => {
      const courier = new MaildirCourier({ folder });
      const verdicts = await courier.send("mailbox", transaction("Alice@Example.com"));
      expect([...verdicts.values()]).toMatchObject([{ action: "delivered" }]);
      const files = await tree(folder);
      expect(files.length).toBe(1);
      expect(files[0]).toStartWith(`${home}/new/`);
      expect((await readdir(join(folder, home))).sort()).toEqual(["cur", "new", "tmp"]);
    }));

  test("send() stores NUL, bare CR, bare LF and single dots unchanged", () =>
    inDataFolder(async (folder) => {
      const odd = new TextEncoder().encode("Subject: a\0b\r\n\r\n\0\n.\n\r.\r\r\n.\r\nend");
      const stored = { pieces: [odd], rest: null, size: odd.length, eightBit: true };
      await new MaildirCourier({ folder }).send("mailbox", transaction("alice@example.com", { content: stored }));
      const [file = ""] = await tree(folder);
      expect(new Uint8Array(await readFile(join(folder, file)))).toEqual(odd);
    }));

  test("send() is the same file when it is repeated, in new/ and in cur/ with flags", () =>
    inDataFolder(async (folder) => {
      const courier = new MaildirCourier({ folder });
      const send = () => courier.send("mailbox", transaction("alice@example.com"));
      await send();
      const once = await tree(folder);
      await send();
      expect(await tree(folder)).toEqual(once);
      const [name = ""] = await readdir(join(folder, home, "new"));
      await rename(join(folder, home, "new", name), join(folder, home, "cur", `${name}:2,RS`));
      const verdicts = await send();
      expect([...verdicts.values()]).toMatchObject([{ action: "delivered" }]);
      expect(await tree(folder)).toEqual([`${home}/cur/${name}:2,RS`]);
    }));

  test("send() shows nothing in new/ until the mail is complete", () =>
    inDataFolder(async (folder) => {
      const seen: string[][] = [];
      const rest = async function* (): AsyncGenerator<Uint8Array> {
        for (const piece of [mail, mail]) {
          yield piece;
          seen.push([...(await tree(folder))]);
        }
      };
      const long = { ...content, rest, size: mail.length * 3 };
      await new MaildirCourier({ folder }).send("mailbox", transaction("alice@example.com", { content: long }));
      expect(seen.length).toBe(2);
      for (const files of seen) for (const file of files) expect(file).toStartWith(`${home}/tmp/`);
      expect((await tree(folder))[0]).toStartWith(`${home}/new/`);
    }));

  test("send() makes another file when the mail or the effect is another", () =>
    inDataFolder(async (folder) => {
      const courier = new MaildirCourier({ folder });
      await courier.send("mailbox", transaction("alice@example.com"));
      await courier.send("mailbox", transaction("alice@example.com", { mailId: mailId("example-com-emails/b") }));
      expect((await tree(folder)).length).toBe(2);
    }));

  test("folderOf() stays in the data folder when the address is hostile", () =>
    inDataFolder(async (folder) => {
      const courier = new MaildirCourier({ folder });
      for (const text of ['"../../x"@example.com', '"a/../../b"@example.com', '".."@example.com', "a+b/c@example.com"]) {
        await courier.send("mailbox", transaction(text));
        expect(courier.folderOf(address(text))).toStartWith(`${join(folder, "maildir", "example.com")}/`);
      }
      for (const file of await tree(folder)) expect(file).toMatch(/^maildir\/example\.com\/[^/]+\/new\/[^/]+$/);
    }));

  test("send() throws and leaves nothing when the content has another size", () =>
    inDataFolder(async (folder) => {
      const courier = new MaildirCourier({ folder });
      const short = { ...content, size: mail.length + 1 };
      await expect(courier.send("mailbox", transaction("alice@example.com", { content: short }))).rejects.toBeInstanceOf(PortError);
      expect(await tree(folder)).toEqual([]);
    }));

  test("F88 send() throws a PortError when the disk refuses", () =>
    inDataFolder(async (folder) => {
      await writeFile(join(folder, "maildir"), "in the way");
      await expect(new MaildirCourier({ folder }).send("mailbox", transaction("alice@example.com"))).rejects.toBeInstanceOf(PortError);
    }));

  test("send() throws when the route is another", () =>
    inDataFolder(async (folder) => {
      await expect(new MaildirCourier({ folder }).send("ses", transaction("alice@example.com"))).rejects.toBeInstanceOf(PortError);
    }));
});

describe("OutboxCourier", () => {
  const make = (folder: string) =>
    new OutboxCourier({ folder, domains: ["example.com" as Domain], maildir: new MaildirCourier({ folder }) });

  test("send() keeps a mail for SES with its description, once", () =>
    inDataFolder(async (folder) => {
      const courier = make(folder);
      const first = await courier.send("ses", transaction("bob@remote.test"));
      const again = await courier.send("ses", transaction("bob@remote.test"));
      expect([...again]).toEqual([...first]);
      const [eml = "", json = "", ...more] = await tree(folder);
      expect(more).toEqual([]);
      same(await readFile(join(folder, eml)), mail);
      const sheet = JSON.parse(await readFile(join(folder, json), "utf8"));
      expect(sheet).toMatchObject({
        route: "ses",
        from: null,
        to: "bob@remote.test",
        mailId: "example-com-emails/a",
        key: "deliver bob@remote.test",
      });
      expect(sheet.sesId).toMatch(/^0100[0-9a-f]{12}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-000000$/);
      expect([...first.values()]).toEqual([{ action: "relayed", detail: sheet.sesId }]);
    }));

  test("send() delivers internal mail when the target's domain is served", () =>
    inDataFolder(async (folder) => {
      await make(folder).send("internal", transaction("alice@example.com"));
      const files = await tree(folder);
      expect(files.map((file) => file.split("/")[0])).toEqual(["maildir", "outbox", "outbox"]);
    }));

  test("send() only keeps internal mail when the target's domain is not served", () =>
    inDataFolder(async (folder) => {
      await make(folder).send("internal", transaction("alice@elsewhere.test"));
      expect((await tree(folder)).map((file) => file.split("/")[0])).toEqual(["outbox", "outbox"]);
    }));

  test("send() writes the mail again when an earlier attempt died before the description", () =>
    inDataFolder(async (folder) => {
      const courier = make(folder);
      await courier.send("ses", transaction("bob@remote.test"));
      const [eml = "", json = ""] = await tree(folder);
      await rename(join(folder, json), join(folder, "aside"));
      await writeFile(join(folder, eml), "half");
      await courier.send("ses", transaction("bob@remote.test"));
      same(await readFile(join(folder, eml)), mail);
    }));
});
