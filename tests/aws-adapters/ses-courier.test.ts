// SesCourier: the envelope it hands over, the verdict of every end of a send, what it tries again and when it lets SES rest.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type AwsOptions, SesCourier, type SesCourierOptions } from "@sesame/aws-adapters";
import type { Content, MailTransaction, Verdict } from "@sesame/core";
import { address, deliverKey, joined, mailId, octets, same } from "../contracts/samples.ts";
import { testClients } from "./emulator.ts";
import { ManualTimers } from "./manual-timers.ts";
import { type Route, scriptedHttp } from "./scripted-http.ts";
import { type Behaviour, type SesStub, startSesStub } from "./ses-stub.ts";

let stub: SesStub;
let timers: ManualTimers;
const toClose: (() => void)[] = [];
beforeEach(async () => {
  stub = await startSesStub();
  timers = new ManualTimers();
});
afterEach(async () => {
  for (const close of toClose.splice(0)) close();
  await stub.close();
});

function courierTo(endpoint: string, options: Partial<SesCourierOptions> = {}, aws: Partial<AwsOptions> = {}): SesCourier {
  const clients = testClients(endpoint, aws);
  toClose.push(clients.close);
  return new SesCourier({ ...clients, timers, maxRate: 1000, ...options });
}

const head = octets("From: Carol via example.com <alice@example.com>\r\nSubject: FWD: hello\r\n\r\n");
const text = octets("first\r\n\xe4 last\r\n");

function contentOf(...pieces: readonly Uint8Array[]): Content {
  return { pieces, rest: null, size: pieces.reduce((sum, piece) => sum + piece.length, 0), eightBit: "unknown" };
}

/** A mail of so many octets, most of which come from where they are stored. */
function largeContent(size: number, opened: () => void = () => {}, gate: Promise<void> = Promise.resolve()): Content {
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    opened();
    await gate;
    const chunk = new Uint8Array(1024 * 1024).fill(97);
    for (let left = size - head.length; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  };
  return { pieces: [head], rest, size, eightBit: false };
}

const bob = address("bob@remote.test");

function transaction(content: Content = contentOf(head, text), more: Partial<MailTransaction> = {}): MailTransaction {
  const recipients = [{ address: bob, key: deliverKey(bob) }];
  return { mailId: mailId("example-com-emails/1"), from: address("alice@example.com"), recipients, content, ...more };
}

async function verdictOf(courier: SesCourier, sent: MailTransaction = transaction()): Promise<Verdict> {
  const verdict = (await courier.send("ses", sent)).get(sent.recipients[0]?.key ?? deliverKey(bob));
  if (verdict === undefined) throw new Error("No verdict");
  return verdict;
}

describe("send()", () => {
  test("hands over the envelope and the very octets, and gives SES's bare id", async () => {
    const verdict = await verdictOf(courierTo(stub.endpoint));
    expect(stub.sent).toMatchObject([{ api: "v1", source: "alice@example.com", destinations: ["bob@remote.test"] }]);
    same(stub.sent[0]?.raw, joined(head, text));
    expect(verdict).toEqual({ action: "relayed", detail: stub.sent[0]?.id ?? "none" });
    expect(verdict).toMatchObject({ detail: expect.stringMatching(/^[0-9a-f]{16}-[0-9a-f-]{36}-\d{6}$/) });
  });

  test("sends a mail of more than 10 MB through v2, which keeps its From and its envelope", async () => {
    const size = 10 * 1024 * 1024 + 1;
    expect(await verdictOf(courierTo(stub.endpoint), transaction(largeContent(size)))).toMatchObject({ action: "relayed" });
    expect(stub.sent).toMatchObject([{ api: "v2", source: null, feedback: "alice@example.com", destinations: ["bob@remote.test"] }]);
    expect(stub.sent[0]?.raw.length).toBe(size);
  });

  test("sends a mail of 10 MB through v1", async () => {
    expect(await verdictOf(courierTo(stub.endpoint), transaction(largeContent(10 * 1024 * 1024)))).toMatchObject({ action: "relayed" });
    expect(stub.sent[0]?.api).toBe("v1");
  }, 120_000);

  test("F33 fails a mail of more than 40 MB without reading it", async () => {
    const opened: number[] = [];
    const content = largeContent(40 * 1024 * 1024 + 1, () => opened.push(1));
    expect(await verdictOf(courierTo(stub.endpoint), transaction(content))).toMatchObject({
      action: "failed",
      status: "5.3.4",
      reason: "too-big",
    });
    expect([opened, stub.calls]).toEqual([[], []]);
  });

  test("goes on with v2 when v1 finds the mail too long", async () => {
    stub.next({ kind: "refuse", code: "InvalidParameterValue", text: "Message length is more than 10485760 bytes long: '10485999'." });
    expect(await verdictOf(courierTo(stub.endpoint))).toMatchObject({ action: "relayed" });
    expect(stub.calls).toEqual(["SendRawEmail", "SendEmail"]);
  });

  test("reads a second large mail only when the first has left", async () => {
    const opened: string[] = [];
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const courier = courierTo(stub.endpoint);
    const size = 10 * 1024 * 1024 + 1;
    const first = verdictOf(courier, transaction(largeContent(size, () => opened.push("first"), gate)));
    const second = verdictOf(courier, transaction(largeContent(size, () => opened.push(`second after ${stub.sent.length}`))));
    expect(await verdictOf(courier)).toMatchObject({ action: "relayed" }); // a small one passes by
    expect(opened).toEqual(["first"]);
    release();
    expect([await first, await second]).toMatchObject([{ action: "relayed" }, { action: "relayed" }]);
    expect(opened).toEqual(["first", "second after 2"]);
  }, 120_000);

  test("F33 makes a request for each recipient", async () => {
    const [one, two] = [address("one@remote.test"), address("two@xn--bcher-kva.test")];
    const recipients = [one, two].map((each) => ({ address: each, key: deliverKey(each) }));
    stub.next({ kind: "refuse", code: "InvalidParameterValue", text: "Illegal address" });
    const verdicts = await courierTo(stub.endpoint).send("ses", transaction(contentOf(head), { recipients }));
    expect([...verdicts].map(([key, { action }]) => [key, action])).toEqual([
      [deliverKey(one), "failed"],
      [deliverKey(two), "relayed"],
    ]);
    expect(stub.sent.map(({ destinations }) => destinations)).toEqual([[two]]);
  });

  test("spells a domain as A-labels", async () => {
    const idn = address("bob@bücher.test");
    await courierTo(stub.endpoint).send("ses", transaction(contentOf(head), { recipients: [{ address: idn, key: deliverKey(idn) }] }));
    expect(stub.sent[0]?.destinations).toEqual(["bob@xn--bcher-kva.test"]);
  });

  test("asks SES for nothing that it cannot name", async () => {
    const odd = address("jörg@remote.test");
    const toOdd = transaction(contentOf(head), { recipients: [{ address: odd, key: deliverKey(odd) }] });
    expect(await verdictOf(courierTo(stub.endpoint), toOdd)).toMatchObject({
      action: "failed",
      status: "5.6.7",
      reason: "address-unsupported",
    });
    for (const from of [null, odd]) {
      const verdict = await verdictOf(courierTo(stub.endpoint), transaction(contentOf(head), { from }));
      expect(verdict).toMatchObject({ action: "delayed", reason: "refused-us", scope: "mail", possibleDuplicate: false });
    }
    expect(stub.calls).toEqual([]);
  });

  test("throws when the route leads elsewhere", async () => {
    await expect(courierTo(stub.endpoint).send("mailbox", transaction())).rejects.toThrow('the route must be "ses"');
  });

  for (const [what, size] of [
    ["fewer", head.length + 10],
    ["more", head.length - 10],
  ] as const) {
    test(`sends nothing when the mail has ${what} octets than it should`, async () => {
      const verdict = await verdictOf(courierTo(stub.endpoint), transaction({ ...contentOf(head), size }));
      expect(verdict).toMatchObject({ action: "delayed", reason: "port-error", possibleDuplicate: false });
      expect(stub.sent).toEqual([]);
    });
  }
});

type End = Partial<Extract<Verdict, { action: "delayed" }>> | Partial<Extract<Verdict, { action: "failed" }>>;
const failed = (reason: "send-refused" | "too-big"): End => ({ action: "failed", reason });
const waits = (reason: "refused-us" | "throttled" | "try-later"): End => ({
  action: "delayed",
  reason,
  scope: "mail",
  possibleDuplicate: false,
});
const inDoubt = (reason: "in-doubt" | "try-later"): End => ({ action: "delayed", reason, scope: "mail", possibleDuplicate: true });

const refusals: readonly (readonly [end: End, status: number, code: string, text: string])[] = [
  [failed("send-refused"), 400, "InvalidParameterValue", "Duplicate header 'DKIM-Signature'."],
  [failed("send-refused"), 400, "InvalidParameterValue", "Illegal filename 'Email address is not verified.exe'."], // the words are the sender's
  [failed("send-refused"), 400, "InvalidParameterValue", "Domain contains illegal character"],
  [failed("send-refused"), 400, "MessageRejected", "Address blacklisted."],
  [failed("send-refused"), 400, "BadRequestException", "Invalid content"],
  [failed("too-big"), 413, "RequestEntityTooLarge", "too large"],
  [failed("too-big"), 400, "InvalidParameterValue", "Message is too long"],
  [failed("too-big"), 400, "BadRequestException", "Message length is more than 41943040 bytes long"],
  [
    waits("refused-us"),
    400,
    "MessageRejected",
    "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: x@example.com",
  ],
  [waits("refused-us"), 400, "MailFromDomainNotVerifiedException", "Mail FROM domain is not verified"],
  [waits("refused-us"), 400, "AccountSendingPausedException", "paused"],
  [waits("refused-us"), 400, "MessageRejected", "Sending paused for this account. For more information, please check the inbox"],
  [waits("refused-us"), 400, "AccountSuspendedException", "permanently restricted"],
  [waits("refused-us"), 403, "AccessDenied", "User is not authorized to perform ses:SendRawEmail"],
  [waits("refused-us"), 403, "InvalidClientTokenId", "The security token included in the request is invalid."],
  [waits("refused-us"), 403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"],
  [waits("refused-us"), 400, "ConfigurationSetDoesNotExist", "Configuration set <x> does not exist."],
  [waits("refused-us"), 404, "NotFoundException", "no such identity"],
  [waits("refused-us"), 400, "ValidationError", "1 validation error detected"],
  [waits("throttled"), 400, "Throttling", "Daily message quota exceeded."],
  [waits("throttled"), 400, "LimitExceededException", "too many"],
  [waits("try-later"), 503, "ServiceUnavailable", "temporary failure of the server"],
  [inDoubt("try-later"), 500, "InternalFailure", "unknown error"],
  [inDoubt("try-later"), 502, "Bad", "gateway"],
];

describe("the verdict", () => {
  for (const [end, status, code, text] of refusals) {
    test(`of ${status} ${code}: ${text.slice(0, 60)}`, async () => {
      stub.next({ kind: "refuse", status, code, text }, { kind: "refuse", status, code, text });
      expect(await verdictOf(courierTo(stub.endpoint))).toMatchObject(end);
      expect(stub.sent).toEqual([]);
    });
  }

  test("speaks of SES's words", async () => {
    stub.next({ kind: "refuse", code: "InvalidParameterValue", text: "Duplicate header 'DKIM-Signature'." });
    const verdict = await verdictOf(courierTo(stub.endpoint));
    expect(verdict).toMatchObject({ detail: expect.stringContaining("Duplicate header 'DKIM-Signature'") });
  });

  const broken: readonly (readonly [what: string, sent: number, behaviour: Behaviour])[] = [
    ["the connection ended behind the request", 0, { kind: "reset" }],
    ["the connection ended when SES had the mail", 1, { kind: "accept-and-reset" }],
    ["no answer came", 0, { kind: "hang" }],
    ["the answer came too slowly", 1, { kind: "drip", everyMs: 200 }],
    ["the answer was none of SES", 1, { kind: "garble" }],
  ];
  for (const [what, sent, behaviour] of broken) {
    for (const api of ["v1", "v2"] as const) {
      test(`is in doubt, after one request, when ${what} (${api})`, async () => {
        stub.next(behaviour);
        const content = api === "v1" ? contentOf(head) : largeContent(10 * 1024 * 1024 + 1);
        const verdict = await verdictOf(courierTo(stub.endpoint, { deadlineMs: 500, largeDeadlineMs: 2000 }), transaction(content));
        expect(verdict).toMatchObject(inDoubt("in-doubt"));
        expect([stub.calls.length, stub.sent.length]).toEqual([1, sent]);
      }, 120_000);
    }
  }

  const shortAnswers: readonly (readonly [what: string, answer: Route])[] = [
    ["an answer without an id", { headers: { "content-type": "text/xml" }, body: "<SendRawEmailResponse/>" }],
    ["an answer that is cut", { headers: { "content-length": "500" }, body: ["<SendRawEmailResponse>", "close"] }],
    ["a proxy's page with 503", { status: 503, headers: { "content-type": "text/html" }, body: "<html>busy</html>" }],
  ];
  for (const [what, answer] of shortAnswers) {
    test(`is in doubt when there is ${what}`, async () => {
      const aws = await scriptedHttp({ SendRawEmail: answer });
      toClose.push(() => void aws.close());
      expect(await verdictOf(courierTo(aws.endpoint))).toMatchObject({ action: "delayed", possibleDuplicate: true });
      expect(aws.requests().length).toBe(1);
    });
  }

  test("is no doubt when SES was never reached", async () => {
    const { endpoint } = stub;
    await stub.close();
    const verdict = await verdictOf(courierTo(endpoint));
    expect(verdict).toMatchObject({ action: "delayed", reason: "unreachable", scope: "mail", possibleDuplicate: false });
    stub = await startSesStub();
  });

  test("is no doubt when there are no credentials", async () => {
    const clients = testClients(stub.endpoint);
    toClose.push(clients.close);
    clients.ses.config.credentials = () => Promise.reject(Object.assign(new Error("none"), { name: "CredentialsProviderError" }));
    const verdict = await verdictOf(new SesCourier({ ...clients, timers, maxRate: 1000 }));
    expect(verdict).toMatchObject({ action: "delayed", reason: "refused-us", possibleDuplicate: false });
    expect(stub.calls).toEqual([]);
  });

  test("is no doubt when the deadline came before the request was made", async () => {
    const clients = testClients(stub.endpoint);
    toClose.push(clients.close);
    clients.ses.config.credentials = () => new Promise(() => {});
    const verdict = await verdictOf(new SesCourier({ ...clients, timers, maxRate: 1000, deadlineMs: 100 }));
    expect(verdict).toMatchObject({ action: "delayed", possibleDuplicate: false });
  });
});

const tooFast: Behaviour = { kind: "refuse", code: "Throttling", text: "Maximum sending rate exceeded." };

describe("a throttled send", () => {
  test("is tried again, with pauses that grow", async () => {
    stub.next(tooFast, tooFast);
    expect(await verdictOf(courierTo(stub.endpoint))).toMatchObject({ action: "relayed" });
    expect(stub.calls.length).toBe(3);
    const [first = 0, second = 0] = timers.slept.filter((ms) => ms >= 100);
    expect([first >= 500 && first <= 1000, second >= 1000 && second <= 2000]).toEqual([true, true]);
  });

  test("reads its mail once, however often it is tried", async () => {
    const opened: number[] = [];
    stub.next(tooFast, tooFast);
    const content = largeContent(head.length + 10, () => opened.push(stub.calls.length));
    expect(await verdictOf(courierTo(stub.endpoint), transaction(content))).toMatchObject({ action: "relayed" });
    expect([stub.calls.length, ...opened]).toEqual([3, 0]);
  });

  test("uses up what was saved for the next ones", async () => {
    const slept: number[] = [];
    stub.next(tooFast);
    const courier = courierTo(stub.endpoint, { maxRate: 4, timers: { now: () => 0, sleep: async (ms) => void slept.push(ms) } });
    expect(await verdictOf(courier)).toMatchObject({ action: "relayed" });
    expect(slept.slice(1)).toEqual([250]);
  });

  test("goes back to the queue after four tries", async () => {
    stub.next(tooFast, tooFast, tooFast, tooFast);
    expect(await verdictOf(courierTo(stub.endpoint))).toMatchObject(waits("throttled"));
    expect(stub.calls.length).toBe(4);
  });

  test("is tried again with v2's error as well", async () => {
    stub.next({ kind: "refuse", status: 429, code: "TooManyRequestsException", text: "Maximum sending rate exceeded." });
    expect(await verdictOf(courierTo(stub.endpoint), transaction(largeContent(10 * 1024 * 1024 + 1)))).toMatchObject({ action: "relayed" });
    expect(stub.calls).toEqual(["SendEmail", "SendEmail"]);
  }, 120_000);

  test("is not tried again when anything else follows", async () => {
    stub.next(tooFast, { kind: "reset" });
    expect(await verdictOf(courierTo(stub.endpoint))).toMatchObject(inDoubt("in-doubt"));
    expect(stub.calls.length).toBe(2);
  });
});

describe("X18 turn()", () => {
  const inTurn = () => transaction(contentOf(head, text), { hasTurn: true });

  test("waits for the rate, and the send that has the turn does not wait", async () => {
    const courier = courierTo(stub.endpoint, { maxRate: 1 });
    expect(await courier.turn("ses")).toBe("ready");
    expect([timers.slept, stub.calls]).toEqual([[], []]);
    expect(await courier.turn("ses")).toBe("ready");
    expect(timers.slept).toEqual([1000]);
    for (let mail = 0; mail < 2; mail++) expect(await verdictOf(courier, inTurn())).toMatchObject({ action: "relayed" });
    expect(timers.slept).toEqual([1000]);
  });

  test("that was not used does no harm", async () => {
    const courier = courierTo(stub.endpoint, { maxRate: 2 });
    for (let turn = 0; turn < 4; turn++) await courier.turn("ses");
    timers.advance(60_000);
    expect(await verdictOf(courier)).toMatchObject({ action: "relayed" });
  });

  test("is refused when too many wait", async () => {
    const courier = courierTo(stub.endpoint, { maxRate: 1, timers: { now: () => 0, sleep: async () => {} } });
    const turns = await Promise.all(Array.from({ length: 20 }, () => courier.turn("ses")));
    expect(turns.filter((turn) => turn === "ready").length).toBe(11);
    expect(turns.at(-1)).toMatchObject(waits("throttled"));
    expect(stub.calls).toEqual([]);
  });

  test("after a throttled send comes later, and later still after the next", async () => {
    const courier = courierTo(stub.endpoint);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      stub.next(tooFast);
      expect(await courier.turn("ses")).toBe("ready");
      pauses.push(timers.slept.splice(0).find((ms) => ms >= 100) ?? 0);
      expect(await verdictOf(courier, inTurn())).toMatchObject(waits("throttled")); // at once: nothing is claimed during a wait
      expect(timers.slept).toEqual([]);
    }
    const [first, ...others] = pauses;
    expect(first).toBe(0);
    expect(others.map((ms, n) => ms >= 500 * 2 ** n && ms <= 1000 * 2 ** n)).toEqual([true, true, true]);
    await courier.turn("ses");
    expect(await verdictOf(courier, inTurn())).toMatchObject({ action: "relayed" });
    timers.slept.splice(0);
    await courier.turn("ses");
    expect(timers.slept.every((ms) => ms < 100)).toBe(true);
  });

  test("is refused while SES is left alone, and so is a send that got its turn before", async () => {
    const courier = courierTo(stub.endpoint);
    await courier.turn("ses");
    stub.next({ kind: "refuse", code: "AccountSendingPausedException", text: "Account is paused" });
    await verdictOf(courier);
    expect(await courier.turn("ses")).toMatchObject(waits("refused-us"));
    expect(await verdictOf(courier, inTurn())).toMatchObject(waits("refused-us"));
    expect(stub.calls.length).toBe(1);
  });

  test("is refused when the worker stops, and throws when the route leads elsewhere", async () => {
    const courier = courierTo(stub.endpoint, { stop: { stopped: true } });
    expect(await courier.turn("ses")).toMatchObject({ action: "delayed", reason: "stopped" });
    await expect(courier.turn("internal")).rejects.toThrow('the route must be "ses"');
  });
});

describe("SES is left alone", () => {
  for (const [reason, minutes, code, text] of [
    ["throttled", 10, "Throttling", "Daily message quota exceeded."],
    ["refused-us", 5, "AccountSendingPausedException", "Account is paused"],
  ] as const) {
    test(`for ${minutes} minutes after ${code}: ${text}`, async () => {
      const courier = courierTo(stub.endpoint);
      stub.next({ kind: "refuse", code, text });
      for (let mail = 0; mail < 3; mail++) expect(await verdictOf(courier)).toMatchObject(waits(reason));
      expect(await verdictOf(courier)).toMatchObject({ detail: expect.stringContaining(`called again in ${minutes * 60} s`) });
      expect(stub.calls.length).toBe(1);
      timers.advance(minutes * 60_000 - 1);
      expect(await verdictOf(courier)).toMatchObject(waits(reason));
      expect(stub.calls.length).toBe(1);
      timers.advance(1);
      expect(await verdictOf(courier)).toMatchObject({ action: "relayed" });
    });
  }
});

describe("the rate", () => {
  test("is the account's when none is configured, asked once", async () => {
    stub.account.maxSendRate = 1;
    const clients = testClients(stub.endpoint);
    toClose.push(clients.close);
    const courier = new SesCourier({ ...clients, timers });
    await verdictOf(courier);
    expect(timers.slept).toEqual([]);
    await verdictOf(courier);
    expect(timers.slept).toEqual([1000]);
    expect(stub.calls).toEqual(["GetSendQuota", "SendRawEmail", "SendRawEmail"]);
  });

  test("is a guess when the account must not be asked", async () => {
    const aws = await scriptedHttp({ SendRawEmail: sendAnswer, GetSendQuota: { status: 403, body: "no" } });
    toClose.push(() => void aws.close());
    const clients = testClients(aws.endpoint);
    toClose.push(clients.close);
    const courier = new SesCourier({ ...clients, timers });
    for (let mail = 0; mail < 11; mail++) expect(await verdictOf(courier)).toMatchObject({ action: "relayed", detail: "id" });
    expect(timers.slept).toEqual([100]);
    expect(aws.requests("GetSendQuota").length).toBe(1);
  });

  test("is a guess when the account does not say it", async () => {
    const quota: Route = {
      headers: { "content-type": "text/xml" },
      body: "<GetSendQuotaResponse><GetSendQuotaResult><Max24HourSend>200</Max24HourSend></GetSendQuotaResult></GetSendQuotaResponse>",
    };
    const aws = await scriptedHttp({ SendRawEmail: sendAnswer, GetSendQuota: quota });
    toClose.push(() => void aws.close());
    const clients = testClients(aws.endpoint);
    toClose.push(clients.close);
    const courier = new SesCourier({ ...clients, timers });
    for (let mail = 0; mail < 11; mail++) expect(await verdictOf(courier)).toMatchObject({ action: "relayed" });
    expect(timers.slept).toEqual([100]);
  });

  test("turns mail away, unsent, when too many wait", async () => {
    const courier = courierTo(stub.endpoint, { maxRate: 1, timers: { now: () => 0, sleep: async () => {} } });
    const verdicts = await Promise.all(Array.from({ length: 40 }, () => verdictOf(courier)));
    expect(verdicts.filter(({ action }) => action === "relayed").length).toBe(11);
    expect(verdicts.at(-1)).toMatchObject(waits("throttled"));
    expect(stub.sent.length).toBe(11);
  });
});

const sendAnswer: Route = {
  headers: { "content-type": "text/xml" },
  body: "<SendRawEmailResponse><SendRawEmailResult><MessageId>&lt;id@eu-central-1.amazonses.com&gt;</MessageId></SendRawEmailResult></SendRawEmailResponse>",
};
