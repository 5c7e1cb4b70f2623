// Resource policies as `sesame check` reads them: who may do what, and where it cannot say.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { askPolicy, openTo, type PolicyAnswer, type PolicyQuestion } from "../../apps/worker/check/policy.ts";
import { busyTime } from "../busy-time.ts";

const account = "111122223333";
const rule = `arn:aws:ses:eu-west-1:${account}:receipt-rule-set/sesame:receipt-rule/example-com`;
const question: PolicyQuestion = {
  service: "ses.amazonaws.com",
  action: "s3:PutObject",
  resource: "arn:aws:s3:::example-com-emails/x",
  values: { "aws:sourceaccount": [account], "aws:sourcearn": [rule] },
};
const good = {
  Effect: "Allow",
  Principal: { Service: "ses.amazonaws.com" },
  Action: "s3:PutObject",
  Resource: "arn:aws:s3:::example-com-emails/*",
  Condition: { StringEquals: { "aws:SourceAccount": account, "aws:SourceArn": rule } },
};
const others = { ...good, Effect: "Deny", Principal: "*" };

const answers: readonly (readonly [why: string, statements: unknown, answer: PolicyAnswer])[] = [
  ["the policy of docs/aws.md", good, "allowed"],
  [
    "lists of everything",
    {
      ...good,
      Principal: { Service: ["x.amazonaws.com", "ses.amazonaws.com"] },
      Action: ["s3:GetObject", "s3:PutObject"],
      Resource: ["arn:aws:s3:::other/*", good.Resource],
    },
    "allowed",
  ],
  ["a star in the action, in other letters", { ...good, Action: "S3:Put*" }, "allowed"],
  ["everybody", { ...good, Principal: "*" }, "allowed"],
  ["everybody of AWS", { ...good, Principal: { AWS: "*" } }, "allowed"],
  ["no condition", { ...good, Condition: undefined }, "allowed"],
  ["a condition with stars", { ...good, Condition: { ArnLike: { "AWS:SourceArn": `arn:aws:ses:eu-west-1:${account}:*` } } }, "allowed"],
  ["no statement", [], "missing"],
  ["another service", { ...good, Principal: { Service: "sns.amazonaws.com" } }, "missing"],
  ["an account", { ...good, Principal: { AWS: account } }, "missing"],
  ["another action", { ...good, Action: "s3:GetObject" }, "missing"],
  ["another bucket", { ...good, Resource: "arn:aws:s3:::example-com-emails-2/*" }, "missing"],
  ["another account", { ...good, Condition: { StringEquals: { "aws:SourceAccount": "999999999999" } } }, "missing"],
  ["another rule", { ...good, Condition: { StringEquals: { "aws:SourceArn": `${rule}-2` } } }, "missing"],
  ["stars where they are no wildcards", { ...good, Condition: { StringEquals: { "aws:SourceArn": "arn:aws:ses:*" } } }, "missing"],
  [
    "one of two conditions",
    { ...good, Condition: { StringEquals: { "aws:SourceAccount": account }, ArnEquals: { "aws:SourceArn": "arn:x" } } },
    "missing",
  ],
  ["a denial", [good, others], "denied"],
  ["a denial of others", [good, { ...others, Condition: { StringEquals: { "aws:SourceAccount": "9" } } }], "allowed"],
  ["a denial without TLS", [good, { ...others, Condition: { Bool: { "aws:SecureTransport": "false" } } }], "allowed"],
  ["a denial that is not known", [good, { ...others, Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }], "unknown"],
  ["a condition that is not known", { ...good, Condition: { NumericLessThan: { "s3:max-keys": "5" } } }, "unknown"],
  [
    "an unknown condition that does not matter",
    { ...good, Condition: { NumericLessThan: { x: "5" }, StringEquals: { "aws:SourceAccount": "9" } } },
    "missing",
  ],
  ["all but some actions", { ...good, Action: undefined, NotAction: "s3:GetObject" }, "unknown"],
  ["all but some principals", { ...good, Principal: undefined, NotPrincipal: { AWS: account } }, "unknown"],
];
describe("askPolicy() answers", () => {
  for (const [why, statements, answer] of answers)
    test(`${answer} for ${why}`, () => expect(askPolicy(JSON.stringify({ Statement: statements }), question)).toBe(answer));
  test("missing where there is no policy, and unknown where it cannot be read", () => {
    expect([askPolicy(null, question), askPolicy("<xml/>", question), askPolicy("{}", question)]).toEqual([
      "missing",
      "unknown",
      "missing",
    ]);
  });
});

const open: readonly (readonly [why: string, statement: unknown, who: ReturnType<typeof openTo>])[] = [
  ["the policy of docs/aws.md", good, null],
  ["everybody without a condition", { ...good, Principal: "*", Condition: undefined }, "anybody"],
  ["everybody without a condition, in a list", { ...good, Principal: { AWS: ["1", "*"] }, Condition: {} }, "anybody"],
  ["everybody with a condition", { ...good, Principal: { AWS: "*" }, Condition: { StringEquals: { "AWS:SourceOwner": account } } }, null],
  ["the service for all accounts", { ...good, Condition: undefined }, "any-account"],
  [
    "the service with a condition that binds it to no account",
    { ...good, Condition: { Bool: { "aws:SecureTransport": "true" } } },
    "any-account",
  ],
  ["the service with the condition of earlier guides", { ...good, Condition: { StringEquals: { "aws:Referer": account } } }, null],
  ["a denial for everybody", { ...others, Condition: undefined }, null],
  ["another action for everybody", { ...good, Principal: "*", Condition: undefined, Action: "s3:GetObject" }, null],
];
describe("openTo() names", () => {
  for (const [why, statement, who] of open)
    test(`${who ?? "nobody"} for ${why}`, () => expect(openTo(JSON.stringify({ Statement: statement }), question)).toBe(who));
});

test("the policies that docs/aws.md gives let SES and SNS do their work, and nobody else", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/aws.md"), "utf8");
  const names = {
    bucket: "example-com-emails",
    topic: "arn:aws:sns:eu-west-1:111122223333:t",
    queue: "arn:aws:sqs:eu-west-1:111122223333:q",
    account,
    rule,
    identity: "arn:aws:ses:x",
  };
  const policies = [...page.matchAll(/<<JSON\n([\s\S]*?)\nJSON/g)].map(([, text = ""]) =>
    text.replace(/\$(\w+)/g, (_, name: keyof typeof names) => names[name]),
  );
  const asked = [
    question,
    { ...question, action: "sns:Publish", resource: names.topic },
    { service: "sns.amazonaws.com", action: "sqs:SendMessage", resource: names.queue, values: { "aws:sourcearn": [names.topic] } },
  ];
  expect(policies.length).toBe(3);
  for (const [index, policy] of policies.entries()) {
    const each = asked[index] as PolicyQuestion;
    expect([askPolicy(policy, each), openTo(policy, each)]).toEqual(["allowed", null]);
    expect(askPolicy(policy, { ...each, values: { "aws:sourcearn": ["arn:aws:sns:eu-west-1:9:t"], "aws:sourceaccount": ["9"] } })).toBe(
      "missing",
    );
  }
});

test("askPolicy() compares stars as a regular expression does, and in little time", () => {
  const piece = fc.constantFrom("a", "b", "*", "?", "");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.stringMatching(/^[ab]{0,8}$/), (pieces, value) => {
      const pattern = pieces.join("");
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(value);
      const policy = JSON.stringify({ Statement: { ...good, Resource: pattern, Condition: undefined } });
      expect(askPolicy(policy, { ...question, resource: value }) === "allowed").toBe(expected);
    }),
    { numRuns: 2000 },
  );
  const policy = JSON.stringify({ Statement: { ...good, Resource: `${"*a".repeat(2000)}*c` } });
  const spent = busyTime();
  expect(askPolicy(policy, { ...question, resource: "a".repeat(1000) })).toBe("missing");
  expect(spent()).toBeLessThan(200);
});

test("askPolicy() and openTo() take any JSON", () => {
  const part = fc.oneof(fc.anything(), fc.constantFrom("*", "Allow", "Deny", null, { AWS: "*" }, { StringEquals: null }));
  const statement = fc.dictionary(fc.constantFrom("Effect", "Principal", "Action", "Resource", "Condition"), part);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.array(statement).map((Statement) => JSON.stringify({ Statement }, (_, value) => (typeof value === "bigint" ? 0 : value))),
      ),
      (policy) => {
        expect(["allowed", "missing", "denied", "unknown"]).toContain(askPolicy(policy, question));
        openTo(policy, question);
      },
    ),
    { numRuns: 1000 },
  );
});
