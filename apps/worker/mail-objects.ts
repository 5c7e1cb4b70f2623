// Mail objects: which buckets and keys the notices of a queue may name. Anyone who can write to a queue can write a notice.
// Without this check a notice could make the worker read any object that its credentials can read, also mail of another domain.

import type { Domain } from "@sesame/core";
import picomatch from "picomatch";
import { forDomain } from "./config.ts";

/** Whether a notice from the queue of `domain` may name this bucket and key. */
export type MayOpen = (bucket: string, key: string, domain: Domain) => boolean;

/**
 * Reads MAIL_OBJECTS. `queueNames`: the queue of each served domain. Domains that share a queue share their objects: a notice
 * does not say for which of them it came. `**` allows everything.
 */
export function mailObjects(pattern: string, queueNames: ReadonlyMap<Domain, string>): MayOpen {
  const patterns = new Map<string, string[]>();
  for (const [domain, queue] of queueNames) {
    const ofQueue = patterns.get(queue) ?? [];
    patterns.set(queue, [...ofQueue, forDomain(pattern, domain)]);
  }
  const matchers = new Map([...patterns].map(([queue, each]) => [queue, picomatch(each, { dot: true })]));
  return (bucket, key, domain) => {
    const matches = matchers.get(queueNames.get(domain) ?? "");
    return matches?.(`${bucket}/${key.replace(/^\/+/, "")}`) ?? false;
  };
}
