/** Bodies have a length in steps of so many bytes: so numbers may grow by a digit, and nothing has to be made anew. */
const STEP = 64;
const SLAB_BYTES = 256 * 1024;
/** What is larger has memory of its own. */
const MAX_PLACE_BYTES = SLAB_BYTES / 8;

/**
 * The memory of the bodies of a state's groups: slabs, each cut into places of one size. A buffer for each body would take 350 bytes more,
 * in four objects that garbage collections have to look after, and would leave holes between what comes and goes.
 *
 * A body is a view of a place, and belongs to one group: whoever wants to keep what it holds makes a copy before it is overwritten or
 * freed. After its last line it has zeros.
 */
export class BodyStore {
  readonly #slabs = new Map<ArrayBufferLike, Slab>();
  /** Those with free places, by the size of the places. */
  readonly #free = new Map<number, Slab[]>();
  /** One that became empty, for whichever size comes next: on the verge of it, slabs would be made and dropped in turn. */
  #spare: ArrayBuffer | undefined;

  /** Bytes of all slabs. */
  get slabBytes(): number {
    return (this.#slabs.size + (this.#spare ? 1 : 0)) * SLAB_BYTES;
  }

  /** A body that has room for so many bytes, with anything in it, and zeros behind them. */
  allocate(bytes: number): Uint8Array {
    const length = roundUp(bytes, STEP);
    if (length === 0 || length > MAX_PLACE_BYTES) return new Uint8Array(length);
    const size = placeBytes(length);
    const free = this.#slabsOf(size);
    let slab = free.at(-1);
    if (slab === undefined) {
      slab = this.#addSlab(size);
      free.push(slab);
    }
    const body = new Uint8Array(slab.buffer, slab.take() * size, length);
    if (slab.isFull) free.pop();
    return body.fill(0, bytes);
  }

  /** A body with these bytes. */
  copy(bytes: Uint8Array): Uint8Array {
    const body = this.allocate(bytes.length);
    body.set(bytes);
    return body;
  }

  /** Puts these bytes in the place of a body if they have a place of that size, and frees it otherwise. @returns the body that holds them */
  overwrite(body: Uint8Array, bytes: Uint8Array): Uint8Array {
    const length = roundUp(bytes.length, STEP);
    let place = body;
    if (length !== body.length) {
      if (length === 0 || length > MAX_PLACE_BYTES || placeBytes(length) !== placeBytes(body.length)) {
        this.free(body);
        return this.copy(bytes);
      }
      place = new Uint8Array(body.buffer, body.byteOffset, length);
    }
    place.set(bytes);
    return place.fill(0, bytes.length);
  }

  /** To be called once, when nobody refers to the body any more. */
  free(body: Uint8Array): void {
    const slab = this.#slabs.get(body.buffer);
    if (slab === undefined) return;
    const free = this.#slabsOf(slab.placeBytes);
    if (slab.isFull) free.push(slab);
    slab.giveBack(body.byteOffset / slab.placeBytes);
    if (!slab.isEmpty) return;
    free.splice(free.indexOf(slab), 1);
    this.#slabs.delete(slab.buffer);
    this.#spare ??= slab.buffer;
  }

  #slabsOf(placeBytes: number): Slab[] {
    let slabs = this.#free.get(placeBytes);
    if (slabs === undefined) {
      slabs = [];
      this.#free.set(placeBytes, slabs);
    }
    return slabs;
  }

  #addSlab(placeBytes: number): Slab {
    const slab = new Slab(this.#spare ?? new ArrayBuffer(SLAB_BYTES), placeBytes);
    this.#spare = undefined;
    this.#slabs.set(slab.buffer, slab);
    return slab;
  }
}

/** Instead of the number of the next free place. */
const TAKEN = 0xffff;

class Slab {
  readonly buffer: ArrayBuffer;
  readonly placeBytes: number;
  /** For each free place, which one to take after it. */
  readonly #next: Uint16Array;
  #first = 0;
  #taken = 0;

  constructor(buffer: ArrayBuffer, placeBytes: number) {
    this.buffer = buffer;
    this.placeBytes = placeBytes;
    this.#next = Uint16Array.from({ length: Math.floor(buffer.byteLength / placeBytes) }, (_, place) => place + 1);
  }

  get isFull(): boolean {
    return this.#taken === this.#next.length;
  }

  get isEmpty(): boolean {
    return this.#taken === 0;
  }

  /** The number of a place. There must be a free one. */
  take(): number {
    const place = this.#first;
    this.#first = this.#next[place]!;
    this.#next[place] = TAKEN;
    this.#taken++;
    return place;
  }

  giveBack(place: number): void {
    if (this.#next[place] !== TAKEN) throw new TypeError("a body's place was freed twice");
    this.#next[place] = this.#first;
    this.#first = place;
    this.#taken--;
  }
}

/** Sizes of places grow by an eighth at most, so that there are few of them and little is unused. @param length a multiple of STEP */
function placeBytes(length: number): number {
  const powerOfTwo = 2 ** (31 - Math.clz32(Math.max(1, length - 1)));
  return roundUp(length, Math.max(STEP, powerOfTwo / 8));
}

function roundUp(bytes: number, step: number): number {
  return Math.ceil(bytes / step) * step;
}
