// Byte budget: how much mail may be in memory at once, over all domains. A large mail waits its turn, a mail larger than
// the whole budget passes when nothing else is held, and who waits too long is told so and gives its entry back.
// It counts what it is told; it measures nothing.

import {
  type Courier,
  delayed,
  type EffectKey,
  headLimit,
  type MailStore,
  type MailTransaction,
  type ObjectLocation,
  PortError,
  type Route,
  type StoredMail,
  type Verdict,
} from "@sesame/core";
import type { Timers } from "@sesame/smtp";

type Waiter = { readonly bytes: number; readonly own: () => number; readonly admit: (admitted: boolean) => void };

export type BudgetOptions = Readonly<{
  /** Octets that may be held together. */
  most: number;
  /** How long a mail may wait for room. */
  patienceMs: number;
  timers: Timers;
}>;

/** Octets held by the mails in work. */
export class ByteBudget {
  readonly #options: BudgetOptions;
  #held = 0;
  #waiting: Waiter[] = [];
  #ended = false;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  get held(): number {
    return this.#held;
  }

  /** Whether a mail of the usual kind could be begun now. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#fits(headLimit);
  }

  /**
   * Takes octets, in the order of asking. `own`: what whoever asks holds already, which must not stand in its own way.
   * False: there was no room in time, and nothing is held.
   */
  take(bytes: number, own: () => number = () => 0): Promise<boolean> {
    if (this.#waiting.length === 0 && this.#fits(bytes, own())) {
      this.#held += bytes;
      return Promise.resolve(true);
    }
    if (this.#ended) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(this.#options.patienceMs, () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiter);
        resolve(false);
        this.#serve(); // who waited behind it may fit
      });
      const waiter: Waiter = {
        bytes,
        own,
        admit: (admitted) => {
          cancel();
          resolve(admitted);
        },
      };
      this.#waiting.push(waiter);
    });
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#serve();
  }

  /** Lets nobody wait any more: a worker that ends has no time for it. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) waiter.admit(false);
  }

  /** What one mail takes, given back together. */
  scope(): BudgetScope {
    return new BudgetScope(this);
  }

  #fits(bytes: number, own: number = 0): boolean {
    return this.#held <= own || this.#held + bytes <= this.#options.most;
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes, next.own()); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.admit(true);
    }
  }
}

/** The share of one mail. */
export class BudgetScope {
  readonly #budget: ByteBudget;
  #held = 0;
  #ended = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  async take(bytes: number): Promise<boolean> {
    const taken = await this.#budget.take(bytes, () => this.#held);
    if (taken && !this.#ended) this.#held += bytes;
    else if (taken) this.#budget.give(bytes);
    return taken && !this.#ended;
  }

  give(bytes: number): void {
    const given = Math.min(bytes, this.#held); // after the end nothing is held
    this.#held -= given;
    this.#budget.give(given);
  }

  /** Gives back all that this mail still holds. A read that outlives its mail, as one does when another failed, holds nothing. */
  end(): void {
    this.#ended = true;
    this.give(this.#held);
  }
}

/** What is thrown to a mail that found no room: its entry goes back, and nothing of it was begun. */
export class NoRoom extends PortError {
  constructor(operation: string, bytes: number) {
    super("ByteBudget", operation, `Cannot hold a mail in memory: MAX_BYTES_IN_FLIGHT must have room for it, is ${bytes}`);
    this.name = "NoRoom";
  }
}

/** A store whose heads and whole mails are charged to one mail's share before they are read. */
export function budgetedStore(store: MailStore, scope: BudgetScope): MailStore {
  const take = async (operation: string, bytes: number) => {
    if (!(await scope.take(bytes))) throw new NoRoom(operation, bytes);
  };
  return {
    open: async (location: ObjectLocation): Promise<StoredMail | "missing"> => {
      await take("open", headLimit);
      const stored = await store.open(location);
      const head = stored === "missing" ? 0 : stored.head.length;
      scope.give(headLimit - head);
      if (stored === "missing") return stored;
      const whole = async () => {
        await take("whole", stored.size);
        return stored.whole();
      };
      return { ...stored, whole };
    },
    mark: (mail, trail) => store.mark(mail, trail),
    erase: (mail) => store.erase(mail),
  };
}

const sdkCopies = 4; // the octets, their Base64, and the request that holds both

/**
 * A courier whose large sends through SES are charged: the SDK needs all octets of a mail, several times over. They wait
 * in a line of their own, `sends`: whoever waits in the line of all mails stops the intake of all domains.
 */
export function budgetedCourier(courier: Courier, scope: BudgetScope, sends: ByteBudget | null = null): Courier {
  const charged = async (bytes: number, route: Route, consignment: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> => {
    if (!(await scope.take(bytes))) return noRoom(consignment);
    try {
      return await courier.send(route, consignment);
    } finally {
      scope.give(bytes);
    }
  };
  return {
    send: async (route, consignment) => {
      const bytes = consignment.content.size * sdkCopies;
      if (route !== "ses" || consignment.content.size <= headLimit) return courier.send(route, consignment);
      if (sends === null) return charged(bytes, route, consignment);
      if (!(await sends.take(bytes))) return noRoom(consignment);
      try {
        return await charged(bytes, route, consignment);
      } finally {
        sends.give(bytes);
      }
    },
  };
}

function noRoom({ recipients }: MailTransaction): ReadonlyMap<EffectKey, Verdict> {
  const verdict = delayed("no-room", "mail", "other mails took up the memory of this worker");
  return new Map(recipients.map(({ key }) => [key, verdict]));
}
