// The fakes keep the contracts that the real adapters keep, or a journey tested on fakes would prove nothing.

import { courierContract } from "../contracts/courier.ts";
import { directoryContract } from "../contracts/directory.ts";
import { ledgerContract } from "../contracts/ledger.ts";
import { ledgerBookContract } from "../contracts/ledger-book.ts";
import { mailQueueContract } from "../contracts/mail-queue.ts";
import { mailStoreContract } from "../contracts/mail-store.ts";
import { outboundContract } from "../contracts/outbound.ts";
import { ruleBookContract } from "../contracts/rule-book.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryCourier } from "./memory-courier.ts";
import { MemoryDirectory } from "./memory-directory.ts";
import { MemoryLedger, memoryLedgerTables } from "./memory-ledger.ts";
import { MemoryLedgerBook } from "./memory-ledger-book.ts";
import { MemoryMailQueue } from "./memory-mail-queue.ts";
import { MemoryMailStore } from "./memory-mail-store.ts";
import { MemoryOutbound } from "./memory-outbound.ts";
import { MemoryRuleBook } from "./memory-rule-book.ts";

const close = async () => {};

mailQueueContract("MemoryMailQueue", async () => {
  const clock = new FakeClock();
  const queue = new MemoryMailQueue({ clock, visibilitySeconds: 30 });
  const put = async (body: string) => void queue.put(body);
  return { queue, visibilitySeconds: 30, put, advance: async (seconds) => clock.advance(seconds), close };
});

mailStoreContract("MemoryMailStore", async () => {
  const store = new MemoryMailStore({ pieceSize: 10_000 });
  return {
    store,
    bucket: "example-com-emails",
    put: async (location, octets, attributes) => store.put(location, octets, attributes),
    attributesOf: async (location) => store.attributesOf(location) ?? {},
    close,
  };
});

directoryContract("MemoryDirectory", async () => {
  const directory = new MemoryDirectory();
  const { rules, blocked } = directory.tables;
  return {
    directory,
    putRule: async (key, row) => void rules.set(key, row),
    putBlocked: async (key, row) => void blocked.set(key, row),
    close,
  };
});

ledgerContract("MemoryLedger", async () => {
  const clock = new FakeClock();
  const tables = memoryLedgerTables();
  return {
    open: (owner) => new MemoryLedger({ clock, owner, tables }),
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds),
    close,
  };
});

ledgerBookContract("MemoryLedgerBook", async () => {
  const clock = new FakeClock();
  const tables = memoryLedgerTables();
  return {
    open: (owner) => new MemoryLedger({ clock, owner, tables }),
    book: () => new MemoryLedgerBook({ clock, tables }),
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds),
    close,
  };
});

outboundContract("MemoryOutbound", async () => ({ outbound: new MemoryOutbound(), close }));

ruleBookContract("MemoryRuleBook", async () => ({ ruleBook: new MemoryRuleBook(), close }));

courierContract("MemoryCourier", async () => {
  const courier = new MemoryCourier();
  return { courier, route: "mailbox", mailsFor: async (address) => courier.mailsFor(address), close };
});
