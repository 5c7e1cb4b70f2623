// The verdicts of SES as they stand in a notice, of whatever type.

import { expect, test } from "bun:test";
import { noVerdicts } from "@sesame/core";
import { mail, noticeOf, received, s3, sns } from "./notice-sample.ts";

const verdicts: [unknown, string][] = [
  [{ status: "PASS" }, "PASS"],
  [{ status: "FAIL" }, "FAIL"],
  [{ status: "GRAY" }, "GRAY"],
  [{ status: "PROCESSING_FAILED" }, "PROCESSING_FAILED"],
  [{ status: "DISABLED" }, "DISABLED"],
  [{ status: "fail" }, "FAIL"],
  [{ status: " Fail " }, "FAIL"],
  [{ status: "Processing failed" }, "PROCESSING_FAILED"],
  ["FAIL", "FAIL"],
  [{ status: "MAYBE" }, "none"],
  [{ status: "FAILED" }, "none"],
  [{ status: "" }, "none"],
  [{ status: 7 }, "none"],
  [{}, "none"],
  [null, "none"],
  [undefined, "none"],
  [[{ status: "FAIL" }], "none"],
];
for (const [value, expected] of verdicts) {
  test(`decodeEntry() takes the verdict ${JSON.stringify(value)} for ${expected}`, () => {
    const names = ["spamVerdict", "virusVerdict", "spfVerdict", "dkimVerdict", "dmarcVerdict"];
    const { sesVerdicts } = noticeOf(
      sns(received({ receipt: { ...Object.fromEntries(names.map((name) => [name, value])), dmarcPolicy: 7 } })),
    );
    const { dmarcPolicy, ...statuses } = sesVerdicts;
    expect([...new Set(Object.values(statuses)), dmarcPolicy]).toEqual([expected as "none", null]);
  });
}

test("decodeEntry() reads a notice from before there were verdicts", () => {
  const old = { notificationType: "Received", mail, receipt: { recipients: ["alice@example.com"], action: s3 } };
  expect(noticeOf(sns(old)).sesVerdicts).toEqual(noVerdicts);
});

test("decodeEntry() knows the policies of DMARC", () => {
  const rows: [unknown, string | null][] = [
    ["none", "none"],
    ["QUARANTINE", "quarantine"],
    [" reject ", "reject"],
    ["other", null],
    [null, null],
  ];
  for (const [dmarcPolicy, expected] of rows)
    expect(noticeOf(sns(received({ receipt: { dmarcPolicy } }))).sesVerdicts.dmarcPolicy).toBe(expected as never);
});
