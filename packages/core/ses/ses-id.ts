// SES id: the id that Amazon SES gives to a mail that it sends. SES replaces the Message-ID by one made from this id, and also
// makes the reverse-path from it, so a bounce names the failed mail (SES Developer Guide, "Amazon SES header fields"). The id is
// the local part of both, and the key of the outbound table.

const sesIdForm = /^[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{6}$/;
const sesDomain = /^(?:[a-z0-9-]+\.)*amazonses\.com$/;
const newerIdForm = /^[0-9a-z-]{16,100}$/; // a form that is not known yet, accepted with an SES domain only

/** Returns the id in lower case without angle brackets and domain; "" if the text is not an id. */
export function normalizeSesId(text: string): string {
  const [, id = ""] = /^<?([!-;=?A-~]{1,200})(?:@[^<>@\s]*)?>?$/.exec(text.trim()) ?? [];
  return id.toLowerCase();
}

const sesIdAnywhere = /(?<![0-9a-z-])[0-9a-f]{16}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9a-f]{6}(?![0-9a-z-])/gi;

/** Returns the ids that stand in a text, such as the report of a host that does not enclose the failed mail. */
export function sesIdsInText(text: string): readonly string[] {
  return [...text.matchAll(sesIdAnywhere)].map(([id]) => id.toLowerCase());
}

/** Returns the id in a Message-ID or reverse-path that SES made; `null` if another program made it. */
export function sesIdIn(text: string): string | null {
  const id = normalizeSesId(text);
  const host = text.trim().replace(/>$/, "").split("@")[1] ?? "";
  return sesIdForm.test(id) || (newerIdForm.test(id) && sesDomain.test(host.toLowerCase())) ? id : null;
}

/**
 * Whether SES itself made this reverse-path: an id under a domain of SES. An id under another domain shows nothing, because
 * anybody can write such a path (a customer of SES may also have one: SES Developer Guide, "Using a custom MAIL FROM domain").
 */
export function isSesPath(reversePath: string): boolean {
  return sesIdIn(reversePath) !== null && sesDomain.test(reversePath.slice(reversePath.lastIndexOf("@") + 1).toLowerCase());
}
