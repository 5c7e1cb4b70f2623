// Patterns: one sender against a row of 100,000 patterns that is compiled already.

import { type Address, compileBlocklist, findBlock } from "@sesame/core";
import { patternsOf, sendersOf } from "../blocklist.ts";
import type { Part } from "./goal.ts";

const count = 100_000; // every twentieth has a wildcard within
const asks = 20_000; // with 300 the compiler's own time was half of the figure

export const patterns: Part = {
  name: "patterns",
  about: "one sender against 100,000 patterns",
  goals: [
    {
      id: "patterns",
      what: "one sender against 100,000 patterns",
      settings: "warm: row and code are compiled; 6 senders, of whom 3 are blocked",
      unit: "µs",
      better: "less",
      wanted: 5,
    },
  ],
  measure: async ({ scale }) => {
    const texts = patternsOf(scale === "tiny" ? 1000 : count);
    const list = compileBlocklist(new Map([["alice@example.com", texts]]));
    const senders = sendersOf(texts) as readonly Address[];
    const times = scale === "tiny" ? 10 : asks;
    let blocked = 0;
    const ask = () => {
      for (const sender of senders) blocked += findBlock(list, [sender]) === null ? 0 : 1;
    };
    for (let time = 0; time < times; time++) ask(); // until the code is compiled
    const before = process.cpuUsage();
    for (let time = 0; time < times; time++) ask();
    const { user, system } = process.cpuUsage(before);
    if (blocked !== times * 6) throw new Error(`Cannot use the figure: 3 of 6 senders must be blocked, are ${blocked / (2 * times)}`);
    return { patterns: { value: (user + system) / times / senders.length, beside: "" } };
  },
};
