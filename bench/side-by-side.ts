// Side by side: how long a mail takes from the queue to its end when every call to the world outside takes 10 ms, with
// what a notice raises asked at once (the claim, the tables, the mail), against one call after another. The ports are the
// fakes of the tests; the journey is the worker's own.

import type { JourneyPorts } from "@sesame/core";
import { TestWay } from "../tests/journey/way.ts";
import { type Bench, compare, type Row, type Scale, type Taken, timed } from "./compare.ts";
import { letter } from "./letters.ts";

const callMs = 10;

export const sideBySide: Bench = {
  name: "side-by-side",
  about: "the way of one mail when each call takes 10 ms: questions asked side by side, against one after another",
  run: async (scale) => [await rowOf(scale)],
};

function rowOf(scale: Scale): Promise<Row> {
  const mails = scale === "tiny" ? 2 : 10;
  return compare({
    what: `one mail, ${callMs} ms a call`,
    unit: "ms",
    better: "less",
    rounds: scale === "tiny" ? 1 : 5,
    warmUps: scale === "tiny" ? 0 : 1,
    expected: Array.from({ length: mails }, () => "ack after 1 copy"),
    ours: () => travelled(mails, (way) => distant(way, () => pause())),
    otherWay: "one call after another",
    other: () => {
      let last: Promise<void> = Promise.resolve();
      const inLine = () => {
        last = last.then(pause);
        return last;
      };
      return travelled(mails, (way) => distant(way, inLine));
    },
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, callMs));
}

/** Milliseconds for one mail; each is the only one on its way. */
async function travelled(mails: number, far: (way: JourneyPorts) => JourneyPorts): Promise<Taken<readonly string[]>> {
  const octets = letter({ id: "l", from: "bob@remote.test", to: ["alice@example.com"], size: 10_000 });
  const { figure, result } = await timed(async () => {
    const ends: string[] = [];
    for (let i = 0; i < mails; i++) {
      const test = new DistantWay(octets, far);
      const { kind } = await test.receive();
      ends.push(`${kind} after ${test.courier.sent.length} copy`);
    }
    return ends;
  });
  return { figure: figure / mails, result };
}

class DistantWay extends TestWay {
  readonly #far: (way: JourneyPorts) => JourneyPorts;

  constructor(octets: Uint8Array, far: (way: JourneyPorts) => JourneyPorts) {
    super(octets);
    this.#far = far;
  }

  override way(): JourneyPorts {
    return this.#far(super.way());
  }
}

/** Every call waits first. */
function distant(way: JourneyPorts, wait: () => Promise<void>): JourneyPorts {
  const move = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (...args: unknown[]) => wait().then(() => value.apply(target, args)) : value;
      },
    });
  const { ledger, directory, store, outbound, courier } = way;
  return {
    ...way,
    ledger: move(ledger),
    directory: move(directory),
    store: move(store),
    outbound: move(outbound),
    courier: move(courier),
  };
}
