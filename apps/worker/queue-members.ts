// Queue members: the distinct queues of a fleet. Domains may share a queue, and then share its poller too.

import type { Domain, MailQueue } from "@sesame/core";

export type QueueMember = Readonly<{
  /** The domains of the queue; the first is its name in the audit mark. */
  domains: readonly [Domain, ...Domain[]];
  /** Its name in the log and in metrics: the domain, or the first one and how many others there are (`example.com+2`). */
  label: string;
  queue: MailQueue;
}>;

/** The distinct queues, in the order of their first domains. Domains with the same object share one. */
export function membersOf(queues: ReadonlyMap<Domain, MailQueue>): readonly QueueMember[] {
  const byQueue = new Map<MailQueue, [Domain, ...Domain[]]>();
  for (const [domain, queue] of queues) {
    const known = byQueue.get(queue);
    if (known) known.push(domain);
    else byQueue.set(queue, [domain]);
  }
  return [...byQueue].map(([queue, domains]) => ({ queue, domains, label: labelOf(domains) }));
}

function labelOf([first, ...others]: QueueMember["domains"]): string {
  return others.length === 0 ? first : `${first}+${others.length}`;
}
