import { test } from "bun:test";
import * as core from "@sesame/core";
import { smoke } from "./smoke.ts";

test("the core works under Bun", () => smoke(core));
