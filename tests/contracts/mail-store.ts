// Contract of MailStore: a mail is opened by its head, read on as often as wanted, marked without losing what was there.

import { expect } from "bun:test";
import { headLimit, type MailStore, type ObjectLocation, type StoredMail } from "@sesame/core";
import { drain, octets, pattern, same } from "./samples.ts";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type MailStoreHarness = Harness &
  Readonly<{
    store: MailStore;
    /** A bucket that exists and is empty. */
    bucket: string;
    put(location: ObjectLocation, octets: Uint8Array, attributes: Readonly<Record<string, string>>): Promise<void>;
    /** The attributes that stand beside the object now (user metadata alone, in S3). */
    attributesOf(location: ObjectLocation): Promise<Readonly<Record<string, string>>>;
  }>;

/** Declares the contract's tests for one implementation. */
export function mailStoreContract(name: string, makeHarness: () => Promise<MailStoreHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as MailStore`, makeHarness, cases, options);
}

const at = (bucket: string, key: string = "0vfh5u3pmcbm3l93"): ObjectLocation => ({ kind: "object", bucket, key });

async function open(store: MailStore, location: ObjectLocation): Promise<StoredMail> {
  const mail = await store.open(location);
  if (mail === "missing") throw new Error(`There is no ${location.key}`);
  return mail;
}

async function holds(harness: MailStoreHarness, whole: Uint8Array): Promise<void> {
  const { store, bucket, put } = harness;
  await put(at(bucket), whole, {});
  const mail = await open(store, at(bucket));
  expect(mail.location).toEqual(at(bucket));
  expect(mail.size).toBe(whole.length);
  same(mail.head, whole.subarray(0, headLimit));
  same(await drain(mail.rest()), whole.subarray(headLimit));
  same(await mail.whole(), whole);
}

const cases: Cases<MailStoreHarness> = {
  "open() says missing when there is no such object": async ({ store, bucket }) => {
    expect(await store.open(at(bucket))).toBe("missing");
  },
  "open() gives all octets when the mail is small": (harness) => holds(harness, octets("Subject: x\r\n\r\n\0\xff\n\r.\r\n")),
  "open() gives a mail of no octets": (harness) => holds(harness, new Uint8Array()),
  "open() gives the whole as head when it is just as long as the limit": (harness) => holds(harness, pattern(headLimit)),
  "open() gives a head and one octet more": (harness) => holds(harness, pattern(headLimit + 1)),
  "open() gives a head and a long rest": (harness) => holds(harness, pattern(3 * 1024 * 1024 + 7)),
  "open() takes a key as it stands": async ({ store, bucket, put }) => {
    const keys = ["emails/a", "emails/a b+c%2Fd", "..", ".", "emails/../a", "ü/€", "a"];
    for (const key of keys) await put(at(bucket, key), octets(Buffer.from(key).toString("hex")), {});
    for (const key of keys) same(await (await open(store, at(bucket, key))).whole(), octets(Buffer.from(key).toString("hex")));
  },
  "rest() starts anew each time it is called": async ({ store, bucket, put }) => {
    const whole = pattern(headLimit + 200_000);
    await put(at(bucket), whole, {});
    const mail = await open(store, at(bucket));
    for await (const piece of mail.rest()) {
      expect(piece.length).toBeGreaterThan(0);
      break; // given up in its middle
    }
    const [one, two] = await Promise.all([drain(mail.rest()), drain(mail.rest())]);
    same(one, whole.subarray(headLimit));
    same(two, whole.subarray(headLimit));
  },
  "rest() and whole() fail when the object was cut short": async ({ store, bucket, put }) => {
    await put(at(bucket), pattern(headLimit + 200_000), {});
    const mail = await open(store, at(bucket));
    await put(at(bucket), pattern(headLimit + 100_000), {});
    await expect(drain(mail.rest())).rejects.toThrow();
    await expect(mail.whole()).rejects.toThrow();
  },
  "rest() and whole() fail when the object is gone": async ({ store, bucket, put }) => {
    await put(at(bucket), pattern(headLimit + 200_000), {});
    const mail = await open(store, at(bucket));
    await store.erase(mail);
    await expect(drain(mail.rest())).rejects.toThrow();
    await expect(mail.whole()).rejects.toThrow();
  },
  "mark() adds to the attributes and keeps the others": async ({ store, bucket, put, attributesOf }) => {
    await put(at(bucket), octets("x"), { origin: "test" });
    await store.mark(await open(store, at(bucket)), { processed: "true", status: "partial" });
    expect(await attributesOf(at(bucket))).toEqual({ origin: "test", processed: "true", status: "partial" });
  },
  "mark() keeps the octets": async ({ store, bucket, put }) => {
    const whole = pattern(headLimit + 100);
    await put(at(bucket), whole, {});
    await store.mark(await open(store, at(bucket)), { processed: "true" });
    same(await (await open(store, at(bucket))).whole(), whole);
  },
  "mark() replaces what an earlier mark wrote": async ({ store, bucket, put, attributesOf }) => {
    await put(at(bucket), octets("x"), {});
    await store.mark(await open(store, at(bucket)), { status: "partial", invalid_inboxes: "a" });
    await store.mark(await open(store, at(bucket)), { status: "delivered" });
    expect(await attributesOf(at(bucket))).toEqual({ status: "delivered", invalid_inboxes: "a" });
  },
  "mark() may be repeated": async ({ store, bucket, put, attributesOf }) => {
    await put(at(bucket), octets("x"), {});
    const mail = await open(store, at(bucket));
    await store.mark(mail, { status: "delivered" });
    await store.mark(mail, { status: "delivered" });
    expect(await attributesOf(at(bucket))).toEqual({ status: "delivered" });
  },
  "erase() deletes a mail and its mark": async ({ store, bucket, put, attributesOf }) => {
    await put(at(bucket), octets("x"), {});
    await store.mark(await open(store, at(bucket)), { status: "blocked" });
    await store.erase(await open(store, at(bucket)));
    expect(await store.open(at(bucket))).toBe("missing");
    await put(at(bucket), octets("y"), {});
    expect(await attributesOf(at(bucket))).toEqual({});
  },
  "erase() is no error when the mail is gone": async ({ store, bucket, put }) => {
    await put(at(bucket), octets("x"), {});
    const mail = await open(store, at(bucket));
    await store.erase(mail);
    await store.erase(mail);
  },
  "erase() leaves other mails": async ({ store, bucket, put }) => {
    await put(at(bucket, "a"), octets("x"), {});
    await put(at(bucket, "a/b"), octets("y"), {});
    await store.erase(await open(store, at(bucket, "a")));
    same(await (await open(store, at(bucket, "a/b"))).whole(), octets("y"));
  },
};
