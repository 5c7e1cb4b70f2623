// Mail objects: which buckets and keys a notice may name. Anyone who can write to the queue can write a notice; without this
// check a notice could make the worker read any object that its credentials can read.

import type { Domain } from "@sesame/core";
import picomatch from "picomatch";
import { forDomain } from "./config.ts";

/** Whether `bucket/key` matches MAIL_OBJECTS for one of the served domains; `**` allows everything. */
export function mailObjects(pattern: string, domains: readonly Domain[]): (bucket: string, key: string) => boolean {
  const patterns = domains.map((domain) => forDomain(pattern, domain));
  const allows = picomatch(patterns, { dot: true });
  return (bucket, key) => allows(`${bucket}/${key.replace(/^\/+/, "")}`);
}
