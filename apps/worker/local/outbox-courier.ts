// Outbox courier: writes mail of the routes "ses" and "internal" to a folder, `<data>/outbox/<name>.eml`, with `<name>.json`
// beside it. No mail leaves this machine. Internal mail for a served domain also goes to the Maildir of its target, as it would
// through the mail server. The name derives from the mail and the effect, so a repeated send writes the same file.

import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type Address,
  type Courier,
  type Domain,
  domainOf,
  type EffectKey,
  type MailTransaction,
  PortError,
  type Route,
  type Verdict,
} from "@sesame/core";
import { exists, moveIntoPlace, writeDurably } from "./durable-file.ts";
import { copyFileName, type MaildirCourier, writeContent } from "./maildir-courier.ts";
import { portCall } from "./trouble.ts";

export type OutboxCourierOptions = Readonly<{
  /** The data folder. */
  folder: string;
  domains: readonly Domain[];
  maildir: MaildirCourier;
}>;

/** Mail that would be sent through SES or the internal port, kept as files. */
export class OutboxCourier implements Courier {
  readonly #options: OutboxCourierOptions;

  constructor(options: OutboxCourierOptions) {
    this.#options = options;
  }

  send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    return portCall("Courier", "send", async () => {
      if (route === "mailbox")
        throw new PortError("Courier", "send", 'Cannot write to the outbox: the route must be ses or internal, is "mailbox"');
      const verdicts = new Map<EffectKey, Verdict>();
      for (const recipient of transaction.recipients) verdicts.set(recipient.key, await this.#relay(route, transaction, recipient));
      return verdicts;
    });
  }

  async #relay(
    route: "ses" | "internal",
    transaction: MailTransaction,
    { address, key }: MailTransaction["recipients"][number],
  ): Promise<Verdict> {
    const name = copyFileName(transaction, key);
    const { folder, domains, maildir } = this.#options;
    const stored =
      route === "internal" && domains.includes(domainOf(address)) ? await maildir.deliver(address, name, transaction.content) : null;
    const sesId = route === "ses" ? sesIdOf(name) : null;
    const path = join(folder, "outbox", name);
    // The .json file is written last: if it exists, the mail exists too.
    if (!(await exists(`${path}.json`))) {
      await moveIntoPlace(await writeContent(join(folder, "tmp"), transaction.content), `${path}.eml`);
      await writeDurably(`${path}.json`, join(folder, "tmp"), describe(route, transaction, address, key, sesId));
    }
    return { action: "relayed", detail: sesId ?? stored ?? `in the outbox as ${name}` };
  }
}

function describe(route: Route, { from, mailId }: MailTransaction, to: Address, key: EffectKey, sesId: string | null): Uint8Array {
  return Buffer.from(`${JSON.stringify({ route, from, to, mailId, key, sesId }, null, 2)}\n`);
}

/** An id in the form of SES, the same in every attempt. */
function sesIdOf(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex");
  const parts = [hash.slice(4, 16), hash.slice(16, 24), hash.slice(24, 28), hash.slice(28, 32), hash.slice(32, 36), hash.slice(36, 48)];
  return `0100${parts[0]}-${parts.slice(1).join("-")}-000000`;
}
