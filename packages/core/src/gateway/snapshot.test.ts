import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { deleteRecord, exposedText, pushRecord } from "../../test/state-kit.ts";
import { type ErrorCode, isWaystationError } from "../errors.ts";
import { RULES_LEVEL } from "../record/entry.ts";
import { State } from "../state/state.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";

const at = { position: 7, tag: "7" };

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const bytes: Uint8Array[] = [];
  for await (const chunk of chunks) bytes.push(chunk);
  return Buffer.concat(bytes);
}

async function* chunked(bytes: Uint8Array, size = bytes.length || 1): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function rejectsWith(bytes: Uint8Array, ...codes: ErrorCode[]): Promise<void> {
  await assert.rejects(decodeSnapshot(chunked(bytes), at), (error) => {
    assert.ok(isWaystationError(error, ...codes), `not ${codes.join(" or ")}: ${error}`);
    return true;
  });
}

/** Groups with everything that a group can have. */
function smallState(): State {
  const state = new State();
  state.apply(
    pushRecord({ job: "a" }, '# HELP m M.\n# TYPE m gauge\nm{x="2"} -0\nm{x="1"} 1\n', { time: 1_000_000_000n }),
  );
  state.apply(pushRecord({ job: "a" }, "n 1\n", { mode: "merge", time: 2_000_000_000n }));
  state.apply(pushRecord({ job: "b", instance: "i" }, "# TYPE h histogram\nh_count 1\n", { time: 3_000_000_000n }));
  state.apply(pushRecord({ job: "b" }, "# TYPE m counter\nm 1\n", { time: 4_000_000_000n }));
  state.apply(pushRecord({ job: "c" }, ""));
  return state;
}

function manyGroups(count: number, bytes: number): State {
  const state = new State();
  for (let i = 0; i < count; i++) state.apply(pushRecord({ job: String(i) }, `m{x="${"v".repeat(bytes)}"} ${i}\n`));
  return state;
}

/** The frames of a snapshot, each with its length and checksum. */
function framesOf(snapshot: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let start = 0; start < snapshot.length; ) {
    const end = start + 8 + snapshot.readUInt32LE(start);
    frames.push(snapshot.subarray(start, end));
    start = end;
  }
  return frames;
}

test("a snapshot gives back the state, however its bytes are cut", async () => {
  const state = smallState();
  const bytes = await bytesOf(encodeSnapshot(state, at));
  for (const size of [1, 3, 64, bytes.length]) {
    const restored = await decodeSnapshot(chunked(bytes, size), at);
    assert.equal(restored.bytes, bytes.length);
    assert.deepEqual(restored.state.hash, state.hash);
    assert.equal(await exposedText(restored.state), await exposedText(state));
    assert.deepEqual(await bytesOf(encodeSnapshot(restored.state, at)), bytes);
  }
});

test("an empty state has a snapshot too", async () => {
  const { state } = await decodeSnapshot(encodeSnapshot(new State(), at), at);
  assert.equal(state.groupCount, 0);
});

test("a snapshot is of the moment in which it was asked for, whatever happens while it is written", async () => {
  const state = manyGroups(300, 5_000);
  const { hash } = state;
  const text = await exposedText(state);
  const chunks: Uint8Array[] = [];
  let round = 0;
  for await (const chunk of encodeSnapshot(state, at)) {
    chunks.push(chunk);
    state.apply(pushRecord({ job: String(299 - round) }, "m 0\n"));
    state.apply(deleteRecord({ job: String(250 - round) }));
    state.apply(pushRecord({ job: `new ${round}` }, "m 1\n"));
    round++;
  }
  assert.ok(round > 5);
  const restored = await decodeSnapshot(chunked(Buffer.concat(chunks)), at);
  assert.deepEqual(restored.state.hash, hash);
  assert.equal(await exposedText(restored.state), text);
});

test("what was stored without check stays suspect", async () => {
  const state = new State();
  state.apply(pushRecord({ job: "a" }, "# TYPE m gauge\nm 1\n", { unchecked: true }));
  assert.deepEqual([state.suspect, state.contradicted], [false, false]);
  state.apply(pushRecord({ job: "b" }, "# TYPE m counter\nm 1\n", { unchecked: true }));
  const restored = await decodeSnapshot(encodeSnapshot(state, at), at);
  assert.deepEqual([restored.state.suspect, restored.state.contradicted], [true, true]);
  state.suspect = false;
  const settled = await decodeSnapshot(encodeSnapshot(state, at), at);
  assert.deepEqual([settled.state.suspect, settled.state.contradicted], [false, true]);
});

test("a snapshot that lacks its end is corrupt, wherever it ends", async () => {
  const bytes = await bytesOf(encodeSnapshot(smallState(), at));
  for (let length = 0; length < bytes.length; length++) await rejectsWith(bytes.subarray(0, length), "CORRUPT");
  await rejectsWith(Buffer.concat([bytes, Buffer.of(0)]), "CORRUPT");
});

test("a snapshot with a bit flipped is corrupt", async () => {
  const bytes = await bytesOf(encodeSnapshot(smallState(), at));
  const property = fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
    const flipped = Buffer.from(bytes);
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    await rejectsWith(flipped, "CORRUPT");
  });
  await fc.assert(property, { numRuns: 500 });
});

test("a snapshot whose frames are not those of one state is corrupt", async () => {
  const frames = framesOf(await bytesOf(encodeSnapshot(manyGroups(200, 5_000), at)));
  const others = framesOf(await bytesOf(encodeSnapshot(manyGroups(200, 5_001), at)));
  assert.ok(frames.length > 4);
  for (let i = 0; i < frames.length; i++) await rejectsWith(Buffer.concat(frames.toSpliced(i, 1)), "CORRUPT");
  await rejectsWith(Buffer.concat(frames.toSpliced(2, 1, others[2]!)), "CORRUPT");
  await rejectsWith(Buffer.concat([...frames, others[1]!]), "CORRUPT");
  await rejectsWith(Buffer.concat([frames[1]!, ...frames]), "CORRUPT");
  // In another order they are still the same state.
  const [head, ...rest] = frames;
  const { state } = await decodeSnapshot(chunked(Buffer.concat([head!, ...rest.toReversed()])), at);
  assert.equal(state.groupCount, 200);
});

test("a snapshot of another position is corrupt", async () => {
  const bytes = await bytesOf(encodeSnapshot(smallState(), { position: 8, tag: "7" }));
  await rejectsWith(bytes, "CORRUPT");
});

test("a snapshot of a newer version or rules level is unsupported", async () => {
  const [head, ...rest] = framesOf(await bytesOf(encodeSnapshot(smallState(), at)));
  const header = JSON.parse(head!.subarray(4, -4).toString());
  const withHeader = (change: object) => {
    const content = Buffer.from(JSON.stringify({ ...header, ...change }));
    const frame = Buffer.alloc(content.length + 8);
    frame.writeUInt32LE(content.length);
    content.copy(frame, 4);
    frame.writeUInt32LE(crc32(content), content.length + 4);
    return Buffer.concat([frame, ...rest]);
  };
  await decodeSnapshot(chunked(withHeader({})), at);
  await rejectsWith(withHeader({ version: 2 }), "UNSUPPORTED");
  await rejectsWith(withHeader({ level: RULES_LEVEL + 1 }), "UNSUPPORTED");
  await rejectsWith(withHeader({ format: "another" }), "CORRUPT");
  await rejectsWith(withHeader({ groups: header.groups + 1 }), "CORRUPT");
  await rejectsWith(withHeader({ hash: [0, 0] }), "CORRUPT");
});
