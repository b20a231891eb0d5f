const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf] as const;

/**
 * Mends what editors and shells on Windows do to a text exposition, and what the text format refuses: a byte order mark, line ends of
 * CR and LF, a missing line feed after the last line.
 *
 * @returns `body` itself if there is nothing to mend
 */
export function repairText(body: Uint8Array): Uint8Array {
  const start = BOM.every((byte, i) => body[i] === byte) ? BOM.length : 0;
  if (body.length === 0) return body;
  if (start === body.length) return body.subarray(start);
  const complete = body[body.length - 1] === LF;
  if (start === 0 && complete && !body.includes(CR)) return body;
  const repaired = new Uint8Array(body.length + 1);
  let length = 0;
  for (let at = start; at < body.length; at++) {
    const endsLine = body[at] === CR && (body[at + 1] === LF || at + 1 === body.length);
    if (!endsLine) repaired[length++] = body[at]!;
  }
  if (!complete) repaired[length++] = LF;
  return length === body.length && start === 0 && complete ? body : repaired.subarray(0, length);
}
