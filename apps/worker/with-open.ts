// With open: a mail store of which only `open` is another one. What a wrapper does to the opening of a mail stands in its own
// file.

import type { MailStore } from "@sesame/core";

export function withOpen(store: MailStore, open: MailStore["open"]): MailStore {
  return { open, mark: (mail, record) => store.mark(mail, record), erase: (mail) => store.erase(mail) };
}
