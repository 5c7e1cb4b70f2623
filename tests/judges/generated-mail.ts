// Generated mail: mails made of the forms of mail-forms.ts around the traits of mail-traits.ts, the same ones each time.
// The seed alone decides; nothing asks the clock.

import { Buffer } from "node:buffer";
import { authors, bodies, oddities, subjects, threads } from "./mail-forms.ts";
import { reportBody, type Trait, traits } from "./mail-traits.ts";

export type GeneratedMail = Readonly<{
  id: string;
  /** The reverse-path; `null` is `<>`. */
  sender: string | null;
  recipient: string;
  octets: Uint8Array;
  /** What a person reads as the subject, white space as one space; `null` where the mail has none. */
  subject: string | null;
}>;

/** Takes one of a list: the way in which chance, or order, comes in. */
type Pick = <T>(list: readonly T[]) => T;

/** The mails. Each trait and each form occurs; what is left of the number are letters of persons in all forms. */
export function generatedMails(count: number = 200, seed: number = 20260105): readonly GeneratedMail[] {
  const pick = pickWith(seed);
  return Array.from({ length: count }, (_, index) => {
    const [kind, trait] = traits[index] ?? (["personal", {}] as const);
    const inOrder: Pick = (list) => {
      const one = list[index];
      return one === undefined ? pick(list) : one;
    };
    return mailOf(`${String(index).padStart(3, "0")}-${kind}`, trait, inOrder, pick);
  });
}

/** Mails that have two traits at once, the later of which wins where they are of one field. */
export function combinedMails(count: number, seed: number): readonly GeneratedMail[] {
  const pick = pickWith(seed);
  return Array.from({ length: count }, (_, index) => {
    const [[one, first], [other, second]] = [pick(traits), pick(traits)];
    return mailOf(`${index}-${one}-${other}`, { ...first, ...second }, pick, pick);
  });
}

function mailOf(id: string, trait: Trait, form: Pick, pick: Pick): GeneratedMail {
  const [value, subject] = form(subjects);
  const [bodyFields, body] = trait.fields?.includes("multipart/report") ? ["", reportBody] : form(bodies);
  const author = trait.author ?? form(authors);
  const oddity = form(oddities);
  const fields = [
    author === null ? "" : `From: ${author}\r\n`,
    trait.to ?? "To: alice@example.com\r\n",
    value === null ? "" : `Subject: ${value}\r\n`,
    form(threads),
    trait.fields ?? "",
    oddity,
    bodyFields,
  ];
  const text = `${fields.join("")}\r\n${body}`;
  const lineEnd = pick(["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n"]);
  const second = /^Subject: (.*)\r$/m.exec(oddity)?.[1] ?? null;
  return {
    id,
    sender: trait.sender === undefined ? "bob@remote.test" : trait.sender,
    recipient: trait.recipient ?? "alice@example.com",
    octets: new Uint8Array(Buffer.from(text.replaceAll("\r\n", lineEnd), "latin1")),
    subject: value === null ? second : subject,
  };
}

/** Draws with a linear congruential generator, which only its seed decides. */
function pickWith(seed: number): Pick {
  let state = seed >>> 0;
  return (list) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const drawn = list[Math.floor((state / 2 ** 32) * list.length)];
    if (drawn === undefined) throw new Error("Cannot draw from an empty list");
    return drawn;
  };
}
