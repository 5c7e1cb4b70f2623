// End with us: no process that a bench has started outlives it, whatever ends it but SIGKILL.

import type { Subprocess } from "bun";

export function endWithUs(child: Subprocess): void {
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  void child.exited.then(() => process.off("exit", end));
}
