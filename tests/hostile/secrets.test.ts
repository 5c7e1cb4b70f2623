// Secrets: a real worker and the real doctor whose every call fails, with a cloud and a mail server that repeat in their
// answers whatever they were told: keys, session token, password, receipt handles. No line and no page repeats them again.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { redactor } from "../../apps/worker/redact.ts";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import type { Fault } from "../system/aws-proxy.ts";
import { Cloud } from "../system/cloud.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
const user = "sesame@example.com";
const secrets = {
  AWS_ACCESS_KEY_ID: "AKIACANARY0KEY0ID000",
  AWS_SECRET_ACCESS_KEY: "canary/Secret+Access/Key0123456789abcdef",
  AWS_SESSION_TOKEN: `canaryToken${"Tt0+/".repeat(14)}==`,
  LOOP_KEY: 'canary-loop-key-"\\-0123',
  SMTP_PASSWORD: 'canary pa$$ "word" \\ 1',
};
/** As long as AWS makes them, and one that is told in full. */
const receiptHandle = `AQEBcanary${"Hh9+".repeat(40)}==`;
const longToken = `canaryFetched${"Uu7+".repeat(60)}==`;

/** All that must not be seen, in the spellings in which it travels. */
const hidden: readonly string[] = [
  ...Object.values(secrets).flatMap((text) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)]),
  base64(secrets.SMTP_PASSWORD),
  base64(`\0${user}\0${secrets.SMTP_PASSWORD}`),
  ...[receiptHandle, longToken].map((text) => text.slice(0, 40)),
];

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** What of it stands in a text, and what in the texts inside it. */
function found(text: string): readonly string[] {
  return hidden.filter((secret) => text.includes(secret));
}

/** An answer that repeats what it was asked with. */
function echo(name: string, request: IncomingMessage): Fault {
  const { authorization, "x-amz-security-token": token } = request.headers;
  const key = /Credential=([^/]+)/.exec(authorization ?? "")?.[1];
  const said = `not with key ${key} ${secrets.AWS_SECRET_ACCESS_KEY} and token ${token} and ${longToken}`;
  if (/Object$/.test(name))
    return { kind: "answer", status: 403, body: `<Error><Code>AccessDenied</Code><Message>${said}</Message></Error>` };
  const body = JSON.stringify({ __type: "com.amazon.coral.service#AccessDeniedException", message: said, Message: said });
  return { kind: "answer", status: 403, headers: { "content-type": "application/x-amz-json-1.0" }, body };
}

let cloud: Cloud;
/** One server offers AUTH PLAIN and the other AUTH LOGIN; both repeat what they refuse. */
let plain: SinkServer;
let login: SinkServer;

beforeAll(async () => {
  const steps = new Map<number, number>();
  const refusal = (line: string) => `535 5.7.8 not with ${line}`;
  [cloud, plain, login] = await Promise.all([
    Cloud.start({ domains: ["example.com"] }),
    // The first session may log in, or the worker would receive nothing; the server ends it when a mail comes.
    sinkServer({
      extensions: ["AUTH PLAIN"],
      answer: (line, connection) => {
        if (line.startsWith("AUTH")) return connection === 0 ? "235 2.7.0 welcome" : refusal(line);
        return connection === 0 && line.startsWith("MAIL") ? "421 4.7.0 goodbye" : null;
      },
    }),
    sinkServer({
      extensions: ["AUTH LOGIN"],
      answer: (line, connection) => {
        if (/^(?:EHLO|QUIT)/.test(line)) return null;
        const step = (steps.get(connection) ?? 0) + 1;
        steps.set(connection, step);
        return ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", refusal(line)][step - 1] ?? null;
      },
    }),
  ]);
}, 120_000);
afterAll(async () => {
  plain.close();
  login.close();
  await cloud.stop();
}, 120_000);

function env(): Record<string, string> {
  return {
    ...cloud.env,
    ...secrets,
    SMTP_USER: user,
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(plain.port),
    INTERNAL_SMTP_PORT: String(login.port),
    SMTP_TLS: "off",
    LOG_LEVEL: "debug",
    WAIT_SECONDS: "1",
  };
}

function proxiesSay(fault: (name: string, request: IncomingMessage) => Fault | null): void {
  for (const proxy of Object.values(cloud.proxies)) proxy.fault = fault;
}

/** An entry of the queue, under a receipt handle of ours. */
function received(body: string, id: string): Fault {
  const MD5OfBody = createHash("md5").update(body).digest("hex");
  const Attributes = { ApproximateReceiveCount: "1", SentTimestamp: String(Date.now()) };
  const Messages = [{ MessageId: id, ReceiptHandle: receiptHandle, MD5OfBody, Body: body, Attributes }];
  return { kind: "answer", status: 200, headers: { "content-type": "application/x-amz-json-1.0" }, body: JSON.stringify({ Messages }) };
}

test("no line and no page of a worker whose calls all fail repeats a secret that was repeated to it", async () => {
  const mail = { domain: "example.com", key: "k1", octets: Buffer.from("From: a@b.test\r\n\r\nx\r\n"), recipients: ["alice@example.com"] };
  const notice = cloud.notice(mail, await cloud.store(mail));
  let given = 0;
  const refused = { __type: "com.amazon.coral.service#AccessDeniedException", message: `not with the receipt handle ${receiptHandle}` };
  const entries = ["{no json", notice];
  proxiesSay(echo);
  const worker = await WorkerProcess.start(env());
  const pages: string[] = [];
  const look = async () => {
    for (const path of ["health", "readyz", "livez"])
      pages.push(await (await fetch(`http://127.0.0.1:${worker.healthPort}/${path}`)).text());
    pages.push(await worker.metrics());
  };
  const text = () => [...worker.lines.map((line) => JSON.stringify(line)), ...worker.other].join("\n");
  await until(() => worker.linesOf("port-error").length > 2, "no call fails");
  await look();

  // Now entries come, and whatever is done with them fails in its own way; then the mail server refuses the login.
  proxiesSay((name, request) => {
    if (name === "ReceiveMessage") {
      const body = entries[given++];
      return body === undefined ? null : received(body, `m${given}`);
    }
    if (/^(?:ChangeMessageVisibility|DeleteMessage)/.test(name)) {
      const headers = { "content-type": "application/x-amz-json-1.0" };
      return { kind: "answer", status: 403, headers, body: JSON.stringify(refused) };
    }
    return /^(?:GetQueueUrl|BatchGetItem|UpdateItem|GetItem|GetObject|DescribeTable)/.test(name) ? null : echo(name, request);
  });
  await until(() => text().includes("refused-us") && text().includes("AQEB…"), "the mail is not tried");
  await look();
  expect(await worker.stop()).toBe(0);

  // What was repeated did come in: it stands there cut or struck out.
  expect(text()).toContain("[secret]");
  expect(text()).toContain("535 5.7.8 not with AUTH PLAIN [secret]");
  expect(text()).toContain("AQEB…");
  expect(found(text())).toEqual([]);
  for (const page of pages) expect(found(page)).toEqual([]);
  expect(pages.some((page) => page.includes("sesame_poll_errors_total"))).toBe(true);
}, 120_000);

for (const [how, args] of [
  ["PLAIN", ["check"]],
  ["LOGIN", ["check", "--json"]],
] as const) {
  test(`sesame ${args.join(" ")} repeats no secret that was repeated to it by AUTH ${how}`, async () => {
    proxiesSay(echo);
    const more = how === "LOGIN" ? { SMTP_PORT: String(login.port), INTERNAL_SMTP_PORT: String(plain.port) } : {};
    const vars = { PATH: "/nowhere", ...env(), ...more };
    const child = Bun.spawn([process.execPath, main, ...args], { env: vars, stdout: "pipe", stderr: "pipe" });
    const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(out).toContain("[secret]");
    expect(out).toContain(how === "PLAIN" ? "535 5.7.8 not with AUTH PLAIN [secret]" : "535 5.7.8 not with [secret]");
    expect(found(out + error)).toEqual([]);
    expect(await child.exited).toBe(2);
  }, 120_000);
}

test("a wrong configuration is told without its secrets", async () => {
  const wrong = { LOOP_KEY: "short-canary", SMTP_PORT: "x", SMTP_USER: "" };
  const child = Bun.spawn([process.execPath, main, "run"], {
    env: { PATH: "/nowhere", ...env(), ...wrong },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(await child.exited).toBe(2);
  expect(error).toContain("LOOP_KEY");
  expect(out + error).not.toContain("short-canary");
  expect(found(out + error)).toEqual([]);
}, 120_000);

describe("redactor()", () => {
  const redact = redactor({ ...secrets, SMTP_USER: user, AWS_REGION: "eu-central-1" });

  test("strikes a secret out in each of its spellings", () => {
    for (const secret of hidden.slice(0, -2)) expect(redact(`a ${secret} b`)).toBe("a [secret] b");
    for (const secret of Object.values(secrets)) {
      const line = JSON.stringify({ text: JSON.stringify({ secret }) });
      expect(redact(line)).toBe(JSON.stringify({ text: '{"secret":"[secret]"}' }));
    }
  });

  test("strikes out the start of a secret where a text was cut inside it", () => {
    expect(redact("with token canaryTokenTt0+/T… for")).toBe("with token [secret]… for");
    expect(redact('current value is "canaryTok..."')).toBe('current value is "[secret]..."');
    expect(redact("canaryTokens are short")).toBe("canaryTokens are short");
  });

  test("leaves everything else alone", () => {
    const line = JSON.stringify({ event: "mail", from: "test@remote.test", region: "eu-central-1" });
    expect(redact(line)).toBe(line);
    expect(redactor({ SMTP_PASSWORD: "test", SMTP_USER: "" })(line)).toBe(line); // too short to be told from a word
    expect(redactor({})(line)).toBe(line);
  });
});
