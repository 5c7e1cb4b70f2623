// Cell ports: the real AWS adapters of one cell, twice: with a deadline that is soon over, and with one that a busy machine
// keeps. Each call goes to the one or the other, so that only the call that hangs is ever cut off.

import {
  type AwsClients,
  DynamoDirectory,
  DynamoLedger,
  DynamoOutbound,
  S3MailStore,
  SesCourier,
  SqsMailQueue,
} from "@sesame/aws-adapters";
import type { Courier, Directory, Ledger, MailQueue, MailStore, Outbound } from "@sesame/core";
import type { ManualAwsClock } from "../aws-adapters/dynalite.ts";
import type { PortName } from "./aws-calls.ts";
import type { QuickTimers } from "./quick-timers.ts";

export type CellPorts = Readonly<{
  queue: MailQueue;
  store: MailStore;
  directory: Directory;
  ledger: Ledger;
  outbound: Outbound;
  courier: Courier;
}>;

export type CellPortOptions = Readonly<{
  id: string;
  clock: ManualAwsClock;
  timers: QuickTimers;
  visibilitySeconds: number;
  /** Whether this call of a port's method shall be given up soon. */
  isShort: (port: PortName, method: string) => boolean;
}>;

const [shortMs, longMs] = [1500, 60_000];

export function cellPorts(clients: AwsClients, options: CellPortOptions): CellPorts {
  const [soon, patient] = [portsWithin(shortMs, clients, options), portsWithin(longMs, clients, options)];
  const either = <T extends object>(port: PortName, name: keyof CellPorts) =>
    switching((method) => (options.isShort(port, method) ? soon : patient)[name] as unknown as T);
  return {
    queue: either<MailQueue>("MailQueue", "queue"),
    store: either<MailStore>("MailStore", "store"),
    directory: either<Directory>("Directory", "directory"),
    ledger: either<Ledger>("Ledger", "ledger"),
    outbound: either<Outbound>("Outbound", "outbound"),
    courier: either<Courier>("Courier", "courier"),
  };
}

function portsWithin(deadlineMs: number, clients: AwsClients, { id, clock, timers, visibilitySeconds }: CellPortOptions): CellPorts {
  const { sqs, sqsPoll, s3, dynamo, ses, sesv2, hot } = clients;
  const { sleep } = timers;
  const table = { client: dynamo, hot, clock, deadlineMs, sleep };
  const sendTimers = { now: () => timers.now(), sleep };
  return {
    queue: new SqsMailQueue({
      sqs,
      sqsPoll,
      hot,
      clock,
      name: id,
      waitSeconds: 0,
      visibilitySeconds,
      callMs: deadlineMs,
      gatherMs: 5,
      sleep,
    }),
    store: new S3MailStore({ s3, hot, clock, callMs: deadlineMs, stallMs: deadlineMs, restMs: deadlineMs }),
    directory: new DynamoDirectory(table),
    ledger: new DynamoLedger({ ...table, owner: `worker-${id}` }),
    outbound: new DynamoOutbound(table),
    courier: new SesCourier({ ses, sesv2, clock, maxRate: 1000, timers: sendTimers, deadlineMs, largeDeadlineMs: deadlineMs }),
  };
}

/** An object whose every call goes to the one that is chosen for it. */
function switching<T extends object>(choose: (method: string) => T): T {
  return new Proxy({} as T, {
    get: (_, method) => {
      const target = choose(String(method));
      const value: unknown = Reflect.get(target, method, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
