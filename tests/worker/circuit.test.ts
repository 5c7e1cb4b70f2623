import { expect, test } from "bun:test";
import { type Courier, delayed, type Route, type Verdict } from "@sesame/core";
import { Circuit } from "../../apps/worker/circuit.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

const transaction = {
  mailId: "b/k" as never,
  from: null,
  recipients: [],
  content: { pieces: [], rest: null, size: 0, eightBit: false },
} as const;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function circuitOf() {
  const timers = new FakeTimers();
  const seen: string[] = [];
  const world: { trouble: string | null; probes: number } = { trouble: "refused", probes: 0 };
  const circuit = new Circuit({
    timers,
    changed: (state) => seen.push(state),
    probe: async () => {
      world.probes++;
      return world.trouble;
    },
  });
  const answer = (verdict: Verdict, route: Route = "mailbox") => {
    const courier: Courier = { send: async () => new Map([["deliver a" as never, verdict]]) };
    return circuit.watch(courier).send(route, transaction);
  };
  return { timers, seen, world, circuit, answer };
}

test("X18 Circuit.watch() hands on the wait for a turn, and a turn that is refused opens nothing", async () => {
  const { circuit } = circuitOf();
  const later = delayed("unreachable", "host", "SES is away");
  const watched = circuit.watch({ turn: async (route) => (route === "ses" ? later : "ready"), send: async () => new Map() });
  expect([await watched.turn?.("ses"), await watched.turn?.("internal"), circuit.state]).toEqual([later, "ready", "closed"]);
});

test("Circuit opens at the first verdict with scope host, and at no other", async () => {
  const { circuit, answer } = circuitOf();
  await answer(delayed("try-later", "recipient", "450"));
  await answer(delayed("in-doubt", "mail", "lost"));
  await answer(delayed("unreachable", "host", "refused"), "internal");
  await answer(delayed("throttled", "host", "slow down"), "ses");
  expect(circuit.state).toBe("closed");
  await answer(delayed("unreachable", "host", "refused"));
  await answer(delayed("unreachable", "host", "refused"));
  expect([circuit.state, circuit.openings]).toEqual(["open", 1]);
});

test("Circuit probes after 5 s, then at growing intervals up to 30 s, and closes at the first answer", async () => {
  const { circuit, timers, world, seen, answer } = circuitOf();
  await answer(delayed("unreachable", "host", "refused"));
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = world.probes;
    let waited = 0;
    while (world.probes === before) {
      timers.advance(1000);
      waited++;
    }
    waits.push(waited);
    await turn();
  }
  expect(waits).toEqual([5, 10, 20, 30, 30]);
  world.trouble = null;
  timers.advance(30_000);
  await turn();
  expect([circuit.state, ...seen]).toEqual(["closed", "open", "closed"]);
  expect(timers.pending).toBe(0);
});

test("Circuit.end() stops probing", async () => {
  const { circuit, timers, world, answer } = circuitOf();
  await answer(delayed("unreachable", "host", "refused"));
  circuit.end();
  timers.advance(60_000);
  expect(world.probes).toBe(0);
});

test("Circuit backs off when a server accepts the probe and refuses each mail, and waits 5 s again after it took one", async () => {
  const { circuit, timers, world, answer } = circuitOf();
  world.trouble = null;
  const waits: number[] = [];
  const openFor = async () => {
    await answer(delayed("try-later", "host", "452 4.3.1 insufficient system storage"));
    let waited = 0;
    for (; circuit.state === "open"; waited++) {
      timers.advance(1000);
      await turn();
    }
    return waited;
  };
  for (let i = 0; i < 4; i++) waits.push(await openFor());
  expect(waits).toEqual([5, 10, 20, 30]);
  await answer(delayed("stopped", "mail", "not begun")); // says nothing of the server
  expect(await openFor()).toBe(30);
  await answer({ action: "delivered", detail: "250" });
  expect(await openFor()).toBe(5);
  await answer(delayed("try-later", "recipient", "450 greylisted")); // the server is there
  expect(await openFor()).toBe(5);
  expect(timers.pending).toBe(0);
});

test("Circuit.end() lets no later verdict start a probe, which would keep the process alive", async () => {
  const { circuit, timers, world, seen, answer } = circuitOf();
  circuit.end();
  await answer(delayed("unreachable", "host", "refused")); // of a mail that was in work when the stop came
  expect([timers.pending, circuit.state, ...seen]).toEqual([0, "closed"]);
  timers.advance(60_000);
  expect(world.probes).toBe(0);
});

test("Circuit.end() ignores the answer of a running probe", async () => {
  for (const trouble of ["refused", null]) {
    const [timers, seen] = [new FakeTimers(), [] as string[]];
    let answerProbe: (trouble: string | null) => void = () => {};
    const probe = () =>
      new Promise<string | null>((resolve) => {
        answerProbe = resolve;
      });
    const circuit = new Circuit({ timers, probe, changed: (state) => seen.push(state) });
    const away: Courier = { send: async () => new Map([["deliver a" as never, delayed("unreachable", "host", "refused")]]) };
    await circuit.watch(away).send("mailbox", transaction);
    timers.advance(5000);
    circuit.end();
    answerProbe(trouble);
    await turn();
    expect([timers.pending, circuit.state, ...seen]).toEqual([0, "open", "open"]);
  }
});

test("Circuit handles a probe that throws like a server that is unreachable", async () => {
  const [timers, seen] = [new FakeTimers(), [] as string[]];
  const world = { probes: 0 };
  const probe = async () => {
    if (world.probes++ === 0) throw new Error("no route to host");
    return null;
  };
  const circuit = new Circuit({ timers, probe, changed: (state, detail) => seen.push(`${state}: ${detail}`) });
  const away: Courier = { send: async () => new Map([["deliver a" as never, delayed("unreachable", "host", "refused")]]) };
  await circuit.watch(away).send("mailbox", transaction);
  timers.advance(5000);
  await turn();
  expect([circuit.state, world.probes]).toEqual(["open", 1]);
  timers.advance(10_000);
  await turn();
  expect(seen).toEqual(["open: unreachable: refused", "closed: the mail server answers"]);
});

test("Circuit probes at the configured intervals", async () => {
  const timers = new FakeTimers();
  const probes: number[] = [];
  const probe = async () => {
    probes.push(timers.now());
    return "refused";
  };
  const circuit = new Circuit({ timers, probe, changed: () => {}, firstProbeMs: 100, longestProbeMs: 300 });
  const away: Courier = { send: async () => new Map([["deliver a" as never, delayed("unreachable", "host", "refused")]]) };
  await circuit.watch(away).send("mailbox", transaction);
  for (let i = 0; i < 10; i++) {
    timers.advance(100);
    await turn();
  }
  expect(probes).toEqual([100, 300, 600, 900]);
});

test("X36 Circuit probes a server that showed nothing for 20 s, so that an idle worker learns that it is away", async () => {
  const { circuit, timers, world, answer } = circuitOf();
  world.trouble = null;
  expect(circuit.reached).toBe(false);
  await circuit.lookIfQuiet();
  expect([world.probes, circuit.reached]).toEqual([1, true]);
  timers.advance(19_999);
  await circuit.lookIfQuiet();
  expect(world.probes).toBe(1);
  await answer({ action: "delivered", detail: "250" }); // a mail shows it too
  timers.advance(19_999);
  await circuit.lookIfQuiet();
  expect(world.probes).toBe(1);
  await answer(delayed("port-error", "mail", "the mail could not be read")); // and this shows nothing
  timers.advance(1);
  world.trouble = "refused";
  await Promise.all([circuit.lookIfQuiet(), circuit.lookIfQuiet()]);
  expect([world.probes, circuit.state]).toEqual([2, "open"]);
  await circuit.lookIfQuiet(); // an open circuit has its own probes
  expect(world.probes).toBe(2);
});

test("Circuit was reached by a mail as well as by a probe, and not by a failure", async () => {
  const { circuit, world, answer } = circuitOf();
  world.trouble = "refused";
  await circuit.lookIfQuiet();
  expect([circuit.state, circuit.reached]).toEqual(["open", false]);
  await answer({ action: "delivered", detail: "250" });
  expect(circuit.reached).toBe(true);
});

test("Circuit.probeNow() asks at once where it is open, one probe at a time, and the next probe waits its time again", async () => {
  const { circuit, timers, world, answer } = circuitOf();
  expect(await circuit.probeNow()).toBe(false); // closed: there is nothing to ask
  await answer(delayed("unreachable", "host", "refused"));
  expect(circuit.probeInMs).toBe(5000);
  timers.advance(2000);
  expect(circuit.probeInMs).toBe(3000);
  const first = circuit.probeNow();
  expect(await circuit.probeNow()).toBe(false);
  expect([await first, world.probes, circuit.state, circuit.probeInMs]).toEqual([true, 1, "open", 10_000]);
  world.trouble = null;
  expect([await circuit.probeNow(), circuit.state, circuit.probeInMs, timers.pending]).toEqual([true, "closed", null, 0]);
});
