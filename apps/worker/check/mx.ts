// MX check of `sesame check`: whether mail for a domain goes to SES in this region (RFC 5321 §5.1; SES Developer Guide, "Publishing an
// MX record for Amazon SES email receiving").

import { Resolver } from "node:dns/promises";
import { type Domain, quote } from "@sesame/core";
import { type Finding, fine, note, warning } from "./finding.ts";

/** A host that takes mail; the lowest priority is asked first. */
export type MxRecord = Readonly<{ exchange: string; priority: number }>;

/** Looks up the MX records of a domain. An empty list: there are none. Throws if the answer is not known. */
export type LookUpMx = (domain: Domain) => Promise<readonly MxRecord[]>;

const noRecords: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA"]);

/** Looks up through the servers of this machine, or through one server (`1.1.1.1`, `[::1]:5353`). */
export function lookUpMx(server: string | undefined): LookUpMx {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (server !== undefined) useServer(resolver, server);
  return async (domain) => {
    try {
      return await resolver.resolveMx(domain);
    } catch (error) {
      if (error instanceof Error && "code" in error && noRecords.has(String(error.code))) return [];
      throw error;
    }
  };
}

function useServer(resolver: Resolver, server: string): void {
  try {
    resolver.setServers([server]);
  } catch {
    throw new Error(`Cannot use the name server of --dns: must be an IP address, such as 1.1.1.1 or [::1]:5353, is ${quote(server)}`);
  }
}

/** `region`: where the receipt rule is. */
export async function checkMx(domain: Domain, region: string | null, lookUp: LookUpMx): Promise<readonly Finding[]> {
  const subject = `MX of ${domain}`;
  try {
    return [judgeMx(subject, await lookUp(domain), region)];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [note(subject, `cannot look it up: ${reason}`, "give a name server that answers: sesame check --dns 1.1.1.1")];
  }
}

export function judgeMx(subject: string, records: readonly MxRecord[], region: string | null): Finding {
  const wanted = `inbound-smtp.${region ?? "REGION"}.amazonaws.com`;
  const publish = `publish: MX 10 ${wanted}`;
  if (records.length === 0) return warning(subject, "there is none, so no mail for it goes to SES", publish);
  const hosts = [...records]
    .sort((a, b) => a.priority - b.priority)
    .map(({ exchange, priority }) => ({ name: exchange.toLowerCase().replace(/\.$/, ""), priority }));
  const ours = hosts.filter(({ name }) => isSes(name));
  const list = hosts.map(({ name, priority }) => `${priority} ${name === "" ? "." : name}`).join(", ");
  if (ours.length === 0) return warning(subject, `mail goes elsewhere and not to SES: ${list}`, publish);
  const elsewhere = ours.find(
    ({ name }) => region !== null && name.startsWith("inbound-smtp.") && !name.startsWith(`inbound-smtp.${region}.`),
  );
  if (elsewhere !== undefined)
    return warning(subject, `mail goes to SES in another region than ${region}: ${list}`, `${publish}, or set AWS_REGION`);
  if (ours.length < hosts.length)
    return warning(subject, `mail also goes to other servers, and Sesame does not see that mail: ${list}`, "remove the other MX records");
  return fine(subject, list);
}

/** SES itself, or an ingress endpoint of its Mail Manager. */
function isSes(host: string): boolean {
  return /^inbound-smtp\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/.test(host) || host.endsWith(".mail-manager-smtp.amazonaws.com");
}
