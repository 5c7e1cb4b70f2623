// Kills real workers at every point of a mail's way and counts what became of the mails: `npm run kill -- --seeds 25`.
// For each point, signal (KILL, TERM), mix of recipients, client of AWS and seed a worker is ended at that point and a second one finishes.
// Exit code 1: a mail was lost, a copy too many was not announced, a reply went out twice, … A signal ends it after the runs
// that are under way, and what is known by then is shown. Run by Bun.
//   --seeds N       runs of each kind; default 25
//   --client NAME   fast or sdk (AWS_CLIENT); else both
//   --points a,b    only these points
//   --parallel N    clouds side by side; default 4
//   --program PATH  the executable, such as dist/sesame; else the checkout is run
//   --mailserver    a real Postfix with Dovecot in place of the sinks; needs root
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { killPoints } from "../apps/worker/kill-point.ts";
import { allCases, clients } from "../tests/kill/case.ts";
import { runAll } from "../tests/kill/lanes.ts";
import { startRealEnd, startSinks } from "../tests/kill/mail-end.ts";
import { complaintsOf, tableOf } from "../tests/kill/table.ts";
import { missingPrograms } from "../tests/mailserver/programs.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { seeds: text, client: text, points: text, parallel: text, program: text, mailserver: { type: "boolean" } },
});
const whole = (name: "seeds" | "parallel", fallback: number) => {
  const given = values[name] ?? String(fallback);
  if (/^[1-9]\d*$/.test(given)) return Number(given);
  throw new Error(`Cannot use --${name}: must be a whole number above 0, is ${JSON.stringify(given)}`);
};
const given = values.points?.split(",");
const unknown = given?.find((name) => !killPoints.some((point) => point === name));
if (unknown !== undefined)
  throw new Error(`Cannot use --points: each must be one of ${killPoints.join(", ")}, is ${JSON.stringify(unknown)}`);
const chosen = clients.filter((client) => values.client === undefined || values.client === client);
if (chosen.length === 0) throw new Error(`Cannot use --client: must be ${clients.join(" or ")}, is ${JSON.stringify(values.client)}`);
const missing = values.mailserver ? missingPrograms() : null;
if (missing) throw new Error(`Cannot start a mail server: ${missing}`);

const cases = allCases(
  whole("seeds", 25),
  killPoints.filter((point) => given?.includes(point) ?? true),
  chosen,
);
const began = performance.now();
const stop = { stopped: false };
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stop.stopped = true;
  });
}
let done = 0;
const runs = await runAll(cases, {
  parallel: whole("parallel", 4),
  end: values.mailserver ? startRealEnd : startSinks,
  stop,
  ...(values.program !== undefined && { program: [resolve(values.program)] }),
  done: (run) => {
    for (const complaint of complaintsOf(run)) console.log(complaint);
    if (++done % 100 === 0) console.log(`${done} of ${cases.length} runs`);
  },
});
console.log(tableOf(runs));
const wrong = runs.filter(({ judgement }) => judgement.wrong.length > 0).length;
console.log(`${runs.length} runs in ${((performance.now() - began) / 1000).toFixed(0)} s, ${wrong} of them wrong`);
process.exit(wrong > 0 ? 1 : 0);
