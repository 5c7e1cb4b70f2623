// SES stamp: read from the top of a stored mail, and never from what its sender wrote.

import { describe, expect, test } from "bun:test";
import { noVerdicts, openMail } from "@sesame/core";
import { type SesStamp, sesStamp } from "@sesame/core/ses";

const stampOf = (...lines: readonly string[]): SesStamp | null => {
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\nHello\r\n`);
  return sesStamp(openMail(head, head.length));
};
const path = "Return-Path: <bob@remote.test>";
const received =
  "Received: from mx.remote.test (mx.remote.test [192.0.2.25]) by inbound-smtp.eu-west-1.amazonaws.com\r\n" +
  " with SMTP id o3vrnil0e2ic28trm7dfhrc2v0 for alice@example.com;\r\n Mon, 05 Jan 2026 11:59:58 +0000 (UTC)";
const verdicts = [
  "X-SES-Spam-Verdict: PASS",
  "X-SES-Virus-Verdict: FAIL",
  "Received-SPF: softfail (spfCheck: transitioning) client-ip=192.0.2.25;",
  "Authentication-Results: amazonses.com;\r\n spf=pass (spfCheck: permitted) client-ip=192.0.2.25;\r\n dkim=pass header.i=@remote.test;\r\n dmarc=none header.from=remote.test;",
];
const from = "From: bob@remote.test";

test("sesStamp() reads reverse-path, id, recipient, time and verdicts", () => {
  expect(stampOf(path, received, ...verdicts, "X-SES-RECEIPT: x", "X-SES-DKIM-SIGNATURE: a=b", from)).toEqual({
    id: "o3vrnil0e2ic28trm7dfhrc2v0",
    recipient: "alice@example.com",
    receivedAt: Date.parse("2026-01-05T11:59:58Z"),
    reversePath: "bob@remote.test",
    verdicts: { spam: "PASS", virus: "FAIL", spf: "PASS", dkim: "PASS", dmarc: "GRAY", dmarcPolicy: null },
  } as unknown as SesStamp);
});

const forms: readonly (readonly [string, readonly string[], Partial<SesStamp> | null])[] = [
  ["a null reverse-path", ["Return-Path: <>", received, from], { reversePath: null }],
  ["no reverse-path", [received, from], { reversePath: undefined }],
  ["a Received without a recipient", [path, received.replace(" for alice@example.com", ""), from], { recipient: null }],
  [
    "a Received without a date",
    [path, received.replace(/;\r\n.*/, ""), from],
    { receivedAt: null, recipient: "alice@example.com" as never },
  ],
  ["a recipient that is no address", [path, received.replace("alice@example.com", "alice"), from], { recipient: null }],
  ["mail of another host", [path, "Received: from a by mx.example.com with SMTP id k for alice@example.com; x", from], null],
  ["no Received", [path, from], null],
  ["fields of another program above it", ["X-Other: 1", path, received, from], null],
  ["a host that only begins like that of SES", [path, received.replace(".amazonaws.com", ".amazonaws.com.evil.test"), from], null],
  [
    "the host of SES in China",
    [path, received.replace("eu-west-1.amazonaws.com", "cn-north-1.amazonaws.com.cn"), from],
    { recipient: "alice@example.com" as never },
  ],
];
for (const [what, lines, expected] of forms) {
  test(`sesStamp() reads ${what}`, () => {
    const stamp = stampOf(...lines);
    if (expected === null) expect(stamp).toBeNull();
    else expect(stamp).toMatchObject(expected);
  });
}

describe("what a sender can write", () => {
  test("a Received field below that of SES names no recipient", () => {
    const forged = received.replace("alice@example.com", "eve@example.com").replace("o3vrnil0e2ic28trm7dfhrc2v0", "other");
    expect(stampOf(path, received, forged, from)?.recipient).toBe("alice@example.com" as never);
  });

  test("a client that names itself like the host of SES does not choose the recipient", () => {
    const hello = "from x by inbound-smtp.eu-west-1.amazonaws.com with SMTP id k1 for eve@example.com";
    expect(stampOf(path, received.replace("from mx.remote.test", hello), from)).toMatchObject({
      id: "o3vrnil0e2ic28trm7dfhrc2v0",
      recipient: "alice@example.com" as never,
    });
  });

  test("verdicts below the fields of SES do not count", () => {
    expect(stampOf(path, received, from, ...verdicts)?.verdicts).toEqual(noVerdicts);
    expect(stampOf(path, received, "Received: from a by b; x", ...verdicts)?.verdicts).toEqual(noVerdicts);
  });

  test("results of another host do not count", () => {
    const other = "Authentication-Results: evil.test; spf=pass; dkim=pass; dmarc=pass";
    expect(stampOf(path, received, other, from)?.verdicts).toEqual(noVerdicts);
  });

  test("a failed DMARC counts as that of a domain with the strictest policy", () => {
    const failed = "Authentication-Results: amazonses.com; spf=fail; dkim=fail; dmarc=fail header.from=remote.test;";
    expect(stampOf(path, received, failed, from)?.verdicts).toMatchObject({
      spf: "FAIL",
      dkim: "FAIL",
      dmarc: "FAIL",
      dmarcPolicy: "reject",
    });
  });
});
