import { crc32 } from "node:zlib";
import type { ByteString } from "../model/byte-string.ts";
import type { StateHash } from "../record/entry.ts";
import { linesEnd } from "../record/family-block.ts";
import type { GroupContent } from "./group.ts";

/**
 * A state's hash is the sum of its groups' hashes, in two lanes of 32 bits, so that one push changes it at a cost that does not
 * depend on what is stored. It is there to notice that replicas differ, not to withstand forgery.
 */
export const EMPTY_STATE_HASH: StateHash = [0, 0];

export function hashText(text: ByteString): number {
  return crc32(Buffer.from(text, "latin1"));
}

/** @param keyHash of the group's id */
export function hashGroup(keyHash: number, content: GroupContent): StateHash {
  const { layout, body, sides, pushTime, failureTime } = content;
  // Without the zeros at the end, which are a matter of this process' memory.
  let low = mix(crc32(body.subarray(0, linesEnd(body, layout.size, layout.size - 1))), keyHash);
  let high = mix(layout.hash, low);
  low = mix(low, pushTime % 4294967296);
  high = mix(high, (pushTime * 1e6) % 4294967296);
  low = mix(low, failureTime % 4294967296);
  high = mix(high, (failureTime * 1e6) % 4294967296);
  for (const [slot, { order, protobuf }] of sides) {
    // Summed, since the order of notes means nothing.
    if (protobuf !== undefined) low = (low + mix(crc32(protobuf), slot)) >>> 0;
    if (order !== undefined) high = (high + mix(crc32(new Uint8Array(order.buffer)), slot)) >>> 0;
  }
  return [low, high];
}

/** The total with one group's share exchanged for another. */
export function exchange(total: StateHash, old: StateHash, now: StateHash): StateHash {
  return [(total[0] - old[0] + now[0]) >>> 0, (total[1] - old[1] + now[1]) >>> 0];
}

/** Two steps of MurmurHash3's 32-bit mixing. */
function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  let h = hash ^ Math.imul(k, 0x1b873593);
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) >>> 0;
}
