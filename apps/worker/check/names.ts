// Name check of `sesame check`: domains that get one queue or the same objects because {domain-dashed} writes a dot as a dash. It asks
// nothing.

import type { Domain } from "@sesame/core";
import { type Config, forDomain } from "../config.ts";
import { type Finding, warning } from "./finding.ts";

const mend: Readonly<Record<"QUEUE_NAME" | "MAIL_OBJECTS", string>> = {
  QUEUE_NAME: "serve one of them with a worker of its own that has another QUEUE_NAME: a queue name has no dots",
  MAIL_OBJECTS: "use {domain} in place of {domain-dashed}, such as mail/{domain}/**",
};

/** One finding for each name that several domains have. */
export function checkNames(config: Pick<Config, "QUEUE_NAME" | "MAIL_OBJECTS" | "domains">): readonly Finding[] {
  return (["QUEUE_NAME", "MAIL_OBJECTS"] as const).flatMap((variable) => {
    const pattern = config[variable];
    if (!pattern.includes("{domain-dashed}")) return []; // one name for all is meant, or each domain stands in its name
    const byName = new Map<string, Domain[]>();
    for (const domain of config.domains) {
      const name = forDomain(pattern, domain);
      byName.set(name, [...(byName.get(name) ?? []), domain]);
    }
    return [...byName]
      .filter(([, domains]) => domains.length > 1)
      .map(([name, domains]) =>
        warning(
          variable,
          `${domains.join(" and ")} have the same name ${name}, because {domain-dashed} writes a dot as a dash`,
          mend[variable],
        ),
      );
  });
}
