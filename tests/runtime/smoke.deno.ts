// Run by `deno test`; Deno's own globals are not typed here.
import * as core from "@sesame/core";
import { smoke } from "./smoke.ts";

declare const Deno: { test(name: string, run: () => Promise<void>): void };
Deno.test("the core works under Deno", () => smoke(core));
