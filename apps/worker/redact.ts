// Redact: replaces secrets in log lines and findings. Sesame writes no secret into them, but a mail server may quote the AUTH
// line in its answer, and a proxy may return a request with its token. Only secrets from the environment are known here.
// Credentials that the SDK fetches later are not (trouble.ts in aws-adapters cuts long opaque words).

/** Replaces the secrets in a text by `[secret]`. */
export type Redact = (text: string) => string;

const names = [
  "SMTP_PASSWORD",
  "LOOP_KEY",
  "PAGE_TOKEN",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];
const leastLength = 8; // replacing a shorter one would replace ordinary words
const cutAt = /^(?:…|\.\.\.)/; // the end of an error text that was cut

/** A function that replaces the secrets of this environment, in every encoding in which they are sent. */
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
      const length = Math.max(...longestFirst.map((secret) => secretLength(text, found.index, secret)));
      anyStart.lastIndex = found.index + Math.max(length, 1);
      if (length === 0) continue;
      clean += `${text.slice(from, found.index)}[secret]`;
      from = found.index + length;
    }
    return clean + text.slice(from);
  };
}

/** The length of this secret at a position: all of it, or its first part if the text was cut there; else 0. */
function secretLength(text: string, at: number, secret: string): number {
  let length = 0;
  while (length < secret.length && text[at + length] === secret[length]) length++;
  if (length === secret.length) return length;
  return length >= leastLength && cutAt.test(text.slice(at + length, at + length + 3)) ? length : 0;
}

/** Plain, in JSON, in JSON inside JSON, and in a URL. */
function spellingsOf(secret: string): readonly string[] {
  const quoted = JSON.stringify(secret).slice(1, -1);
  return [secret, quoted, JSON.stringify(quoted).slice(1, -1), encodeURIComponent(secret)];
}

/** The password as AUTH PLAIN (RFC 4616 §2) and AUTH LOGIN send it, with and without Base64 padding. */
function loginsOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const password = env["SMTP_PASSWORD"] ?? "";
  const texts = password === "" ? [] : [`\0${env["SMTP_USER"] ?? ""}\0${password}`, password];
  return texts.map((text) => Buffer.from(text).toString("base64")).flatMap((text) => [text, text.replaceAll("=", "")]);
}
