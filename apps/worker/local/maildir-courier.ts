// Maildir courier: the mailbox route into a Maildir for each recipient, `<data>/maildir/<domain>/<local>/{tmp,new,cur}`.
// A file's name comes from the mail and the effect, so a repeated delivery is the same file: it is found in new/ or, with
// whatever flags a reader gave it, in cur/, and nothing is written. It filters nothing and knows no quota.

import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  type Address,
  addressKey,
  type Content,
  type Courier,
  type EffectKey,
  type MailTransaction,
  PortError,
  type Route,
  type Verdict,
} from "@sesame/core";
import { ensureFolder, exists, moveIntoPlace, writeTemporary } from "./durable-file.ts";
import { safeName } from "./safe-name.ts";
import { portCall } from "./trouble.ts";

/** Mailboxes in the data folder. Anybody has one. */
export class MaildirCourier implements Courier {
  readonly #folder: string;

  /** `folder` is the data folder. */
  constructor({ folder }: Readonly<{ folder: string }>) {
    this.#folder = join(folder, "maildir");
  }

  /** Where a recipient's mail is: one folder for all spellings of the address, with its tag. */
  folderOf(address: Address): string {
    const key = addressKey(address);
    const at = key.lastIndexOf("@");
    return join(this.#folder, safeName(key.slice(at + 1)), safeName(key.slice(0, at)));
  }

  send(route: Route, consignment: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    return portCall("Courier", "send", async () => {
      if (route !== "mailbox")
        throw new PortError("Courier", "send", `Cannot take a mail to a Maildir: its route must be mailbox, is "${route}"`);
      const verdicts = new Map<EffectKey, Verdict>();
      for (const { address, key } of consignment.recipients) {
        const detail = await this.deliver(address, consignmentName(consignment, key), consignment.content);
        verdicts.set(key, { action: "delivered", detail });
      }
      return verdicts;
    });
  }

  /** Delivers one copy under a name; the text says where it is. Throws when the disk does not take it. */
  async deliver(address: Address, name: string, content: Content): Promise<string> {
    const folder = this.folderOf(address);
    for (const part of ["tmp", "new", "cur"]) await ensureFolder(join(folder, part));
    if (await contains(folder, name)) return `already in the Maildir as ${name}`;
    // Readers look into new/ at any time, so a mail appears there only when it is whole and on the disk.
    const temporary = await writeContent(join(folder, "tmp"), content);
    await moveIntoPlace(temporary, join(folder, "new", name));
    return `in the Maildir as ${name}`;
  }
}

/** The file name of one recipient's copy, equal in every attempt. */
export function consignmentName({ mailId }: Pick<MailTransaction, "mailId">, key: EffectKey): string {
  return createHash("sha256").update(`${mailId}\0${key}`).digest("hex").slice(0, 40);
}

/** Writes a content into a temporary file, synced. A content that breaks off or has another size leaves no file. */
export async function writeContent(folder: string, content: Content): Promise<string> {
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of octetsOf(content)) {
      size += piece.length;
      yield piece;
    }
  };
  const path = await writeTemporary(folder, counted());
  if (size === content.size) return path;
  await rm(path, { force: true });
  throw new PortError("Courier", "send", `Cannot deliver a mail: must have ${content.size} octets, is ${size}`);
}

async function* octetsOf({ pieces, rest }: Content): AsyncGenerator<Uint8Array> {
  yield* pieces;
  if (rest) yield* rest();
}

/** Nobody renames a mail within new/, so that a folder of many unread mails need not be listed. */
async function contains(folder: string, name: string): Promise<boolean> {
  if (await exists(join(folder, "new", name))) return true;
  const read = await readdir(join(folder, "cur"));
  return read.some((found) => found === name || found.startsWith(`${name}:`)); // `:2,` and flags follow in cur/
}
