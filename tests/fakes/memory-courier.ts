// Memory courier: Courier that follows a script and keeps what it was sent, octet by octet.
// Without a script a mailbox says delivered and the other routes say relayed.

import {
  type Address,
  type AddressKey,
  addressKey,
  type Content,
  type Courier,
  type Delayed,
  type EffectKey,
  type MailTransaction,
  type ReversePath,
  type Route,
  type Verdict,
} from "@sesame/core";

/** One transaction, as it was handed in. */
export type Sent = Readonly<{
  route: Route;
  mailId: string;
  from: ReversePath;
  recipients: MailTransaction["recipients"];
  octets: Uint8Array;
  hasTurn: boolean;
  verdicts: ReadonlyMap<EffectKey, Verdict>;
}>;

/** What happens to a recipient: a verdict, no verdict at all, or an error that the whole transaction throws. */
export type Answer = Verdict | "no-verdict" | Error;

/** Couriers' other end, in memory. */
export class MemoryCourier implements Courier {
  readonly #scripts = new Map<string, Answer[]>();
  /** Transactions whose octets all arrived, whatever was answered. */
  readonly sent: Sent[] = [];
  /** Transactions begun, those included whose content broke off. */
  sends: number = 0;
  /** Waits before a turn is given on a route, used in order. */
  readonly waits: ((route: Route) => Promise<"ready" | Delayed>)[] = [];

  async turn(route: Route): Promise<"ready" | Delayed> {
    return (await this.waits.shift()?.(route)) ?? "ready";
  }

  /** Answers for a recipient on a route, used in order; the last one stays. */
  script(route: Route, address: Address, ...answers: readonly Answer[]): void {
    this.#scripts.set(`${route} ${addressKey(address)}`, [...answers]);
  }

  /** Octets of the mails that were accepted for a recipient, in order. */
  mailsFor(address: Address): readonly Uint8Array[] {
    const key = addressKey(address);
    return this.sent.filter((sent) => accepted(sent).has(key)).map((sent) => sent.octets);
  }

  async send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    this.sends++;
    const octets = await octetsOf(transaction.content);
    const verdicts = new Map<EffectKey, Verdict>();
    for (const { address, key } of transaction.recipients) {
      const answer = this.#answer(route, address);
      if (answer instanceof Error) throw answer;
      if (answer !== "no-verdict") verdicts.set(key, answer);
    }
    const { mailId, from, recipients, hasTurn = false } = transaction;
    this.sent.push({ route, mailId, from, recipients, octets, hasTurn, verdicts });
    return verdicts;
  }

  #answer(route: Route, address: Address): Answer {
    const script = this.#scripts.get(`${route} ${addressKey(address)}`) ?? [];
    const answer = script.length > 1 ? script.shift() : script[0];
    return answer ?? { action: route === "mailbox" ? "delivered" : "relayed", detail: "250 2.0.0 OK" };
  }
}

function accepted({ recipients, verdicts }: Sent): ReadonlySet<AddressKey> {
  const good = recipients.filter(({ key }) => ["delivered", "relayed"].includes(verdicts.get(key)?.action ?? ""));
  return new Set(good.map(({ address }) => addressKey(address)));
}

/** All octets of a content. Throws where its size is not what it said. */
export async function octetsOf(content: Content): Promise<Uint8Array> {
  const pieces = [...content.pieces];
  if (content.rest) for await (const piece of content.rest()) pieces.push(new Uint8Array(piece));
  const octets = new Uint8Array(Buffer.concat(pieces));
  if (octets.length !== content.size) throw new Error(`Cannot send content: its size must be ${content.size}, is ${octets.length}`);
  return octets;
}
