// Verdicts by themselves: what an exchange and a failed opening come to, with their status (RFC 3463), where a whole
// conversation would show the verdict's words only.

import { expect, test } from "bun:test";
import type { Exchange } from "../../packages/smtp/exchange.ts";
import type { OpeningFailure } from "../../packages/smtp/open-session.ts";
import { replyOf } from "../../packages/smtp/smtp-reply.ts";
import {
  addressUnsupported,
  needsSmtpUtf8,
  poolClosed,
  reversePathUnsupported,
  tooBig,
  verdictOfFailure,
  verdictsOf,
} from "../../packages/smtp/trouble.ts";
import { words } from "./samples.ts";

const reply = (line: string) => replyOf([line]);
const ok = reply("250 ok");
const complete = { kind: "complete" } as const;
const begun: Exchange = {
  protocol: "smtp",
  recipientCount: 1,
  mail: ok,
  rcpt: [ok],
  data: reply("354 go"),
  answers: [],
  dotSent: false,
  ending: complete,
};
const closing = { kind: "closing", reply: reply("421 4.3.2 bye"), detail: "421 4.3.2 bye" } as const;
const lost = { kind: "lost", detail: "ECONNRESET" } as const;
const timeout = { kind: "timeout", detail: "no answer" } as const;
const garbled = { kind: "protocol-error", detail: "banana" } as const;
const source = { kind: "source", detail: "the mail stalled" } as const;

const exchanges: readonly (readonly [what: string, exchange: Partial<Exchange>, verdict: string])[] = [
  ["the mail was taken", { answers: [ok], dotSent: true }, "delivered"],
  ["MAIL was not answered as the session broke", { mail: null, rcpt: [], data: null, ending: lost }, "delayed session-lost host 4.4.2"],
  ["MAIL was not answered in time", { mail: null, rcpt: [], data: null, ending: timeout }, "delayed session-lost host 4.4.2"],
  ["MAIL was answered by garbage", { mail: null, rcpt: [], data: null, ending: garbled }, "delayed protocol-error host 4.5.0"],
  ["the server left before MAIL", { mail: null, rcpt: [], data: null, ending: closing }, "delayed try-later host 4.3.2"],
  [
    "MAIL has a reply that is none, of the whole server",
    { mail: reply("354 go"), rcpt: [], data: null },
    "delayed protocol-error host 4.5.0",
  ],
  ["RCPT has a reply that is none", { rcpt: [reply("354 go")], data: null }, "delayed protocol-error mail 4.5.0"],
  ["RCPT was not answered as the session broke", { rcpt: [], data: null, ending: lost }, "delayed session-lost mail 4.4.2"],
  ["the session broke on the way", { ending: lost }, "delayed session-lost mail 4.4.2"],
  ["the server wants no more of it", { ending: timeout }, "delayed session-lost mail 4.4.2"],
  ["its store broke off", { ending: source }, "delayed port-error mail 4.3.0"],
  ["its store broke off before MAIL", { mail: null, rcpt: [], data: null, ending: source }, "delayed port-error mail 4.3.0"],
  ["DATA was refused", { data: reply("451 4.3.0 no") }, "delayed try-later mail 4.3.0"],
  ["DATA was refused by the lowest code there is", { data: reply("400 no"), dotSent: true }, "delayed try-later mail 4.0.0"],
  ["the final dot was not answered as the session broke", { dotSent: true, ending: lost }, "delayed in-doubt mail twice? 4.4.2"],
  ["the final dot was not answered in time", { dotSent: true, ending: timeout }, "delayed in-doubt mail twice? 4.4.2"],
  ["the server left behind the final dot", { dotSent: true, ending: closing }, "delayed in-doubt mail twice? 4.4.2"],
  ["the final dot was answered by garbage", { dotSent: true, ending: garbled }, "delayed protocol-error mail twice? 4.5.0"],
  ["an answer is missing", { dotSent: true }, "delayed protocol-error mail twice? 4.5.0"],
  ["it was refused by 421, and may be there", { answers: [reply("421 4.3.2 bye")], dotSent: true }, "delayed try-later mail twice? 4.3.2"],
  ["it was refused for now", { answers: [reply("400 no")], dotSent: true }, "delayed try-later mail 4.0.0"],
];
for (const [what, exchange, verdict] of exchanges) {
  test(`verdictsOf() is ${verdict} when ${what}`, () => {
    const [found, ...more] = verdictsOf({ ...begun, ...exchange }, "delivered", 1000);
    const status = found?.action === "delayed" ? ` ${found.status}` : "";
    expect([`${words(found)}${status}`, ...more]).toEqual([verdict]);
  });
}

test("X05 verdictsOf() lets a mail for which there is no room stop all others only if it is small", () => {
  const full = { ...begun, mail: reply("452 4.3.1 Insufficient system storage"), rcpt: [], data: null };
  const at = (size: number, exchange: Exchange = full) => verdictsOf(exchange, "delivered", size).map(words)[0];
  expect([at(1000), at(1024 * 1024), at(1024 * 1024 + 1)]).toEqual([
    "delayed try-later host",
    "delayed try-later host",
    "delayed try-later mail",
  ]);
  expect(at(40_000_000, { ...full, mail: reply("450 4.3.2 not now") })).toBe("delayed try-later host");
  expect(at(40_000_000, { ...full, mail: reply("421 4.3.2 bye") })).toBe("delayed try-later host");
});

test("verdictsOf() believes no refusal of a conversation that went wrong before the mail was out", () => {
  const [verdict] = verdictsOf({ ...begun, rcpt: [reply("550 5.1.1 no")], data: null, ending: garbled }, "delivered", 1000);
  expect(words(verdict)).toBe("delayed protocol-error mail");
});

test("verdictsOf() says of an LMTP recipient without an answer that it is in doubt, and believes the others", () => {
  const three: Exchange = {
    ...begun,
    protocol: "lmtp",
    recipientCount: 3,
    rcpt: [ok, reply("550 5.1.1 no"), ok],
    dotSent: true,
    ending: lost,
  };
  expect(verdictsOf({ ...three, answers: [ok] }, "delivered", 1000).map(words)).toEqual([
    "delivered",
    "failed no-such-mailbox recipient 5.1.1",
    "delayed in-doubt mail twice?",
  ]);
});

const failures: readonly (readonly [stage: OpeningFailure["stage"], line: string | null, verdict: string])[] = [
  ["connection", null, "delayed unreachable host 4.4.1"],
  ["tls", null, "delayed unreachable host 4.7.0"],
  ["login", null, "delayed refused-us host 4.7.0"],
  ["connection", "421 4.3.2 busy", "delayed try-later host 4.3.2"],
  ["connection", "450 4.3.2 postscreen", "delayed try-later host 4.3.2"],
  ["connection", "554 5.7.1 go away", "delayed refused-us host 4.7.0"],
  ["connection", "552 5.3.4 too big", "delayed refused-us host 4.7.0"], // there was no mail yet
  ["connection", "354 go", "delayed protocol-error host 4.5.0"],
  ["connection", "SSH-2.0-OpenSSH_9.2", "delayed protocol-error host 4.5.0"],
  ["tls", "454 4.7.0 no TLS today", "delayed try-later host 4.7.0"],
  ["login", "535 5.7.8 wrong password", "delayed refused-us host 4.7.0"],
  ["login", "454 4.7.0 no database", "delayed try-later host 4.7.0"],
];
for (const [stage, line, verdict] of failures) {
  test(`verdictOfFailure() is ${verdict} when ${stage} ends with ${line ?? "no answer"}`, () => {
    const found = verdictOfFailure({ stage, reply: line === null ? null : reply(line), detail: "why" });
    expect(`${words(found)} ${found.status}`).toBe(verdict);
    expect(found.detail).toContain(line === null ? "why" : line.slice(4));
  });
}

test("what is refused before any server is asked has its own status", () => {
  const verdicts = [
    addressUnsupported("odd"),
    needsSmtpUtf8("j\u00f6rg@example.com"),
    reversePathUnsupported("odd"),
    tooBig(11, 10),
    poolClosed(),
  ];
  expect(verdicts.map((verdict) => (verdict.action === "delayed" ? `${words(verdict)} ${verdict.status}` : words(verdict)))).toEqual([
    "failed address-unsupported recipient 5.1.3",
    "failed address-unsupported recipient 5.6.7",
    "delayed refused-us mail 4.1.7",
    "failed too-big mail 5.3.4",
    "delayed stopped mail 4.3.2",
  ]);
});
