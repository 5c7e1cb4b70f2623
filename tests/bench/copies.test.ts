// Copies: how often JavaScript copies the octets of a mail on their way from S3 to the mail server. It is a count, the same on every
// machine. The AWS and the mail server are processes of their own, so that only the worker's copies are seen. What the runtime copies
// by itself is not seen.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { S3MailStore } from "@sesame/aws-adapters";
import type { Address, EffectKey, MailId, ObjectLocation, ReversePath } from "@sesame/core";
import type { AwsNews, AwsOrder } from "../../bench/processes/aws-process.ts";
import { Helper } from "../../bench/processes/helper.ts";
import type { SinkNews } from "../../bench/processes/sink-process.ts";
import { testClients } from "../aws-adapters/emulator.ts";
import { courierTo } from "../smtp/samples.ts";

const domains = ["example.com"];
const location: ObjectLocation = { kind: "object", bucket: "example-com-emails", key: "mail-0" };
const aws = new Helper<AwsOrder, AwsNews>("aws-process.ts");
const sink = new Helper<unknown, SinkNews>("sink-process.ts");
let endpoint: string;
let port: number;

beforeAll(async () => {
  [{ endpoint }, { port }] = await Promise.all([aws.next("started"), sink.next("started")]);
});
afterAll(() => {
  aws.close();
  sink.close();
});

// Each octet once, into the buffer of its write: one write of 256 KiB costs less than four, by more than the copy does. Of a large
// mail the head is copied once more, as it comes.
test.each([
  [10_000, 1.5],
  [1_000_000, 1.4],
])("a mail of %p octets is copied at most %p times", async (size, most) => {
  aws.tell({ kind: "clear", domains, latency: false });
  await aws.next("done");
  aws.tell({ kind: "send", shipment: { domains, mails: 1, size, warmUp: 0, perSecond: null } });
  await aws.next("done");
  const clients = testClients(endpoint);
  const store = new S3MailStore({ s3: clients.s3, clock: clients.clock });
  const courier = courierTo(port, "smtp");
  const carry = async () => {
    const mail = await store.open(location);
    if (mail === "missing") throw new Error("there must be a mail");
    const rest = mail.head.length < mail.size ? () => mail.rest() : null;
    const content = { pieces: [mail.head], rest, size: mail.size, eightBit: rest === null ? false : ("unknown" as const) };
    const recipients = [{ address: "user@example.com" as Address, key: "deliver" as EffectKey }];
    const verdicts = await courier.send("mailbox", { mailId: "m" as MailId, from: "a@remote.test" as ReversePath, recipients, content });
    expect([...verdicts.values()].map(({ action }) => action)).toEqual(["delivered"]);
  };
  await carry(); // connects, and loads what is loaded once
  const copied = await octetsCopied(carry);
  console.info(`a mail of ${size} octets: ${(copied / size).toFixed(2)} copies`);
  expect(copied / size).toBeLessThanOrEqual(most);
  expect(copied / size).toBeGreaterThan(0.1); // or the count sees nothing
  await courier.close();
  clients.close();
});

/** Octets that pass through the functions that copy octets, while `act` runs. */
async function octetsCopied(act: () => Promise<void>): Promise<number> {
  let copied = 0;
  const undo: (() => void)[] = [];
  type Copying = Record<string, (this: Uint8Array, ...args: unknown[]) => unknown>;
  const watch = (owner: object, name: string, count: (self: Uint8Array, args: readonly unknown[], result: unknown) => number) => {
    const original = (owner as Copying)[name];
    if (original === undefined) throw new Error(`there is no ${name}`);
    (owner as Copying)[name] = function (...args) {
      const result = original.apply(this, args);
      copied += count(this, args, result);
      return result;
    };
    undo.push(() => {
      (owner as Copying)[name] = original;
    });
  };
  const lengthOf = (value: unknown) => (value instanceof Uint8Array ? value.length : 0);
  watch(Uint8Array.prototype, "set", (_, [source]) => lengthOf(source));
  watch(Uint8Array.prototype, "slice", (_self, _args, result) => lengthOf(result));
  watch(Buffer, "concat", (_self, _args, result) => lengthOf(result));
  watch(Buffer, "from", (_self, [source], result) => (source instanceof ArrayBuffer ? 0 : lengthOf(result)));
  watch(Buffer.prototype, "copy", (_self, _args, result) => Number(result));
  watch(Buffer.prototype, "toString", (self) => self.length);
  watch(Buffer.prototype, "write", (_self, _args, result) => Number(result));
  try {
    await act();
    return copied;
  } finally {
    for (const each of undo) each();
  }
}
