// SES id: how Amazon SES names a mail that it sent. It replaces the Message-ID of the mail by its own and makes the
// reverse-path from it, so that a bounce names the mail that failed, whatever the sender's program wrote (SES Developer
// Guide, "Amazon SES header fields"). The id is the left side of both, and the key of the outbound table.

const form = /^[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9a-f]{6}$/;
const domain = /^(?:[a-z0-9-]+\.)*amazonses\.com$/;
const left = /^[0-9a-z-]{16,100}$/; // a newer form than the known one, where the domain vouches for it

/** The id without angle brackets and domain, in lower case; "" where the text is none. */
export function bareSesId(text: string): string {
  const [, id = ""] = /^<?([!-;=?A-~]{1,200})(?:@[^<>@\s]*)?>?$/.exec(text.trim()) ?? [];
  return id.toLowerCase();
}

/** The id in a Message-ID or reverse-path of SES's making; `null` where another program made it. */
export function sesIdIn(text: string): string | null {
  const id = bareSesId(text);
  const host = text.trim().replace(/>$/, "").split("@")[1] ?? "";
  return form.test(id) || (left.test(id) && domain.test(host.toLowerCase())) ? id : null;
}
