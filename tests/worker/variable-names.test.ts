// unknownVariables(): typing errors in names of variables, and names that belong to other programs.

import { expect, test } from "bun:test";
import { editDistance, unknownVariables } from "../../apps/worker/variable-names.ts";

const typing: readonly (readonly [variable: string, meant: string])[] = [
  ["SMTP_PROT", "SMTP_PORT"], // two letters swapped
  ["SMPT_HOST", "SMTP_HOST"],
  ["DOMAIN", "DOMAINS"], // a letter is missing
  ["LOG_LEVELS", "LOG_LEVEL"], // one too many
  ["smtp_port", "SMTP_PORT"], // variables of POSIX have their case
  ["INTERNAL_SMPT_PROT", "INTERNAL_SMTP_PORT"], // two errors in a long name
  ["SMTP_PASS", "SMTP_PASSWORD"], // a beginning
  ["MAX_BYTES", "MAX_BYTES_IN_FLIGHT"],
];
for (const [variable, meant] of typing) {
  test(`unknownVariables() takes ${variable} for ${meant}`, () => {
    expect(unknownVariables({ [variable]: "secret", DOMAINS: "example.com" })).toEqual([{ variable, meant }]);
  });
}

test("unknownVariables() says nothing about our own names, those of others, and empty values", () => {
  const others = [
    "HTTP_PORT",
    "HTTP_PROXY",
    "SMTP_FROM",
    "HOST",
    "PORT",
    "PATH",
    "AWS_REGION",
    "LOG_DIR",
    "SMTP_PORT_25_TCP_ADDR",
    "LANG",
    "TZ",
  ];
  const ours = ["SMTP_PORT", "SMTP_HOST", "LOG_FORMAT", "SMTP_TLS", "SMTP_TLS_VERIFY", "LEDGER", "LEDGER_DAYS"];
  expect(unknownVariables(Object.fromEntries([...others, ...ours].map((name) => [name, "x"])))).toEqual([]);
  expect(unknownVariables({ SMTP_PROT: "" })).toEqual([]);
  expect(unknownVariables({ ["SMTP_PORT".repeat(10_000)]: "x" })).toEqual([]);
});

test("editDistance() counts letters that are left out, added, changed or swapped", () => {
  for (const [one, other, distance] of [
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "", 3],
    ["PORT", "PROT", 1],
    ["PORT", "HOST", 2],
    ["kitten", "sitting", 3],
  ] as const) {
    expect([one, other, editDistance(one, other)]).toEqual([one, other, distance]);
    expect(editDistance(other, one)).toBe(distance);
  }
});
