// Asker of /livez: asks a worker whether it lives every 5 ms, from a process of its own, so that what it measures is not how busy
// the test is. A line on its input ends the count of a mail; it answers with the number of answers and the longest wait.

/** `longestMs`: by the clock, with all that other processes did meanwhile. */
export type Waits = Readonly<{ answers: number; refusals: number; longestMs: number }>;

const [url = ""] = process.argv.slice(2);
const everyMs = 5;
const none: Waits = { answers: 0, refusals: 0, longestMs: 0 };
let waits = none;

async function ask(): Promise<void> {
  const began = performance.now();
  const answer = await fetch(url).catch(() => null); // nobody listens yet, or no more
  if (answer === null) return;
  await answer.text();
  const { answers, refusals, longestMs } = waits;
  waits = { answers: answers + 1, refusals: refusals + (answer.ok ? 0 : 1), longestMs: Math.max(longestMs, performance.now() - began) };
}

if (import.meta.main) {
  process.stdin.on("data", () => {
    console.log(JSON.stringify(waits));
    waits = none;
  });
  process.stdin.on("end", () => process.exit());
  for (;;) {
    await ask();
    await Bun.sleep(everyMs);
  }
}
