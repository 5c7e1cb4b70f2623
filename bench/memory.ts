// Memory: the most that a worker has in use while ten mails of 25 MB are on their way at once to a server that reads
// slowly, against the naive worker, which holds each of them whole, twice over once it is parsed. Both run from source.

import { readTogether } from "../tests/smtp/sink-server.ts";
import { type Bench, compare, type Scale } from "./compare.ts";
import { digestOf, letterWithAttachment } from "./letters.ts";
import { type Program, System } from "./system.ts";

const mails = 10;

export const memory: Bench = {
  name: "memory",
  about: "the most memory in use with ten mails of 25 MB on their way at once, against holding them whole",
  run: async (scale) => {
    if (process.platform !== "linux") {
      console.warn("SKIPPED memory: it reads /proc");
      return [];
    }
    const system = await System.start({
      awsMs: 0,
      mailServerMs: 0,
      sink: { onData: readTogether(mails, 2) },
      env: { SMTP_POOL_SIZE: String(mails) },
    });
    try {
      return [await rowOf(system, scale)];
    } finally {
      await system.stop();
    }
  },
};

function rowOf(system: System, scale: Scale) {
  const size = scale === "tiny" ? 500_000 : 25e6;
  const [source, to] = ["person@remote.test", "alice@example.com"];
  const octets = letterWithAttachment(source, to, size);
  const samples = Array.from({ length: mails }, (_, i) => ({ key: `large-${i}`, source, recipients: [to], octets }));
  const take = (program: Program) => async () => {
    const { peakBytes, ends } = await system.run(program, samples);
    return { figure: peakBytes / 1e6, result: ends };
  };
  return compare({
    what: `${mails} mails of ${size / 1e6} MB`,
    unit: "MB",
    better: "less",
    rounds: scale === "tiny" ? 1 : 2,
    warmUps: 0,
    expected: {
      arrived: samples.map(() => `${to} ${digestOf(octets)}`),
      objects: samples.map(({ key }) => `${key} delivered`).sort(),
    },
    ours: take("ours"),
    otherWay: "held whole (bench/naive.ts)",
    other: take("naive at once"),
  });
}
