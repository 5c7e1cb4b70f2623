// SIGTERM at a real worker with mails in work, on emulators.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { until } from "../until.ts";
import { WorkerBench } from "./worker-bench.ts";

let bench: WorkerBench;
beforeAll(async () => {
  bench = await WorkerBench.open();
}, 120_000);
afterEach(() => bench.clear());
afterAll(() => bench.close(), 120_000);

test("F39 SIGTERM with ten mails in work: no poll begins, all ten end, and the process with 0", async () => {
  const { cloud, held } = bench;
  bench.hold();
  const keys = Array.from({ length: 10 }, (_, i) => `ten-${i}`);
  for (const key of keys) await bench.receive(key);
  const worker = await bench.start({ SMTP_POOL_SIZE: "10" });
  await until(() => held.length === 10, "ten mails are not in work");
  for (const key of ["late-1", "late-2"]) await bench.receive(key);
  worker.kill("SIGTERM");
  await until(() => worker.linesOf("stopping").length === 1, "the signal is not heard");
  // A poll that was under way when the signal came has been heard of, and what it brought has been given back.
  await until(async () => (await bench.depth()).visible === 2, "an entry that came too late is kept");
  const polls = cloud.calls().get("ReceiveMessage");
  bench.release();
  expect(await worker.exited).toBe(0);
  expect(cloud.calls().get("ReceiveMessage")).toBe(polls ?? -1);
  expect(bench.arrived("ten-")).toEqual([...keys].sort());
  expect(await bench.depth()).toEqual({ visible: 2, hidden: 0 }); // what came too late waits for nobody
  const other = await bench.start();
  await bench.emptied();
  expect(await other.stop()).toBe(0);
  expect(bench.arrived("late-")).toEqual(["late-1", "late-2"]);
}, 120_000);

test("F39 SIGTERM and a mail server that never answers: the grace is kept, and the mail comes again, announced", async () => {
  bench.hold();
  await bench.receive("hung");
  const worker = await bench.start({ SHUTDOWN_SECONDS: "3" });
  await until(() => bench.held.length === 1, "the mail is not in work");
  worker.kill("SIGTERM");
  // The server would keep it for ten minutes.
  expect([await worker.exited, worker.lines.some(({ msg }) => /may be delivered more than once/.test(msg ?? ""))]).toEqual([0, true]);
  bench.release();
  const other = await bench.start();
  await bench.emptied();
  expect(await other.stop()).toBe(0);
  const copies = bench.arrived("hung");
  expect(new Set(copies)).toEqual(new Set(["hung"]));
  expect(copies.length).toBeLessThanOrEqual(2);
}, 120_000);
