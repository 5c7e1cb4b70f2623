// The kill trap: how SESAME_KILL_POINT is decoded, when it sends its signal, and where each point is reached.

import { describe, expect, test } from "bun:test";
import { type Address, addressKey, type EffectKey, type MailId, type StoredMail } from "@sesame/core";
import { type SessionPhase, SmtpCourier } from "@sesame/smtp";
import { decodeKillOrder, type KillPoint, KillTrap, killPoints, trapPorts } from "../../apps/worker/kill-point.ts";
import type { ServicePorts } from "../../apps/worker/service.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryLedger } from "../fakes/memory-ledger.ts";
import { MemoryMailQueue } from "../fakes/memory-mail-queue.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";
import { mailOf, transactionOf } from "../mailserver/mail.ts";
import { sinkServer } from "../smtp/sink-server.ts";

const good: readonly [string | undefined, unknown][] = [
  [undefined, null],
  ["", null],
  ["receive", { point: "receive", signal: "SIGKILL", nth: 1 }],
  ["dot-sent:TERM", { point: "dot-sent", signal: "SIGTERM", nth: 1 }],
  ["acked:KILL:12", { point: "acked", signal: "SIGKILL", nth: 12 }],
  ["claim:3", { point: "claim", signal: "SIGKILL", nth: 3 }],
];
const bad = ["nowhere", "dot", "receive:HUP", "receive:KILL:0", "receive:KILL:-1", "receive:KILL:1:2", "receive KILL", ":KILL"];

describe("decodeKillOrder()", () => {
  for (const [text, order] of good) {
    test(`reads ${JSON.stringify(text)}`, () => {
      expect(decodeKillOrder(text)).toEqual({ ok: true, value: order as never });
    });
  }
  for (const text of bad) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      const refused = decodeKillOrder(text);
      expect(refused.ok ? "" : refused.error).toMatch(/^Cannot read SESAME_KILL_POINT: must be .*, is "/);
    });
  }
});

test("reach() sends the signal at the nth time of its own point, and only once", () => {
  const struck: string[] = [];
  const trap = new KillTrap({ point: "receive", signal: "SIGTERM", nth: 4 }, ({ signal }) => void struck.push(signal));
  const after = (point: KillPoint, times: number) => {
    trap.reach(point, times);
    return struck.length;
  };
  expect([after("receive", 3), after("claim", 9), after("receive", 3), after("receive", 3)]).toEqual([0, 0, 1, 1]);
  expect(struck).toEqual(["SIGTERM"]);
});

const mailId = "b/k" as MailId;
const location = { kind: "object", bucket: "b", key: "k" } as const;
const alice = "alice@example.com" as Address;

/** Ports on fakes under a trap, and whether it struck. */
function trapped(point: KillPoint) {
  let struck = false;
  const clock = new FakeClock();
  const [queue, store] = [new MemoryMailQueue({ clock }), new MemoryMailStore()];
  queue.put("{}");
  store.put(location, mailOf("x"));
  const ledger = new MemoryLedger({ clock });
  const ports = { queues: new Map([["example.com", queue]]), courier: new MemoryCourier(), journeyPorts: { store, ledger } };
  const trap = new KillTrap({ point, signal: "SIGKILL", nth: 1 }, () => {
    struck = true;
  });
  return { ports: trapPorts(ports as unknown as ServicePorts, trap), struck: () => struck };
}

/** Does what the points of the ports name, one after the other, and gives the first after which the trap had struck. */
async function firstStruck(point: KillPoint): Promise<string> {
  const { ports, struck } = trapped(point);
  const { courier, journeyPorts, observer } = ports;
  const { ledger } = journeyPorts;
  const [queue] = [...ports.queues.values()];
  if (!queue || !observer) throw new Error("nothing is wrapped");
  const entries = await queue.receive(1, { stopped: false });
  const send = (key: string) =>
    courier.send("ses", { ...transactionOf(mailOf("x"), [alice]), recipients: [{ address: alice, key: key as EffectKey }] });
  const claim = await ledger.claim(mailId, 60, []);
  if (claim.kind !== "held") throw new Error("not held");
  const stage = (name: "decode" | "gather" | "parse") => observer.note({ kind: "stage", stage: name, seconds: 0 });
  const effect = "reply alice@example.com" as EffectKey;
  const row = { recipient: addressKey(alice), sender: addressKey(alice), effect, textHash: "h", mailId, until: 9e15 as never };
  const opened = await journeyPorts.store.open(location);
  const finals = new Map([["deliver alice@example.com" as EffectKey, { action: "delivered", detail: "" } as const]]);
  if (struck()) return "receive, claim or fetch";
  const deeds: readonly [string, () => unknown][] = [
    ["gather", () => stage("gather")],
    ["decode", () => stage("decode")],
    ["parse", () => stage("parse")],
    ["a delivery", () => send("deliver alice@example.com")],
    ["no finals", () => ledger.record(claim.lease, new Map(), "hold")],
    ["recorded", () => ledger.record(claim.lease, finals, "hold")],
    ["reply-claimed", () => ledger.claimReply(row)],
    ["a second claim", () => ledger.claimReply(row)],
    ["reply-sent", () => send("reply alice@example.com")],
    ["forward-sent", () => send("forward alice@example.com x@other.test")],
    ["closed", () => ledger.record(claim.lease, new Map(), "close")],
    ["marked", () => journeyPorts.store.mark(opened as StoredMail, {})],
    ["acked", () => queue.ack(entries)],
  ];
  for (const [name, act] of deeds) {
    await act();
    if (struck()) return name;
  }
  return "nothing";
}

const sessionPoints: readonly KillPoint[] = ["connect", "mail", "rcpt", "data", "dot-sent", "answer-read"];
const early: readonly KillPoint[] = ["receive", "claim", "fetch"];

for (const point of killPoints.filter((each) => !sessionPoints.includes(each))) {
  test(`trapPorts() sends the signal at ${point}, and not before`, async () => {
    expect(await firstStruck(point)).toBe(early.includes(point) ? "receive, claim or fetch" : point);
  });
}

test("a courier tells the phases of its sessions, the final dot before its answer is read", async () => {
  const phases: (SessionPhase | "250")[] = [];
  const hold = async () => {
    await Bun.sleep(50);
    phases.push("250");
  };
  const sink = await sinkServer({ hold });
  const target = { host: "127.0.0.1", port: sink.port, protocol: "smtp" } as const;
  const courier = new SmtpCourier({ mailbox: target, internal: target }, { tls: "off", onPhase: (phase) => void phases.push(phase) });
  for (const subject of ["one", "two"])
    await courier.send("mailbox", transactionOf(mailOf(subject, 300_000), ["a@example.com", "b@example.com"]));
  await courier.close();
  sink.close();
  const transaction = ["mail", "rcpt", "rcpt", "data", "dot-sent", "250", "answer-read"] as const;
  expect(phases).toEqual(["connect", ...transaction, ...transaction]);
});
