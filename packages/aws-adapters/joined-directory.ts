// Joined directory: look-ups of mails that are in work at the same time go out as one. While a look-up is under way, further
// ones gather; when it ends, they are sent together. So a busy queue needs one call for many mails, and a row that many mails
// need, such as `*@example.com`, is read once for all of them. A mail on a quiet queue is looked up at once, as without it.

import type { Directory, DirectoryRows, Inquiry } from "@sesame/core";
import { type SendTimers, wallTimers } from "./timers.ts";
import { type TroubleKind, troubleOf } from "./trouble.ts";

export type JoinedDirectoryOptions = Readonly<{
  directory: Directory;
  /** Keys in one joined look-up. 100 is what one BatchGetItem takes (Amazon DynamoDB API Reference). */
  limit?: number;
  /** Milliseconds after which further look-ups no longer wait for the one under way: it may hang until its deadline. */
  patienceMs?: number;
  timers?: Pick<SendTimers, "now">;
}>;

type Waiting = Readonly<{ inquiry: Inquiry; resolve: (rows: DirectoryRows) => void; reject: (error: unknown) => void }>;

/** Failures that may be about one inquiry of several, so that the others must not share them. */
const aboutOne: ReadonlySet<TroubleKind> = new Set(["refused", "garbled", "unknown"]);

export class JoinedDirectory implements Directory {
  readonly #options: Required<JoinedDirectoryOptions>;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #since = 0;

  constructor(options: JoinedDirectoryOptions) {
    this.#options = { limit: 100, patienceMs: 50, timers: wallTimers, ...options };
  }

  look(inquiry: Inquiry): Promise<DirectoryRows> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ inquiry, resolve, reject });
      const { timers, patienceMs } = this.#options;
      if (this.#underWay === 0 || timers.now() - this.#since > patienceMs) this.#sendAll();
    });
  }

  #sendAll(): void {
    for (const group of groupsOf(this.#waiting.splice(0), this.#options.limit)) void this.#send(group);
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    this.#underWay++;
    this.#since = this.#options.timers.now();
    const { directory } = this.#options;
    try {
      const rows = await directory.look(joined(group.map(({ inquiry }) => inquiry)));
      for (const { inquiry, resolve } of group) resolve(part(rows, inquiry));
    } catch (error) {
      const alone = group.length > 1 && aboutOne.has(troubleOf(error instanceof Error ? (error.cause ?? error) : error).kind);
      for (const { inquiry, resolve, reject } of group) {
        if (alone) directory.look(inquiry).then(resolve, reject);
        else reject(error);
      }
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#sendAll();
    }
  }
}

/** Groups in the order of arrival, each with at most `limit` different keys, or with one inquiry. */
function groupsOf(waiting: readonly Waiting[], limit: number): readonly (readonly Waiting[])[] {
  const groups: Waiting[][] = [];
  let keys = new Set<string>();
  for (const each of waiting) {
    const own = keysOf(each.inquiry);
    const added = own.filter((key) => !keys.has(key));
    const last = groups.at(-1);
    if (last !== undefined && keys.size + added.length <= limit) {
      last.push(each);
      for (const key of added) keys.add(key);
    } else {
      groups.push([each]);
      keys = new Set(own);
    }
  }
  return groups;
}

function keysOf({ rules, blocked }: Inquiry): readonly string[] {
  return [...rules.map((key) => `rules ${key}`), ...blocked.map((key) => `blocked ${key}`)];
}

function joined(inquiries: readonly Inquiry[]): Inquiry {
  return {
    rules: [...new Set(inquiries.flatMap(({ rules }) => rules))],
    blocked: [...new Set(inquiries.flatMap(({ blocked }) => blocked))],
  };
}

function part(rows: DirectoryRows, inquiry: Inquiry): DirectoryRows {
  const only = (found: ReadonlyMap<string, unknown>, keys: readonly string[]) =>
    new Map(keys.flatMap((key) => (found.has(key) ? [[key, found.get(key)] as const] : [])));
  return { rules: only(rows.rules, inquiry.rules), blocked: only(rows.blocked, inquiry.blocked) };
}
