// Time samples: how long the last 2,000 delivered mails took from SES to the mailbox. A ring of numbers.

/** Seconds that one mail took, and when it was delivered (milliseconds since 1970). */
export type TimeSample = Readonly<{ at: number; seconds: number }>;

export const samplesKept = 2000;

export class TimeSamples {
  readonly #at = new Float64Array(samplesKept);
  readonly #seconds = new Float64Array(samplesKept);
  #count = 0;

  add(at: number, seconds: number): void {
    const slot = this.#count++ % samplesKept;
    this.#at[slot] = at;
    this.#seconds[slot] = seconds;
  }

  /** The samples not older than `since`, the oldest first. */
  after(since: number): readonly TimeSample[] {
    const kept = Math.min(this.#count, samplesKept);
    return Array.from({ length: kept }, (_, index) => {
      const slot = (this.#count - kept + index) % samplesKept;
      return { at: this.#at[slot] ?? 0, seconds: this.#seconds[slot] ?? 0 };
    }).filter(({ at }) => at >= since);
  }
}

/** The time within which this share of the samples was; `null` without samples. */
export function quantile(samples: readonly TimeSample[], share: number): number | null {
  const sorted = samples.map(({ seconds }) => seconds).sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
