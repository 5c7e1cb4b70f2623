// Page door: what stands between the worker and its page. The code of the page is loaded when the worker has started, and what
// renders it at the first request, so that a start takes no longer and a page that nobody opens costs next to nothing. Events that
// come before wait here.

import type { Logger } from "pino";
import type { Config } from "./config.ts";
import type { DeadLetterCount } from "./dead-letters.ts";
import type { Fleet, FleetWatcher } from "./fleet.ts";
import type { HeldMails } from "./page/held-mails.ts";
import type { LocalTools } from "./page/local-tools.ts";
import type { PageMemory } from "./page/memory.ts";
import type { PageSources } from "./page/situation.ts";
import type { Commands } from "./page/story.tsx";
import type { Timers } from "./timers.ts";

/** What a command brings for its page. */
export type PagePorts = Readonly<{
  held?: HeldMails;
  /** Loaded at the first request. */
  local?: () => Promise<LocalTools>;
  /** Features whose table was missing at the start. */
  featuresOff?: readonly string[];
  /** The names of the commands that the page suggests. */
  commands: Commands;
  /** Where mail is delivered, in words. */
  mailServer: string;
}>;

/** What the door needs of the running service. */
export type PageHouse = Readonly<{
  config: Config;
  fleet: Fleet;
  ports: PagePorts;
  sessions(): Readonly<{ idle: number; busy: number; limit: number }>;
  deadLetters(): readonly DeadLetterCount[];
  healthPort(): number;
  metricsPort(): number;
  version: string;
  timers: Timers;
  logger: Logger;
}>;

type App = Readonly<{ app: Readonly<{ fetch(request: Request, env?: unknown): Response | Promise<Response> }>; end(): void }>;

const mostWaiting = 10_000; // events

export class PageDoor {
  /** Hears the fleet from the first event on. */
  readonly watcher: FleetWatcher;
  #waiting: ((memory: PageMemory) => void)[] = [];
  #memory: PageMemory | null = null;
  #loading: Promise<PageMemory> | null = null;
  #app: Promise<App> | null = null;
  #stopEndsAt: number | null = null;
  readonly #startedAt = Date.now();

  constructor() {
    this.watcher = {
      note: (label, event) => {
        if (this.#memory !== null) this.#memory.note(label, event);
        else this.#later((memory) => memory.note(label, event));
      },
      circuit: (dependency, state, answer) => this.#later((memory) => memory.circuit(dependency, state, answer)),
      loopReplaced: (label, how) => this.#later((memory) => memory.loopReplaced(label, how)),
    };
  }

  /** Loads the memory, and hands over what has happened. Call it when the worker has started. */
  load(): Promise<PageMemory> {
    this.#loading ??= import("./page/memory.ts").then(({ PageMemory }) => {
      const memory = new PageMemory({ now: () => Date.now() });
      for (const tell of this.#waiting) tell(memory);
      this.#waiting = [];
      this.#memory = memory;
      return memory;
    });
    return this.#loading;
  }

  /** Answers a request, with the code of the page loaded at the first one. */
  async answer(request: Request, env: unknown, house: PageHouse): Promise<Response> {
    this.#app ??= this.#open(house);
    const { app } = await this.#app;
    return app.fetch(request, env);
  }

  /** A stop has begun, which ends after so many seconds at the latest. */
  stopping(graceSeconds: number): void {
    this.#stopEndsAt = Date.now() + graceSeconds * 1000;
  }

  /** Ends what runs for the page. */
  async end(): Promise<void> {
    (await this.#app)?.end();
  }

  #later(tell: (memory: PageMemory) => void): void {
    if (this.#memory !== null) tell(this.#memory);
    else if (this.#waiting.length < mostWaiting) this.#waiting.push(tell);
  }

  async #open(house: PageHouse): Promise<App> {
    const { config, fleet, ports, timers, logger } = house;
    const [memory, { pageApp }, { situationOf }, local = null] = await Promise.all([
      this.load(),
      import("./page/app.tsx"),
      import("./page/situation.ts"),
      ports.local?.(),
    ]);
    const { mailServer } = fleet.circuits;
    const sources = this.#sources(house);
    return pageApp({
      page: config.PAGE === "full" ? "full" : "summary",
      token: config.PAGE_TOKEN ?? null,
      masked: config.LOG_ADDRESSES === "masked",
      memory,
      situation: () => situationOf(memory, sources),
      now: () => Date.now(),
      timers,
      port: house.healthPort,
      metricsPort: house.metricsPort,
      tryNow: () => mailServer.probeNow(),
      held: ports.held ?? null,
      local,
      commands: ports.commands,
      mailServer: ports.mailServer,
      acted: (what, about, peer) => logger.info({ event: "page-action", what, about, peer }, "somebody acted on the page"),
    });
  }

  #sources({ config, fleet, ports, sessions, deadLetters, version }: PageHouse): PageSources {
    const { mailServer } = fleet.circuits;
    return {
      version,
      startedAt: this.#startedAt,
      now: () => Date.now(),
      domains: () => fleet.views().map((view) => ({ ...view, label: fleet.labelOf(view.domain) })),
      maxAgeSeconds: fleet.maxAgeSeconds,
      nextProbeAt: () => (mailServer.probeInMs === null ? null : Date.now() + mailServer.probeInMs),
      stopEndsAt: () => this.#stopEndsAt,
      sessions,
      octets: () => ({ held: fleet.octetsHeld, most: config.MAX_BYTES_IN_FLIGHT }),
      mailServer: ports.mailServer,
      featuresOff: ports.featuresOff ?? [],
      deadLetters,
    };
  }
}
