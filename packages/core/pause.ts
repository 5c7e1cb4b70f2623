// Pause: gives the event loop to other work. The core has no timers, so the caller brings the function; it decides whether
// enough time has passed since the last pause. What the core computes is the same with and without pauses.

/** Resolves when the computation may go on. It is called between steps that are short. */
export type Pause = () => Promise<void>;

/** Never pauses. For callers that do nothing else meanwhile. */
export const noPause: Pause = async () => {};
