// startText(): the text of `sesame local`, with and without page, mail server, and values that are not the usual ones.

import { expect, test } from "bun:test";
import { type LocalStart, startText } from "../../apps/worker/local/start-text.ts";

const usual: LocalStart = {
  version: "0.1.0",
  domains: ["example.com"],
  page: "http://127.0.0.1:8080/",
  healthPort: 8080,
  smtpPort: 2500,
  usualSmtpPort: 2500,
  mailServer: null,
  folder: "/home/me/sesame-data",
  here: "/home/me",
  usualFolder: "sesame-data",
  command: "sesame",
};

test("startText() names page, door and folder, and commands that work as they are", () => {
  expect(startText(usual)).toBe(`Sesame 0.1.0 serves example.com; nothing leaves this machine

  page      http://127.0.0.1:8080/
  mail in   smtp://127.0.0.1:2500
  data      sesame-data (mailboxes, outbox, rules)

Open the page, or paste one of these into another terminal:

  sesame send --from bob@remote.test --to alice@example.com --subject Hello
  sesame rules set alice@example.com --ooo "I am away until Monday"
  sesame block set alice@example.com "*@spam.test"

`);
});

test("startText() gives the options that the commands need for other values than the usual ones", () => {
  const text = startText({
    ...usual,
    page: null,
    smtpPort: 2501,
    folder: "/tmp/my data",
    mailServer: "mail.example.com",
    domains: ["a.com", "b.com"],
  });
  expect(text).toBe(`Sesame 0.1.0 serves a.com, b.com; mail goes to mail.example.com, and to no other host

  health    http://127.0.0.1:8080/health
  mail in   smtp://127.0.0.1:2501
  data      /tmp/my data (outbox, rules)

Paste one of these into another terminal:

  sesame send --port 2501 --from bob@remote.test --to alice@a.com --subject Hello
  sesame rules set alice@a.com --data '/tmp/my data' --ooo "I am away until Monday"
  sesame block set alice@a.com --data '/tmp/my data' "*@spam.test"

`);
});
