// Turn taking: a long computation gives the event loop to other work every few milliseconds, so that one mail never stops the
// others or the health pages.

import type { Pause } from "@sesame/core";

const stretchMs = 2;

/** A pause that waits for one turn of the event loop if the last turn began more than 2 ms ago, and otherwise does nothing. */
export function pauseEachTurn(now: () => number = () => performance.now()): Pause {
  let since = now();
  return () => {
    if (now() - since < stretchMs) return done;
    return new Promise((resolve) => {
      setImmediate(() => {
        since = now();
        resolve();
      });
    });
  };
}

const done = Promise.resolve();
