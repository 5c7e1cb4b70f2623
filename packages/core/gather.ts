// Gather: the questions that a notice raises, asked side by side: the claim, the users' rows, the mail itself and the
// loop key. It asks and sorts the answers; what they mean is for journey.ts and plan.ts.

import { type Address, type Domain, domainOf, parseAddress } from "./address.ts";
import { inquire } from "./inquiry.ts";
import type { EpochMs, Notice } from "./notice.ts";
import {
  type Claim,
  type Directory,
  type DirectoryRows,
  headLimit,
  type Journal,
  type Lease,
  type Ledger,
  type MailStore,
  PortError,
  type StoredMail,
} from "./ports.ts";

/** Whom it asks. */
export type GatherPorts = Readonly<{
  ledger: Ledger;
  directory: Directory;
  store: MailStore;
  journal: Journal;
  domains: readonly Domain[];
  /** Seconds that a lease lasts; the caller extends it. */
  leaseSeconds: number;
  /** Whether this bucket and key may be read; a notice is only a text that somebody put into a queue. */
  mayOpen(bucket: string, key: string): boolean;
}>;

/** What was asked beside the claim. */
export type Answers = Readonly<{ rows: DirectoryRows; stored: StoredMail | "missing"; loopKey: Uint8Array }>;

/** The answers, or why there is nothing to do. Those about a closed mail may be missing. */
export type Gathered =
  | (Extract<Claim, { readonly kind: "closed" }> & { readonly answers: Answers | null })
  | { readonly kind: "busy"; readonly until: EpochMs }
  | ({ readonly kind: "held"; readonly lease: Lease } & Answers);

const noRows: DirectoryRows = { rules: new Map(), blocked: new Map() };

/** Asks. When a question fails, a claim that was granted is given back, or its lease would run out and count as a crash. */
export async function gather(notice: Notice, ports: GatherPorts): Promise<Gathered> {
  const { ledger, directory, domains } = ports;
  const inquiry = inquire(served(notice, domains));
  const claiming = ledger.claim(notice.mailId, ports.leaseSeconds);
  const asking = Promise.all([inquiry.rules.length > 0 ? directory.look(inquiry) : noRows, open(notice, ports), ledger.loopKey()]);
  const [claimed, asked] = await Promise.allSettled([claiming, asking]);
  if (claimed.status === "rejected") throw claimed.reason;
  const claim = claimed.value;
  if (claim.kind === "busy") return claim;
  // A closed mail needs no more answers; its object may be gone for good.
  if (claim.kind === "closed") return { ...claim, answers: asked.status === "rejected" ? null : answersOf(asked.value) };
  const { mailId, takenOver, crashes } = claim.lease;
  // Said before anything can fail: the next attempt will find a lease that was given back in order.
  if (takenOver) ports.journal.note({ kind: "taken-over", mailId, crashes });
  if (asked.status === "rejected") {
    await ledger.record(claim.lease, new Map(), "release").catch(() => {}); // the first failure is the one to tell
    throw asked.reason;
  }
  return { kind: "held", lease: claim.lease, ...answersOf(asked.value) };
}

function answersOf([rows, stored, loopKey]: readonly [DirectoryRows, StoredMail | "missing", Uint8Array]): Answers {
  return { rows, stored, loopKey };
}

/** The recipients that we serve. */
export function served(notice: Notice, domains: readonly Domain[]): readonly Address[] {
  return notice.envelope.recipients.flatMap((text) => {
    const parsed = parseAddress(text);
    return parsed.ok && domains.includes(domainOf(parsed.value)) ? [parsed.value] : [];
  });
}

async function open({ location, mailId }: Notice, { store, mayOpen }: GatherPorts): Promise<StoredMail | "missing"> {
  if (location.kind === "inline") return inlineMail(location.octets, mailId);
  if (mayOpen(location.bucket, location.key)) return store.open(location);
  const text = `Cannot open an object as MAIL_OBJECTS must allow it: current value is ${JSON.stringify(mailId)}`;
  throw new PortError("MailStore", "open", text);
}

/** A mail that came within its notice, in the form of a stored one. */
function inlineMail(octets: Uint8Array, mailId: string): StoredMail {
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield octets.subarray(headLimit);
  };
  return {
    location: { kind: "object", bucket: "sns", key: mailId },
    size: octets.length,
    attributes: {},
    head: octets.subarray(0, headLimit),
    rest,
    whole: async () => octets,
  };
}
