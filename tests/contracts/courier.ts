// Contract of Courier: the octets arrive as they are, each recipient has a verdict, and a mail that broke off is no mail.

import { expect } from "bun:test";
import type { Address, Content, Courier, MailTransaction, Route } from "@sesame/core";
import { address, deliverKey, joined, mailId, octets, pattern, same } from "./samples.ts";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type CourierHarness = Harness &
  Readonly<{
    courier: Courier;
    route: Route;
    /** What arrived for a recipient so far, as octets that a courier may have put a trace field or two before. */
    mailsFor(address: Address): Promise<readonly Uint8Array[]>;
  }>;

/** Declares the contract's tests for one implementation. Mail for anybody at example.com must be accepted. */
export function courierContract(name: string, makeHarness: () => Promise<CourierHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as Courier`, makeHarness, cases, options);
}

const [alice, bob] = [address("alice@example.com"), address("Bob+tag@example.com")];

function transaction(content: Content, ...recipients: readonly Address[]): MailTransaction {
  return {
    mailId: mailId("example-com-emails/0vfh5u3pmcbm3l93"),
    from: address("carol@remote.test"),
    recipients: recipients.map((each) => ({ address: each, key: deliverKey(each) })),
    content,
  };
}

function content(head: Uint8Array, rest?: Uint8Array): Content {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < (rest?.length ?? 0); at += 60_000) yield rest?.subarray(at, at + 60_000) ?? new Uint8Array();
  };
  return { pieces: [head], rest: rest ? stream : null, size: head.length + (rest?.length ?? 0), eightBit: "unknown" };
}

const head = octets("Subject: courier\r\n\r\n");
const body = octets("first\r\n.\r\n..dots\r\n\xe4\r\nlast\r\n");

function endsWith(whole: Uint8Array | undefined, end: Uint8Array): void {
  same(whole?.subarray(-end.length), end);
}

const cases: Cases<CourierHarness> = {
  "send() brings pieces and rest in their order": async ({ courier, route, mailsFor }) => {
    const first = octets("X-First: 1\r\n");
    const split = { ...content(head, body), pieces: [first, head], size: first.length + head.length + body.length };
    const verdicts = await courier.send(route, transaction(split, alice));
    expect(["delivered", "relayed"]).toContain(verdicts.get(deliverKey(alice))?.action ?? "none");
    const mails = await mailsFor(alice);
    expect(mails.length).toBe(1);
    endsWith(mails[0], joined(first, head, body));
  },
  "send() brings a mail that is in memory": async ({ courier, route, mailsFor }) => {
    await courier.send(route, transaction(content(joined(head, body)), alice));
    endsWith((await mailsFor(alice))[0], joined(head, body));
  },
  "send() brings a large mail": async ({ courier, route, mailsFor }) => {
    const lines = octets(`${"0123456789".repeat(7)}\r\n`.repeat(20_000));
    await courier.send(route, transaction(content(head, lines), alice));
    endsWith((await mailsFor(alice))[0], lines);
  },
  "send() gives a verdict for each recipient": async ({ courier, route, mailsFor }) => {
    const verdicts = await courier.send(route, transaction(content(head, body), alice, bob));
    expect([...verdicts.keys()].sort()).toEqual([deliverKey(alice), deliverKey(bob)].sort());
    expect((await mailsFor(alice)).length).toBe(1);
    expect((await mailsFor(bob)).length).toBe(1);
  },
  "send() takes the null reverse-path": async ({ courier, route, mailsFor }) => {
    await courier.send(route, { ...transaction(content(head, body), alice), from: null });
    expect((await mailsFor(alice)).length).toBe(1);
  },
  "send() delivers nothing when the content breaks off": async ({ courier, route, mailsFor }) => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(1000).fill(65);
      throw new Error("broke off");
    };
    const answer = await courier
      .send(route, transaction({ ...content(head), rest: broken, size: 5000 }, alice))
      .catch(() => "thrown" as const);
    if (answer !== "thrown") expect(answer.get(deliverKey(alice))).toMatchObject({ action: "delayed", possibleDuplicate: false });
    expect(await mailsFor(alice)).toEqual([]);
  },
};
