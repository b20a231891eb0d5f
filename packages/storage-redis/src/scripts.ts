/**
 * The Lua that runs inside Redis. Each script is sent whole by EVAL (no SCRIPT LOAD, no FUNCTION), so that a flushed script cache
 * cannot change the order of commands, and no further rights are needed.
 *
 * Lua in Redis has no rollback: in each script all checks come before the first write.
 *
 * Keys, all with the hash tag `{prefix}`:
 *
 * - `{prefix}:stream`: the entries. Id `<position>-<tag>`; fields `e` (the data), `b` (bytes of data from the start of the journal
 *   up to and including this entry), `t` (the server's clock at the append, ms).
 * - `{prefix}:facts`: a hash. `format`; `head`, `tag`, `bytes`: the newest entry's position, tag and `b`; `floor`, `floortag`,
 *   `floorbytes`: the same of the newest trimmed entry; `snap`, `snaptag`, `snapbytes`: the same of the entry that the snapshot
 *   includes last; `snapkey`, `snapchunks`, `snapsize`: the snapshot's list, how many elements it has, and their bytes; `oldkey`: the
 *   list of the one that it replaced; `restored`: the server's clock when somebody put something back, or found the journal empty, ms;
 *   `confirmed`: written for no other reason than to have copies of it confirmed.
 * - `{prefix}:snapshot:<generation>`: a list of chunks. It expires unless it is published.
 * - `{prefix}:lease:<name>`: who holds a lease.
 *
 * The stream holds exactly the entries `floor + 1 … head`. A journal without facts is empty: head and floor 0, tag "0".
 *
 * An empty journal may be one that was emptied, and one that somebody has put right may still lack what only others hold. For a grace
 * after either nothing is appended, and what is read is not taken for all: gateways put back what they hold.
 */

/** Version of the layout above. A journal of a higher one is refused with `UNSUPPORTED`. */
export const FORMAT = 1;

/**
 * Loads the facts and defines
 *
 * - `place(position, tag)`: nil and the bytes up to there if that cursor is in this history, else the reason. A stream that does not
 *   hold what the facts say (evicted, deleted or trimmed by somebody else) is `broken`.
 * - `unsettled(grace)`: how many of so many milliseconds gateways still have to put back what they hold. A clock that was set back
 *   ends that, rather than to hold up everybody for as long.
 */
const PRELUDE = `
local f = redis.call('HMGET', KEYS[2], 'head', 'tag', 'bytes', 'floor', 'floortag', 'floorbytes',
  'snap', 'snapbytes', 'snapsize', 'snapkey', 'restored')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local head, tag, bytes = tonumber(f[1] or 0), f[2] or '0', tonumber(f[3] or 0)
local floor, floortag, floorbytes = tonumber(f[4] or 0), f[5] or '0', tonumber(f[6] or 0)
local snap, snapbytes, snapsize, snapkey = tonumber(f[7] or 0), tonumber(f[8] or 0), tonumber(f[9] or 0), f[10] or ''
local function text(n) return string.format('%.0f', n) end
local function unsettled(grace)
  local restored = tonumber(f[11])
  if not restored and head == 0 and grace > 0 then
    redis.call('HSET', KEYS[2], 'restored', text(now))
    return grace
  end
  if not restored or now < restored then return 0 end
  return math.max(0, restored + grace - now)
end
local function place(position, at)
  if redis.call('XLEN', KEYS[1]) ~= head - floor then return 'broken' end
  if position > head then return 'rewound' end
  if position < floor then return 'truncated' end
  if position == head then
    if at ~= tag then return 'rewound' end
    return nil, bytes
  end
  if position == floor then
    if at ~= floortag then return 'rewound' end
    return nil, floorbytes
  end
  local id = text(position) .. '-' .. at
  local found = redis.call('XRANGE', KEYS[1], id, id)
  if #found == 0 then return 'rewound' end
  return nil, tonumber(found[1][2][4])
end
`;

/** Defines `tail(after, limit)`: ids and data of the entries that follow, flat, at most `limit` bytes but at least one entry. */
const TAIL = `
local function tail(after, limit)
  local out, size = {}, 0
  while after < head do
    local part = redis.call('XRANGE', KEYS[1], text(after + 1), '+', 'COUNT', 4)
    for i = 1, #part do
      local data = part[i][2][2]
      size = size + #data
      if size > limit and #out > 0 then return out end
      out[#out + 1], out[#out + 2] = part[i][1], data
    end
    after = after + #part
  end
  return out
end
`;

/**
 * Appends one entry and reads what others appended before it. A repetition, by something between the gateway and Redis, is not appended.
 *
 * - KEYS: stream, facts.
 * - ARGV: since position, since tag, own tag, deadline (ms, server's clock), data, most bytes of the tail, most bytes since the
 *   snapshot (or four times the snapshot's size, if that is more), grace in ms.
 * - Result: `{"ok", position, now, [id, data, …]}`, or with nothing written `{"late" | "truncated" | "rewound" | "broken" | "full" |
 *   "repeated", head, now}` or `{"unsettled", head, now, [], ms}`: to be tried again after so many milliseconds.
 */
export const APPEND = `${PRELUDE}${TAIL}
if now > tonumber(ARGV[4]) then return {'late', head, now} end
local since = tonumber(ARGV[1])
local wrong = place(since, ARGV[2])
if wrong then return {wrong, head, now} end
local wait = unsettled(tonumber(ARGV[8]))
if wait > 0 then return {'unsettled', head, now, {}, wait} end
if bytes - snapbytes + #ARGV[5] > math.max(tonumber(ARGV[7]), 4 * snapsize) then return {'full', head, now} end
local missed = tail(since, tonumber(ARGV[6]))
for i = 1, #missed, 2 do
  if string.match(missed[i], '-(%d+)$') == ARGV[3] then return {'repeated', head, now} end
end
local position, total = text(head + 1), text(bytes + #ARGV[5])
redis.call('XADD', KEYS[1], position .. '-' .. ARGV[3], 'e', ARGV[5], 'b', total, 't', text(now))
redis.call('HSET', KEYS[2], 'head', position, 'tag', ARGV[3], 'bytes', total)
if head == 0 then redis.call('HSET', KEYS[2], 'format', ${FORMAT}) end
return {'ok', head + 1, now, missed}
`;

/**
 * Reads what follows a cursor.
 *
 * - KEYS: stream, facts.
 * - ARGV: since position, since tag, most bytes of the tail, grace in ms.
 * - Result: `{"ok", head, now, [id, data, …], ms}`, complete if it is read again after so many milliseconds, or
 *   `{"truncated" | "rewound" | "broken", head, now}`.
 */
export const READ = `${PRELUDE}${TAIL}
local since = tonumber(ARGV[1])
local wrong = place(since, ARGV[2])
if wrong then return {wrong, head, now} end
return {'ok', head, now, tail(since, tonumber(ARGV[3])), unsettled(tonumber(ARGV[4]))}
`;

/**
 * Reads the facts.
 *
 * - KEYS: stream, facts.
 * - ARGV: none.
 * - Result: `{"ok" | "broken", head, tag, bytes since the snapshot, bytes of the snapshot, format, snapshot's position, its tag, its
 *   generation or "", its number of chunks}`.
 */
export const FACTS = `${PRELUDE}
local g = redis.call('HMGET', KEYS[2], 'format', 'snaptag', 'snapchunks')
local whole = redis.call('XLEN', KEYS[1]) == head - floor
return {whole and 'ok' or 'broken', head, tag, bytes - snapbytes, snapsize, tonumber(g[1] or ${FORMAT}),
  snap, g[2] or '0', snapkey, tonumber(g[3] or 0)}
`;

/**
 * Makes an uploaded list the snapshot at a cursor, if it is newer than the present one and of this history. Running it again after a
 * lost reply gives the same answer.
 *
 * - KEYS: stream, facts, the new list, the present snapshot's list (as the caller knows it; any unused key if there is none).
 * - ARGV: position, tag, generation of the new list, generation of the present one or "", number of chunks, their bytes, seconds
 *   that the present list stays for those who are reading it.
 * - Result: `{"published", generation}` of a list that nobody needs any more, if there is one, `{"older" | "incomplete" | "broken"}`, or
 *   `{"retry", generation}` if the present snapshot is another.
 */
export const PUBLISH = `${PRELUDE}
if snapkey == ARGV[3] then return {'published'} end
if snapkey ~= ARGV[4] then return {'retry', snapkey} end
local position = tonumber(ARGV[1])
if position <= snap then return {'older'} end
local wrong, upto = place(position, ARGV[2])
if wrong == 'broken' then return {wrong} end
if wrong then return {'older'} end
if redis.call('LLEN', KEYS[3]) ~= tonumber(ARGV[5]) then return {'incomplete'} end
local old = redis.call('HGET', KEYS[2], 'oldkey') or ''
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[2], 'snap', ARGV[1], 'snaptag', ARGV[2], 'snapbytes', text(upto),
  'snapkey', ARGV[3], 'snapchunks', ARGV[5], 'snapsize', ARGV[6], 'oldkey', snapkey)
if snapkey ~= '' then redis.call('EXPIRE', KEYS[4], ARGV[7]) end
return {'published', old}
`;

/**
 * Trims one slice of entries that the snapshot includes, and moves the floor. Entries among the last \`lag\` bytes before the snapshot
 * stay, and younger ones too, unless they are more than \`most\` bytes behind it.
 *
 * - KEYS: stream, facts.
 * - ARGV: lag in bytes, lag in ms, most bytes, most entries in this slice.
 * - Result: `{floor, 1}` if there may be more to trim, else `{floor, 0}`.
 */
export const TRIM = `${PRELUDE}
if redis.call('XLEN', KEYS[1]) ~= head - floor then return {floor, 0} end
local lag, age, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function entry(position)
  local found = redis.call('XRANGE', KEYS[1], text(position), text(position))[1]
  return found[1], tonumber(found[2][4]), tonumber(found[2][6])
end
local function expendable(position)
  local _, upto, time = entry(position)
  local behind = snapbytes - upto
  return behind >= lag and (behind >= most or time <= now - age)
end
local limit = math.min(snap, floor + tonumber(ARGV[4]))
local low, high = floor, limit
while low < high do
  local middle = math.ceil((low + high) / 2)
  if expendable(middle) then low = middle else high = middle - 1 end
end
if low <= floor then return {floor, 0} end
local id, upto = entry(low)
redis.call('XTRIM', KEYS[1], 'MINID', '=', text(low + 1))
redis.call('HSET', KEYS[2], 'floor', text(low), 'floortag', string.match(id, '-(%d+)$'), 'floorbytes', text(upto))
return {low, (low == limit and low < snap) and 1 or 0}
`;

/**
 * Puts entries back that a journal lost, if its head is exactly the cursor before them.
 *
 * - KEYS: stream, facts.
 * - ARGV: position and tag that the head must have, then tag and data of each entry.
 * - Result: `{"ok" | "moved" | "broken"}`.
 */
export const RESTORE_ENTRIES = `${PRELUDE}
if head ~= tonumber(ARGV[1]) or tag ~= ARGV[2] then return {'moved'} end
if place(head, tag) then return {'broken'} end
if head == 0 then redis.call('HSET', KEYS[2], 'format', ${FORMAT}) end
for i = 3, #ARGV, 2 do
  head, tag, bytes = head + 1, ARGV[i], bytes + #ARGV[i + 1]
  redis.call('XADD', KEYS[1], text(head) .. '-' .. tag, 'e', ARGV[i + 1], 'b', text(bytes), 't', text(now))
end
redis.call('HSET', KEYS[2], 'head', text(head), 'tag', tag, 'bytes', text(bytes), 'restored', text(now))
return {'ok'}
`;

/**
 * Replaces everything by a snapshot and the entries that led to it, if the head is exactly a cursor that the snapshot includes. Floor
 * is then the cursor before the first of these entries.
 *
 * - KEYS: stream, facts, the new list, the present snapshot's list (any unused key if there is none).
 * - ARGV: position and tag that the head must have, generation of the new list, generation of the present one or "", number of chunks,
 *   their bytes, seconds that the present list stays, position and tag of the floor, then tag and data of each entry.
 * - Result: `{"ok" | "moved" | "incomplete"}` or `{"retry", generation}` if the present snapshot is another.
 */
export const RESTORE_SNAPSHOT = `${PRELUDE}
if snapkey == ARGV[3] then return {'ok'} end
if head ~= tonumber(ARGV[1]) or tag ~= ARGV[2] then return {'moved'} end
if snapkey ~= ARGV[4] then return {'retry', snapkey} end
if redis.call('LLEN', KEYS[3]) ~= tonumber(ARGV[5]) then return {'incomplete'} end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[2], 'format', ${FORMAT}, 'floor', ARGV[8], 'floortag', ARGV[9], 'floorbytes', text(bytes))
head, tag = tonumber(ARGV[8]), ARGV[9]
for i = 10, #ARGV, 2 do
  head, tag, bytes = head + 1, ARGV[i], bytes + #ARGV[i + 1]
  redis.call('XADD', KEYS[1], text(head) .. '-' .. tag, 'e', ARGV[i + 1], 'b', text(bytes), 't', text(now))
end
redis.call('HSET', KEYS[2], 'head', text(head), 'tag', tag, 'bytes', text(bytes), 'restored', text(now),
  'snap', text(head), 'snaptag', tag, 'snapbytes', text(bytes),
  'snapkey', ARGV[3], 'snapchunks', ARGV[5], 'snapsize', ARGV[6])
redis.call('PERSIST', KEYS[3])
if snapkey ~= '' then redis.call('EXPIRE', KEYS[4], ARGV[7]) end
return {'ok'}
`;

/**
 * Takes, renews or gives back a lease.
 *
 * - KEYS: the lease.
 * - ARGV: holder, milliseconds (0: give it back).
 * - Result: 1 if the holder has it now, else 0.
 */
export const LEASE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('DEL', KEYS[1])
return 0
`;

/** The keys of one journal; the braces make all of them one slot of a cluster. */
export function journalKeys(prefix: string) {
  return {
    stream: `{${prefix}}:stream`,
    facts: `{${prefix}}:facts`,
    snapshot: (generation: string) => `{${prefix}}:snapshot:${generation || "none"}`,
    lease: (name: string) => `{${prefix}}:lease:${name}`,
  };
}
export type JournalKeys = ReturnType<typeof journalKeys>;
