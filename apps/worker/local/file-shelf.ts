// File shelf: MailShelf on the files of the data folder (file-mail-store.ts). It may read while `sesame local` runs.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { EpochMs, ObjectLocation } from "@sesame/core";
import type { LabelledMail, MailShelf, ShelvedMail } from "@sesame/core/journey";
import { keyOfFileName, safeFileName } from "./safe-file-name.ts";
import { hasCode, portCall } from "./trouble.ts";

export class FileShelf implements MailShelf {
  readonly #folder: string;

  /** `folder` is the data folder. */
  constructor({ folder }: Readonly<{ folder: string }>) {
    this.#folder = join(folder, "mail");
  }

  async *list(bucket: string, prefix: string): AsyncGenerator<readonly ShelvedMail[]> {
    const names = await portCall("MailStore", "list", () => namesIn(join(this.#folder, safeFileName(bucket))));
    const keys = names.map(keyOfFileName).filter((key): key is string => key?.startsWith(prefix) ?? false);
    for (const key of keys.sort()) {
      const mail = await this.look({ kind: "object", bucket, key });
      if (mail !== "missing") yield [mail];
    }
  }

  look(location: ObjectLocation): Promise<LabelledMail | "missing"> {
    const path = join(this.#folder, safeFileName(location.bucket), safeFileName(location.key));
    return portCall("MailStore", "look", async () => {
      try {
        const { size, mtimeMs } = await stat(path);
        return { location, size, storedAt: Math.floor(mtimeMs) as EpochMs, attributes: await attributesAt(`${path}.json`) };
      } catch (error) {
        if (hasCode(error, "ENOENT")) return "missing";
        throw error;
      }
    });
  }
}

/** The files of a folder that are mails; none if there is no folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.endsWith(".json"));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function attributesAt(path: string): Promise<Readonly<Record<string, string>>> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT") || error instanceof SyntaxError) return {};
    throw error;
  }
}
