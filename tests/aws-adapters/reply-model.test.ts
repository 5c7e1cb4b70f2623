// The reply memory of DynamoLedger under every fate: mails of one sender to one recipient, whose claims interleave in any
// order, whose requests and answers are lost, who give back what they did not send, and whose user changes the text meanwhile.

import { expect, test } from "bun:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoLedger } from "@sesame/aws-adapters";
import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import fc from "fast-check";
import type { ReplyRow } from "../../packages/core/journey/ports.ts";
import { key, mailId, replyEffect } from "../contracts/samples.ts";
import { ConditionalTable, type Fate } from "./conditional-table.ts";
import { ManualAwsClock } from "./dynalite.ts";
import { tablesBy, type Way, ways } from "./ways.ts";

const daySeconds = 86_400;

/**
 * Some mails ask at once, for the text that the user has then; `end` says what those do that may reply. "dies": it is not known
 * whether the reply was sent, and nothing is released; it counts as sent.
 */
type Round = Readonly<{
  afterSeconds: number;
  text: string;
  mails: readonly Readonly<{ mail: number; end: "sends" | "dies" | "releases" }>[];
}>;

const rounds: fc.Arbitrary<readonly Round[]> = fc.array(
  fc.record({
    afterSeconds: fc.constantFrom(0, 0, daySeconds, 7 * daySeconds),
    text: fc.constantFrom("A", "A", "B"),
    mails: fc.uniqueArray(fc.record({ mail: fc.nat({ max: 3 }), end: fc.constantFrom("sends", "dies", "releases") }), {
      maxLength: 3,
      selector: ({ mail }) => mail,
    }),
  }),
  { minLength: 1, maxLength: 10 },
);
const fates = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<Fate>("answered") },
    { weight: 3, arbitrary: fc.constantFrom<Fate>("request lost", "answer lost", "throttled") },
  ),
  { maxLength: 60 },
);

/** What was sent, and until when it counts. */
type Sent = { mail: number; text: string; until: number };

/** `fateOf` says what becomes of the n-th request. Gives the number of requests by the lane. */
async function play(way: Way, scheduler: fc.Scheduler, plan: readonly Round[], fateOf: (n: number) => Fate): Promise<number> {
  let [served, undoLost] = [0, false];
  const table = new ConditionalTable({
    serve: async ({ UpdateExpression }) => {
      await scheduler.schedule(Promise.resolve());
      const fate = fateOf(served++);
      if (UpdateExpression === undefined && fate !== "answered") undoLost = true;
      return fate;
    },
  });
  const client = new DynamoDBClient({
    region: "eu-central-1",
    endpoint: "http://dynamo.test",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    retryStrategy: new ConfiguredRetryStrategy(3, () => 0),
    requestHandler: table.requestHandler,
  });
  const clock = new ManualAwsClock();
  const hot = tablesBy(way, client, clock, [["email-worker-ledger"]], table.exchange);
  const ledger = new DynamoLedger({ client, clock, hot, owner: "one" });
  const sent: Sent[] = [];
  let remembered: Sent | null = null;
  const answer = async (mail: number, text: string, end: "sends" | "dies" | "releases") => {
    const until = clock.now() + 7 * daySeconds * 1000;
    const [recipient, sender, effect] = [key("alice@example.com"), key("carol@remote.test"), replyEffect("alice@example.com")];
    const row = { recipient, sender, effect, textHash: text, mailId: mailId(`bucket/${mail}`), until } as ReplyRow;
    const claim = await ledger.claimReply(row).catch(() => null);
    const live = sent.filter((each) => each.until > clock.now());
    if (claim === "claimed" && end !== "releases") {
      expect(sent.filter((each) => each.mail === mail)).toEqual([]); // one reply to each mail, whatever its text is by now
      if (remembered !== null && remembered.until > clock.now()) expect(remembered.text).not.toBe(text);
      remembered = { mail, text, until };
      sent.push(remembered);
      return;
    }
    if (claim !== "answered") remembered = null; // what was claimed in its place, and taken back, is nobody's
    if (claim === "claimed") await ledger.releaseReply(row).catch(() => {});
    // Where nobody replied and all that was taken back is gone, nobody is said to have replied.
    else if (claim === "answered" && !undoLost) expect(busy + live.length).toBeGreaterThan(0);
    else if (claim === "in-doubt" && !undoLost) expect(sent.some((each) => each.mail === mail)).toBe(true);
  };
  let busy = 0; // others that ask in the same round, and may hold a claim
  for (const { afterSeconds, text, mails } of plan) {
    clock.advance(afterSeconds);
    busy = mails.length - 1;
    await scheduler.waitFor(Promise.all(mails.map(({ mail, end }) => answer(mail, text, end))));
    if (table.broken !== null) throw table.broken;
  }
  return table.exchanged;
}

test.each(ways)(
  "X16 DynamoLedger by the %s lets one reply to a mail go out at most, and loses none for an answer that was lost",
  async (way) => {
    let laned = 0;
    const property = fc.asyncProperty(fc.scheduler(), rounds, fates, async (scheduler, plan, fate) => {
      laned += await play(way, scheduler, plan, (n) => fate[n] ?? "answered");
    });
    await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 200), seed: Number(process.env["SEED"] ?? 20260101) });
    expect(laned > 500).toBe(way === "lane");
  },
  600_000,
);
