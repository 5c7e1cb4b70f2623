// Composed mail: for each mail of the corpus and each generated one, the replies, the forward and the notice in the place
// of a forward that Sesame would make of it. They are composed whether or not the plan would send them: a form that is wrong must not hide behind a
// decision. Which of them is sent is judged elsewhere.

import { type Address, concat, decodeRuleRow, type EpochMs, type Mail, type MailId, openMail, parseAddress } from "@sesame/core";
import { composeForward, readForwardFields } from "../../packages/core/compose/forward.ts";
import { quotationOf } from "../../packages/core/compose/quotation.ts";
import { composeReply } from "../../packages/core/compose/reply.ts";
import { composeStandIn } from "../../packages/core/compose/stand-in.ts";
import { asciiAddress } from "../../packages/core/mail/address.ts";
import { corpusFiles } from "../core/corpus.ts";
import { type GeneratedMail, generatedMails } from "./generated-mail.ts";

/** A mail to be judged: of the corpus, or generated. `subject` is undefined where nobody wrote down how it reads. */
export type Original = Readonly<Omit<GeneratedMail, "subject"> & { subject: string | null | undefined }>;

/** Every mail, the corpus first. */
export function originals(): readonly Original[] {
  const found = corpusFiles("mime", "ses-bounces").map(
    ({ name: id, octets }): Original => ({ id, sender: "bob@remote.test", recipient: "alice@example.com", octets, subject: undefined }),
  );
  return [...found, ...generatedMails()];
}

/** What was made of one mail. */
export type Composed = Readonly<{
  original: Original;
  mail: Mail;
  recipient: Address;
  sender: Address;
  text: Uint8Array;
  html: Uint8Array;
  notice: Uint8Array;
  forward: Uint8Array;
  /** Octets of the forward's own header block. */
  forwardHead: number;
}>;

/** The rules, and how their texts read. */
export const textRule = { text: "I am away until Friday.\nGrüße, Alice\n.\nFrom here on nobody reads." };
export const htmlRule = {
  text: "<p>Away &amp; happy: <b>Grüße</b> 😂</p>",
  reads: "Away & happy: Grüße 😂",
  subject: "Grüße aus dem Urlaub",
};

const attachments = ["a.exe", "b\r\nBcc: victim@remote.test\r\n\r\n.js", "Grüße \u202e.vbs", `${"x".repeat(2000)}.scr`];

/** Composes all of them; `null` for an address that no header takes: the plan makes none for it. */
export async function compose(original: Original): Promise<Composed | null> {
  const recipient = asciiAddress(addressOf(original.recipient));
  const sender = asciiAddress(addressOf(original.sender ?? "bob@remote.test"));
  if (recipient === null || sender === null) return null;
  const mail = openMail(original.octets, original.octets.length);
  const occasion = {
    mail,
    mailId: `bucket/${original.id}` as MailId,
    receivedAt: Date.parse("2026-01-05T12:00:00Z") as EpochMs,
    recipient,
    loopKey: new Uint8Array(32).fill(7),
  };
  const reply = async (row: object) => {
    const { reply: rule } = decodeRuleRow({ ooo_active: true, ...row });
    if (rule === null) throw new Error("the rule is wrong");
    const { head, body } = composeReply({ ...occasion, sender, rule, repeatsOriginal: true, quotation: await quotationOf(mail, sender) });
    return concat([head, body as Uint8Array]);
  };
  const forwarding = { ...occasion, original: readForwardFields(mail), target: addressOf("archive@other.test"), route: "ses" as const };
  const forward = composeForward(forwarding);
  const notice = composeStandIn(forwarding, { reason: "forbidden-attachment", octets: mail.size, refusedNames: attachments });
  return {
    original,
    mail,
    recipient,
    sender,
    text: await reply({ ooo_message: textRule.text }),
    html: await reply({ ooo_message: htmlRule.text, ooo_content_type: "html", ooo_subject: htmlRule.subject }),
    notice: concat([notice.head, notice.body as Uint8Array]),
    forward: concat([forward.head, original.octets.subarray(mail.bodyStart)]),
    forwardHead: forward.head.length,
  };
}

function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
