// Memory outbound: Outbound on a map. A row is completed, never emptied: what stands, stands.

import type { Outbound, OutboundRow } from "@sesame/core";

/** Mails sent through SES, in memory. Rows may be put in any shape, since a table may hold any. */
export class MemoryOutbound implements Outbound {
  readonly rows: Map<string, unknown>;

  constructor(rows: Map<string, unknown> = new Map()) {
    this.rows = rows;
  }

  async find(sesIds: readonly string[]): Promise<unknown> {
    const id = sesIds.find((sesId) => this.rows.has(sesId));
    return id === undefined ? null : this.rows.get(id);
  }

  async note(row: OutboundRow): Promise<void> {
    const earlier = this.rows.get(row.MessageId) as OutboundRow | undefined;
    const bouncedRecipients = [...new Set([...(earlier?.bouncedRecipients ?? []), ...row.bouncedRecipients])];
    this.rows.set(row.MessageId, { ...row, ...earlier, bouncedRecipients });
  }
}
