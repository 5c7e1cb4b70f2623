// The documentation against the code: variables with their defaults, table attributes, metrics with their labels, commands,
// stages, rights on AWS, dependencies, alerts, links. The log has its own test, tests/worker/logs-documented.test.ts.

import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import type { EffectKey, Verdict } from "@sesame/core";
import pino from "pino";
import { decodeConfig } from "../apps/worker/config.ts";
import { logJournal } from "../apps/worker/log.ts";
import { textLine } from "../apps/worker/log-text/text-line.ts";
import { textStyle } from "../apps/worker/log-text/text-style.ts";
import { type Metrics, makeMetrics } from "../apps/worker/metrics.ts";
import { orphanGauge } from "../apps/worker/tracing/orphan-gauge.ts";
import { away, type Case, factsOf, planOf } from "./core/sample.ts";

const root = join(import.meta.dir, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const configuration = read("docs/configuration.md");
const words = (cell: string | undefined) => [...(cell ?? "").matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** Rows of the first table below a heading, as their cells. */
function table(page: string, heading: string): readonly (readonly string[])[] {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`) + 1).split(/\n## /)[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) => row.slice(2).split(" | "));
}

test("docs/configuration.md has every variable of config.ts, and no other", () => {
  const documented = table(configuration, "Variables").flatMap(([names]) =>
    words(names).filter((name) => !name.startsWith("AWS_") || name === "AWS_CLIENT"),
  );
  const known = [...read("apps/worker/config.ts").matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name = ""]) => name);
  expect(known.length).toBeGreaterThan(30);
  expect([...documented].sort()).toEqual([...known].sort());
});

test("docs/configuration.md has the defaults of config.ts", () => {
  const config = decodeConfig({ DOMAINS: "example.com" });
  if (!config.ok) throw new Error(config.error);
  const defaults = new Map(Object.entries(config.value).map(([name, value]) => [name, String(value)]));
  for (const [names, values] of table(configuration, "Variables")) {
    for (const [index, name] of words(names).entries()) {
      if (name === "DOMAINS" || name === "SMTP_NAME" || name.startsWith("AWS_")) continue;
      // What has no default there gets one where it is used; the page says which.
      if (defaults.has(name)) expect([name, words(values)[index]]).toEqual([name, defaults.get(name)]);
    }
  }
});

function watchedMetrics(): Metrics {
  const metrics = makeMetrics("1.0.0");
  metrics.watch({
    bytesInFlight: () => 0,
    circuits: () => new Map([["ses", false]]),
    smtpSessions: () => ({ idle: 0, busy: 0, limit: 4 }),
  });
  return metrics;
}

test("docs/metrics.md has every metric with its labels, and no other", async () => {
  const known = (await watchedMetrics().registry.getMetricsAsArray()) as unknown as { name: string; labelNames: string[] }[];
  const documented = table(read("docs/metrics.md"), "Metrics").map(([name, labels]) => [...words(name), ...words(labels)].join(" "));
  expect([...documented].sort()).toEqual(known.map(({ name, labelNames }) => [name, ...labelNames].join(" ")).sort());
});

test("docs/metrics.md has every metric of sesame reconcile, and no other", () => {
  const known = [...orphanGauge({ forgotten: [], unnamed: [] }, [], 0).matchAll(/^# TYPE (\w+) /gm)].map(([, name = ""]) => name);
  const documented = table(read("docs/metrics.md"), "Metrics of `sesame reconcile`").flatMap(([name]) => words(name));
  expect(known).toHaveLength(2);
  expect([...documented].sort()).toEqual([...known].sort());
});

test("docs/commands.md has every command, and no other", () => {
  const { stdout } = Bun.spawnSync([process.execPath, join(root, "apps/worker/main.ts"), "--help"]);
  const known = [...stdout.toString().matchAll(/^ {2}([a-z]+)(?: [[<][a-z.]+[\]>])* {2,}/gm)].map(([, name = ""]) => name);
  const documented = table(read("docs/commands.md"), "Commands").map(([name]) => /^`sesame ([a-z]+)/.exec(name ?? "")?.[1] ?? "");
  expect([...documented].sort()).toEqual(known.filter((name) => name !== "help").sort());
});

test("docs/configuration.md has every attribute of a rule row, and no other", () => {
  const section = configuration.slice(configuration.indexOf("**Rules**"), configuration.indexOf("**Blocklists**"));
  const documented = section.split("\n").flatMap((line) => (line.startsWith("| `") ? words(line.split(" | ")[0]) : []));
  const known = [...read("packages/core/rules/rule-row.ts").matchAll(/^ {2}(ooo_[a-z_]+): /gm)].map(([, name = ""]) => name);
  expect(known.length).toBeGreaterThan(5);
  expect([...documented].sort()).toEqual([...known, "forwards"].sort());
});

test("README.md and docs/metrics.md have the stages of the journey, in its order", () => {
  const [, union = ""] = /export type Stage =([^;]*);/.exec(read("packages/core/journey/events.ts")) ?? [];
  const known = [...union.matchAll(/"([a-z-]+)"/g)].map(([, stage = ""]) => stage);
  expect(known.length).toBeGreaterThan(5);
  const [metric = []] = table(read("docs/metrics.md"), "Metrics").filter(([name]) => name === "`sesame_stage_seconds`");
  expect(words(metric[2])).toEqual(known);
  const drawn = [...read("README.md").matchAll(/^ {5}[│▼] ([a-z]+(?: [a-z]+)?) +[a-z]+\/[a-z-]+ /gm)].map(([, stage = ""]) => stage);
  expect(drawn.map((stage) => stage.replace(" ", "-")).filter((stage) => stage !== "settle")).toEqual(known);
});

/** The closing line of a mail whose effects all went well. */
async function closingLine(one: Case, status: "delivered" | "blocked"): Promise<Readonly<{ msg: string; from: string }>> {
  const plan = await planOf(one);
  const verdicts = new Map<EffectKey, Verdict>();
  for (const { kind, key } of plan.courses.flatMap((course) => (course.kind === "serve" ? course.effects : [])))
    verdicts.set(key, { action: kind === "deliver" ? "delivered" : "relayed", detail: "" });
  const lines: string[] = [];
  const { mailId, receivedAt } = factsOf(one);
  logJournal(pino({}, { write: (line: string) => void lines.push(line) }), "example.com", "plain").note({
    kind: "mail",
    mailId,
    sesId: "1",
    from: one.from ?? "bob@remote.test",
    receivedAt,
    receiveCount: 1,
    plan,
    verdicts,
    settlement: { kind: "close", mark: { status, invalidInboxes: [], blockedSender: null }, erase: false },
    seconds: 0,
  });
  return { ...JSON.parse(lines.join("")), time: new Date(receivedAt + 100).toISOString() };
}

const bulk = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hello\r\nPrecedence: bulk\r\n";
const closingLines: readonly (readonly [page: string, status: "delivered" | "blocked", one: Case])[] = [
  ["README.md", "delivered", { rules: { "alice@example.com": away } }],
  ["README.md", "blocked", { from: "x@spam.test", blocked: { "alice@example.com": ["*@spam.test"] } }],
  [
    "docs/logs.md",
    "delivered",
    {
      header: bulk,
      to: ["alice@example.com", "carol@example.com"],
      rules: { "alice@example.com": { ...away, forwards: ["me@private.test"] } },
      blocked: { "carol@example.com": ["*@remote.test"] },
    },
  ],
];
for (const [path, status, one] of closingLines) {
  test(`${path} shows a closing line (${status}) in the words of the log`, async () => {
    const page = read(path);
    const line = await closingLine(one, status);
    const text = textLine(JSON.stringify(line), textStyle({ hasUnicode: true, hasColours: false })).slice("08:14:18".length);
    expect(page).toContain(path === "README.md" ? text : `"msg": ${JSON.stringify(line.msg)}`);
  });
}

/** The rights that a call of the SDK needs. A call without an entry needs the right of its own name. */
const rights: Readonly<Record<string, readonly string[]>> = {
  HeadObject: ["s3:GetObject"],
  ListObjectsV2: ["s3:ListBucket"],
  CopyObject: ["s3:GetObject", "s3:PutObject"],
  GetBucketEncryption: ["s3:GetEncryptionConfiguration"],
  GetBucketLifecycleConfiguration: ["s3:GetLifecycleConfiguration"],
  GetBucketNotificationConfiguration: ["s3:GetBucketNotification"],
  DeleteMessageBatch: ["sqs:DeleteMessage"],
  ChangeMessageVisibilityBatch: ["sqs:ChangeMessageVisibility"],
  BatchGet: ["dynamodb:BatchGetItem"],
  Get: ["dynamodb:GetItem"],
  Put: ["dynamodb:PutItem"],
  Update: ["dynamodb:UpdateItem"],
  Delete: ["dynamodb:DeleteItem"],
};

function rightsOf(file: string): readonly string[] {
  const imports = [...read(file).matchAll(/import \{([^}]*)\} from "@aws-sdk\/(?:client|lib)-([a-z0-9]+)"/g)];
  return imports.flatMap(([, names = "", service = ""]) => {
    const prefix = service === "sesv2" ? "ses" : service;
    const calls = [...names.matchAll(/\b(\w+)Command\b/g)].map(([, call = ""]) => call);
    return calls.flatMap((call) => rights[call] ?? [`${prefix}:${call}`]);
  });
}

test("the policies of docs/aws.md grant what the adapters call, and the worker's nothing else", () => {
  const page = read("docs/aws.md");
  const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = ""]) => JSON.parse(text));
  expect(blocks.length).toBe(2);
  const [worker = [], administrator = []] = blocks.map((policy: { Statement: { Action: string[] }[] }) => [
    ...new Set(policy.Statement.flatMap(({ Action }) => Action)),
  ]);
  const files = readdirSync(join(root, "packages/aws-adapters")).filter((name) => name.endsWith(".ts"));
  const rightsIn = (those: readonly string[]) => [...new Set(those.flatMap((name) => rightsOf(join("packages/aws-adapters", name))))];
  const ofDoctor = files.filter((name) => /-(?:check|book|shelf|post)\.ts$/.test(name));
  // Nothing calls ListBucket: with the right to it S3 tells a missing object from a forbidden one.
  const ofWorker = [...rightsIn(files.filter((name) => !ofDoctor.includes(name))), "s3:ListBucket"];
  expect([...worker].sort()).toEqual([...new Set(ofWorker)].sort());
  const more = rightsIn(ofDoctor).filter((right) => !worker.includes(right));
  expect(more.filter((right) => !administrator.includes(right))).toEqual([]);
});

test("docs/dependencies.md has every dependency of every package.json, and no other", () => {
  const folders = ["", "packages/core", "packages/smtp", "packages/aws-adapters", "apps/worker"];
  const known = folders.flatMap((folder) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(read(join(folder, "package.json")));
    return Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith("@sesame/"));
  });
  const rows = read("docs/dependencies.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const documented = rows.flatMap((row) => words(row.split(" | ")[0]));
  expect([...new Set(documented)].sort()).toEqual([...new Set(known)].sort());
  for (const path of rows.flatMap((row) => words(row.split(" | ")[2])).filter((word) => /^[\w./-]+\.(?:ts|mjs|json)$/.test(word))) {
    const places = ["", "packages/core", "packages/smtp", "packages/aws-adapters", "apps/worker"];
    expect([path, places.some((place) => existsSync(join(root, place, path)))]).toEqual([path, true]);
  }
});

const alerts = /```yaml\n(groups:\n[\s\S]*?)```/.exec(read("docs/operations.md"))?.[1] ?? "";

test("the alerts of docs/operations.md ask for metrics that there are", async () => {
  // `sesame reconcile` writes those into a file.
  const ofReconcile = orphanGauge({ forgotten: [], unnamed: [] }, [], 0);
  const known = (await watchedMetrics().registry.metrics()) + ofReconcile;
  const named = [...new Set(alerts.match(/sesame_\w+/g))];
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !known.includes(`# TYPE ${name.replace(/_bucket$/, "")} `))).toEqual([]);
});

test("docs/operations.md quotes error texts that the code has", () => {
  const page = read("docs/operations.md");
  const quoted = ["circuit", "refused-us", "port-error"].flatMap((name) => {
    const section = page.slice(page.indexOf(`\n### ${name}\n`) + 1).split(/\n##/)[0] ?? "";
    const cells = section.split("\n").flatMap((line) => (line.startsWith("| `") ? words(line.split(" | ")[0]) : []));
    return cells.filter((text) => /^[A-Za-z_',]+(?: [A-Za-z_',]+)+$/.test(text)); // answers of a mail server have digits
  });
  const folders = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
      .map((name) => join(folder, name)),
  );
  const sources = folders.map(read).join("\n");
  expect(quoted.length).toBeGreaterThan(8);
  expect(quoted.filter((text) => !sources.includes(text))).toEqual([]);
});

/** What stands between backticks in a page, outside its code blocks. */
const namedIn = (path: string) => words(read(path).replace(/```[\s\S]*?```/g, ""));

for (const name of ["smtp", "aws-adapters"]) {
  test(`packages/${name}/README.md names no file that is gone`, () => {
    const named = namedIn(`packages/${name}/README.md`).filter((word) => /^[a-z0-9-]+\.ts$/.test(word));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((file) => !existsSync(join(root, "packages", name, file)))).toEqual([]);
  });
}

test("packages/core/README.md names each file of each room, and no other", () => {
  const named = namedIn("packages/core/README.md").filter((word) => /^(?:[a-z]+\/)?[a-z0-9-]+\.ts$/.test(word));
  const files = readdirSync(join(root, "packages/core"), { recursive: true, encoding: "utf8" });
  const sources = files.filter((name) => /^(?:[a-z]+\/)?[a-z0-9-]+\.ts$/.test(name) && !name.endsWith("mod.ts"));
  expect([...new Set(named)].filter((name) => !name.endsWith("mod.ts")).sort()).toEqual(sources.sort());
});

const promtool = Bun.which("promtool", { PATH: `${process.env["PATH"]}:/usr/bin` });
if (promtool === null) console.warn("SKIPPED tests/documentation: promtool is missing");
test.skipIf(promtool === null)("promtool takes the alerts of docs/operations.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "sesame-alerts-"));
  writeFileSync(join(folder, "sesame.yml"), alerts);
  const { exitCode, stderr } = Bun.spawnSync([promtool ?? "", "check", "rules", join(folder, "sesame.yml")]);
  rmSync(folder, { recursive: true });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
});

const pages = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md"],
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** What a link may end in: the headings as GitHub spells them, and what is named by hand. */
function anchorsOf(page: string): readonly string[] {
  const headings = [...page.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => text);
  const slugs = headings.map((text) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
  return [...slugs, ...[...page.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)];
}

for (const path of pages) {
  test(`${path} names no file that is gone`, () => {
    const named = namedIn(path).filter((word) => /^(?:apps|bench|docs|packages|scripts|tests)\/[\w./-]+$/.test(word));
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test(`every link of ${path} leads somewhere`, () => {
    const page = read(path);
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/.test(link));
    for (const link of links) {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : normalize(join(dirname(path), file));
      expect([link, existsSync(join(root, target))]).toEqual([link, true]);
      if (anchor !== undefined) expect(anchorsOf(read(target))).toContain(anchor);
    }
  });
}
