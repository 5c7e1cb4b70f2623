import { describe, expect, test } from "bun:test";
import type { Domain } from "@sesame/core";
import { checkMailObjects } from "../apps/worker/check/aws.ts";
import { queueNamesOf } from "../apps/worker/config.ts";
import { mailObjects } from "../apps/worker/mail-objects.ts";

const [one, two] = ["example.com", "another.test"] as [Domain, Domain];
const domains = [one, two];
const standard = "{domain-dashed}-emails/**";
const own = queueNamesOf({ QUEUE_NAME: "{domain-dashed}-queue", domains });
const shared = queueNamesOf({ QUEUE_NAME: "mails", domains });

describe("X24 a queue opens the objects of its own domain alone", () => {
  const good = (pattern: string, domain: Domain, bucket: string, key: string, queues = own) =>
    test(`X24 mailObjects() allows ${bucket} ${key} to the queue of ${domain} under ${pattern}`, () =>
      expect(mailObjects(pattern, queues)(bucket, key, domain)).toBe(true));
  const bad = (pattern: string, domain: Domain, bucket: string, key: string, queues = own) =>
    test(`X24 mailObjects() refuses ${bucket} ${key} to the queue of ${domain} under ${pattern}`, () =>
      expect(mailObjects(pattern, queues)(bucket, key, domain)).toBe(false));

  good(standard, one, "example-com-emails", "abc");
  good(standard, two, "another-test-emails", "in/.hidden/abc");
  good(standard, one, "example-com-emails", "/leading");
  bad(standard, one, "another-test-emails", "abc"); // the other domain's mail
  bad(standard, two, "example-com-emails", "abc");
  bad(standard, one, "payroll", "abc");
  bad(standard, one, "x-example-com-emails", "abc");
  bad(standard, one, "example-com-emails", "../another-test-emails/abc"); // a client that resolves `..` in the path
  bad(standard, one, "example-com-emails", "a/../../another-test-emails/abc");
  bad(standard, one, "example-com-emails/../another-test-emails", "abc");
  bad(standard, one, "", "example-com-emails/abc");
  bad(standard, "third.test" as Domain, "example-com-emails", "abc"); // not served
  good("mail/{domain}/**", one, "mail", "example.com/abc");
  bad("mail/{domain}/**", one, "mail", "another.test/abc"); // one bucket, a prefix for each domain
  bad("mail/{domain}/**", one, "mail", "example.com/../another.test/abc");
  good("**", one, "anything", "at/all"); // turned off
  good("{a,b}/**", one, "b", "abc");
  good(standard, one, "another-test-emails", "abc", shared); // one queue for both: its notices may come for either
  bad(standard, one, "payroll", "abc", shared);
});

describe("X24 sesame check", () => {
  const check = (MAIL_OBJECTS: string, QUEUE_NAME = "{domain-dashed}-queue") =>
    checkMailObjects({ MAIL_OBJECTS, QUEUE_NAME, domains }).map(({ level, text }) => `${level}: ${text}`);

  test("X24 checkMailObjects() warns when queues may open the same objects", () => {
    for (const pattern of ["all-mail/**", "**"])
      expect(check(pattern)).toEqual([expect.stringMatching(/^warning: .*example-com-queue, another-test-queue/)]);
  });

  test("X24 checkMailObjects() finds nothing when each queue has its own objects, or there is one queue", () => {
    expect([...check(standard), ...check("mail/{domain}/**"), ...check("all-mail/**", "mails")]).toEqual([]);
  });
});
