// Lane scouts: while a call of the SDK is under way that will show a route, other calls of the route wait for it. Otherwise each call
// of a burst, after a start or when routes have ended, would go through the SDK, at ten times the time and the memory.
// It sends nothing and keeps no route.

import type { RouteName } from "./lane-routes.ts";
import { withDeadline } from "./timers.ts";

const mostVain = 1000;

export class Scouts {
  readonly #waitMs: number;
  readonly #underWay = new Map<RouteName, Promise<void>>();
  /** Routes whose last scout has shown nothing, because it failed or because the lane cannot repeat it. For them nobody waits. */
  readonly #inVain = new Set<RouteName>();

  /** `waitMs`: a scout that takes longer keeps nobody. */
  constructor(waitMs: number = 1000) {
    this.#waitMs = waitMs;
  }

  /** The end of the scout of this route, or of the wait; `null`: there is none to wait for. Never rejects. */
  awaited(name: RouteName): Promise<void> | null {
    const scout = this.#inVain.has(name) ? undefined : this.#underWay.get(name);
    return scout === undefined ? null : withDeadline(scout, this.#waitMs).catch(() => {});
  }

  /** Takes a call of the SDK as the scout of a route, unless it has one. `hasShown`: whether the route is known at its end. */
  follow(name: RouteName, call: Promise<unknown>, hasShown: () => boolean): void {
    if (this.#underWay.has(name)) return;
    const end = () => {
      this.#underWay.delete(name);
      if (this.#inVain.size >= mostVain) this.#inVain.clear();
      if (hasShown()) this.#inVain.delete(name);
      else this.#inVain.add(name);
    };
    this.#underWay.set(name, call.then(end, end));
  }
}
