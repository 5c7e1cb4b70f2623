// Reply or no reply: Pigeonhole, the Sieve of Dovecot, judges the same mails with the same envelopes as Sesame does, with
// nothing but a vacation action (RFC 5230). Every difference must have a name and a reason in sieve-differences.ts. It
// cannot judge what it does not see: verdicts of SES, our mark, the memory of earlier replies. None of these occurs here.

import { expect, test } from "bun:test";
import { domainToASCII } from "node:url";
import { explainCase } from "../../apps/worker/commands/explain.ts";
import { corpusNote, hasShared } from "../core/corpus.ts";
import { originals } from "./composed-mail.ts";
import { combinedMails } from "./generated-mail.ts";
import { type Difference, type Judged, unasked, weReply, weWithhold } from "./sieve-differences.ts";
import { type Answer, askSieve, type Question, sieveMissing } from "./sieve-judge.ts";

const note = sieveMissing === null ? corpusNote : ` (SKIPPED: ${sieveMissing})`;
const judgedTest = test.skipIf(sieveMissing !== null);

/** The mails of the corpus were not written to alice: whom they name gets them, once from a person and once as they came. */
function questions(): readonly Question[] {
  return originals().flatMap(({ id, sender, recipient, octets, subject }) => {
    const header = headerOf(octets);
    const addressees = /^(?:To|Delivered-To):[^@]*?([\w.+-]+@[\w.-]+\w)/im.exec(header)?.[1] ?? recipient;
    const path = /^Return-Path: *<(.*)>/im.exec(header)?.[1];
    if (subject !== undefined) return [{ id, sender, recipient, mailbox: mailboxOf(recipient), octets }];
    const asked = { recipient: addressees, mailbox: mailboxOf(addressees), octets };
    const asItCame = path === undefined ? [] : [{ ...asked, id: `${id} as it came`, sender: path === "" ? null : path }];
    return [{ ...asked, id, sender: "bob@remote.test" }, ...asItCame];
  });
}

/** The address without its tag (RFC 5233): as Dovecot delivers it with `recipient_delimiter = +`. */
function mailboxOf(address: string): string {
  return address.replace(/\+[^@]*@/, "@");
}

/** The header block as text, one character for each octet. */
function headerOf(octets: Uint8Array): string {
  return (
    Buffer.from(octets)
      .toString("latin1")
      .split(/\r?\n\r?\n/)[0] ?? ""
  ).replace(/^\r?\n/, "");
}

/** What `sesame explain` answers, as far as it is read here. */
type Explanation = Readonly<{
  error?: string;
  plan?: Readonly<{ courses: readonly Readonly<{ kind: string; effects: readonly Kind[]; withheld: readonly Kind[] }>[] }>;
}>;
type Kind = Readonly<{ kind: string; reason?: string }>;

/** What Sesame decides with an out-of-office rule for everybody in the recipient's domain. */
async function decide({ id, sender, recipient, octets }: Question): Promise<string> {
  const domain = recipient.slice(recipient.lastIndexOf("@") + 1);
  const rules = { [`*@${domainToASCII(domain).toLowerCase()}`]: { ooo_active: true, ooo_message: "I am away" } };
  const facts = { domains: [domain], envelope: { from: sender, recipients: [recipient] }, rules };
  const answer = (await explainCase(JSON.stringify({ id, mail: Buffer.from(octets).toString("base64"), facts }))) as Explanation;
  const [course] = answer.plan?.courses ?? [];
  if (course?.kind !== "serve") throw new Error(`${id} is not served: ${JSON.stringify(answer)}`);
  if (course.effects.some(({ kind }) => kind === "reply")) return "reply";
  return course.withheld.find(({ kind }) => kind === "reply")?.reason ?? "no rule";
}

const all = [
  ...questions(),
  ...combinedMails(400, 7).map((mail) => ({ ...mail, id: `combined-${mail.id}`, mailbox: mailboxOf(mail.recipient) })),
];
const answers: ReadonlyMap<string, Answer> = sieveMissing === null ? await askSieve(all) : new Map();
const judged: readonly Judged[] = await Promise.all(
  (sieveMissing === null ? all : []).map(async (question) => ({
    question,
    ours: await decide(question),
    sieve: answers.get(question.id) ?? { unasked: "lost" },
    header: headerOf(question.octets),
  })),
);
const isGenerated = ({ question }: Judged) => /^\d/.test(question.id);
const isUnasked = ({ sieve }: Judged) => typeof sieve === "object" && "unasked" in sieve;
const differs = ({ ours, sieve }: Judged) => (ours === "reply") !== (sieve === "reply");

/** The kinds among which a mail must be found; none where both agree. */
function kindsFor(one: Judged): readonly Difference[] {
  if (isUnasked(one)) return unasked;
  return differs(one) ? (one.ours === "reply" ? weReply : weWithhold) : [];
}

judgedTest(`Sesame and Pigeonhole differ for a reason that is named, or not at all${note}`, () => {
  const unexplained = judged.filter((one) => isUnasked(one) || differs(one)).filter((one) => !kindsFor(one).some(({ is }) => is(one)));
  expect(unexplained.map(({ question, ours, sieve }) => ({ id: question.id, sender: question.sender, ours, sieve }))).toEqual([]);
});

/** How many mails of one origin are of each kind, and how many should be. */
function counts(of: readonly Judged[], meant: (kind: Difference) => number) {
  const kinds = [weWithhold, weReply, unasked].flatMap((list) => list.map((kind) => ({ list, kind })));
  const found = kinds.map(({ list, kind }) => [kind.name, of.filter((one) => kindsFor(one) === list && kind.is(one)).length]);
  return [Object.fromEntries(found), Object.fromEntries(kinds.map(({ kind }) => [kind.name, meant(kind)]))];
}

judgedTest(`each reason is the reason of as many generated mails as it says${note}`, () => {
  const [found, meant] = counts(judged.filter(isGenerated), ({ generated }) => generated);
  expect(found).toEqual(meant);
});

for (const origin of ["fixtures", "corpus"] as const) {
  test.skipIf(sieveMissing !== null || (origin === "corpus" && !hasShared))(
    `each reason is the reason of as many mails of the ${origin} as it says${note}`,
    () => {
      const [found, meant] = counts(
        judged.filter(({ question }) => question.id.startsWith(`${origin}/`)),
        (kind) => kind[origin] ?? 0,
      );
      expect(found).toEqual(meant);
    },
  );
}

judgedTest(`Pigeonhole says both yes and no, and about all mails${note}`, () => {
  const generated = judged.filter(isGenerated);
  const agreed = generated.filter((one) => !differs(one) && !isUnasked(one));
  expect(generated.length).toBe(200);
  expect({
    yes: agreed.filter(({ ours }) => ours === "reply").length,
    no: agreed.filter(({ ours }) => ours !== "reply").length,
    differ: generated.filter((one) => differs(one) && !isUnasked(one)).length,
    unasked: generated.filter(isUnasked).length,
  }).toEqual({ yes: 111, no: 51, differ: 35, unasked: 3 });
});
