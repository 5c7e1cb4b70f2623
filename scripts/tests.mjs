// Runs tests, several files at once. `npm test` runs the fast ones: each rule in the core, the adapters, the golden mails and
// the journey. `npm run test:slow` runs those of the list below, which start mail servers and many workers, or try very many
// cases. `npm run test:page` runs those in a browser. `npm run check` runs all. Paths choose files whether slow or not: `npm test -- tests/core tests/kill`. All other
// arguments go to `bun test`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Folders and files that take long. */
const slow = [
  "tests/aws-adapters/many-finals.test.ts",
  "tests/bench.test.ts",
  "tests/core/plan/stretches.test.ts",
  "tests/cost.test.ts",
  "tests/fuzz",
  "tests/hostile/canary.test.ts",
  "tests/hostile/faults-sigterm.test.ts",
  "tests/hostile/faults-worker.test.ts",
  "tests/hostile/livez.test.ts",
  "tests/hostile/metrics.test.ts",
  "tests/hostile/secrets.test.ts",
  "tests/hostile/smuggling.test.ts",
  "tests/journey/amplification.test.ts",
  "tests/journey/aws-replay.test.ts",
  "tests/judges/sieve.test.ts",
  "tests/journey/stretches.test.ts",
  "tests/kill",
  "tests/local/slow-drain.test.ts",
  "tests/local/system.test.ts",
  "tests/mailserver",
  "tests/matrix",
  "tests/mutation",
  "tests/system",
];
/** What needs a browser: `npm run test:page`. */
const page = ["tests/page/browser.test.ts"];
const gone = [...slow, ...page].filter((path) => !existsSync(path));
if (gone.length > 0) throw new Error(`Cannot leave out slow tests: there is no ${gone.join(", ")}`);

const [set, ...args] = process.argv.slice(2);
const hasPaths = args.some((arg) => !arg.startsWith("-") && existsSync(arg));
const ignored = [...slow, ...page]
  .map((path) => (path.endsWith(".ts") ? path : `${path}/**`))
  .map((pattern) => `--path-ignore-patterns=${pattern}`);
const chosen = hasPaths || set === "all" ? [] : set === "slow" ? slow : set === "page" ? page : ignored;
// Most files wait for another process most of the time, hence one more than there are processors.
const parallel = Math.min(availableParallelism() + 1, 8);
// A test that takes so long hangs; how fast it is says nothing, as nobody knows what else the machine does.
const ceilingMs = 120_000;
// How long each file took, so that the next run starts with the longest.
const timings = "dist/timings.json";
mkdirSync("dist", { recursive: true });

const options = [`--parallel=${parallel}`, `--timeout=${ceilingMs}`, `--timings=${timings}`, "--update-timings"];
const run = spawnSync(process.execPath, ["test", ...options, ...chosen, ...args], { stdio: "inherit" });
process.exit(run.status ?? 1);
