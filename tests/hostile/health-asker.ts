// Health asker: asks a worker's page again and again and prints a line for each answer: milliseconds, milliseconds of
// processor time that the worker took meanwhile, and mails in work. A process of its own, so that what it measures is not how
// busy the test is; processor time, because a worker that the machine gives none to is not what holds up the answer.

import { readFileSync } from "node:fs";

const [url = "", pid = ""] = process.argv.slice(2);

/** User and system time of a process: fields 14 and 15 of proc(5)'s stat, in hundredths of a second. */
function processorMs(): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

for (;;) {
  try {
    const [began, usedBefore] = [performance.now(), processorMs()];
    const page = (await (await fetch(url)).json()) as { domains: readonly { inFlight: number }[] };
    console.log(JSON.stringify([performance.now() - began, processorMs() - usedBefore, page.domains[0]?.inFlight ?? 0]));
  } catch {
    // Nobody listens yet, or no more.
  }
  await Bun.sleep(20);
}
