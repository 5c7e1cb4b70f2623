// Rows of an older worker on the whole way: off by default, on with RULE_SPELLINGS=legacy, and the setting reaches the journey.

import { expect, test } from "bun:test";
import type { Address, JourneyPorts } from "@sesame/core";
import { decodeConfig } from "../../apps/worker/config.ts";
import { openLocalPorts } from "../../apps/worker/local/local-ports.ts";
import { inDataFolder } from "../local/data-folder.ts";
import { TestWay } from "./way.ts";

const mail = "From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hello\r\nMessage-ID: <m1@remote.test>\r\n\r\nHello\r\n";
const [alice, bob, target] = ["alice@example.com", "bob@remote.test", "me@private.test"] as [Address, Address, Address];

const settings: readonly (readonly [what: string, ports: Partial<JourneyPorts>, isRead: boolean])[] = [
  ["by default", {}, false],
  ["with strict", { rowSpellings: "strict" }, false],
  ["with legacy", { rowSpellings: "legacy" }, true],
];
for (const [what, ports, isRead] of settings) {
  test(`handleEntry() ${isRead ? "replies and forwards" : "only delivers"} by a row of an older worker ${what}`, async () => {
    const way = new TestWay(mail);
    way.directory.rule(alice, { ooo_active: 1, ooo_message: "<p>away", ooo_content_type: "text/html", forwards: target });
    expect(await way.receive(ports)).toEqual({ kind: "ack" });
    expect([alice, bob, target].map((to) => way.courier.mailsFor(to).length)).toEqual([1, isRead ? 1 : 0, isRead ? 1 : 0]);
  });

  test(`handleEntry() ${isRead ? "blocks" : "does not block"} by one text in place of a list ${what}`, async () => {
    const way = new TestWay(mail);
    way.directory.block(alice, "*@remote.test");
    await way.receive(ports);
    expect(way.courier.mailsFor(alice).length).toBe(isRead ? 0 : 1);
  });
}

for (const [set, expected] of [
  [{}, "strict"],
  [{ RULE_SPELLINGS: "legacy" }, "legacy"],
] as const) {
  test(`openLocalPorts() takes RULE_SPELLINGS=${expected} to the journey`, () =>
    inDataFolder(async (folder) => {
      const config = decodeConfig({ DOMAINS: "example.com", ...set });
      if (!config.ok) throw new Error(config.error);
      const { journeyPorts, close } = await openLocalPorts(config.value, folder);
      expect(journeyPorts.rowSpellings).toBe(expected);
      await close();
    }));
}
