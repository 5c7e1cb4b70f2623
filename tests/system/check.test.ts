// The doctor and the table commands as a user runs them, against the emulators.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type DnsServer, dnsServer } from "../dns-server.ts";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import type { Fault } from "./aws-proxy.ts";
import { Cloud, policyFor, receiptRulesOf } from "./cloud.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
let cloud: Cloud;
let mailServer: SinkServer;
let dns: DnsServer;

beforeAll(async () => {
  const extensions = ["PIPELINING", "8BITMIME", "SIZE 10240000"];
  const answer = (line: string) => (/^RCPT.*@another\.test>/.test(line) ? "554 5.7.1 Relay access denied" : null);
  [cloud, mailServer, dns] = await Promise.all([
    Cloud.start({ domains: ["example.com"], maxReceiveCount: 20 }),
    sinkServer({ extensions, answer }),
    dnsServer({ "example.com": [[10, "inbound-smtp.eu-central-1.amazonaws.com"]] }),
  ]);
  cloud.ses.account.receiptRules = receiptRulesOf("example.com");
  cloud.proxies.store.fault = bucketSettings;
}, 120_000);
afterAll(async () => {
  mailServer.close();
  await Promise.all([cloud.stop(), dns.close()]);
}, 120_000);

/** The settings of the bucket, which the emulator does not have: those of docs/aws.md. */
function bucketSettings(_: string, { url = "" }: Readonly<{ url?: string | undefined }>): Fault | null {
  const answer = (status: number, body: string): Fault => ({
    kind: "answer",
    status,
    headers: { "content-type": "application/xml" },
    body,
  });
  const none = (code: string) => answer(404, `<Error><Code>${code}</Code><Message>none</Message></Error>`);
  if (url.includes("?policy")) return answer(200, policyFor("ses.amazonaws.com", "s3:PutObject", "arn:aws:s3:::example-com-emails/*"));
  if (url.includes("?encryption")) return none("ServerSideEncryptionConfigurationNotFoundError");
  if (url.includes("?lifecycle")) return none("NoSuchLifecycleConfiguration");
  return url.includes("?notification") ? answer(200, "<NotificationConfiguration/>") : null;
}

async function sesame(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const port = String(mailServer.port);
  const env = { PATH: "/nowhere", ...cloud.env, SMTP_HOST: "127.0.0.1", SMTP_PORT: port, INTERNAL_SMTP_PORT: port, ...more };
  const withDns = args[0] === "check" && !args.includes("--dns") ? [...args, "--dns", dns.address] : args;
  const child = Bun.spawn([process.execPath, main, ...withDns], { env, stdout: "pipe", stderr: "pipe" });
  const [out, error, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { out, error, code };
}

type Finding = { level: string; subject: string; text: string; mend: string | null };

async function check(more: Readonly<Record<string, string>> = {}): Promise<{ code: number; find: (part: string) => string }> {
  const { out, code, error } = await sesame(["check", "--json", "--strict"], more);
  if (!out.startsWith("[")) throw new Error(`${out}${error}`);
  const findings = JSON.parse(out) as Finding[];
  const find = (part: string) =>
    findings
      .filter(({ subject }) => subject.includes(part))
      .map(({ level, text }) => `${level}: ${text}`)
      .join("; ");
  return { code, find };
}

test("check says what is well and what is not, and exits 1 for warnings with --strict", async () => {
  cloud.ses.account.production = true;
  const { code, find } = await check();
  expect(find("queue example-com-queue")).toMatch(
    /^ok: visibility timeout 120 s, retention \d+ days; ok: entries move to the dead-letter queue after 20 receives$/,
  );
  expect(find("bucket example-com-emails")).toBe("ok: objects can be read, marked and deleted");
  expect(find("table email-rules")).toBe("ok: 0 rows");
  expect(find("SES account")).toMatch(/^ok: /);
  expect(find("SES identity example.com")).toMatch(/^(?:ok|warning): /);
  expect(find(`:${mailServer.port} (smtp)`)).toMatch(/^warning: accepts mail of 10240000 octets at most/);
  expect(find("clock")).toMatch(/^ok: /);
  expect(find("MX of example.com")).toBe("ok: 10 inbound-smtp.eu-central-1.amazonaws.com");
  expect(find("receipt rule of example.com")).toBe("ok: example-com of the set sesame stores mail in example-com-emails");
  expect(find("topic example-com-topic")).toBe("ok: SES may publish; announces to the queue, raw message delivery off (both work)");
  expect(code).toBe(1);
  expect((await sesame(["check"])).code).toBe(0);
}, 120_000);

test("check sees where the chain before the worker is broken", async () => {
  cloud.ses.account.receiptRules = receiptRulesOf("example.com").replace("<Enabled>true", "<Enabled>false");
  expect((await check()).find("receipt rule of example.com")).toMatch(/^error: all rules for this domain are disabled: example-com/);
  cloud.ses.account.receiptRules = receiptRulesOf("example.com").replace("-topic<", "-topic-2<");
  const { find, code } = await check();
  expect(find("topic example-com-topic-2")).toBe("error: does not exist, although the receipt rule names it");
  expect(find("queue example-com-queue")).toContain("error: its policy does not let the topic example-com-topic-2 send");
  expect(code).toBe(2);
  cloud.ses.account.receiptRules = receiptRulesOf("example.com");
}, 120_000);

test("check with the permissions of the worker alone says what it may not see, and finds no error in that", async () => {
  const { queue, store, tables, ses } = cloud.proxies;
  const refuse = (status: number, headers: Readonly<Record<string, string>>, body: string): Fault => ({
    kind: "answer",
    status,
    headers,
    body,
  });
  const query = refuse(
    403,
    { "content-type": "text/xml" },
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
  );
  const rest = refuse(403, { "x-amzn-errortype": "AccessDeniedException" }, '{"message":"no"}');
  const object = refuse(403, { "content-type": "application/xml" }, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
  const row = refuse(400, { "content-type": "application/x-amz-json-1.0" }, '{"__type":"x#AccessDeniedException","message":"no"}');
  queue.fault = (name) => (/^(?:Get|List)(?:Topic|Subscription)/.test(name) ? query : null);
  store.fault = (_, { url = "" }) => (/[?](?:policy|encryption|lifecycle|notification)/.test(url) ? object : null);
  tables.fault = (name) => (/^(?:Describe|Scan)/.test(name) ? row : null);
  ses.fault = (name, { url = "" }) => (url.startsWith("/v2/email/") ? rest : name === "DescribeActiveReceiptRuleSet" ? query : null);
  const { out } = await sesame(["check", "--json"]);
  for (const proxy of [queue, tables, ses]) proxy.fault = () => null;
  store.fault = bucketSettings;
  const findings = JSON.parse(out) as Finding[];
  expect(findings.filter(({ level }) => level === "error")).toEqual([]);
  const hidden = findings.filter(({ text }) => text.startsWith("may not see"));
  const tablesHidden = ["email-blocked-senders", "email-rules", "email-worker-ledger", "ses-outbound-messages"];
  expect(hidden.map(({ level, subject, text }) => `${level} ${subject}: ${text}`).sort()).toEqual([
    "note SES account: may not see its state",
    "note SES identity example.com: may not see its state",
    "note bucket example-com-emails: may not see its encryption",
    "note bucket example-com-emails: may not see its event notifications",
    "note bucket example-com-emails: may not see its lifecycle",
    "note bucket example-com-emails: may not see its policy",
    "note receipt rules: may not see the active receipt rules",
    "note rows of email-rules and email-blocked-senders: may not see the rows",
    ...tablesHidden.map((name) => `note table ${name}: may not see its settings`),
  ]);
}, 120_000);

test("X36 check warns when many workers could use up the receives of a queue", async () => {
  const queueOf = async (workers: string) => {
    const { out } = await sesame(["check", "--json", "--workers", workers]);
    return (JSON.parse(out) as Finding[]).filter(({ subject, text }) => subject === "queue example-com-queue" && text.includes("receives"));
  };
  expect(await queueOf("9")).toMatchObject([{ level: "ok" }]);
  expect(await queueOf("10")).toMatchObject([
    {
      level: "warning",
      text: "entries move to the dead-letter queue after only 20 receives; with 10 workers it must be at least 21",
      mend: expect.stringContaining("raise maxReceiveCount to 50"),
    },
  ]);
  expect(await queueOf("60")).toMatchObject([{ level: "warning", mend: expect.stringContaining("raise maxReceiveCount to 71") }]);
  const { code, error } = await sesame(["check", "--workers", "none"]);
  expect([code, error.includes("Must be a whole number from 1 to 9999")]).toEqual([2, true]);
}, 120_000);

const wrong: readonly [string, Record<string, string>, string, RegExp][] = [
  ["a queue is missing", { QUEUE_NAME: "no-such-queue" }, "queue no-such-queue", /^error: .*/],
  ["a bucket is missing", { MAIL_OBJECTS: "no-such-bucket/**" }, "bucket no-such-bucket", /^(?:error|warning): /],
  ["MAIL_OBJECTS names no bucket", { MAIL_OBJECTS: "**" }, "bucket of example.com", /^warning: MAIL_OBJECTS names no bucket/],
  ["the ledger is missing", { LEDGER_TABLE: "no-such-table" }, "table no-such-table", /^error: does not exist: the worker cannot start/],
  [
    "the rules' table is missing",
    { RULES_TABLE: "no-such-table" },
    "table no-such-table",
    /^warning: does not exist: auto-replies and forwards are off/,
  ],
  ["a table has another key", { OUTBOUND_TABLE: "email-rules" }, "table email-rules", /error: its key must be MessageId \(S\)/],
  ["the mail server is away", { SMTP_PORT: "1" }, "(smtp)", /^error: .*(?:refused|ECONNREFUSED|connect)/i],
  [
    "the mail server does not know a domain",
    { DOMAINS: "example.com,another.test" },
    "(smtp)",
    /error: refuses mail for another\.test: 554 5\.7\.1/,
  ],
  ["the configuration is wrong", { SMTP_PORT: "x" }, "configuration", /^error: Cannot read SMTP_PORT/],
];
for (const [when, more, part, expected] of wrong) {
  test(`check says so when ${when}`, async () => {
    const { find, code } = await check(more);
    expect(find(part)).toMatch(expected);
    expect(code).toBe(find(part).startsWith("warning") && !expected.source.startsWith("^error") ? code : 2);
  }, 120_000);
}

test("check looks at nothing on AWS while region or credentials are missing, and at the mail server all the same", async () => {
  const { AWS_REGION: _, ...regionless } = cloud.env;
  const port = String(mailServer.port);
  const env = { PATH: "/nowhere", ...regionless, SMTP_HOST: "127.0.0.1", SMTP_PORT: port, INTERNAL_SMTP_PORT: port };
  const child = Bun.spawn([process.execPath, main, "check", "--json"], { env, stdout: "pipe" });
  const findings = (await new Response(child.stdout).json()) as Finding[];
  expect(await child.exited).toBe(2);
  expect(findings.filter(({ level }) => level === "error").map(({ subject }) => subject)).toEqual(["region"]);
  expect(findings.find(({ subject }) => subject === "AWS")?.text).toBe("not checked");
  expect(findings.some(({ subject }) => subject.startsWith("mail server"))).toBe(true);
  expect(findings.some(({ subject }) => /^(?:queue|table|bucket|SES|clock)/.test(subject))).toBe(false);
}, 120_000);

test("check does not advise to create what it could not reach", async () => {
  const { out } = await sesame(["check", "--json"], { AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:1" });
  const queue = (JSON.parse(out) as Finding[]).find(({ subject }) => subject === "queue example-com-queue");
  expect(queue).toMatchObject({ level: "error", text: expect.stringContaining("AWS is not reachable") });
  expect(queue?.mend).toBe("AWS cannot be reached: check the network, the proxy, AWS_REGION and AWS_ENDPOINT_URL");
}, 120_000);

test("check names rows with upper-case keys, and prints a fix for each problem", async () => {
  await cloud.putRow("email-rules", { email_address: "Alice@Example.com", forwards: [] });
  const { out } = await sesame(["check"]);
  expect(out).toContain("rows with upper-case keys, never matched: Alice@Example.com");
  expect(out).toContain("\twrite these keys in lower case: sesame rules lint --aws --fix\n");
  await cloud.putRow("email-rules", { email_address: "carol@example.com", ooo_active: "true", ooo_message: "away" });
  await cloud.putRow("email-blocked-senders", { email_address: "carol@example.com", blocked_patterns: ["spam.test"] });
  const { find } = await check();
  const seems = "rows with rules that are off, or do something else than they seem to";
  expect(find("table email-rules")).toContain(`warning: ${seems}: carol@example.com (old-spelling)`);
  expect(find("table email-blocked-senders")).toBe(`warning: ${seems}: carol@example.com (pattern-useless)`);
}, 120_000);

test("rules lint, export and import work on DynamoDB", async () => {
  expect((await sesame(["rules", "lint", "--aws"])).code).toBe(2);
  expect((await sesame(["rules", "lint", "--aws", "--fix", "--yes"])).out).toContain("2 of 2 rows written");
  expect((await cloud.rows("email-rules")).map(({ email_address }) => email_address).sort()).toEqual([
    "alice@example.com",
    "carol@example.com",
  ]);
  expect(await sesame(["rules", "lint", "--aws"])).toMatchObject({ code: 0, out: expect.stringContaining("0 errors, 1 warning") });
  const { out } = await sesame(["rules", "export", "--aws"]);
  expect(JSON.parse(out)).toMatchObject({ rules: { "carol@example.com": { ooo_active: true } } });
  const file = join(mkdtempSync(join(tmpdir(), "sesame-check-")), "rules.json");
  writeFileSync(file, out.replace('"spam.test"', '"*@spam.test"'));
  expect((await sesame(["rules", "import", file, "--aws"])).out).toContain("0 new, 1 changed, 0 removed. Nothing was written");
  expect((await sesame(["rules", "import", file, "--aws", "--yes"])).code).toBe(0);
  expect((await sesame(["block", "show", "carol@example.com", "--aws"])).out).toContain('"*@spam.test"');
  rmSync(dirname(file), { recursive: true });
}, 120_000);

test("rules and block work on DynamoDB as on the local tables", async () => {
  expect((await sesame(["rules", "set", "Bob@Example.com", "--aws", "--ooo", "away", "--forward", "x@elsewhere.test"])).code).toBe(0);
  expect((await sesame(["block", "set", "*@example.com", "*@spam.test", "--aws"])).code).toBe(0);
  expect((await cloud.rows("email-rules")).find(({ email_address }) => email_address === "bob@example.com")).toMatchObject({
    ooo_message: "away",
  });
  expect((await sesame(["block", "show", "*@example.com", "--aws"])).out).toContain("*@spam.test");
  expect((await sesame(["rules", "set", "bob@example.com", "--aws", "--forward", "no address"])).code).toBe(2);
  expect((await sesame(["rules", "remove", "bob@example.com", "--aws"])).code).toBe(0);
  expect((await sesame(["rules", "list", "--aws"])).out).not.toContain("bob@example.com");
}, 120_000);

test("explain KEY --aws explains a stored mail with the rows that are there now", async () => {
  await cloud.putRow("email-rules", { email_address: "erin@example.com", forwards: ["me@private.test"] });
  await cloud.putRow("email-blocked-senders", { email_address: "carol@example.com", blocked_patterns: ["*@remote.test"] });
  const mail = "From: bob@remote.test\r\nTo: erin@example.com, carol@example.com, x@foreign.test\r\nSubject: Hi\r\n\r\nHello\r\n";
  await cloud.store({ domain: "example.com", key: "5m0qexplain", octets: Buffer.from(mail), recipients: [] });
  const { out, error, code } = await sesame(["explain", "5m0qexplain", "--aws"]);
  expect([error, code]).toEqual(["Note: --to is not given: explained for erin@example.com, carol@example.com, whom the mail names\n", 0]);
  expect(out).toContain("forward    to <me@private.test>");
  expect(out).toContain("unblock    sesame block remove carol@example.com '*@remote.test' --aws");
  const none = await sesame(["explain", "example-com-emails/none", "--aws"]);
  expect([none.code, none.error]).toEqual([2, expect.stringContaining('there is no object "example-com-emails/none"')]);
}, 120_000);
