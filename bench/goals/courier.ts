// Courier: the SMTP client of the worker alone, against `smtp-source`, which does the same in C: the processor time of a mail; and
// what a mail for 100 recipients costs more than a mail for one.

import { join } from "node:path";
import { figure } from "../columns.ts";
import type { Figure, Goal, Part } from "./goal.ts";
import { bySmtpSource, type Cost, type Load } from "./smtp-source.ts";
import type { World } from "./world.ts";

const sessions = 8;
const toSource = { unit: "×", better: "less" } as const;
const goals: readonly Goal[] = [
  { id: "smtp-small", what: "SMTP client CPU ÷ smtp-source, 10 kB", settings: `${sessions} sessions`, ...toSource, wanted: 0.8 },
  { id: "smtp-large", what: "SMTP client CPU ÷ smtp-source, 1 MB", settings: `${sessions} sessions`, ...toSource, wanted: 1.3 },
  { id: "many-wall", what: "100 recipients ÷ 1, wall", settings: "1 session, mails of 10 kB", ...toSource, wanted: 2 },
  { id: "many-cpu", what: "100 recipients ÷ 1, CPU", settings: "1 session, mails of 10 kB", ...toSource, wanted: 2 },
];

export const courier: Part = {
  name: "courier",
  about: "the SMTP client alone, against smtp-source; 100 recipients against one",
  goals,
  measure: async (world) => {
    const isTiny = world.scale === "tiny";
    const small = { sessions, mails: isTiny ? 40 : 2000, size: 10_000 };
    const large = { sessions, mails: isTiny ? 8 : 100, size: 1_000_000 };
    const one = { sessions: 1, mails: isTiny ? 10 : 300, size: 10_000 };
    const many = { ...one, recipients: 100 };
    const [oursOne, oursMany] = [await byCourier(world, one), await byCourier(world, many)];
    const [pythonOne, pythonMany] = [await byPython(world, one), await byPython(world, many)];
    const ratio = (which: keyof Cost): Figure => {
      const python = pythonOne === null || pythonMany === null ? "" : `; Python ${figure(pythonMany[which] / pythonOne[which])}`;
      return { value: oursMany[which] / oursOne[which], beside: `${figure(oursMany[which])} and ${figure(oursOne[which])} ms${python}` };
    };
    return {
      "smtp-small": perSource(await byCourier(world, small), await bySmtpSource(world, small)),
      "smtp-large": perSource(await byCourier(world, large), await bySmtpSource(world, large)),
      "many-wall": ratio("ms"),
      "many-cpu": ratio("cpuMs"),
    };
  },
};

function perSource(ours: Cost, source: Cost | string): Figure | string {
  if (typeof source === "string") return source;
  return {
    value: ours.cpuMs / source.cpuMs,
    beside: `${figure(ours.cpuMs * 1000)} µs a mail; smtp-source ${figure(source.cpuMs * 1000)} µs`,
  };
}

function byCourier(world: World, { sessions, mails, size, recipients = 1 }: Load): Promise<Cost> {
  const args = [world.sink.port, sessions, mails, recipients, size].map(String);
  return costOf([process.execPath, join(import.meta.dir, "../processes/courier-process.ts"), ...args]);
}

async function byPython({ python, sink }: World, { mails, size, recipients = 1 }: Load): Promise<Cost | null> {
  if (python === null) return null;
  return costOf([python.path, join(import.meta.dir, "../python/send.py"), ...[sink.port, mails, recipients, size].map(String)]);
}

/** What a program prints of itself. */
async function costOf(command: readonly string[]): Promise<Cost> {
  const child = Bun.spawn([...command], { stdio: ["ignore", "pipe", "inherit"] });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`Cannot measure ${command.join(" ")}: it must end well, is ${child.exitCode}`);
  return JSON.parse(text) as Cost;
}
