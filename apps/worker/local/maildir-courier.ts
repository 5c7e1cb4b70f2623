// Maildir courier: delivers to a Maildir for each recipient, `<data>/maildir/<domain>/<local>/{tmp,new,cur}`. The file name
// derives from the mail and the effect: if a repeated delivery finds the file in new/, or with flags in cur/, it writes nothing.
// It has no filters and no quota.

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
import { safeFileName } from "./safe-file-name.ts";
import { portCall } from "./trouble.ts";

/** Mailboxes in the data folder. Every address has one. */
export class MaildirCourier implements Courier {
  readonly #folder: string;

  /** `folder` is the data folder. */
  constructor({ folder }: Readonly<{ folder: string }>) {
    this.#folder = join(folder, "maildir");
  }

  /** The folder of a recipient: one for all spellings of the address; the +tag is part of the name. */
  folderOf(address: Address): string {
    const key = addressKey(address);
    const at = key.lastIndexOf("@");
    return join(this.#folder, safeFileName(key.slice(at + 1)), safeFileName(key.slice(0, at)));
  }

  send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    return portCall("Courier", "send", async () => {
      if (route !== "mailbox")
        throw new PortError("Courier", "send", `Cannot deliver to a Maildir: the route must be mailbox, is "${route}"`);
      const verdicts = new Map<EffectKey, Verdict>();
      for (const { address, key } of transaction.recipients) {
        const detail = await this.deliver(address, copyFileName(transaction, key), transaction.content);
        verdicts.set(key, { action: "delivered", detail });
      }
      return verdicts;
    });
  }

  /** Delivers one copy under a name. Returns a text that says where it is. */
  async deliver(address: Address, name: string, content: Content): Promise<string> {
    const folder = this.folderOf(address);
    for (const part of ["tmp", "new", "cur"]) await ensureFolder(join(folder, part));
    if (await contains(folder, name)) return `already in the Maildir as ${name}`;
    // Mail programs read new/ at any time, so a mail is moved there only when it is complete and synced.
    const temporary = await writeContent(join(folder, "tmp"), content);
    await moveIntoPlace(temporary, join(folder, "new", name));
    return `in the Maildir as ${name}`;
  }
}

/** The file name of one recipient's copy, the same in every attempt. */
export function copyFileName({ mailId }: Pick<MailTransaction, "mailId">, key: EffectKey): string {
  return createHash("sha256").update(`${mailId}\0${key}`).digest("hex").slice(0, 40);
}

/** Writes a content to a synced temporary file. If the content breaks off or has another size, no file is left. */
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
  throw new PortError("Courier", "send", `Cannot write a mail: must have ${content.size} octets, is ${size}`);
}

async function* octetsOf({ pieces, rest }: Content): AsyncGenerator<Uint8Array> {
  yield* pieces;
  if (rest) yield* rest();
}

/** Whether a copy exists. Nothing renames files in new/, so new/ need not be listed. */
async function contains(folder: string, name: string): Promise<boolean> {
  if (await exists(join(folder, "new", name))) return true;
  const read = await readdir(join(folder, "cur"));
  return read.some((found) => found === name || found.startsWith(`${name}:`)); // `:2,` and flags follow in cur/
}
