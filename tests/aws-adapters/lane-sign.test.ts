// The signature of the lane: AWS's public test suite, and the requests of the SDK itself, octet by octet.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { canonicalRequest, Signer, sha256, uriEncoded } from "../../packages/aws-adapters/lane-sign.ts";
import { arbitraries, type Pair, type Sent, wireTap } from "./wire-tap.ts";

type Case = Readonly<{
  name: string;
  normalize: boolean;
  signBody: boolean;
  token?: string;
  omitToken?: boolean;
  request: string;
  canonicalRequest: string;
  signature: string;
}>;
const suite = JSON.parse(readFileSync(join(import.meta.dir, "../fixtures/sigv4-suite.json"), "utf8"));
const cases: readonly Case[] = suite.cases;

describe("Signer signs as AWS's test suite says", () => {
  // The lane sends no path that a signature would normalise: the SDK sends those.
  const changesPath = ({ normalize, request }: Case) => normalize && /^GET [^ ?]*(?:\/\.|\/\/)/.test(request);
  for (const each of cases.filter((one) => !changesPath(one))) {
    test(each.name, () => {
      const signable = signableOf(each);
      expect(canonicalRequest(signable, Object.keys(signable.fields).sort())).toBe(each.canonicalRequest);
      const authorization = new Signer().authorization(signable, suite.credentials, suite);
      expect(authorization.replace(/^.*Signature=/, "")).toBe(each.signature);
    });
  }
  test("32 of the 38 cases are played, among them all whose path is not normalised", () => {
    const left = cases.filter(changesPath).map(({ name }) => name);
    expect([cases.length, left.length]).toEqual([38, 6]);
    expect(left.filter((name) => !/normalized$/.test(name) || /unnormalized$/.test(name))).toEqual([]);
  });
});

function signableOf({ request, signBody, token, omitToken }: Case) {
  const [head = "", body = ""] = request.split("\n\n");
  const [first = "", ...lines] = head.replace(/\n\s+/g, " ").trim().split("\n");
  const [, method = "", path = "", query = ""] = /^(\S+) ([^?]*)(?:\?(.*))? HTTP\/1\.1$/.exec(first) ?? [];
  const fields: Record<string, string> = { "x-amz-date": suite.date };
  for (const line of lines) {
    const [name = "", value = ""] = [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1)];
    fields[name] = name in fields && name !== "x-amz-date" ? `${fields[name]},${value}` : value;
  }
  if (token !== undefined && omitToken !== true) fields["x-amz-security-token"] = token;
  const payloadHash = sha256(body);
  if (signBody) fields["x-amz-content-sha256"] = payloadHash;
  return { method, path: path.split("/").map(uriEncoded).join("/"), query: queryOf(query), fields, payloadHash };
}

function queryOf(query: string): string {
  const parts = query.split("&").filter((part) => part !== "");
  const pairs = parts.map((part) => part.split("=").map((text) => uriEncoded(decodeURIComponent(text))));
  const sorted = pairs.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  return sorted.map(([name, value = ""]) => `${name}=${value}`).join("&");
}

describe("the lane and the SDK send the same request", () => {
  for (const [name, { arbitrary, play }] of Object.entries(arbitraries)) {
    test(`${name}: path, query, fields and body are equal, and the SDK's own fields get the SDK's own signature`, async () => {
      const tap = wireTap();
      const signer = new Signer();
      let laned = 0;
      const property = fc.asyncProperty(arbitrary as fc.Arbitrary<never>, async (input) => {
        const { sdk, lane }: Pair = await play(tap, input);
        expect(signer.authorization(signableIn(sdk), tap.credentials, scopeOf(sdk))).toBe(sdk.headers["authorization"] ?? "");
        if (lane === null) return;
        laned++;
        expect(bare(lane)).toEqual(bare(sdk));
        expect(new URL(lane.url).href).toBe(lane.url);
        expect(lane.headers["authorization"]).toBe(signer.authorization(signableIn(lane), tap.credentials, scopeOf(sdk)));
      });
      const numRuns = Number(process.env["RUNS"] ?? 600);
      await fc.assert(property, { numRuns, seed: Number(process.env["SEED"] ?? 20260101) });
      expect(laned).toBeGreaterThan(numRuns / 2);
    }, 120_000);
  }
});

function scopeOf({ headers }: Sent): Readonly<{ region: string; service: string }> {
  const [, region = "", service = ""] = /\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(headers["authorization"] ?? "") ?? [];
  return { region, service };
}

function signableIn({ method, url, headers, body }: Sent) {
  const [, names = ""] = /SignedHeaders=([^,]+)/.exec(headers["authorization"] ?? "") ?? [];
  const { host, search } = new URL(url);
  const path = /^https?:\/\/[^/]+([^?]*)/.exec(url)?.[1] ?? "";
  const all: Readonly<Record<string, string>> = { ...headers, host };
  const fields = Object.fromEntries(names.split(";").map((name) => [name, all[name] ?? ""]));
  return { method, path, query: search.slice(1), fields, payloadHash: sha256(body ?? "") };
}

/** Without what differs from one attempt to the next, or is no matter of the call. */
function bare({ method, url, headers, body }: Sent) {
  const others = /^(?:amz-sdk-.*|x-amz-(?:date|user-agent)|user-agent|authorization|host|content-length|accept-encoding)$/;
  const fields = Object.fromEntries(Object.entries(headers).filter(([name]) => !others.test(name)));
  // The order of a JSON object's members means nothing.
  const isJson = fields["content-type"] === "application/x-amz-json-1.0";
  if (isJson) delete fields["x-amz-content-sha256"];
  return { method, url, fields, body: isJson ? JSON.parse(body ?? "") : (body ?? "") };
}
