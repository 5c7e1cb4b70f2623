// Turn taking: a long computation gives the event loop to other work every few milliseconds, so that one mail never stops the
// others or the health pages. What is computed over and over is kept.

import type { Pause } from "@sesame/core";

const stretchMs = 2;

/** Memory for compiled blocklist rows. A row of 16,000 patterns takes about 6 MB. */
export const blocklistCacheOctets: number = 64 * 1024 * 1024;

/**
 * A pause that waits for a turn of the event loop if the last turn began more than 2 ms ago, and otherwise does nothing. If
 * several computations wait, each turn lets one go on: a turn takes no longer when many mails are costly. Work that comes within
 * the 2 ms does not wait behind them, or each pause of each mail would need a turn of its own on a busy worker.
 */
export function pauseEachTurn(now: () => number = () => performance.now()): Pause {
  let since = now();
  const waiting: (() => void)[] = [];
  const next = () => {
    since = now();
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  };
  return () => {
    if (now() - since < stretchMs) return done;
    return new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next);
    });
  };
}

const done = Promise.resolve();
