// SesCourier when the worker ends: no wait outlasts the stop, and abort() ends what is under way.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { type SendTimers, SesCourier, type SesCourierOptions } from "@sesame/aws-adapters";
import type { Content, MailTransaction, Verdict } from "@sesame/core";
import { address, deliverKey, mailId, octets } from "../contracts/samples.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { testClients } from "./emulator.ts";
import { type SesStub, startSesStub } from "./ses-stub.ts";

let stub: SesStub;
const clock = { timers: new FakeTimers(), stop: { stopped: false } };
const ends: (() => void)[] = [];
beforeEach(async () => {
  stub = await startSesStub();
  clock.timers = new FakeTimers();
  clock.stop = { stopped: false };
});
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await stub.close();
});

function courierOf(options: Partial<SesCourierOptions> = {}): SesCourier {
  const clients = testClients(stub.endpoint);
  ends.push(clients.close);
  const { timers, stop } = clock;
  const sleep = (ms: number) => new Promise<void>((resolve) => timers.after(ms, resolve));
  const time: SendTimers = { now: () => timers.now(), sleep };
  return new SesCourier({ ...clients, timers: time, stop, maxRate: 1000, ...options });
}

const bob = address("bob@remote.test");
const small: Content = { pieces: [octets("Subject: hello\r\n\r\n")], rest: null, size: 18, eightBit: false };

function sending(courier: SesCourier, content: Content = small): Promise<Verdict | undefined> {
  const recipients = [{ address: bob, key: deliverKey(bob) }];
  const sent: MailTransaction = { mailId: mailId("b/1"), from: address("alice@example.com"), recipients, content };
  return courier.send("ses", sent).then((verdicts) => verdicts.get(deliverKey(bob)));
}

/** Time that goes on until something is so. */
async function pass(isSo: () => boolean, stepMs: number = 0): Promise<void> {
  for (let i = 0; i < 60_000 && !isSo(); i++) {
    clock.timers.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(isSo()).toBe(true);
}

const stopped = { action: "delayed", reason: "stopped", possibleDuplicate: false };

test("a stop ends the pause after SES has throttled, within a quarter of a second", async () => {
  stub.next({ kind: "refuse", code: "Throttling", text: "Maximum sending rate exceeded." });
  const verdict = sending(courierOf());
  await pass(() => clock.timers.pending > 0);
  clock.stop.stopped = true;
  clock.timers.advance(250);
  expect(await verdict).toMatchObject(stopped);
  expect(stub.calls).toEqual(["SendRawEmail"]);
});

test("a stop ends the wait for a turn", async () => {
  const courier = courierOf({ maxRate: 0.2 });
  expect(await sending(courier)).toMatchObject({ action: "relayed" });
  const verdict = sending(courier);
  await pass(() => clock.timers.pending > 0);
  clock.stop.stopped = true;
  clock.timers.advance(250);
  expect(await verdict).toMatchObject(stopped);
  expect(stub.sent.length).toBe(1);
});

test("a turn comes in time while nobody stops", async () => {
  const courier = courierOf({ maxRate: 0.2 });
  await sending(courier);
  let verdict: Verdict | undefined;
  void sending(courier).then((end) => {
    verdict = end;
  });
  await pass(() => verdict !== undefined, 250);
  expect(verdict).toMatchObject({ action: "relayed" });
  expect(clock.timers.now()).toBeGreaterThanOrEqual(5000);
});

test("nothing is begun after a stop", async () => {
  clock.stop.stopped = true;
  expect(await sending(courierOf())).toMatchObject(stopped);
  expect(stub.calls).toEqual([]);
});

test("a stop ends the wait behind another large mail, which goes on", async () => {
  const size = 10 * 1024 * 1024 + 1;
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let opened = 0;
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    opened++;
    await gate;
    yield new Uint8Array(size).fill(97);
  };
  const large: Content = { pieces: [], rest, size, eightBit: false };
  const courier = courierOf();
  const first = sending(courier, large);
  const second = sending(courier, large);
  await pass(() => opened === 1);
  clock.stop.stopped = true;
  clock.timers.advance(250);
  expect(await second).toMatchObject(stopped);
  release();
  expect(await first).toMatchObject({ action: "relayed" });
  expect([opened, stub.sent.length, clock.timers.pending]).toEqual([1, 1, 0]);
}, 120_000);

test("abort() ends a request, whose mail may have left", async () => {
  stub.next({ kind: "hang" });
  const courier = courierOf();
  const verdict = sending(courier);
  await pass(() => stub.calls.length === 1);
  courier.abort();
  expect(await verdict).toMatchObject({ action: "delayed", possibleDuplicate: true });
  expect(await sending(courier)).toMatchObject({ action: "delayed", possibleDuplicate: false });
  expect(stub.calls).toEqual(["SendRawEmail"]);
});
