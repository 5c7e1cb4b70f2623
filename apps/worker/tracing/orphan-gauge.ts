// Orphan gauge: what a comparison found as a file of Prometheus's text format, for the textfile collector of the node exporter. The
// file is replaced as a whole, so that nobody reads half of it. A worker does not set this gauge: it would have to list the
// buckets, and each worker would count the same mails.

import { rename, writeFile } from "node:fs/promises";
import type { Domain } from "@sesame/core";
import type { Reconciliation } from "./forgotten.ts";

/** The lines for these domains, of the mails that are left. */
export function orphanGauge(
  { forgotten, unnamed }: Pick<Reconciliation, "forgotten" | "unnamed">,
  domains: readonly Domain[],
  now: number,
): string {
  const counts = new Map<string, number>(domains.map((domain) => [domain, 0]));
  const add = (domain: string | undefined) => domain !== undefined && counts.set(domain, (counts.get(domain) ?? 0) + 1);
  for (const { domain } of forgotten) add(domain);
  for (const { domains: own } of unnamed) add(own[0]);
  return [
    "# HELP sesame_orphaned_mails Stored mails that no worker has taken and no queue announces.",
    "# TYPE sesame_orphaned_mails gauge",
    ...[...counts].map(([domain, count]) => `sesame_orphaned_mails{domain="${domain}"} ${count}`),
    "# HELP sesame_reconciled_timestamp_seconds When sesame reconcile last looked, in seconds since 1970.",
    "# TYPE sesame_reconciled_timestamp_seconds gauge",
    `sesame_reconciled_timestamp_seconds ${Math.floor(now / 1000)}`,
    "",
  ].join("\n");
}

/** Writes the file, which has the name `*.prom`. */
export async function writeGauge(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o644 });
  await rename(temporary, path);
}
