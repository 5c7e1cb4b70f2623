// Outcome: what the caller must do with a queue entry when the work on it has ended.

/** "ack": remove it. "retry": give it back for so many seconds. "leave": say nothing; it comes back when its visibility ends. */
export type EntryOutcome =
  | { readonly kind: "ack" }
  | { readonly kind: "retry"; readonly afterSeconds: number }
  | { readonly kind: "leave" };
