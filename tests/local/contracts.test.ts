// The local adapters keep the contracts of their ports.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDomain } from "@sesame/core";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { MaildirCourier } from "../../apps/worker/local/maildir-courier.ts";
import { OutboxCourier } from "../../apps/worker/local/outbox-courier.ts";
import { SqliteDirectory } from "../../apps/worker/local/sqlite-directory.ts";
import { SqliteLedger } from "../../apps/worker/local/sqlite-ledger.ts";
import { SqliteLedgerBook } from "../../apps/worker/local/sqlite-ledger-book.ts";
import { SqliteMailQueue } from "../../apps/worker/local/sqlite-mail-queue.ts";
import { SqliteOutbound } from "../../apps/worker/local/sqlite-outbound.ts";
import { SqliteRuleBook } from "../../apps/worker/local/sqlite-rule-book.ts";
import { courierContract } from "../contracts/courier.ts";
import { directoryContract } from "../contracts/directory.ts";
import { ledgerContract } from "../contracts/ledger.ts";
import { ledgerBookContract } from "../contracts/ledger-book.ts";
import { mailQueueContract } from "../contracts/mail-queue.ts";
import { mailStoreContract } from "../contracts/mail-store.ts";
import { outboundContract } from "../contracts/outbound.ts";
import { ruleBookContract } from "../contracts/rule-book.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { makeDatabase, makeDataFolder } from "./data-folder.ts";

mailQueueContract("SqliteMailQueue", async () => {
  const { database, close } = await makeDatabase();
  const clock = new FakeClock();
  const queue = new SqliteMailQueue({
    database,
    name: "example-com-queue",
    clock,
    visibilitySeconds: 30,
    waitSeconds: 0,
    sleep: clock.sleep,
  });
  const put = async (body: string) => void queue.put(body);
  return { queue, visibilitySeconds: 30, put, advance: async (seconds) => clock.advance(seconds), close };
});

mailStoreContract("FileMailStore", async () => {
  const { folder, remove } = await makeDataFolder();
  const store = new FileMailStore({ folder });
  return {
    store,
    bucket: "example-com-emails",
    put: async (location, octets, attributes) => {
      await store.put(location, octets);
      const mail = await store.open(location);
      if (mail !== "missing" && Object.keys(attributes).length > 0) await store.mark(mail, attributes);
    },
    attributesOf: async (location) => {
      const mail = await store.open(location);
      return mail === "missing" ? {} : mail.attributes;
    },
    close: remove,
  };
});

directoryContract("SqliteDirectory", async () => {
  const { database, close } = await makeDatabase();
  const ruleBook = new SqliteRuleBook({ database });
  return {
    directory: new SqliteDirectory({ database }),
    putRule: (key, row) => ruleBook.set("rules", key, row),
    putBlocked: (key, row) => ruleBook.set("blocked", key, row),
    close,
  };
});

ledgerContract("SqliteLedger", async () => {
  const { database, close } = await makeDatabase();
  const clock = new FakeClock();
  return {
    open: (owner) => new SqliteLedger({ database, owner, clock }),
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds),
    close,
  };
});

ledgerBookContract("SqliteLedgerBook", async () => {
  const { database, close } = await makeDatabase();
  const clock = new FakeClock();
  return {
    open: (owner) => new SqliteLedger({ database, owner, clock }),
    book: () => new SqliteLedgerBook({ database, clock }),
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds),
    close,
  };
});

outboundContract("SqliteOutbound", async () => {
  const { database, close } = await makeDatabase();
  return { outbound: new SqliteOutbound({ database }), close };
});

ruleBookContract("SqliteRuleBook", async () => {
  const { database, close } = await makeDatabase();
  return { ruleBook: new SqliteRuleBook({ database }), close };
});

/** Octets of all files in a folder whose names end so; none where there is no folder. */
async function filesIn(folder: string, end: string = ""): Promise<readonly Uint8Array[]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.filter((name) => name.endsWith(end)).map((name) => readFile(join(folder, name))));
}

courierContract("MaildirCourier", async () => {
  const { folder, remove } = await makeDataFolder();
  const courier = new MaildirCourier({ folder });
  return { courier, route: "mailbox", mailsFor: (address) => filesIn(join(courier.folderOf(address), "new")), close: remove };
});

courierContract("OutboxCourier on the internal route", async () => {
  const { folder, remove } = await makeDataFolder();
  const maildir = new MaildirCourier({ folder });
  const domain = parseDomain("example.com");
  const courier = new OutboxCourier({ folder, domains: domain.ok ? [domain.value] : [], maildir });
  return { courier, route: "internal", mailsFor: (address) => filesIn(join(maildir.folderOf(address), "new")), close: remove };
});

courierContract("OutboxCourier on the ses route", async () => {
  const { folder, remove } = await makeDataFolder();
  const courier = new OutboxCourier({ folder, domains: [], maildir: new MaildirCourier({ folder }) });
  const mailsFor = async (address: string) => {
    const names = (await readdir(join(folder, "outbox")).catch(() => [])).filter((name) => name.endsWith(".json"));
    const sheets = await Promise.all(
      names.map(async (name) => ({ name, sheet: JSON.parse(await readFile(join(folder, "outbox", name), "utf8")) })),
    );
    const mine = sheets.filter(({ sheet }) => sheet.to === address);
    return Promise.all(mine.map(({ name }) => readFile(join(folder, "outbox", name.replace(/json$/, "eml")))));
  };
  return { courier, route: "ses", mailsFor, close: remove };
});
