// Mail areas: the buckets and prefixes under which MAIL_OBJECTS has the mail of the served domains, so that it can be listed.

import { type Domain, err, ok, quote, type Result } from "@sesame/core";
import { type Config, forDomain } from "./config.ts";

/** Where the mail of some domains is. `prefix` ends in "/", or is empty. */
export type MailArea = Readonly<{ bucket: string; prefix: string; domains: readonly Domain[] }>;

/** The areas of a configuration, each once. An error if a pattern does not name its bucket. */
export function mailAreas({ MAIL_OBJECTS, domains }: Pick<Config, "MAIL_OBJECTS" | "domains">): Result<readonly MailArea[]> {
  const areas = new Map<string, MailArea>();
  for (const domain of domains) {
    const pattern = forDomain(MAIL_OBJECTS, domain);
    const fixed = pattern.slice(0, pattern.search(/[*?[\]{}()!+@\\]|$/));
    const slash = fixed.indexOf("/");
    if (slash < 1) return err(`Cannot list the mail of ${domain}: MAIL_OBJECTS must name its bucket, is ${quote(MAIL_OBJECTS)}`);
    const bucket = fixed.slice(0, slash);
    const prefix = fixed.slice(slash + 1, fixed.lastIndexOf("/") + 1);
    const key = `${bucket}/${prefix}`;
    areas.set(key, { bucket, prefix, domains: [...(areas.get(key)?.domains ?? []), domain] });
  }
  return ok([...areas.values()]);
}
