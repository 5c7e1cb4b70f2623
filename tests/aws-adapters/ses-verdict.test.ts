// The verdict of each way in which a send through SES ends, with its status (RFC 3463).

import { expect, test } from "bun:test";
import {
  addressUnsupported,
  contentUnreadable,
  largestMail,
  rateWaitTooLong,
  reversePathUnsupported,
  stopped,
  tooBig,
  verdictOf,
} from "../../packages/aws-adapters/ses-verdict.ts";
import type { TroubleKind } from "../../packages/aws-adapters/trouble.ts";
import { words } from "../smtp/samples.ts";

type Shown = Parameters<typeof words>[0];
const shown = (verdict: Shown) => `${words(verdict)}${verdict?.action === "delayed" ? ` ${verdict.status}` : ""}`;

/** What it comes to when it is certain that SES did nothing, and when it is not. */
const ends: readonly (readonly [kinds: readonly TroubleKind[], certain: string, inDoubt: string])[] = [
  [["mail-refused"], "failed send-refused recipient 5.6.0", "failed send-refused recipient 5.6.0"],
  [["mail-too-large"], "failed too-big recipient 5.3.4", "failed too-big recipient 5.3.4"],
  [["throttled", "quota-used-up"], "delayed throttled mail 4.4.5", "delayed throttled mail 4.4.5"],
  [
    ["unverified", "sending-off", "denied", "expired-credentials", "no-credentials", "misconfigured", "clock-skew", "not-found", "refused"],
    "delayed refused-us mail 4.7.0",
    "delayed refused-us mail 4.7.0",
  ],
  [["unavailable"], "delayed try-later mail 4.3.2", "delayed try-later mail twice? 4.4.2"],
  [["unreachable", "untrusted"], "delayed unreachable mail 4.4.1", "delayed in-doubt mail twice? 4.4.2"],
  [["deadline", "garbled", "conflict", "unknown"], "delayed port-error mail 4.3.0", "delayed in-doubt mail twice? 4.4.2"],
];
for (const [kinds, certain, inDoubt] of ends) {
  for (const kind of kinds) {
    test(`verdictOf() is ${certain}, or ${inDoubt}, when SES ends with ${kind}`, () => {
      const trouble = { kind, code: "Code", text: "what SES said", retry: false };
      const verdicts = [true, false].map((isCertain) => verdictOf({ kind: "trouble", trouble, certain: isCertain }));
      expect(verdicts.map(shown)).toEqual([certain, inDoubt]);
      for (const verdict of verdicts) expect(verdict).toMatchObject({ detail: expect.stringContaining("what SES said") });
    });
  }
}

test("verdictOf() keeps SES's id of a mail that was sent", () => {
  expect(verdictOf({ kind: "sent", sesId: "0100" })).toEqual({ action: "relayed", detail: "0100" });
});

test("what SES is not asked for has its own verdict", () => {
  const verdicts = [
    tooBig(1),
    addressUnsupported("ä@x.test"),
    reversePathUnsupported(null),
    contentUnreadable("cut"),
    stopped(),
    rateWaitTooLong(),
  ];
  expect(verdicts.map(shown)).toEqual([
    "failed too-big mail 5.3.4",
    "failed address-unsupported recipient 5.6.7",
    "delayed refused-us mail 4.1.7",
    "delayed port-error mail 4.3.0",
    "delayed stopped mail 4.3.2",
    "delayed throttled mail 4.4.5",
  ]);
  expect(reversePathUnsupported(null)).toMatchObject({ detail: expect.stringContaining("null") });
  expect(reversePathUnsupported("ä@x.test")).toMatchObject({ detail: expect.stringContaining('"ä@x.test"') });
  expect(largestMail).toEqual({ v1: 10_485_760, v2: 41_943_040 });
});
