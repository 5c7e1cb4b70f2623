// The exchange of the lane: what Bun's fetch must not do on its own, and how many connections it makes.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fetchExchange } from "../../apps/worker/exchange.ts";
import { type ScriptedHttp, scriptedHttp } from "../aws-adapters/scripted-http.ts";

const exchange = fetchExchange();
if (exchange === undefined) throw new Error("Cannot test the exchange: Bun has no sessions");
const going = () => new AbortController().signal;
const get = (url: string, signal = going()) => exchange({ method: "GET", url, headers: { "accept-encoding": "identity" } }, signal);

describe("fetchExchange()", () => {
  let aws: ScriptedHttp;
  beforeEach(async () => {
    aws = await scriptedHttp();
  });
  afterEach(() => aws.close());

  test("follows no redirect", async () => {
    aws.on("GET /x", { status: 307, headers: { location: `${aws.endpoint}/y` }, body: "moved" });
    const answer = await get(`${aws.endpoint}/x`);
    expect([answer.status, await answer.text(), aws.requests().length]).toEqual([307, "moved", 1]);
  });
  test("asks for no content coding, and leaves one as it is", async () => {
    const octets = new Uint8Array(gzipSync("hello"));
    aws.on("GET /x", { headers: { "content-encoding": "gzip" }, body: octets });
    const answer = await get(`${aws.endpoint}/x`);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(octets);
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(aws.requests()[0]?.headers["accept-encoding"]).toBe("identity");
  });
  test("uses no proxy", async () => {
    const before = process.env["HTTP_PROXY"];
    process.env["HTTP_PROXY"] = "http://127.0.0.1:1";
    try {
      aws.on("GET /x", { body: "direct" });
      expect(await (await get(`${aws.endpoint}/x`)).text()).toBe("direct");
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
    }
  });
  test("sends path, query and fields unchanged", async () => {
    const path = "/a//b%20%21%27%28%29%2A~%252e?x-id=GetObject";
    aws.on("GET /a//b%20%21%27%28%29%2A~%252e", { body: "" });
    await get(`${aws.endpoint}${path}`);
    expect(aws.requests()[0]?.target).toBe(path);
    expect(aws.requests()[0]?.headers["host"]).toBe(aws.endpoint.slice("http://".length));
  });
  test("ends at the signal, before an answer and within it", async () => {
    aws.on("GET /x", "hang");
    aws.on("GET /y", { headers: { "content-length": "9" }, body: ["part", "hang"] });
    for (const path of ["/x", "/y"]) {
      const controller = new AbortController();
      const reading = get(`${aws.endpoint}${path}`, controller.signal).then((answer) => answer.text());
      setTimeout(() => controller.abort(new Error("over")), 50);
      await expect(reading).rejects.toThrow("over");
    }
  });
});

describe("over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "sesame-exchange-"));
  const files = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  beforeAll(() => {
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...made, "-keyout", files.key, "-out", files.cert, ...subject], { stdio: "pipe" });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (env: Readonly<Record<string, string>>) =>
    JSON.parse(
      execFileSync(process.execPath, [join(import.meta.dir, "exchange-load.ts"), files.key, files.cert], {
        encoding: "utf8",
        env: { ...process.env, ...env },
      }),
    );

  test("128 calls at once to three hosts keep their connections", () => {
    const { handshakes, calls } = run({ NODE_EXTRA_CA_CERTS: files.cert });
    expect(calls).toBe(4000);
    // Each connection of the window is made once for each host at most; with one session it would be one for every thirteenth call more.
    expect(handshakes).toBeLessThan(128 * 3);
  }, 60_000);
  test("a certificate that nobody vouches for is refused", () => {
    expect(readFileSync(files.cert, "utf8")).toContain("BEGIN CERTIFICATE");
    expect(run({ NODE_EXTRA_CA_CERTS: "" }).trouble).toBe("untrusted");
  }, 60_000);
});
