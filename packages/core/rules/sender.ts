// Sender: the addresses that a blocklist compares. They are the reverse-path, the addresses inside it (BATV, SRS, VERP), every
// mailbox of From, also in encoded words, and Sender. Spam may forge some of them and rewrite others, so each may be the one that
// a user wants to block. The null reverse-path has no address, so no pattern matches it (RFC 5321 §4.5.5).

import {
  type Address,
  type AddressKey,
  addressKey,
  domainOf,
  localPartOf,
  parseAddress,
  type ReversePath,
  withoutTag,
} from "../mail/address.ts";
import { type Mail, mailboxesOf } from "../mail/mail.ts";
import { isSesPath } from "../ses/ses-id.ts";

/** Returns all sender addresses of a mail, those of the reverse-path first. */
export function sendersOf(reversePath: ReversePath, mail: Mail): readonly Address[] {
  const envelope = reversePath === null ? [] : [reversePath, ...embeddedAddresses(reversePath)];
  return [...new Set([...envelope, ...mailboxesOf(mail, "From", "Sender").map((box) => box.address)])];
}

const maxNesting = 3; // a BATV path that was forwarded twice

/**
 * Returns the addresses inside a rewritten reverse-path, the outermost first: BATV `prvs=tag=local` and its variants, SRS0 and
 * SRS1, the SRS of Exchange Online, and VERP `local+user=domain`, where `user=domain` is the addressee. They may be nested.
 */
export function embeddedAddresses(address: Address): readonly Address[] {
  const found: Address[] = [];
  let level: readonly Address[] = [address];
  for (let depth = 0; depth < maxNesting && level.length > 0; depth++) {
    level = level.flatMap(embeddedOnce);
    found.push(...level);
  }
  return [...new Set(found)].filter((form) => form !== address);
}

function embeddedOnce(address: Address): readonly Address[] {
  const local = localPartOf(address);
  const domain = domainOf(address);
  const [, tagged = ""] = /^(?:(?:ms)?prvs\d?=[^=]+=|btv\d==[^=]+==)(.+)$/is.exec(local) ?? [];
  const signedForms = [...(tagged === "" ? [] : [`${tagged}@${domain}`]), ...srsForms(local)];
  const forms = signedForms.length > 0 ? signedForms : verpForms(local).map((form) => `${form}@${domain}`);
  return forms.flatMap((form) => {
    const parsed = parseAddress(form);
    return parsed.ok ? [parsed.value] : [];
  });
}

/** The original address in a local part of SRS0, of the SRS of Exchange Online (`user+SRS=…`), or of SRS1. */
function srsForms(local: string): readonly string[] {
  // The last plus behind which the form stands counts, as the user may contain one.
  for (let plus = local.lastIndexOf("+"); ; plus = local.lastIndexOf("+", plus - 1)) {
    const start = plus > 0 ? plus + 1 : 0;
    const [, domain = "", user = ""] = /^SRS0?[=+-][^=]*=[^=]+=([^=]+)=(.+)$/is.exec(local.slice(start)) ?? [];
    if (user !== "") return [`${user}@${domain}`];
    if (start === 0) return srs1Forms(local);
  }
}

/** `SRS1=hash=host==hash=time=domain=user`. A plus or a hyphen may stand for the second of the two equals signs. */
function srs1Forms(local: string): readonly string[] {
  if (!/^SRS1[=+-]/i.test(local)) return [];
  const [, host = "", separator = "", ...rest] = local.slice("SRS1=".length).split("=");
  const [time = "", domain = "", ...user] = separator === "" ? rest.slice(1) : /^[+-]/.test(separator) ? rest : [];
  const name = user.join("=");
  return host !== "" && time !== "" && domain !== "" && name !== "" ? [`${name}@${domain}`] : [];
}

/**
 * The local part without the addressee: `list-bounces+user=domain` and `list-return-12-user=domain`. It ends at the first plus,
 * else at the last hyphen, because the name of the user may contain hyphens.
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
 * Returns the key of the sender in the reply memory, so that one person gets one auto-reply even if every mail has another
 * reverse-path (RFC 3834 §2). Signed and rewritten paths (BATV, SRS, VERP) contain the address. A path that SES made contains only
 * an id; From is used then. On any other domain From is not asked: with a path in the form of SES, everybody could choose the key.
 */
export function rememberedSenderOf(reversePath: Address, mail: Mail): AddressKey {
  const writers = isSesPath(reversePath) ? mailboxesOf(mail, "From") : [];
  const [writer] = writers;
  if (writer !== undefined && writers.length === 1) return addressKey(writer.address);
  return innermost(reversePath);
}

/**
 * Returns the key under which the auto-replies to one sender are counted: the address that gets them, without the decoration of
 * BATV, SRS and VERP and without its tag. From is never asked, because anybody can write it.
 */
export function countedSenderOf(reversePath: Address): AddressKey {
  return withoutTag(innermost(reversePath));
}

function innermost(reversePath: Address): AddressKey {
  return addressKey(embeddedAddresses(reversePath).at(-1) ?? reversePath);
}
