"""The decisions of the Redis store, in Lua: each script is one atomic step on one partition.

All keys of a script begin with the partition's hash tag, so they are in one slot of a Cluster.
The scripts put together the keys of a session's siblings themselves, because the subject is known
only there. These keys have the same tag.

Times are microseconds since 1970. They travel as text: Lua 5.1 would print such a number without
its last digits.
"""

from __future__ import annotations

from typing import Final

EMPTIED: Final = "SIGNETEMPTIED"
"""The error of every script if the partition has no epoch, or has lost what it refused."""

MARK: Final = "\0"
"""A member of ``revoked`` and of ``subjects`` from ``upgrade`` on. No entry can have this name.

So neither key is ever empty. If the server evicts one of them, that is noticed.
"""

# KEYS: meta, revoked, subjects, log [, session [, another session]]
# ARGV: now, the tag and colon, the channel, the partition [, ...]
_PRELUDE: Final = """
local meta, revoked, subjects, log, row = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local now, tag, channel, part = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local NEVER, SLACK = 253402300799000000, 60000
-- Of an entry of the replaced tokens: characters of its digest, and of its moment.
local MARK, MOMENT = 22, 18

local epoch = redis.call('HGET', meta, 'epoch')
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

-- Redis's clock only cleans up, a minute late. `now` decides what is in force.
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

-- The fields of a live session by name, or nil. A session of an earlier epoch is not live: the
-- entry that ended it may be lost.
local function live(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local session = {}
  for i = 1, #flat, 2 do session[flat[i]] = flat[i + 1] end
  session.flat = flat
  if session.epoch ~= epoch or tonumber(session.expires_at) <= now then return nil end
  local not_before, spared = everywhere(session.subject)
  if tonumber(session.created_at) <= tonumber(not_before) and session.sid ~= spared then
    return nil
  end
  return session
end

local function revoke(kind, value, expires, not_before, spared)
  local member = kind .. ':' .. value
  local before = redis.call('ZSCORE', revoked, member)
  if before then expires = whole(later(expires, before)) end
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
  redis.call('ZREM', tag .. 'sessions:' .. subject, sid)
  return redis.call('DEL', key)
end

-- Later by as much as the clock that issued the last access tokens was ahead of `now`.
local function revoke_session(sid, refuse_until, rotated_at)
  local ahead = math.max(0, tonumber(rotated_at) - now)
  if tonumber(refuse_until) < NEVER then refuse_until = whole(tonumber(refuse_until) + ahead) end
  revoke('sid', sid, refuse_until, '0', '')
end

-- When the subject last logged in, or was logged out everywhere.
local function last_moment(subject)
  local newest = redis.call('ZREVRANGE', tag .. 'sessions:' .. subject, 0, 0, 'WITHSCORES')
  return math.max(tonumber(newest[2] or '0'), tonumber((everywhere(subject))))
end

-- Write the session in ARGV from `first` on (names and values in turns), dated after the other
-- sessions of its subject.
local function keep(first)
  local session = {}
  for i = first, #ARGV, 2 do session[ARGV[i]] = ARGV[i + 1] end
  local moment = last_moment(session.subject)
  if tonumber(session.created_at) <= moment then session.created_at = whole(moment + 1) end
  session.epoch = epoch
  for name, value in pairs(session) do redis.call('HSET', row, name, value) end
  local siblings = tag .. 'sessions:' .. session.subject
  local is_first = redis.call('EXISTS', siblings) == 0
  redis.call('ZADD', siblings, session.created_at, session.sid)
  keep_until(row, session.expires_at)
  if is_first then keep_until(siblings, session.expires_at)
  else keep_longer(siblings, session.expires_at) end
  return session
end

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

UPGRADE: Final = """
local meta, revoked, subjects, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, version, mark = ARGV[1], ARGV[2], ARGV[3]
local before = redis.call('HGET', meta, 'version')
if before and tonumber(before) > tonumber(version) then return before end
local whole = redis.call('EXISTS', revoked, subjects) == 2
if before and whole and redis.call('HEXISTS', meta, 'chain') == 1 then return before end
-- The log goes too: the numbers begin again at 1, and in one log they may only rise.
redis.call('DEL', meta, log)
redis.call('ZADD', revoked, '+inf', mark)
redis.call('HSET', subjects, mark, '')
redis.call('HSET', meta, 'number', 0, 'epoch', epoch, 'chain', epoch, 'version', version)
return '0'
"""
"""For one partition. Its answer is the version before; 0 for none."""

OPEN: Final = (
    _PRELUDE
    + """
local refuse_until, max_sessions = ARGV[5], tonumber(ARGV[6])
if redis.call('HGET', row, 'epoch') == epoch then return {redis.call('HGETALL', row), {}} end
local session = keep(7)
local siblings, count, ended = tag .. 'sessions:' .. session.subject, 0, {}
-- Without a limit only the ten oldest are looked at, so that the index does not grow for ever.
local sids
if max_sessions > 0 then sids = redis.call('ZREVRANGE', siblings, 0, -1)
else sids = redis.call('ZRANGE', siblings, 0, 9) end
for _, sid in ipairs(sids) do
  local key = tag .. 'session:' .. sid
  local sibling = live(key)
  if not sibling then
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', siblings, sid) end
  else
    count = count + 1
    if max_sessions > 0 and count > max_sessions then
      drop(key, sid, session.subject)
      revoke_session(sid, refuse_until, sibling.rotated_at)
      table.insert(ended, 1, sibling.flat)
    end
  end
end
return {redis.call('HGETALL', row), ended}
"""
)

ROTATE: Final = (
    _PRELUDE
    + """
local handed_in, following, expires, memo, memo_before = unpack(ARGV, 5, 9)
local entry, longest, grace, refuse_until = unpack(ARGV, 10, 13)
local session = live(row)
if not session then return told({'gone'}) end
if session.jti == following then return told({'rotated'}) end
if session.jti ~= handed_in then
  return refuse(session, handed_in, string.sub(entry, 1, MARK), grace, refuse_until)
end
if session.memo ~= memo_before then return told({'changed', session.flat}) end
if tonumber(expires) > tonumber(session.absolute_expires_at) then
  expires = session.absolute_expires_at
end
redis.call('HSET', row, 'jti', following, 'previous_jti', handed_in, 'rotated_at', ARGV[1],
  'last_seen_at', ARGV[1], 'expires_at', expires, 'memo', memo, 'unseen', '1',
  'replaced', string.sub(entry .. (session.replaced or ''), 1, tonumber(longest)))
keep_until(row, expires)
keep_longer(tag .. 'sessions:' .. session.subject, expires)
return {'rotated'}
"""
)

ADOPT: Final = (
    _PRELUDE
    + """
local jti, following, issued_at, token_expires_at = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local grace, refuse_until, subject, mark = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
if redis.call('ZSCORE', revoked, 'jti:' .. jti) then
  local session = live(row)
  if not session then return told({'gone'}) end
  if session.jti == following then return told({'rotated', session.flat}) end
  return refuse(session, jti, mark, grace, refuse_until)
end
if tonumber((everywhere(subject))) >= tonumber(issued_at) then return told({'gone'}) end
revoke('jti', jti, token_expires_at, '0', '')
keep(13)
return {'adopted', redis.call('HGETALL', row)}
"""
)

END: Final = (
    _PRELUDE
    + """
local sid, refuse_until, subject = ARGV[5], ARGV[6], ARGV[7]
local owner = redis.call('HGET', row, 'subject')
local rotated_at = redis.call('HGET', row, 'rotated_at')
if subject ~= '' and owner ~= subject then return told(false) end
local session = live(row)
if owner then drop(row, sid, owner) end
revoke_session(sid, refuse_until, rotated_at or '0')
return session and session.flat
"""
)

END_ALL: Final = (
    _PRELUDE
    + """
local subject, expires = ARGV[5], ARGV[6]
local spared = row and live(row)
local not_before = later(ARGV[1], whole(last_moment(subject)))
local sid = ''
if spared and spared.subject == subject then sid = spared.sid end
revoke('subject', subject, expires, not_before, sid)
return true
"""
)

FIND: Final = (
    _PRELUDE
    + """
local session = live(row)
return told(session and session.flat)
"""
)

LIST: Final = (
    _PRELUDE
    + """
local found = {}
for _, sid in ipairs(redis.call('ZREVRANGE', tag .. 'sessions:' .. ARGV[5], 0, -1)) do
  local session = live(tag .. 'session:' .. sid)
  if session then table.insert(found, session.flat) end
end
return told(found)
"""
)

TOUCH: Final = (
    _PRELUDE
    + """
local session = live(row)
if session and tonumber(session.last_seen_at) <= tonumber(ARGV[5]) then
  redis.call('HSET', row, 'last_seen_at', ARGV[1])
end
if session and session.unseen == '1' and session.jti == ARGV[6] then
  redis.call('HSET', row, 'unseen', '0')
end
return true
"""
)

CHANGE_MEMO: Final = (
    _PRELUDE
    + """
local session = live(row)
if not session then return told(0) end
if session.memo ~= ARGV[5] then return told(session.memo == ARGV[6] and 1 or 0) end
redis.call('HSET', row, 'memo', ARGV[6])
return 1
"""
)

REVOKE: Final = (
    _PRELUDE
    + """
local before = redis.call('ZSCORE', revoked, 'jti:' .. ARGV[5])
revoke('jti', ARGV[5], ARGV[6], '0', '')
if before and tonumber(before) > now then return 0 else return 1 end
"""
)

PRUNE: Final = (
    _PRELUDE
    + """
local members = redis.call('ZRANGEBYSCORE', revoked, '-inf', ARGV[1], 'LIMIT', 0, ARGV[5])
for _, member in ipairs(members) do
  local kind, value = string.match(member, '^(%a+):(.*)$')
  if kind == 'subject' then
    -- The sessions that the entry ended are removed before it: without it they would be live
    -- again.
    local not_before, spared = everywhere(value)
    local siblings = tag .. 'sessions:' .. value
    for _, sid in ipairs(redis.call('ZRANGEBYSCORE', siblings, '-inf', not_before)) do
      if sid ~= spared then drop(tag .. 'session:' .. sid, sid, value) end
    end
    redis.call('HDEL', subjects, value)
  end
  redis.call('ZREM', revoked, member)
end
return #members
"""
)

# KEYS: the document's key. ARGV: the new document, the version that it follows.
SAVE_KEYS: Final = """
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
local after = tonumber(ARGV[2])
if version == after then
  redis.call('HSET', KEYS[1], 'document', ARGV[1], 'version', after + 1)
  return 1
end
-- This call may be a repetition of one that succeeded, and whose answer got lost.
if version == after + 1 and redis.call('HGET', KEYS[1], 'document') == ARGV[1] then return 1 end
return 0
"""
