// What `sesame local` says in place of SES of a mail that it took: verdicts of the mail's own choice.

import { describe, expect, test } from "bun:test";
import { decodeEntry, type SesVerdicts } from "@sesame/core";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";

const location = { kind: "object", bucket: "example-com-emails", key: "k" } as const;

function verdictsOf(header: string): SesVerdicts {
  const head = new TextEncoder().encode(`${header}Subject: Hi\r\n\r\nHello\r\n`);
  const notice = writeNotice({ sesId: "k", location, source: "a@b.test", recipients: ["alice@example.com"], head, receivedAt: Date.now() });
  const decoded = decodeEntry(notice);
  const [item] = decoded.ok ? decoded.value : [];
  if (item?.kind !== "mail") throw new Error(`no notice: ${JSON.stringify(decoded)}`);
  return item.notice.sesVerdicts;
}

const passed = { spam: "PASS", virus: "PASS", spf: "PASS", dkim: "PASS", dmarc: "PASS", dmarcPolicy: null } as const;
const rows: readonly (readonly [why: string, header: string, more: Partial<SesVerdicts>])[] = [
  ["nothing is said", "", {}],
  ["one check is named", "X-Sesame-Verdicts: spf=FAIL\r\n", { spf: "FAIL" }],
  ["several are named", "X-Sesame-Verdicts: spf=GRAY, dmarc=DISABLED,virus = fail\r\n", { spf: "GRAY", dmarc: "DISABLED", virus: "FAIL" }],
  ["an unknown check is named", "X-Sesame-Verdicts: arc=FAIL\r\n", {}],
  ["a status is unknown", "X-Sesame-Verdicts: spf=MAYBE\r\n", { spf: "none" }],
];
describe("X14 writeNotice()", () => {
  for (const [why, header, more] of rows)
    test(`gives the verdicts that a mail asks for when ${why}`, () => expect(verdictsOf(header)).toEqual({ ...passed, ...more }));
});
