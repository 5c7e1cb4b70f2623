// Sender: every address that could be meant by the word, for a blocklist. The reverse-path, as it came and with the
// decoration of BATV, SRS and VERP taken off; each mailbox of each From field, also one that an encoded word hides; and
// Sender. Spam forges the one and decorates the other, so any of them may be the one that somebody wants to block.
// The null reverse-path is no address, so no pattern is compared with it (RFC 5321 §4.5.5).

import { type Address, type AddressKey, addressKey, domainOf, localPartOf, parseAddress, type ReversePath } from "../mail/address.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { sesIdIn } from "../ses/ses-id.ts";

/** All addresses that are the sender of this mail, the reverse-path first. */
export function sendersOf(reversePath: ReversePath, mail: Mail): readonly Address[] {
  const envelope = reversePath === null ? [] : [reversePath, ...plainForms(reversePath)];
  return [...new Set([...envelope, ...mailboxesOf(mail, "From", "Sender").map((box) => box.address)])];
}

const maxNesting = 3; // a signed path that was forwarded twice

/**
 * The addresses inside a decorated reverse-path, the outermost first: BATV `prvs=tag=local` and its kin, SRS0 and SRS1,
 * the SRS of Exchange Online, and VERP `local+user=domain`, which names whom the mail was for. One may hold another.
 */
export function plainForms(address: Address): readonly Address[] {
  const found: Address[] = [];
  let layer: readonly Address[] = [address];
  for (let depth = 0; depth < maxNesting && layer.length > 0; depth++) {
    layer = layer.flatMap(undecorated);
    found.push(...layer);
  }
  return [...new Set(found)].filter((form) => form !== address);
}

function undecorated(address: Address): readonly Address[] {
  const local = localPartOf(address);
  const domain = domainOf(address);
  const [, tagged = ""] = /^(?:(?:ms)?prvs\d?=[^=]+=|btv\d==[^=]+==)(.+)$/is.exec(local) ?? [];
  const [, srs0 = "", user0 = ""] = /^(?:.+\+)?SRS0?[=+-][^=]*=[^=]+=([^=]+)=(.+)$/is.exec(local) ?? [];
  const [, srs1 = "", user1 = ""] = /^SRS1[=+-][^=]*=[^=]+=[=+-][^=]*=[^=]+=([^=]+)=(.+)$/is.exec(local) ?? [];
  const signed = [tagged && `${tagged}@${domain}`, srs0 && `${user0}@${srs0}`, srs1 && `${user1}@${srs1}`].filter((form) => form !== "");
  const forms = signed.length > 0 ? signed : verpForms(local).map((form) => `${form}@${domain}`);
  return forms.flatMap((form) => {
    const parsed = parseAddress(form);
    return parsed.ok ? [parsed.value] : [];
  });
}

/**
 * `list-bounces+user=domain` and `list-return-12-user=domain`: what stands before the first plus, and before the last
 * hyphen of what holds the user's name, which may hold one itself.
 */
function verpForms(local: string): readonly string[] {
  const equals = local.lastIndexOf("=");
  if (equals < 1 || !/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(local.slice(equals + 1))) return [];
  const before = local.slice(0, equals);
  const plus = before.indexOf("+");
  if (plus > 0) return [before.slice(0, plus)];
  const hyphen = before.lastIndexOf("-");
  return hyphen > 0 ? [before.slice(0, hyphen)] : [];
}

/**
 * The key under which the reply memory knows the sender of a mail, so that one person gets one auto-reply although each mail
 * has a path of its own. Signed and rewritten paths (BATV, SRS, VERP) hold the address; the paths that SES makes hold only
 * an id, and then From tells. RFC 3834 §2 asks for one answer to a sender, not to a path.
 */
export function rememberedSenderOf(reversePath: Address, mail: Mail): AddressKey {
  const writers = sesIdIn(reversePath) !== null ? mailboxesOf(mail, "From") : [];
  const [writer] = writers;
  if (writer !== undefined && writers.length === 1) return addressKey(writer.address);
  return addressKey(plainForms(reversePath).at(-1) ?? reversePath); // the innermost of them
}
