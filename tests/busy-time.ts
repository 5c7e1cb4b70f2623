// Busy time: the milliseconds that this process has worked, without those that it waited for a processor which others had.
// What limits an amount of work is measured in these, so that a busy machine makes no test fail.

/** Starts to count; gives what was counted so far. */
export function busyTime(): () => number {
  const [wall, processor] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(processor);
    // The collector and the compiler work beside it, on processors of their own: that is not its time either.
    return Math.min(performance.now() - wall, (user + system) / 1000);
  };
}
