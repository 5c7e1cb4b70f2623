// Write buffers: memory in which a transfer gathers the octets of one write, because a write of many octets costs hardly more
// than one of few. Shared by all transfers of a courier: a buffer that was just used is still in the cache of the processor.

import { Buffer } from "node:buffer";

const capacity = 256 * 1024 + 16; // octets: four slices of a mail and its end
const mostFree = 4;

/** Octets for the next write. */
export class WriteBuffer {
  readonly #memory = Buffer.allocUnsafeSlow(capacity);
  #filled = 0;

  hasRoom(octets: number): boolean {
    return this.#filled + octets <= capacity;
  }

  /** Copies octets for which there is room. */
  add(octets: Uint8Array): void {
    this.#memory.set(octets, this.#filled);
    this.#filled += octets.length;
  }

  /** Returns what was added. It stays as it is until the next `add`, which begins anew. */
  empty(): Buffer {
    const octets = this.#memory.subarray(0, this.#filled);
    this.#filled = 0;
    return octets;
  }
}

/** Lends buffers. */
export class WriteBuffers {
  readonly #free: WriteBuffer[] = [];

  take(): WriteBuffer {
    return this.#free.pop() ?? new WriteBuffer();
  }

  /** Only for a buffer whose octets nobody reads any more. Others need not come back. */
  giveBack(buffer: WriteBuffer): void {
    buffer.empty(); // the octets of one mail must never reach another one
    if (this.#free.length < mostFree) this.#free.push(buffer);
  }
}
