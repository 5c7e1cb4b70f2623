// Steps: a long computation that stops after each short piece, so that its caller can give the event loop to other work between
// two of them. The result is the same with and without pauses. pause.ts is the function that gives the event loop away.

import type { Pause } from "./pause.ts";

/** A computation in pieces: each `yield` ends one of them. */
export type Steps<T> = Generator<void, T, void>;

/** Computes to the end at once. */
export function finish<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) next = steps.next();
  return next.value;
}

/** Computes to the end with a pause after each piece. */
export async function finishWithPauses<T>(steps: Steps<T>, pause: Pause): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    await pause();
    next = steps.next();
  }
  return next.value;
}

/** Work done since the last piece ended, in units of about 10 ns. One object counts for a whole computation. */
export type Work = { done: number; pieceEnd: number };

/** Work of one piece: about a millisecond. */
export const pieceWork = 100_000;

/** Starts to count. */
export function startWork(): Work {
  return { done: 0, pieceEnd: pieceWork };
}

/** Whether a piece is full. If so, the next piece begins, and the caller yields. */
export function endsPiece(work: Work): boolean {
  if (work.done < work.pieceEnd) return false;
  work.pieceEnd = work.done + pieceWork;
  return true;
}
