"""What Redis does for the log in one step each, in its own language (redis.io/docs: EVAL).

A log is five keys of one hash slot. `stream` has the records, entry `<offset>-0` with the field
`b`. The hash `about` has `id`, `head`, `session` and the lease: `holder`, `name` and `until`. The
hash `commits` has the offset of each group, `letters` and `blobs` the dead letters by id.

Every script that changes anything names the session that it is of. What a connection that was
given up had still on its way to Redis is of an older session, and changes nothing any more; what it
changed and nobody was told of is undone when the next session begins.
"""

from __future__ import annotations

KEYS = tuple(
    f"nowline:{{log}}:{name}" for name in ("stream", "about", "commits", "letters", "blobs")
)

_NAMES = "local stream, about, commits, letters, blobs = unpack(KEYS)\n"
_NOW = "local now = redis.call('TIME'); now = now[1] * 1000 + math.floor(now[2] / 1000)\n"
_MINE = """
if redis.call('HGET', about, 'session') ~= ARGV[1] then return redis.error_reply('FENCED') end
"""
# Only the first write of a script is refused where memory is full: this one needs none.
_EVEN_IF_FULL = "redis.call('HDEL', about, '')\n"

TAKE = f"""{_NAMES}{_NOW}{_EVEN_IF_FULL}
-- session, holder, name, lease in ms, id if it is new, the head as known or -1 at the start
local session, holder, name, lease, id, known = unpack(ARGV)
known = tonumber(known)
local held, held_by, till = unpack(redis.call('HMGET', about, 'holder', 'name', 'until'))
if held and held ~= holder and (known >= 0 or tonumber(till) > now) then
  return {{'held', held_by, math.max(0, tonumber(till) - now)}}
end
redis.call('HSETNX', about, 'id', id)
local head = tonumber(redis.call('HGET', about, 'head') or '0')
if known >= 0 and head > known then
  -- Nobody was told of these: they are written again, or were refused.
  for n = known + 1, head do redis.call('XDEL', stream, string.format('%.0f-0', n)) end
  redis.call('XSETID', stream, string.format('%.0f-0', known))
  redis.call('HSET', about, 'head', string.format('%.0f', known))
  head = known
end
redis.call('HSET', about, 'session', session, 'holder', holder, 'name', name,
  'until', string.format('%.0f', now + lease))
return {{'taken', redis.call('HGET', about, 'id'), string.format('%.0f', head),
  redis.call('HGETALL', commits), redis.call('HGETALL', letters)}}
"""
"""Become the one writer: its answer says who else is, or what there is."""

RENEW = f"""{_NAMES}{_NOW}{_MINE}{_EVEN_IF_FULL}
redis.call('HSET', about, 'until', string.format('%.0f', now + ARGV[2]))
"""
"""Go on as the one writer; a lease of 0 ends it."""

APPEND = f"""{_NAMES}{_MINE}
-- session, first offset, number of letters to drop, their ids, blobs
local offset, dropped = tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4 + dropped, #ARGV do
  redis.call('XADD', stream, string.format('%.0f-0', offset), 'b', ARGV[i])
  offset = offset + 1
end
redis.call('HSET', about, 'head', string.format('%.0f', offset - 1))
for i = 4, 3 + dropped do
  redis.call('HDEL', letters, ARGV[i])
  redis.call('HDEL', blobs, ARGV[i])
end
"""
"""Append, and drop dead letters."""

READ = f"""{_NAMES}
-- after, limit in bytes
local after, limit, size, count, found = ARGV[1], tonumber(ARGV[2]), 0, 1, {{}}
while true do
  local entries = redis.call('XRANGE', stream, '(' .. after .. '-0', '+', 'COUNT', count)
  for _, entry in ipairs(entries) do
    after = string.match(entry[1], '%d+')
    found[#found + 1] = after
    found[#found + 1] = entry[2][2]
    size = size + #entry[2][2]
    if size >= limit then return found end
  end
  if #entries < count then return found end
  -- As many as will about do, so that few are read for nothing.
  count = math.max(1, math.min(256, math.floor((limit - size) / (size / #found * 2 + 1))))
end
"""
"""Offsets and blobs in turn, until the limit is reached."""

SAVE = f"""{_NAMES}{_MINE}{_EVEN_IF_FULL}
-- session, offset up to which all groups are done, groups and offsets in turn
redis.call('XTRIM', stream, 'MINID', string.format('%.0f-0', tonumber(ARGV[2]) + 1))
for i = 3, #ARGV, 2 do redis.call('HSET', commits, ARGV[i], ARGV[i + 1]) end
"""
"""Remember the commits and trim."""

BURY = f"""{_NAMES}{_MINE}{_EVEN_IF_FULL}
-- session, id, what is known of it, blob
if redis.call('HSETNX', letters, ARGV[2], ARGV[3]) == 1 then
  redis.call('HSET', blobs, ARGV[2], ARGV[4])
end
"""
"""Keep a dead letter."""

DROP = f"""{_NAMES}{_MINE}
redis.call('HDEL', letters, ARGV[2])
redis.call('HDEL', blobs, ARGV[2])
"""
"""Delete a dead letter."""

BLOB = f"""{_NAMES}
return redis.call('HGET', blobs, ARGV[1])
"""
"""The blob of a dead letter."""
