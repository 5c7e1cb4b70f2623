// Benches: all of them, the whole system first.

import { blocklist } from "./blocklist.ts";
import type { Bench } from "./compare.ts";
import { delivery } from "./delivery.ts";
import { explain } from "./explain.ts";
import { largeMail } from "./large-mail.ts";
import { memory } from "./memory.ts";
import { sideBySide } from "./side-by-side.ts";
import { worker } from "./worker.ts";

export const benches: readonly Bench[] = [worker, sideBySide, delivery, memory, largeMail, blocklist, explain];
