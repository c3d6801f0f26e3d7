/**
 * The scripts by which the ledger reads and writes on the server: each is one step that nobody sees
 * half of. They work with Redis 5 and later and Valkey. All keys begin with KEYS[1], which has a
 * hash tag (keys.ts), so that in a cluster they are in one slot. KEYS[1] itself never exists: while
 * its slot moves to another node, a cluster refuses the script as a whole (decision 122).
 *
 *     s:ID                 one split: `v` version, `open`, `body` (JSON), `from` reverse-path,
 *                          `to` recipients, `held` until when they are indexed
 *     m:FROM\nRECIPIENT    ids of the open splits of this sender and recipient, by start
 *     open, attempts       ids of open splits by start and by last attempt
 *     closed               ids of closed splits by end
 *     known                of each id `BYTES OPEN START SENDER CLIENT STRATEGY PEER`: what has to
 *                          be known when its body has gone
 *     openers              open splits and their bytes by who has opened them: `n:KEY` and `b:KEY`,
 *                          KEY as SENDER and CLIENT in `known`
 *     o:SENDER             ids of the open splits of a sender, by start
 *     openings, watchers…  who knows of which senders something is open (watch-scripts.ts)
 *     counts, bytes        open splits by `STRATEGY PEER`; bytes of all
 *     overrides            of each peer `SETAT JSON`; `overrides:version` counts their changes
 *     senders              of each sender what was learned (JSON); `senders:order` by change,
 *                          forgotten ones too; `senders:changes` counts them
 *
 * A script begins with a write that a full server refuses, so that it is refused as a whole; those
 * that make room begin with a removal, which is never refused.
 */
import { scriptOf } from '../../redis/connection.ts'
import { mostDelays } from '../senders.ts'
import { openedByWatcher } from './watch-scripts.ts'

/** Takes `was`, the entry of `id` in `known`, out of the counts. */
const discount = `
local function discount(p, id, was)
  local bytes, open, sender, client, label = string.match(was, '^(%d+) (%d) %d+ (%S+) (%S+) (.*)$')
  redis.call('decrby', p .. 'bytes', bytes)
  if open ~= '1' then return end
  redis.call('zrem', p .. 'o:' .. sender, id)
  if redis.call('hincrby', p .. 'counts', label, -1) <= 0 then redis.call('hdel', p .. 'counts', label) end
  for _, opener in ipairs({ sender, client }) do
    redis.call('hincrby', p .. 'openers', 'b:' .. opener, -tonumber(bytes))
    if redis.call('hincrby', p .. 'openers', 'n:' .. opener, -1) <= 0 then
      redis.call('hdel', p .. 'openers', 'n:' .. opener, 'b:' .. opener)
    end
  end
end
`

/**
 * Removes a split with all that leads to it; gives its body and its entry of `known`, false where
 * there was none, and the work done.
 */
const remove = `
${discount}
local function remove(p, id)
  local split = redis.call('hmget', p .. 's:' .. id, 'body', 'from', 'to')
  local work = 1
  for _, index in ipairs({ 'attempts', 'open', 'closed' }) do redis.call('zrem', p .. index, id) end
  if split[3] then
    for address in string.gmatch(split[3], '[^\\n]+') do
      redis.call('zrem', p .. 'm:' .. split[2] .. '\\n' .. address, id)
      work = work + 1
    end
  end
  redis.call('del', p .. 's:' .. id)
  local was = redis.call('hget', p .. 'known', id)
  if was then
    redis.call('hdel', p .. 'known', id)
    discount(p, id, was)
  end
  return split[1], was, work
end
`

/**
 * ARGV: id, version, version it replaces (0: none), 1 if open, start, last attempt, order in its
 * index (start or end), `STRATEGY PEER`, bytes, body, reverse-path, recipients (a line each), ms to
 * keep it, ms of slack for index entries, ms to keep the indexes, most splits, most bytes, the keys
 * of who has opened it: SENDER, CLIENT, then the watcher that saves. Gives 1 or 0 (another version
 * is stored), the number of an opening that other watchers have to hear of first (0: none; -1: who
 * saves is no watcher here), then for each open split that was dropped to make room its entry of
 * `known`, id and body.
 */
export const saveScript = scriptOf(`
${remove}
${openedByWatcher}
local p, id, version, prior, open = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key, from = p .. 's:' .. id, ARGV[11]
local old = redis.call('hmget', key, 'v', 'to', 'held')
if (old[1] or '0') ~= prior then return { 0, 0 } end
local sender = ARGV[18]
local first = redis.call('hexists', p .. 'openers', 'n:' .. sender) == 0
if open == '0' then
  redis.call('zrem', p .. 'attempts', id)
  redis.call('zrem', p .. 'open', id)
end
local before, after = old[2] or '', open == '1' and ARGV[12] or ''
local ttl, attempt, slack = tonumber(ARGV[13]), tonumber(ARGV[6]), tonumber(ARGV[14])
local held = tonumber(old[3] or '0')
local refresh = open == '1' and attempt + ttl > held
if refresh then held = attempt + ttl + slack end
redis.call('hset', key, 'v', version, 'open', open, 'body', ARGV[10], 'from', from, 'to', after, 'held', string.format('%.0f', held))
redis.call('pexpire', key, ARGV[13])
if before ~= after or refresh then
  local fresh = {}
  for address in string.gmatch(after, '[^\\n]+') do fresh[address] = true end
  for address in string.gmatch(before, '[^\\n]+') do
    if not fresh[address] then redis.call('zrem', p .. 'm:' .. from .. '\\n' .. address, id)
    elseif not refresh then fresh[address] = nil end
  end
  for address in string.gmatch(after, '[^\\n]+') do
    if fresh[address] then
      local member = p .. 'm:' .. from .. '\\n' .. address
      redis.call('zadd', member, ARGV[5], id)
      if redis.call('pttl', member) < ttl + slack then redis.call('pexpire', member, ttl + slack) end
    end
  end
end
local was = redis.call('hget', p .. 'known', id)
local now = ARGV[9] .. ' ' .. open .. ' ' .. ARGV[5] .. ' ' .. ARGV[18] .. ' ' .. ARGV[19] .. ' ' .. ARGV[8]
if was ~= now then
  if was then discount(p, id, was) end
  redis.call('hset', p .. 'known', id, now)
  redis.call('incrby', p .. 'bytes', ARGV[9])
  if open == '1' then
    redis.call('hincrby', p .. 'counts', ARGV[8], 1)
    for _, opener in ipairs({ ARGV[18], ARGV[19] }) do
      redis.call('hincrby', p .. 'openers', 'n:' .. opener, 1)
      redis.call('hincrby', p .. 'openers', 'b:' .. opener, ARGV[9])
    end
  end
end
if open == '1' then
  redis.call('zadd', p .. 'open', ARGV[7], id)
  redis.call('zadd', p .. 'attempts', ARGV[6], id)
  redis.call('zadd', p .. 'o:' .. sender, ARGV[7], id)
  if redis.call('pttl', p .. 'o:' .. sender) < ttl + slack then redis.call('pexpire', p .. 'o:' .. sender, ttl + slack) end
else
  redis.call('zadd', p .. 'closed', ARGV[7], id)
end
for _, index in ipairs({ 'open', 'attempts', 'closed', 'known', 'counts', 'bytes', 'openers' }) do
  redis.call('pexpire', p .. index, ARGV[15])
end
local heard = 0
if open == '1' then heard = opened(p, sender, first, ARGV[20], ARGV[15]) end
local result, work = { 1, heard }, 0
if prior == '0' then
  while work < 2000 and (redis.call('hlen', p .. 'known') > tonumber(ARGV[16])
      or tonumber(redis.call('get', p .. 'bytes')) > tonumber(ARGV[17])) do
    local first = redis.call('zrange', p .. 'closed', 0, 0)[1] or redis.call('zrange', p .. 'open', 0, 0)[1]
    if not first or first == id then break end
    local body, entry, done = remove(p, first)
    work = work + done
    if entry and string.match(entry, '^%d+ 1') then
      result[#result + 1] = entry
      result[#result + 1] = first
      result[#result + 1] = body or ''
    end
  end
end
return result
`)

/**
 * ARGV: most splits of a recipient, most bytes of a recipient's and of all, reverse-path,
 * recipients. Gives the bodies, then for each recipient the numbers of its bodies from 1, newest
 * split first. It stops after a recipient when there are too many bytes; the others are asked for
 * again.
 */
export const recallScript = scriptOf(`
local p, from = KEYS[1], ARGV[4]
local at, bodies, found, bytes = {}, {}, {}, 0
for i = 5, #ARGV do
  local mine, my = {}, 0
  for _, id in ipairs(redis.call('zrevrange', p .. 'm:' .. from .. '\\n' .. ARGV[i], 0, tonumber(ARGV[1]) - 1)) do
    if at[id] == nil then
      local split = redis.call('hmget', p .. 's:' .. id, 'open', 'body')
      at[id] = false
      if split[1] == '1' then
        bodies[#bodies + 1] = split[2]
        at[id] = #bodies
        bytes = bytes + #split[2]
      end
    end
    if at[id] then
      mine[#mine + 1] = at[id]
      my = my + #bodies[at[id]]
      if my >= tonumber(ARGV[2]) then break end
    end
  end
  found[#found + 1] = table.concat(mine, ' ')
  if bytes >= tonumber(ARGV[3]) then break end
end
return { bodies, found }
`)

/**
 * ARGV: SENDER, most splits, most bytes. Gives the bodies of all open splits of the sender, oldest
 * first, or 0 where they are more than that.
 */
export const openOfScript = scriptOf(`
local p, bytes, bodies = KEYS[1], 0, {}
local ids = redis.call('zrange', p .. 'o:' .. ARGV[1], 0, tonumber(ARGV[2]))
if #ids > tonumber(ARGV[2]) then return 0 end
for _, id in ipairs(ids) do
  local split = redis.call('hmget', p .. 's:' .. id, 'open', 'body')
  if split[1] == '1' then
    bodies[#bodies + 1] = split[2]
    bytes = bytes + #split[2]
    if bytes > tonumber(ARGV[3]) then return 0 end
  end
end
return bodies
`)

/**
 * ARGV: SENDER, CLIENT. Gives open splits and bytes of each, then the number of all open splits,
 * and the bytes of all splits.
 */
export const openedScript = scriptOf(`
local p, result = KEYS[1], {}
for _, opener in ipairs({ ARGV[1], ARGV[2] }) do
  result[#result + 1] = redis.call('hget', p .. 'openers', 'n:' .. opener) or '0'
  result[#result + 1] = redis.call('hget', p .. 'openers', 'b:' .. opener) or '0'
end
result[#result + 1] = tostring(redis.call('zcard', p .. 'open'))
result[#result + 1] = redis.call('get', p .. 'bytes') or '0'
return result
`)

/**
 * ARGV: first and last place in the order of start, most bytes. Gives the next place, and the
 * bodies of open splits.
 */
export const openScript = scriptOf(`
local p, place, bytes, bodies = KEYS[1], tonumber(ARGV[1]), 0, {}
for _, id in ipairs(redis.call('zrange', p .. 'open', ARGV[1], ARGV[2])) do
  local body = redis.call('hget', p .. 's:' .. id, 'body')
  place = place + 1
  if body then
    bodies[#bodies + 1] = body
    bytes = bytes + #body
    if bytes >= tonumber(ARGV[3]) then break end
  end
end
return { place, bodies }
`)

/**
 * ARGV: time before which the last attempt was, most splits, most bytes, time since when it was or
 * `-inf`. Gives the bodies, oldest attempt first; of those whose body has gone (expired or evicted)
 * id and entry of `known`, which are removed, so that one node alone is told of them; and 1 if
 * there may be more of the first.
 */
export const staleScript = scriptOf(`
${remove}
local p, bytes, bodies, gone = KEYS[1], 0, {}, {}
local ids = redis.call('zrangebyscore', p .. 'attempts', ARGV[4], '(' .. ARGV[1], 'limit', 0, ARGV[2])
local cut = #ids >= tonumber(ARGV[2]) and 1 or 0
for _, id in ipairs(ids) do
  local body = redis.call('hget', p .. 's:' .. id, 'body')
  if body then
    bodies[#bodies + 1] = body
    bytes = bytes + #body
    if bytes >= tonumber(ARGV[3]) then cut = 1; break end
  else
    local _, was = remove(p, id)
    gone[#gone + 1] = id
    gone[#gone + 1] = was or ''
  end
end
return { bodies, gone, cut }
`)

/** ARGV: time before which they were closed, most splits. Gives how many were removed. */
export const forgetScript = scriptOf(`
${remove}
local ids = redis.call('zrangebyscore', KEYS[1] .. 'closed', '-inf', '(' .. ARGV[1], 'limit', 0, ARGV[2])
for _, id in ipairs(ids) do remove(KEYS[1], id) end
return #ids
`)

/** Gives the version of the overrides, and peers and entries in turn. */
export const overridesScript = scriptOf(`
return { redis.call('get', KEYS[1] .. 'overrides:version') or '', redis.call('hgetall', KEYS[1] .. 'overrides') }
`)

/**
 * ARGV: peer, time of the change, JSON of the override or nothing for none, 1 if it is only made
 * when the stored one is not newer. Gives the entry that was there, or nothing.
 */
export const overrideScript = scriptOf(`
local p, peer = KEYS[1], ARGV[1]
local was = redis.call('hget', p .. 'overrides', peer)
if was and ARGV[4] == '1' and tonumber(string.match(was, '^%d+')) > tonumber(ARGV[2]) then return was end
if ARGV[3] == '' then
  if was then redis.call('hdel', p .. 'overrides', peer) end
else
  redis.call('hset', p .. 'overrides', peer, ARGV[2] .. ' ' .. ARGV[3])
end
redis.call('incr', p .. 'overrides:version')
return was or ''
`)

/**
 * ARGV: most senders, ms to keep them, then changes (JSON of a SenderChange each). Adds them, and
 * gives for each its name and what is stored then, nothing for one that was forgotten.
 */
export const changeSendersScript = scriptOf(`
local p, rows = KEYS[1], {}
local function push(name, json)
  redis.call('zadd', p .. 'senders:order', redis.call('incr', p .. 'senders:changes'), name)
  if json then redis.call('hset', p .. 'senders', name, json) else redis.call('hdel', p .. 'senders', name) end
end
local function latest(all, more)
  for _, one in ipairs(more) do all[#all + 1] = one end
  while #all > ${mostDelays} do table.remove(all, 1) end
  return all
end
for i = 3, #ARGV do
  local change = cjson.decode(ARGV[i])
  local was = not change.forget and redis.call('hget', p .. 'senders', change.name)
  local row = was and cjson.decode(was) or { at = 0, counts = {} }
  row.name = change.name
  row.at = math.max(row.at, change.at)
  for name, count in pairs(change.counts or {}) do row.counts[name] = (row.counts[name] or 0) + count end
  if change.pin ~= nil then row.pin = change.pin or nil end
  if row.pin and row.pin['until'] and row.pin['until'] <= change.at then row.pin = nil end
  if change.delays then row.delays = latest(row.delays or {}, change.delays) end
  if change.seen then row.seen = math.max(row.seen or 0, change.seen) end
  local json = (row.pin or next(row.counts)) and cjson.encode(row)
  push(change.name, json)
  rows[#rows + 1] = change.name
  rows[#rows + 1] = json or ''
end
for _ = 1, math.min(200, redis.call('zcard', p .. 'senders:order') - tonumber(ARGV[1])) do
  local first = redis.call('zrange', p .. 'senders:order', 0, 0)[1]
  local json = redis.call('hget', p .. 'senders', first)
  if json and cjson.decode(json).pin then
    push(first, json)
  else
    redis.call('zrem', p .. 'senders:order', first)
    redis.call('hdel', p .. 'senders', first)
  end
end
for _, key in ipairs({ 'senders', 'senders:order', 'senders:changes' }) do redis.call('pexpire', p .. key, ARGV[2]) end
return rows
`)

/**
 * ARGV: a number of changes that is known, most rows. Gives the number to go on from, 1 if the
 * known one is not of this server's data (all is read anew then), and names and records in turn.
 */
export const sendersScript = scriptOf(`
local p, place, rows = KEYS[1], tonumber(ARGV[1]), {}
local last = tonumber(redis.call('get', p .. 'senders:changes') or '0')
local anew = last < place
if anew then place = 0 end
local found = redis.call('zrangebyscore', p .. 'senders:order', '(' .. place, '+inf', 'withscores', 'limit', 0, ARGV[2])
for i = 1, #found, 2 do
  rows[#rows + 1] = found[i]
  rows[#rows + 1] = redis.call('hget', p .. 'senders', found[i]) or ''
  place = found[i + 1]
end
return { tostring(place), anew and 1 or 0, rows }
`)
