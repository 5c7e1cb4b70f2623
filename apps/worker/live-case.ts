// Live case: the facts of one mail from the tables as they are now, for `sesame explain` without a facts file. It asks with the functions
// of the worker, and writes nothing.

import { createHash } from "node:crypto";
import {
  compileBlocklist,
  type Directory,
  type Domain,
  decodeRuleRows,
  domainOf,
  type EpochMs,
  err,
  type Ledger,
  type MailId,
  type Outbound,
  ok,
  type Policy,
  parseAddress,
  parseRecipients,
  parseReversePath,
  quote,
  type Result,
  type StoredMail,
} from "@sesame/core";
import { lookUp, openForPlanning } from "@sesame/core/journey";
import { refuseSourceRoutes, servedAddresses } from "@sesame/core/plan";
import { inquire, type RowSpellings } from "@sesame/core/rules";
import { allPassed, type SesVerdicts } from "@sesame/core/ses";
import { type Arrival, arrivalOf } from "./arrived-mail.ts";
import type { ExplainCase } from "./facts-file.ts";

/** The ports that are asked. */
export type LivePorts = Readonly<{
  directory: Directory;
  outbound: Pick<Outbound, "find">;
  ledger: Ledger;
}>;

/** What the caller knows. `from`: "" or `<>` is the null reverse-path. Without `domains` those of the recipients are served. */
export type LiveOptions = Readonly<{
  mailId?: MailId;
  from?: string;
  to?: readonly string[];
  domains: readonly Domain[] | null;
  policy: Policy;
  spellings: RowSpellings;
  now: EpochMs;
}>;

/** A case, and what was taken from the mail itself because nobody said it. */
export type LiveCase = ExplainCase & Readonly<{ notes: readonly string[] }>;

/** Asks for the rows of this mail's recipients. */
export async function liveCase(stored: StoredMail, options: LiveOptions, ports: LivePorts): Promise<Result<LiveCase>> {
  const mail = await openForPlanning(stored);
  const said = arrivalOf(mail);
  const envelope = envelopeOf(said, options);
  if (!envelope.ok) return envelope;
  const { from, to, domains, notes } = envelope.value;
  const recipients = parseRecipients(to, domains);
  const rows = await ports.directory.look(inquire(servedAddresses(recipients)));
  const facts = await lookUp(
    noticeOf(stored, said, from, options),
    {
      finals: new Map(),
      recipients: refuseSourceRoutes(recipients, rows.rules),
      rules: decodeRuleRows(rows.rules, options.spellings),
      blocklist: compileBlocklist(rows.blocked, options.spellings),
      loopKey: await ports.ledger.loopKey(),
    },
    stored,
    mail,
    { ledger: ports.ledger, outbound: ports.outbound as Outbound, domains, pause: async () => {} },
  );
  return ok({ facts, policy: options.policy, assumed: said.verdicts === null ? ["verdicts"] : [], notes });
}

type LiveEnvelope = Readonly<{ from: string; to: readonly string[]; domains: readonly Domain[]; notes: readonly string[] }>;

/** From the options, else from the mail; then recipients of other domains are left out, because To and Cc name anybody. */
function envelopeOf(said: Arrival, { from = said.from ?? "<>", to = [], domains }: LiveOptions): Result<LiveEnvelope> {
  const parsed = to.map(parseAddress);
  const wrong = parsed.find((address) => !address.ok);
  if (wrong && !wrong.ok) return wrong;
  const path = from === "<>" ? "" : from;
  if (parseReversePath(path) === undefined) return err(`Cannot explain: --from must be an address or <>, is ${quote(from)}`);
  const named = to.length > 0 ? to : said.to.filter((text) => isServed(text, domains));
  if (named.length === 0)
    return err("Cannot explain: the mail names no recipient of a served domain; give --to, or set DOMAINS to the served domains");
  const served = domains ?? [...new Set(named.flatMap((text) => domainsOf(text)))];
  const notes = [
    ...(to.length > 0 ? [] : [`--to is not given: explained for ${named.join(", ")}, whom the mail names`]),
    ...(domains === null ? [`DOMAINS is not set: explained as if ${served.join(", ")} were served`] : []),
  ];
  return ok({ from: path, to: named, domains: served, notes });
}

function domainsOf(text: string): readonly Domain[] {
  const address = parseAddress(text);
  return address.ok ? [domainOf(address.value)] : [];
}

function isServed(text: string, domains: readonly Domain[] | null): boolean {
  const [domain] = domainsOf(text);
  return domain !== undefined && (domains === null || domains.includes(domain));
}

function noticeOf({ location, head }: StoredMail, said: Arrival, from: string, { mailId, now }: LiveOptions) {
  const { verdicts, receivedAt } = said;
  const sesVerdicts: SesVerdicts = verdicts ?? allPassed;
  return {
    mailId: mailId ?? (`explain/${createHash("sha256").update(head).digest("hex")}` as MailId),
    sesId: "",
    messageId: null,
    location,
    receivedAt: (receivedAt ?? now) as EpochMs,
    envelope: { reversePath: parseReversePath(from), recipients: [] },
    sesVerdicts,
  };
}

/** The octets of a file as a stored mail. */
export function storedOctets(octets: Uint8Array, headLimit: number): StoredMail {
  return {
    location: { kind: "object", bucket: "file", key: "mail" },
    size: octets.length,
    attributes: {},
    head: octets.subarray(0, headLimit),
    async *rest() {
      yield octets.subarray(headLimit);
    },
    whole: async () => octets,
  };
}
