// Slot: the place of one mail in the window. Its permit returns when the end of the mail is recorded, when the mail only waits for
// SES, or at the end of the work. What follows the record (audit mark and deletion of the entry) has a bound of its own.

import type { Window } from "./window.ts";

export type SlotOptions = Readonly<{
  window: Window;
  hasPermit: boolean;
  /** Whether everything that a mail needs answers. A mail that ends while something is away does not show how much load it can take. */
  allAnswer(): boolean;
  /** Called when the permit returns. */
  freed(): void;
}>;

export class Slot {
  readonly #options: SlotOptions;
  #hasPermit: boolean;
  #isClosing = false;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.#hasPermit = options.hasPermit;
  }

  get hasPermit(): boolean {
    return this.#hasPermit;
  }

  giveBack(): void {
    if (!this.#hasPermit) return;
    this.#hasPermit = false;
    this.#options.window.give(1);
    this.#options.freed();
  }

  /** The end of the mail is recorded. The permit stays where too many mails are closing already. */
  recorded(): void {
    if (!this.#hasPermit || !this.#options.window.beginClosing()) return;
    this.#isClosing = true;
    this.#widen();
    this.giveBack();
  }

  /** Nothing more is done for the mail. */
  end(): void {
    if (this.#isClosing) this.#options.window.endClosing();
    else if (this.#options.hasPermit) this.#widen();
    this.#isClosing = false;
    this.giveBack();
  }

  #widen(): void {
    if (this.#options.allAnswer()) this.#options.window.widen();
  }
}
