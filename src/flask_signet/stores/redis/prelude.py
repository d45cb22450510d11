"""What the scripts of the Redis store share, in Lua: its rules, and the keys of a partition."""

from __future__ import annotations

from typing import Final

from ...sessions.session import PAGE

EMPTIED: Final = "SIGNETEMPTIED"
"""The error of every script if the partition has no epoch, or has lost what it refused."""

MARK: Final = "\0"
"""A member of ``revoked`` and of ``subjects`` from ``upgrade`` on. No entry can have this name.

So neither key is ever empty. If the server evicts one of them, that is noticed.
"""

MANY: Final = 200
"""How many sessions one script looks at, or how many it removes, at most.

While a script runs Redis serves nobody else, so its work does not grow with what a subject has.
"""

_BOUNDS: Final = f"local MANY, PAGE = {MANY}, {PAGE}"

# KEYS: meta, revoked, subjects, log [, session]
# ARGV: now, the tag and colon, the channel, the partition [, ...]
_RULES: Final = """
local meta, revoked, subjects, log, row = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now, tag, channel, part = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local NEVER, SLACK = 253402300799000000, 60000
-- Of an entry of the replaced tokens: characters of its digest, and of its moment.
local MARK, MOMENT = 22, 18

-- A store from before the last three fields has none of them.
local epoch, born, session_life, token_life = unpack(
  redis.call('HMGET', meta, 'epoch', 'born', 'session_life', 'token_life'))
born, session_life = tonumber(born or '0'), tonumber(session_life or '0')
token_life = tonumber(token_life or '0')
if not epoch or redis.call('EXISTS', revoked, subjects) < 2 then
  return redis.error_reply('SIGNETEMPTIED what was refused is lost')
end

local function whole(number) return string.format('%.0f', number) end

-- Only a primary may answer: a replica may be behind. A write that changes nothing tells which of
-- them this is. It comes last: after a script's first write Redis does not look at memory any more.
local function told(answer)
  local write = redis.pcall('PERSIST', meta)
  if type(write) == 'table' and write.err and string.find(write.err, 'READONLY', 1, true) then
    return write
  end
  return answer
end

local function later(a, b)
  if tonumber(a) >= tonumber(b) then return a else return b end
end

-- When the last token of what ends now has expired: as the caller says, or later, by the longest
-- life that was ever given out. See Session.refused_until in sessions/session.py.
local function outlived(expires, life)
  return math.min(math.max(tonumber(expires), now + life), NEVER)
end

-- The server's clock. Like the time to live it only cleans up: `now` decides what is in force.
local function server_time()
  local parts = redis.call('TIME')
  return tonumber(parts[1]) * 1000000 + tonumber(parts[2])
end

-- A minute late.
local function keep_until(key, expires)
  expires = tonumber(expires)
  if expires >= NEVER then return redis.call('PERSIST', key) end
  local left = math.max(0, math.floor((expires - now) / 1000)) + SLACK
  redis.call('PEXPIRE', key, whole(left))
end

local function keep_longer(key, expires)
  local left = redis.call('PTTL', key)
  expires = tonumber(expires)
  if expires >= NEVER then return redis.call('PERSIST', key) end
  local wanted = math.max(0, math.floor((expires - now) / 1000)) + SLACK
  if left >= 0 and left < wanted then redis.call('PEXPIRE', key, whole(wanted)) end
end

local function everywhere(subject)
  local entry = redis.call('HGET', subjects, subject)
  if not entry then return '0', '' end
  return string.match(entry, '^(%d+):(.*)$')
end

-- ── sessions ──

local function row_of(sid) return tag .. 'session:' .. sid end

-- The sids of a subject, by created_at. No two have the same: see `keep`.
local function index_of(subject) return tag .. 'sessions:' .. subject end

-- Whether a session has ended, apart from its expiry. One of an earlier epoch has: the entry that
-- ended it may be lost. So has one from before the store's memory.
local function has_ended(session)
  local created_at = tonumber(session.created_at)
  if session.epoch ~= epoch or created_at < born then return true end
  local not_before, spared = everywhere(session.subject)
  return created_at <= tonumber(not_before) and session.sid ~= spared
end

-- The fields of a live session by name, or nil.
local function live(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local session = {}
  for i = 1, #flat, 2 do session[flat[i]] = flat[i + 1] end
  session.flat = flat
  if tonumber(session.expires_at) <= now or has_ended(session) then return nil end
  return session
end

-- Some fields of a session by name, if it is live, of one that is in its subject's index. Where it
-- has ended, or has expired by the server's clock too, it is removed: from the index last, for a
-- session that is not there would outlive the entry that ended it. A server that takes no writes
-- goes on answering.
local function sibling(siblings, sid)
  local key = row_of(sid)
  local kept = redis.call(
    'HMGET', key, 'subject', 'epoch', 'created_at', 'rotated_at', 'expires_at')
  if kept[1] then
    local session = {
      sid = sid, subject = kept[1], epoch = kept[2], created_at = kept[3], rotated_at = kept[4]
    }
    if not has_ended(session) then
      local expires = tonumber(kept[5])
      if expires > now then return session end
      if expires > server_time() then return nil end
    end
  end
  local removed = redis.pcall('DEL', key)
  if type(removed) == 'number' then redis.pcall('ZREM', siblings, sid) end
  return nil
end

-- How many members of an index are newer than a place in it, or are the place: the rank that
-- follows. The session there may have gone since.
local function rank_after(siblings, score, sid)
  if sid == '' then return 0 end
  local rank = redis.call('ZREVRANK', siblings, sid)
  if rank then return rank + 1 end
  return redis.call('ZCOUNT', siblings, score, '+inf')
end

-- ── what ends ──

local function revoke(kind, value, expires, not_before, spared)
  local member = kind .. ':' .. value
  local before = redis.call('ZSCORE', revoked, member)
  expires = whole(math.max(tonumber(expires), tonumber(before or '0')))
  redis.call('ZADD', revoked, expires, member)
  if kind == 'subject' then redis.call('HSET', subjects, value, not_before .. ':' .. spared) end
  local number = whole(redis.call('HINCRBY', meta, 'number', 1))
  local text = table.concat({expires, not_before, kind, spared, value}, ' ')
  -- The entries are a chain of digests. If a fail-over lost the last entries, and other entries got
  -- their numbers since, the chain ends differently.
  local before = redis.call('HGET', meta, 'chain')
  local chain = string.sub(redis.sha1hex(before .. text), 1, 16)
  redis.call('HSET', meta, 'chain', chain)
  redis.call('XADD', log, 'MAXLEN', '~', '10000', number .. '-0', 't', text, 'c', chain)
  -- Without the right to publish, the entry is written all the same, and followers learn it by
  -- their next sync. To stop here would be worse: half of the write.
  redis.pcall('PUBLISH', channel, table.concat({part, number, before, chain, text}, ' '))
end

local function drop(key, sid, subject)
  redis.call('ZREM', index_of(subject), sid)
  return redis.call('DEL', key)
end

-- Later by as much as the clock that issued the last access tokens was ahead of `now`.
local function revoke_session(sid, refuse_until, rotated_at)
  local ahead = math.max(0, tonumber(rotated_at) - now)
  revoke('sid', sid, math.min(outlived(refuse_until, session_life) + ahead, NEVER), '0', '')
end

-- End a sibling: all its fields.
local function end_sibling(session, refuse_until)
  local key = row_of(session.sid)
  local flat = redis.call('HGETALL', key)
  drop(key, session.sid, session.subject)
  revoke_session(session.sid, refuse_until, session.rotated_at)
  return flat
end

-- End the oldest of a subject's sessions that are too many, a page at most. The answer: them, the
-- oldest first; and 1 where the index is too long for one step, and nothing was done.
local function end_surplus(subject, limit, refuse_until)
  local siblings = index_of(subject)
  local count = redis.call('ZCARD', siblings)
  if limit <= 0 or count <= limit then return {}, 0 end
  if count > MANY then return {}, 1 end
  local found, ended = {}, {}
  for _, sid in ipairs(redis.call('ZRANGE', siblings, 0, -1)) do
    local session = sibling(siblings, sid)
    if session then table.insert(found, session) end
  end
  for i = 1, math.min(#found - limit, PAGE) do
    table.insert(ended, end_sibling(found[i], refuse_until))
  end
  return ended, 0
end

-- Remove what is left of the sessions that a subject's entry ended: how many were removed, and
-- whether there may be more.
local function drop_ended(subject, most)
  local not_before, spared = everywhere(subject)
  local sids = redis.call(
    'ZRANGEBYSCORE', index_of(subject), '-inf', not_before, 'LIMIT', 0, most + 1)
  local removed = 0
  for _, sid in ipairs(sids) do
    if sid ~= spared and removed < most then
      drop(row_of(sid), sid, subject)
      removed = removed + 1
    end
  end
  return removed, #sids > most
end

-- When the subject last logged in, or was logged out everywhere.
local function last_moment(subject)
  local newest = redis.call('ZREVRANGE', index_of(subject), 0, 0, 'WITHSCORES')
  return math.max(tonumber(newest[2] or '0'), tonumber((everywhere(subject))))
end

-- Write the session in ARGV from `first` on (names and values in turns), dated after the other
-- sessions of its subject, and not before the store's memory.
local function keep(first)
  local session, flat = {}, {}
  for i = first, #ARGV, 2 do session[ARGV[i]] = ARGV[i + 1] end
  local earliest = math.max(last_moment(session.subject) + 1, born)
  if tonumber(session.created_at) < earliest then session.created_at = whole(earliest) end
  session.epoch = epoch
  for name, value in pairs(session) do
    table.insert(flat, name)
    table.insert(flat, value)
  end
  redis.call('HSET', row, unpack(flat))
  local siblings = index_of(session.subject)
  local is_first = redis.call('EXISTS', siblings) == 0
  redis.call('ZADD', siblings, session.created_at, session.sid)
  keep_until(row, session.expires_at)
  if is_first then keep_until(siblings, session.expires_at)
  else keep_longer(siblings, session.expires_at) end
  return session
end

-- ── tokens that were replaced ──

-- See is_still_good() in sessions/session.py: it is the same rule.
local function is_still_good(session, handed_in, mark, grace)
  grace = tonumber(grace)
  if grace <= 0 then return false end
  if session.previous_jti == handed_in then
    if session.unseen == '1' then return true end
    if math.abs(now - tonumber(session.rotated_at)) < grace then return true end
  end
  local replaced = session.replaced or ''
  for start = 1, #replaced, MARK + MOMENT do
    local moment = tonumber(string.sub(replaced, start + MARK, start + MARK + MOMENT - 1))
    if string.sub(replaced, start, start + MARK - 1) == mark and math.abs(now - moment) < grace then
      return true
    end
  end
  return false
end

-- The verdict on a token that is not the session's current one.
local function refuse(session, handed_in, mark, grace, refuse_until)
  if is_still_good(session, handed_in, mark, grace) then
    return told({'replayed', session.flat})
  end
  drop(row, session.sid, session.subject)
  revoke_session(session.sid, refuse_until, session.rotated_at)
  return {'reused', session.flat}
end
"""

PRELUDE: Final = _BOUNDS + _RULES
"""The beginning of every script that a store runs on a partition."""
