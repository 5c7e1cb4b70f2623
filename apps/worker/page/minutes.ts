// Minutes: what happened in each of the last 60 minutes, in one domain. A ring of numbers: it takes the same memory for one mail
// and for a million. It knows no mail.

/** What is counted. `again`: to be tried again. `taken`: mails that were received for the first time. */
export const counted = ["delivered", "blocked", "again", "failed", "forwarded", "replies", "taken"] as const;
export type Counted = (typeof counted)[number];

/** One minute. `waitSeconds`: the longest time that a mail had waited when it was taken. */
export type MinuteCounts = Readonly<Record<Counted, number>> & Readonly<{ at: number; waitSeconds: number }>;

export const minutesKept = 60;
const minuteMs = 60_000;
const columns = counted.length + 1;
const waitColumn = counted.length;

export class Minutes {
  readonly #numbers = new Float64Array(minutesKept * columns);
  readonly #minutes = new Float64Array(minutesKept).fill(-1);

  /** Counts. `now`: milliseconds since 1970. */
  add(now: number, what: Counted, count: number = 1): void {
    const at = this.#row(now) + counted.indexOf(what);
    this.#numbers[at] = (this.#numbers[at] ?? 0) + count;
  }

  /** Notes how long a mail waited before it was taken. */
  waited(now: number, seconds: number): void {
    const at = this.#row(now) + waitColumn;
    this.#numbers[at] = Math.max(this.#numbers[at] ?? 0, seconds);
  }

  /** The last 60 minutes, the oldest first. The last one is the minute of `now`. */
  list(now: number): readonly MinuteCounts[] {
    const last = Math.floor(now / minuteMs);
    return Array.from({ length: minutesKept }, (_, index) => this.#counts(last - minutesKept + 1 + index));
  }

  #row(now: number): number {
    const minute = Math.floor(now / minuteMs);
    const slot = minute % minutesKept;
    if (this.#minutes[slot] !== minute) {
      this.#minutes[slot] = minute;
      this.#numbers.fill(0, slot * columns, (slot + 1) * columns);
    }
    return slot * columns;
  }

  #counts(minute: number): MinuteCounts {
    const slot = minute % minutesKept;
    const known = this.#minutes[slot] === minute;
    const number = (column: number) => (known ? (this.#numbers[slot * columns + column] ?? 0) : 0);
    const counts = Object.fromEntries(counted.map((name, index) => [name, number(index)])) as Record<Counted, number>;
    return { ...counts, at: minute * minuteMs, waitSeconds: number(waitColumn) };
  }
}

/** The sum of several domains, minute by minute. The lists must end in the same minute. */
export function sumOf(lists: readonly (readonly MinuteCounts[])[], now: number): readonly MinuteCounts[] {
  const none = new Minutes().list(now);
  return none.map((empty, index) => {
    const those = lists.flatMap((list) => list[index] ?? []);
    const sums = Object.fromEntries(counted.map((name) => [name, those.reduce((sum, each) => sum + each[name], 0)]));
    return { ...empty, ...sums, waitSeconds: Math.max(0, ...those.map(({ waitSeconds }) => waitSeconds)) };
  });
}

/** The total of one count. */
export function total(minutes: readonly MinuteCounts[], what: Counted): number {
  return minutes.reduce((sum, each) => sum + each[what], 0);
}
