import { Slice } from "./slices.ts";

const MIN_SLAB_BYTES = 64 * 1024;
const MAX_SLAB_BYTES = 2 ** 20;

/**
 * The memory of a body that is made to be sent once. It is given back to the system as soon as everyone who shares the body has released
 * it; buffers of their own would wait for a garbage collection, and what is freed then mostly stays with malloc. What nobody releases is
 * collected like anything else.
 *
 * It is in resizable buffers, which V8 maps by themselves and unmaps when they are detached, however large or small they are.
 */
export class BodyMemory {
  #sharers: number;
  #slabs: ArrayBuffer[] = [];
  /** Of the last slab. */
  #used = 0;
  #bytes = 0;

  /** @param sharers how many will each call what they get from {@link releaser} */
  constructor(sharers = 1) {
    this.#sharers = sharers;
  }

  /** @returns a copy in this memory, of length 0 once that was given back */
  copy(bytes: Uint8Array): Uint8Array {
    let slab = this.#slabs.at(-1);
    if (slab === undefined || this.#used + bytes.length > slab.byteLength) {
      // Small bodies take little, and large ones few slabs.
      const size = Math.max(bytes.length, Math.min(MAX_SLAB_BYTES, Math.max(MIN_SLAB_BYTES, this.#bytes)));
      slab = new ArrayBuffer(size, { maxByteLength: size });
      this.#slabs.push(slab);
      this.#bytes += size;
      this.#used = 0;
    }
    const copy = new Uint8Array(slab, this.#used, bytes.length);
    copy.set(bytes);
    this.#used += bytes.length;
    return copy;
  }

  /** For one of those who share the body, to be called once it no longer reads from it, nor the system for it. Again it does nothing. */
  releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#sharers--;
      if (this.#sharers === 0) void this.#giveBack();
    };
  }

  /** In slices: unmapping 75 MB takes 5 ms. */
  async #giveBack(): Promise<void> {
    const slabs = this.#slabs;
    this.#slabs = [];
    const slice = new Slice();
    for (const slab of slabs) {
      slab.transferToFixedLength(0);
      if (slice.isOver) await slice.next();
    }
  }
}
