// Hostile text: what an attacker writes where a program copies a text from a mail or a rule into a header. Each piece holds
// a canary: a field or a recipient that must never be seen as one.

import type { Random } from "./random.ts";

/** No header of ours may have these fields, and no effect may go to this domain. */
export const canaryField = "X-Injected";
export const canaryDomain = "canary.test";

const lines: readonly [string, ...string[]] = [
  `${canaryField}: yes`,
  `Bcc: evil@${canaryDomain}`,
  `To: evil@${canaryDomain}`,
  `Content-Type: text/html\r\n\r\n<b>${canaryField}: yes</b>`,
  `\r\n${canaryField}: yes`,
];
const breaks: readonly [string, ...string[]] = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\0\r\n",
  "\u2028",
  "\u2029",
  "\u0085",
  "\v",
  "\f",
  "\r\n ",
  "嘊嘍",
];

/** A text that would inject a line if it were copied as it is. As characters, not octets. */
export function hostileText(random: Random): string {
  const plain = `${random.pick(["", "hi", '"', "a@b.test", "=?", "<", "日本"])}${random.pick(breaks)}${random.pick(lines)}`;
  switch (random.below(6)) {
    case 0:
      return encodedQ(plain, random.pick(["utf-8", "UTF-8*en", "iso-8859-1", "x-unknown"]));
    case 1:
      return encodedB(plain);
    case 2:
      return encodedB(encodedQ(plain, "utf-8")); // a word in a word
    case 3:
      return `${encodedQ(plain.slice(0, 5), "utf-8")} ${encodedB(plain.slice(5))}`;
    default:
      return plain;
  }
}

/** A value of a field that a mail program decodes: hostile text where it hurts. */
export function hostileValue(name: string, random: Random): string {
  const text = hostileText(random);
  switch (name) {
    case "Message-ID":
    case "References":
    case "In-Reply-To":
      return random.pick([`<a${text}@x.test>`, `<1@x.test> ${text}`, `<${text}>`, `<1@x.test>${text}<2@x.test>`]);
    case "Content-Type":
      return random.pick([
        `text/plain; name="${text}"`,
        `multipart/mixed; boundary="${text}"`,
        `text/html; charset=${text}`,
        `application/x; name*=utf-8''${encodeURIComponent(text)}`,
        text,
      ]);
    case "Subject":
    case "Thread-Topic":
      return text;
    default:
      return random.pick([
        `${text} <bob@remote.test>`,
        `"${text}" <bob@remote.test>`,
        `bob@remote.test (${text})`,
        `bob@remote.test, ${text}`,
        text,
      ]);
  }
}

function encodedQ(text: string, charset: string): string {
  const octets = [...Buffer.from(text)].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, "0")}`);
  return `=?${charset}?Q?${octets.join("")}?=`;
}

function encodedB(text: string): string {
  return `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
}
