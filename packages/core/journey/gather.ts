// Gather: the questions that a notice raises, asked side by side: the claim, the users' rows, the mail itself and the
// loop key. A mail that is closed for others is claimed again. Recipients are parsed and rows decoded here, once, and travel
// on in the facts. What the answers mean is for journey.ts and plan.ts.

import { type Address, type AddressKey, addressKey } from "../mail/address.ts";
import { parseRecipients, type Recipient, refuseSourceRoutes, servedAddresses } from "../plan/recipient.ts";
import { withCanonicalKeys } from "../plan/types.ts";
import { type Blocklist, compileBlocklistWithPauses } from "../rules/blocklist.ts";
import { type DirectoryRows, inquire } from "../rules/inquiry.ts";
import { octetsOfRows } from "../rules/row-octets.ts";
import { decodeRuleRowsWithPauses, type RuleRow } from "../rules/rule-row.ts";
import type { Notice } from "../ses/notice.ts";
import { type FirstRefusals, splitFirstRefusals } from "./known-mailbox.ts";
import { NoRoom, PortError } from "./port-error.ts";
import { type Claim, headLimit, type JourneyPorts, type Lease, type StoredMail } from "./ports.ts";
import { formerNoticeId, unreached } from "./second-notice.ts";
import { type TraceHashes, traceHashes } from "./trace-hashes.ts";

type GatherPorts = Pick<
  JourneyPorts,
  "ledger" | "directory" | "store" | "journal" | "domains" | "leaseSeconds" | "mayOpen" | "blocklists" | "rowSpellings" | "budget" | "pause"
>;

/** What was asked beside the claim. */
export type Answers = Readonly<{
  recipients: readonly Recipient[];
  rules: ReadonlyMap<string, RuleRow>;
  blocklist: Blocklist;
  stored: StoredMail | "missing";
  loopKey: Uint8Array;
}>;

/** The answers, or why there is nothing to do. Those about a closed mail may be missing: its object may be gone. */
export type Gathered =
  | { readonly kind: "busy"; readonly until: Extract<Claim, { readonly kind: "busy" }>["until"] }
  | (Extract<Claim, { readonly kind: "closed" }> & Readonly<{ recipients: readonly Recipient[]; answers: Answers | null }>)
  | ({ readonly kind: "held"; readonly lease: Lease; readonly firstRefusals: FirstRefusals } & Answers);

const noRows: DirectoryRows = { rules: new Map(), blocked: new Map() };

/** Asks. When a question fails, a claim that was granted is given back, or its lease would run out and count as a crash. */
export async function gather(notice: Notice, ports: GatherPorts): Promise<Gathered> {
  refuseForeignObject(notice, ports);
  const recipients = parseRecipients(notice.envelope.recipients, ports.domains);
  const loopKey = ports.ledger.loopKey();
  const asking = ask(notice, recipients, loopKey, ports);
  const claiming = claim(notice, recipients, loopKey, asking, ports);
  const [claimed, asked] = await Promise.allSettled([claiming, asking]);
  if (claimed.status === "rejected") throw claimed.reason;
  const answer = claimed.value;
  if (answer.kind === "busy") return answer;
  if (answer.kind === "closed") {
    const answers = asked.status === "rejected" ? null : asked.value;
    return { ...answer, finals: finalsIn(answer.finals), recipients: answers?.recipients ?? recipients, answers };
  }
  const { lease } = answer;
  const { mailId, takenOver, crashes } = lease;
  // Said before anything can fail: the next attempt will find a lease that was given back in order.
  if (takenOver) ports.journal.note({ kind: "taken-over", mailId, crashes });
  if (asked.status === "rejected") {
    await ports.ledger.record(lease, new Map(), "release").catch(() => {}); // the first failure is the one to tell
    throw asked.reason;
  }
  const claimedFor = asked.value.recipients.filter(
    (each) => each.kind === "refused" || lease.recipients.includes(addressKey(each.address)),
  );
  const { finals, firstRefusals } = splitFirstRefusals(lease.finals);
  return { kind: "held", ...asked.value, lease: { ...lease, finals: withCanonicalKeys(finals) }, firstRefusals, recipients: claimedFor };
}

/** Claims a mail for the recipients of a notice; one that is closed, for those of them whom it was not closed for. */
async function claim(
  notice: Notice,
  recipients: readonly Recipient[],
  loopKey: Promise<Uint8Array>,
  asking: Promise<Answers>,
  { ledger, leaseSeconds }: GatherPorts,
): Promise<Claim> {
  const { mailId } = notice;
  const served = keysOf(servedAddresses(recipients));
  const trace = await traceOf(notice, served, loopKey);
  const answer = await ledger.claim(mailId, leaseSeconds, served, trace);
  if (answer.kind !== "closed") return answer;
  // The rows say which recipients are refused. Where they cannot be read, each may be served.
  const named = await asking.then(({ recipients }) => recipients).catch(() => recipients);
  const missing = unreached(named, finalsIn(answer.finals));
  if (missing.length === 0) return answer;
  return ledger.reopen(mailId, leaseSeconds, keysOf(missing), formerNoticeId(mailId, missing), trace);
}

/** Without the key there are none. The mail then fails for want of the key, and a later attempt brings them. */
async function traceOf(
  { messageId }: Notice,
  recipients: readonly AddressKey[],
  loopKey: Promise<Uint8Array>,
): Promise<TraceHashes | undefined> {
  const key = await loopKey.catch(() => null);
  return key === null ? undefined : traceHashes(key, messageId, recipients);
}

function finalsIn(recorded: Lease["finals"]): Lease["finals"] {
  return withCanonicalKeys(splitFirstRefusals(recorded).finals);
}

/** The keys of distinct mailboxes. */
function keysOf(addresses: readonly Address[]): readonly AddressKey[] {
  return [...new Set(addresses.map(addressKey))];
}

async function ask(
  notice: Notice,
  recipients: readonly Recipient[],
  loopKeyAsked: Promise<Uint8Array>,
  ports: GatherPorts,
): Promise<Answers> {
  const inquiry = inquire(servedAddresses(recipients));
  const [rows, stored, loopKey] = await Promise.all([
    inquiry.rules.length > 0 ? ports.directory.look(inquiry) : noRows,
    open(notice, ports),
    loopKeyAsked,
  ]);
  await charge(rows, ports);
  const { blocklists: cache, pause, rowSpellings: spellings = "strict" } = ports;
  const blocklist = await compileBlocklistWithPauses(rows.blocked, { cache, pause, spellings });
  const rules = await decodeRuleRowsWithPauses(rows.rules, pause, spellings);
  return { recipients: refuseSourceRoutes(recipients, rows.rules), rules, blocklist, stored, loopKey };
}

/** The rows stay in memory until the end of the mail, and so does what is charged for them. */
async function charge(rows: DirectoryRows, { budget, pause }: GatherPorts): Promise<void> {
  const octets = await octetsOfRows(rows, pause);
  if (octets > 0 && !(await budget.take(octets))) throw new NoRoom("rows", octets);
}

async function open({ location, mailId }: Notice, { store }: GatherPorts): Promise<StoredMail | "missing"> {
  return location.kind === "inline" ? inlineMail(location.octets, mailId) : store.open(location);
}

/** Before the claim: a notice that may not name a mail must not hold or change that mail's row either. */
function refuseForeignObject({ location, mailId }: Notice, { mayOpen }: GatherPorts): void {
  if (location.kind === "inline" || mayOpen(location.bucket, location.key)) return;
  const text = `Cannot open ${JSON.stringify(mailId)}: MAIL_OBJECTS does not allow this object. Correct MAIL_OBJECTS, or the notice`;
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
