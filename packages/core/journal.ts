export type JournalEvent = { readonly kind: "todo" };
