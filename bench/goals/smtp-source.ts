// smtp-source: Postfix's own load generator, which has its mails ready and does nothing but SMTP: what a mail costs at least.

import type { World } from "./world.ts";

export type Load = Readonly<{ sessions: number; mails: number; size: number; recipients?: number }>;
export type Cost = Readonly<{ ms: number; cpuMs: number }>;

/** Mails in a second, or the reason why there is no figure. */
export async function rawRate(world: World, load: Load): Promise<number | string> {
  const cost = await bySmtpSource(world, load);
  return typeof cost === "string" ? cost : 1000 / cost.ms;
}

/** Milliseconds and processor time of one mail, or the reason why there is no figure. */
export async function bySmtpSource(world: World, { sessions, mails, size, recipients = 1 }: Load): Promise<Cost | string> {
  if (world.smtpSource === null) return "smtp-source is not installed (Debian: postfix)";
  const numbers = ["-s", String(sessions), "-m", String(mails), "-l", String(size), "-r", String(recipients)];
  const names = ["-d", "-f", "carol@remote.test", "-t", "user@example.com", `127.0.0.1:${world.sink.port}`];
  const began = performance.now();
  const child = Bun.spawn([world.smtpSource, ...numbers, ...names], { stdio: ["ignore", "ignore", "pipe"] });
  if ((await child.exited) !== 0) throw new Error(`Cannot run smtp-source: ${await new Response(child.stderr).text()}`);
  const ms = performance.now() - began;
  return { ms: ms / mails, cpuMs: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000 / mails };
}
