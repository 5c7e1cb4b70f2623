import { expect, test } from "bun:test";
import { decodeOutboundRow } from "../../../packages/core/ses/outbound-row.ts";

const outbound: [string, unknown, { recipients: string[]; kind: string | null } | null][] = [
  ["a list", { original_source: "a@example.com", bouncedRecipients: ["one@x.test"] }, { recipients: ["one@x.test"], kind: null }],
  ["a set", { bouncedRecipients: new Set(["one@x.test", "two@x.test"]) }, { recipients: ["one@x.test", "two@x.test"], kind: null }],
  ["a text", { bouncedRecipients: "one@x.test" }, { recipients: ["one@x.test"], kind: null }],
  ["brackets", { bouncedRecipients: ["<one@x.test>"] }, { recipients: ["one@x.test"], kind: null }],
  ["other types among them", { bouncedRecipients: [7, null, "one@x.test", {}] }, { recipients: ["one@x.test"], kind: null }],
  [
    "hostile texts among them",
    { bouncedRecipients: ["a@b.test\r\nBcc: c@d.test", "x", "one@x.test"] },
    { recipients: ["one@x.test"], kind: null },
  ],
  ["a domain in another alphabet", { bouncedRecipients: ["a@bücher.example"] }, { recipients: ["a@xn--bcher-kva.example"], kind: null }],
  ["a local part that no header takes", { bouncedRecipients: ["jörg@x.test"] }, null],
  ["a row of ours", { kind: "forward", bouncedRecipients: ["one@x.test"] }, { recipients: ["one@x.test"], kind: "forward" }],
  ["a row of ours without recipients", { kind: "reply", bouncedRecipients: [] }, { recipients: [], kind: "reply" }],
  ["an unknown kind", { kind: "other", bouncedRecipients: ["one@x.test"] }, { recipients: ["one@x.test"], kind: null }],
  ["a source of the wrong type", { original_source: 7, bouncedRecipients: ["one@x.test"] }, { recipients: ["one@x.test"], kind: null }],
  ["unknown attributes", { bouncedRecipients: ["one@x.test"], expires: 1, more: {} }, { recipients: ["one@x.test"], kind: null }],
  ["no recipients", { original_source: "a@example.com" }, null],
  ["an empty list", { bouncedRecipients: [] }, null],
  ["recipients of the wrong type", { bouncedRecipients: 3 }, null],
  ["nothing", null, null],
  ["nothing at all", undefined, null],
  ["a text for a row", "x", null],
];
for (const [what, row, expected] of outbound) {
  test(`decodeOutboundRow() reads a row with ${what}`, () => {
    const record = decodeOutboundRow(row);
    expect(record && { recipients: record.recipients, kind: record.kind }).toEqual(expected as never);
  });
}
