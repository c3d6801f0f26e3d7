/**
 * The scripts by which watchers know of which senders something is open (watch.ts says what is
 * promised). What they keep, beside what scripts.ts has:
 *
 *     watchers             of each watcher the number of the last opening that it knows, and under
 *                          `last` the number of the last opening: one key, so that a server that
 *                          evicts keys loses both or none
 *     openings             `NUMBER SENDER` of the last openings
 *     watchers:turns       of each how often it has asked
 *     news                 a channel: somebody has something to hear
 */
import { scriptOf } from '../../redis/connection.ts'

/** Openings that are kept for watchers that are behind; who is further behind begins anew. */
const mostLogged = 10_000

/** Of one reply. */
const newsPerReply = 1000

const keep = `
local function keep(p, ms)
  for _, key in ipairs({ 'openings', 'watchers', 'watchers:turns' }) do redis.call('pexpire', p .. key, ms) end
end
`

/**
 * Told after an open split was written: `first` if nothing else of its sender was open. Gives the
 * number of the last opening if a watcher other than `me` does not know it yet, 0 if all do, -1 if
 * `me` is no watcher of these data.
 */
export const openedByWatcher = `
${keep}
local function opened(p, sender, first, me, kept)
  if first then
    local number = tonumber(redis.call('zincrby', p .. 'watchers', 1, 'last'))
    redis.call('zadd', p .. 'openings', number, string.format('%.0f ', number) .. sender)
    redis.call('zremrangebyrank', p .. 'openings', 0, -${mostLogged + 1})
    keep(p, kept)
    redis.pcall('publish', p .. 'news', '')
  end
  if not redis.call('zscore', p .. 'watchers', me) then return -1 end
  local last = tonumber(redis.call('zscore', p .. 'watchers', 'last'))
  for _, id in ipairs(redis.call('zrangebyscore', p .. 'watchers', '-inf', string.format('(%.0f', last), 'limit', 0, 2)) do
    if id ~= me then return last end
  end
  return 0
end
`

/** ARGV: a new watcher, ms to keep it. Gives the number of the last opening. */
export const beginWatchScript = scriptOf(`
${keep}
local p = KEYS[1]
redis.call('zadd', p .. 'watchers', 'nx', 0, 'last')
local last = tonumber(redis.call('zscore', p .. 'watchers', 'last'))
redis.call('hset', p .. 'watchers:turns', ARGV[1], 0)
redis.call('zadd', p .. 'watchers', last, ARGV[1])
keep(p, ARGV[2])
return last
`)

/**
 * ARGV: a watcher, what it told last that it knows, what it knows now, ms to keep it. Gives the
 * number of the last opening, the number of watchers, and the senders of the openings that it does
 * not know; -1 where these data are not those that it has watched: what it knows is worth nothing
 * then.
 */
export const watchScript = scriptOf(`
${keep}
local p, me, knows = KEYS[1], ARGV[1], tonumber(ARGV[3])
local told = redis.call('zscore', p .. 'watchers', me)
local last = tonumber(redis.call('zscore', p .. 'watchers', 'last') or '-1')
if not told or tonumber(told) ~= tonumber(ARGV[2]) or last < knows then return { -1 } end
redis.call('hincrby', p .. 'watchers:turns', me, 1)
redis.call('zadd', p .. 'watchers', knows, me)
keep(p, ARGV[4])
local result = { last, redis.call('zcard', p .. 'watchers') - 1 }
if knows == last then
  if tonumber(told) < knows and tonumber(redis.call('zrange', p .. 'watchers', 0, 0, 'withscores')[2]) == last then
    redis.pcall('publish', p .. 'news', '')
  end
  return result
end
for _, entry in ipairs(redis.call('zrangebyscore', p .. 'openings', string.format('(%.0f', knows), '+inf', 'limit', 0, ${newsPerReply})) do
  local number, sender = string.match(entry, '^(%d+) (.*)$')
  knows = knows + 1
  if tonumber(number) ~= knows then return { -1 } end
  result[#result + 1] = sender
end
if #result == 2 then return { -1 } end
return result
`)

/** ARGV: a watcher, a number. Gives id, turn and number of others that do not know that opening. */
export const behindScript = scriptOf(`
local p, result = KEYS[1], {}
local found = redis.call('zrangebyscore', p .. 'watchers', '-inf', '(' .. ARGV[2], 'withscores', 'limit', 0, 1000)
for i = 1, #found, 2 do
  if found[i] ~= ARGV[1] then
    result[#result + 1] = found[i]
    result[#result + 1] = redis.call('hget', p .. 'watchers:turns', found[i]) or ''
    result[#result + 1] = found[i + 1]
  end
end
return result
`)

/** ARGV: watchers and their turns: those that have not asked since are watchers no more. */
export const dropWatchersScript = scriptOf(`
local p = KEYS[1]
for i = 1, #ARGV, 2 do
  if (redis.call('hget', p .. 'watchers:turns', ARGV[i]) or '') == ARGV[i + 1] then
    redis.call('zrem', p .. 'watchers', ARGV[i])
    redis.call('hdel', p .. 'watchers:turns', ARGV[i])
  end
end
return 0
`)

/** ARGV: a watcher that ends. */
export const endWatchScript = scriptOf(`
redis.call('zrem', KEYS[1] .. 'watchers', ARGV[1])
redis.call('hdel', KEYS[1] .. 'watchers:turns', ARGV[1])
return 0
`)
