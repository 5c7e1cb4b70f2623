// Helper: another process of this project's Bun that a bench gives orders to, such as the AWS or a mail server. It ends with the
// bench, whatever ends that.

import { join } from "node:path";
import type { Subprocess } from "bun";

type News = Readonly<{ kind: string }>;

export class Helper<Order, Told extends News> {
  readonly #child: Subprocess;
  readonly #heard: ((news: Told) => void)[] = [];

  constructor(file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, file), ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (news: Told) => {
        for (const hear of [...this.#heard]) hear(news);
      },
    });
  }

  /** The next news of this kind. Rejects if the process ends before, or after `limitMs`. */
  async next<Kind extends Told["kind"]>(kind: Kind, limitMs = 60_000): Promise<Extract<Told, { kind: Kind }>> {
    type Wanted = Extract<Told, { kind: Kind }>;
    let hear: (news: Told) => void = () => {};
    const found = new Promise<Wanted>((resolve) => {
      hear = (news) => {
        if (news.kind === kind) resolve(news as Wanted);
      };
      this.#heard.push(hear);
    });
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`Cannot go on with the bench: "${kind}" must come within ${limitMs} ms, did not`)),
        limitMs,
      );
    });
    const ended = this.#child.exited.then((code) => {
      throw new Error(`Cannot go on with the bench: a helper process ended with ${code}`);
    });
    try {
      return await Promise.race([found, late, ended]);
    } finally {
      clearTimeout(timer);
      this.#heard.splice(this.#heard.indexOf(hear), 1);
    }
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
