// Queues: a fleet with very many queues in this process, against an SQS that answers on a loopback port, by the wall clock. It
// tells how long `/livez` took at the most, how soon a mail was delivered, and how many mails were in work at once.

import { join } from "node:path";
import { type AwsClients, awsClients, SqsMailQueue } from "@sesame/aws-adapters";
import { blocklistCache, type Courier, type Domain, defaultPolicy, type MailQueue } from "@sesame/core";
import { noKnownMailboxes } from "@sesame/core/journey";
import pino from "pino";
import { Fleet } from "../../apps/worker/fleet.ts";
import { healthApp } from "../../apps/worker/http.ts";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { openPages } from "../../apps/worker/pages.ts";
import { wallTimers } from "../../apps/worker/timers.ts";
import { blocklistCacheOctets, pauseEachTurn } from "../../apps/worker/turn-taking.ts";
import { MemoryDirectory } from "../../tests/fakes/memory-directory.ts";
import { MemoryLedger } from "../../tests/fakes/memory-ledger.ts";
import { MemoryMailStore } from "../../tests/fakes/memory-mail-store.ts";
import { MemoryOutbound } from "../../tests/fakes/memory-outbound.ts";

export type QueuesResult = Readonly<{
  queues: number;
  /** The longest answer of `/livez`, asked ten times a second. */
  livezMs: number;
  firstMailMs: number;
  mostInWork: number;
  delivered: number;
  seconds: number;
}>;

const octets = new TextEncoder().encode("From: bob@remote.test\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n");
const [smtpMs, window] = [8, 128];

/** Lets `count` queues idle for some seconds, then puts `mails` into each. */
export async function manyQueues(count: number, mails: number, idleSeconds: number): Promise<QueuesResult> {
  const sqs = await startSqs();
  const clients = awsClients({ version: "0", queues: count, region: "eu-west-1", endpoint: sqs.url, credentials });
  const store = new MemoryMailStore();
  const sent: number[] = [];
  const inWork = { now: 0, most: 0 };
  const courier: Courier = {
    send: async (_, { recipients }) => {
      inWork.most = Math.max(inWork.most, ++inWork.now);
      await new Promise<void>((resolve) => wallTimers.after(smtpMs, resolve));
      inWork.now--;
      sent.push(performance.now());
      return new Map(recipients.map(({ key }) => [key, { action: "delivered", detail: "250" }]));
    },
  };
  const fleet = fleetOf(count, clients, store, courier);
  const pages = await openPages({ HTTP_HOST: "127.0.0.1", HEALTH_PORT: 0, METRICS_PORT: 0 }, 0);
  if (!pages.ok) throw new Error(pages.error);
  pages.value.health.show(healthOf(fleet).fetch);
  fleet.start();
  const watch = watchLivez(`http://127.0.0.1:${pages.value.health.port}/livez`);
  await new Promise<void>((resolve) => wallTimers.after(idleSeconds * 1000, resolve));
  const began = performance.now();
  for (let index = 0; index < count; index++) await sqs.put(`domain-${index}-test-queue`, noticesOf(index, mails, store));
  while (sent.length < count * mails && performance.now() - began < 300_000)
    await new Promise<void>((resolve) => wallTimers.after(50, resolve));
  const seconds = (performance.now() - began) / 1000;
  const livezMs = await watch.end();
  sqs.stop(); // ends the long polls
  await fleet.end();
  await pages.value.close();
  clients.close();
  return {
    queues: count,
    livezMs,
    firstMailMs: Math.round((sent[0] ?? 0) - began),
    mostInWork: inWork.most,
    delivered: sent.length,
    seconds,
  };
}

/** Notices of mails to one domain, which the store then has. */
function noticesOf(domain: number, mails: number, store: MemoryMailStore): readonly string[] {
  return Array.from({ length: mails }, (_, mail) => {
    const location = { kind: "object", bucket: "mails", key: `${domain}-${mail}` } as const;
    store.put(location, octets);
    const recipients = [`alice@domain-${domain}.test`];
    return writeNotice({ sesId: location.key, location, source: "bob@remote.test", recipients, head: octets, receivedAt: Date.now() });
  });
}

type Sqs = Readonly<{ url: string; put(queue: string, bodies: readonly string[]): Promise<unknown>; stop(): void }>;

async function startSqs(): Promise<Sqs> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "sqs-stub.ts")], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const url = `http://127.0.0.1:${new TextDecoder().decode(value).trim()}`;
  const put = (queue: string, bodies: readonly string[]) =>
    fetch(`${url}/put`, { method: "POST", body: JSON.stringify({ queue, bodies }) });
  return { url, put, stop: () => child.kill() };
}

/** Asks ten times a second. */
function watchLivez(url: string): Readonly<{ end(): Promise<number> }> {
  let [longest, isOver] = [0, false];
  const asking = (async () => {
    while (!isOver) {
      const asked = performance.now();
      await (await fetch(url)).text();
      longest = Math.max(longest, performance.now() - asked);
      await new Promise<void>((resolve) => wallTimers.after(100, resolve));
    }
  })();
  const end = async () => {
    isOver = true;
    await asking;
    return Math.round(longest);
  };
  return { end };
}

const credentials = { accessKeyId: "AKIABENCH", secretAccessKey: "bench" };

function fleetOf(count: number, { sqs, sqsPoll, clock }: AwsClients, store: MemoryMailStore, courier: Courier): Fleet {
  const domains = Array.from({ length: count }, (_, index) => `domain-${index}.test` as Domain);
  const queueOf = (domain: Domain): MailQueue => new SqsMailQueue({ sqs, sqsPoll, clock, name: `${domain.replace(".", "-")}-queue` });
  const ledger = new MemoryLedger({ clock });
  const own = { store, ledger, clock, directory: new MemoryDirectory(), outbound: new MemoryOutbound(), domains };
  const common = { policy: defaultPolicy, blockedMail: "keep", leaseSeconds: 120, inWork: new Set<never>(), mayOpen: () => true } as const;
  return new Fleet({
    queues: new Map(domains.map((domain) => [domain, queueOf(domain)])),
    courier,
    probe: async () => null,
    journeyPorts: {
      ...own,
      ...common,
      blocklists: blocklistCache({ maxOctets: blocklistCacheOctets }),
      pause: pauseEachTurn(),
      mailboxes: noKnownMailboxes,
    },
    logger: pino({ level: "silent" }),
    logAddresses: "plain",
    metrics: makeMetrics("0"),
    concurrency: window,
    visibilitySeconds: 120,
    waitSeconds: 20,
    bytesInFlight: 256 * 1024 * 1024,
    timers: wallTimers,
  });
}

function healthOf(fleet: Fleet) {
  return healthApp({
    version: "0",
    maxAgeSeconds: fleet.maxAgeSeconds,
    domains: () => fleet.views(),
    stopping: () => false,
    mailServer: () => null,
    circuits: () => fleet.circuits.states(),
  });
}
