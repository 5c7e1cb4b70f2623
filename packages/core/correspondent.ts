// Correspondent: who is behind a reverse-path, so that one person gets one reply although each mail has a path of its own.
// Signed and rewritten paths (BATV, SRS, VERP) hold the address; the paths that SES makes hold only an id, and then From tells.
// RFC 3834 §2 asks for one answer to a sender, not to a path. Replies still go to the path as it came (RFC 3834 §4).

import { type Address, type AddressKey, addressKey } from "./address.ts";
import { type Mail, mailboxesOf } from "./mail.ts";
import { plainForms } from "./sender.ts";
import { sesIdIn } from "./ses-id.ts";

/** The key under which the reply memory knows the sender of a mail. */
export function correspondentOf(reversePath: Address, mail: Mail): AddressKey {
  const writers = sesIdIn(reversePath) !== null ? mailboxesOf(mail, "From") : [];
  const [writer] = writers;
  if (writer !== undefined && writers.length === 1) return addressKey(writer.address);
  return addressKey(plainForms(reversePath).at(-1) ?? reversePath); // the innermost of them
}
