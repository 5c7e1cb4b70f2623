// Mail objects: which buckets and keys a notice may name. A notice is a text that somebody put into a queue, so without
// this list it could make the worker read any object that its credentials open.

import type { Domain } from "@sesame/core";
import picomatch from "picomatch";
import { forDomain } from "./config.ts";

/** Whether `bucket/key` matches MAIL_OBJECTS for one of the served domains; `**` allows everything. */
export function mailObjects(pattern: string, domains: readonly Domain[]): (bucket: string, key: string) => boolean {
  const patterns = domains.map((domain) => forDomain(pattern, domain));
  const allows = picomatch(patterns, { dot: true });
  return (bucket, key) => allows(`${bucket}/${key.replace(/^\/+/, "")}`);
}
