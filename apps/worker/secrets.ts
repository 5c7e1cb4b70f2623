// Secrets: what no log line and no finding may show, whoever repeats it: a mail server that quotes the AUTH line in its
// refusal, a proxy that returns a request with its token. Texts are made without them from the start; this is the net below.
// It knows the environment's secrets, not those that a provider fetches later (trouble.ts cuts long opaque words).

/** Takes the secrets out of a text. */
export type Redact = (text: string) => string;

const names = [
  "SMTP_PASSWORD",
  "LOOP_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];
const leastLength = 8; // to strike out a shorter one would strike out words
const cutAt = /^(?:…|\.\.\.)/; // what error texts end with where they are too long

/** What takes this environment's secrets out, in every spelling in which they travel. */
export function redactor(env: Readonly<Record<string, string | undefined>>): Redact {
  const spellings = [...names.flatMap((name) => spellingsOf(env[name] ?? "")), ...loginsOf(env)].filter(
    ({ length }) => length >= leastLength,
  );
  if (spellings.length === 0) return (text) => text;
  const longestFirst = [...new Set(spellings)].sort((one, other) => other.length - one.length);
  const starts = new Set(longestFirst.map((secret) => secret.slice(0, leastLength)));
  const anyStart = new RegExp([...starts].map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "g");
  return (text) => {
    let clean = "";
    let from = 0;
    anyStart.lastIndex = 0;
    for (let found = anyStart.exec(text); found !== null; found = anyStart.exec(text)) {
      const length = Math.max(...longestFirst.map((secret) => struckOut(text, found.index, secret)));
      anyStart.lastIndex = found.index + Math.max(length, 1);
      if (length === 0) continue;
      clean += `${text.slice(from, found.index)}[secret]`;
      from = found.index + length;
    }
    return clean + text.slice(from);
  };
}

/** How much of a text is this secret: all of it, or its start where the text was cut; else 0. */
function struckOut(text: string, at: number, secret: string): number {
  let length = 0;
  while (length < secret.length && text[at + length] === secret[length]) length++;
  if (length === secret.length) return length;
  return length >= leastLength && cutAt.test(text.slice(at + length, at + length + 3)) ? length : 0;
}

/** As it is, inside JSON, inside JSON inside JSON, and in a URL. */
function spellingsOf(secret: string): readonly string[] {
  const quoted = JSON.stringify(secret).slice(1, -1);
  return [secret, quoted, JSON.stringify(quoted).slice(1, -1), encodeURIComponent(secret)];
}

/** The password as AUTH PLAIN (RFC 4616 §2) and AUTH LOGIN send it; some print it without what fills it up. */
function loginsOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const password = env["SMTP_PASSWORD"] ?? "";
  const texts = password === "" ? [] : [`\0${env["SMTP_USER"] ?? ""}\0${password}`, password];
  return texts.map((text) => Buffer.from(text).toString("base64")).flatMap((text) => [text, text.replace(/=+$/, "")]);
}
