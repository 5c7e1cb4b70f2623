import { expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import { parseRecipients, type Recipient, refuseSourceRoutes, servedAddresses } from "../../../packages/core/plan/recipient.ts";

const domains = ["example.com", "xn--bcher-kva.example"] as Domain[];

const rows: [string, Recipient["kind"], string][] = [
  ["alice@example.com", "served", "alice@example.com"],
  ["Alice+tag@EXAMPLE.com", "served", "Alice+tag@example.com"], // the local part keeps its letters (RFC 5321 §2.4)
  ["alice@bücher.example", "served", "alice@bücher.example"], // served as its A-labels, kept as it is written
  ["alice@sub.example.com", "refused", "foreign-domain"],
  ["alice@example.com.test", "refused", "foreign-domain"],
  ["alice", "refused", "invalid-address"],
  ["", "refused", "invalid-address"],
  ["a b@example.com", "refused", "invalid-address"],
];
for (const [text, kind, expected] of rows) {
  test(`parseRecipients() takes ${JSON.stringify(text)} as ${kind}: ${expected}`, () => {
    const [recipient] = parseRecipients([text], domains);
    expect(recipient?.text).toBe(text);
    expect(recipient?.kind).toBe(kind);
    if (recipient?.kind === "served") expect(recipient.address.toLowerCase()).toBe(expected.toLowerCase());
    else expect(recipient?.reason as string | undefined).toBe(expected);
  });
}

test("servedAddresses() keeps the order of the notice, and a recipient that is named twice", () => {
  const recipients = parseRecipients(["bob@example.com", "x@other.test", "alice@example.com", "bob@example.com"], domains);
  expect(servedAddresses(recipients) as readonly string[]).toEqual(["bob@example.com", "alice@example.com", "bob@example.com"]);
});

const routes: [string, Recipient["kind"]][] = [
  ["victim%remote.test@example.com", "refused"],
  ['"victim@remote.test"@example.com', "refused"],
  ["remote.test!victim@example.com", "refused"],
  ['"victim%remote.test"@example.com', "refused"], // servers remove quotes before they look
  ['"remote.test\\!victim"@example.com', "refused"],
  ['"@relay.test:victim@remote.test"@example.com', "refused"],
  ["a%b%c@example.com", "refused"],
  ["alice+tag%remote.test@example.com", "refused"], // alice has a row, but the tag holds the route
  ["victim%remote.test@bücher.example", "refused"],
  ["named%host@example.com", "served"], // this very address has a row
  ["Named%HOST@EXAMPLE.com", "served"],
  ["<@relay.test:alice@example.com>", "served"], // the route is removed (RFC 5321 §4.1.1.3)
  ["SRS0=xx=yy=remote.test=bob@example.com", "served"],
  ["bounce+bob=remote.test@example.com", "served"],
  ["alice+tag@example.com", "served"],
];
for (const [text, kind] of routes) {
  test(`X28 refuseSourceRoutes() takes ${text} as ${kind}`, () => {
    const rules = new Map(["alice@example.com", "*@example.com", "named%host@example.com"].map((key) => [key, {}]));
    const [recipient] = refuseSourceRoutes(parseRecipients([text], domains), rules);
    expect(recipient).toMatchObject({ text, kind, ...(kind === "refused" && { reason: "source-route" }) });
  });
}
