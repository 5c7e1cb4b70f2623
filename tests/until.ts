// Until: waits for a condition, never for a time. The ceiling ends what hangs, with a word on what was waited for; it is far
// above what any machine needs, however busy it is.

const ceiling = 100_000;

/** Looks again and again until it is so. */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  otherwise: string,
  everyMs: number = 50,
  ceilingMs: number = ceiling,
): Promise<void> {
  const deadline = performance.now() + ceilingMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${otherwise} within ${ceilingMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
