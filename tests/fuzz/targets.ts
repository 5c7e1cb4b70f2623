// Targets: every reader of octets that a stranger, a user's table or a server can write.

import { answer } from "./answer-target.ts";
import { header, report, words } from "./mail-targets.ts";
import { notice } from "./notice-target.ts";
import { address, pattern, row } from "./row-targets.ts";
import type { Target } from "./target.ts";

export const targets: readonly Target[] = [notice, header, address, pattern, report, answer, row, words];
