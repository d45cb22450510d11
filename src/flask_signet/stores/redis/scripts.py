"""The decisions of the Redis store, in Lua: each script is one atomic step on one partition.

All keys of a script begin with the partition's hash tag, so they are in one slot of a Cluster.
The scripts put together the keys of a session's siblings themselves, because the subject is known
only there. These keys have the same tag.

Times are microseconds since 1970. They travel as text: Lua 5.1 would print such a number without
its last digits.
"""

from __future__ import annotations

from typing import Final

from .prelude import EMPTIED, PRELUDE

# ── the life of a session ────────────────────────────────────────────────────────────────

OPEN: Final = (
    PRELUDE
    + """
local refuse_until, limit = ARGV[5], tonumber(ARGV[6])
local subject, opened_epoch = unpack(redis.call('HMGET', row, 'subject', 'epoch'))
if opened_epoch ~= epoch then subject = keep(7).subject end
local ended, goes_on = end_surplus(subject, limit, refuse_until)
if limit <= 0 then
  -- Ten of its siblings are looked at, wherever they are: of what is in the index, about nine in
  -- ten are live, whatever the order in which they expire.
  local siblings = index_of(subject)
  local most = math.max(1, redis.call('ZCARD', siblings) - 9)
  local start = tonumber(string.sub(redis.sha1hex(row), 1, 8), 16) % most
  for _, sid in ipairs(redis.call('ZRANGE', siblings, start, start + 9)) do
    sibling(siblings, sid)
  end
end
return {redis.call('HGETALL', row), ended, goes_on}
"""
)
"""Its answer: the session, those that were ended, and 1 where steps must follow."""

ROTATE: Final = (
    PRELUDE
    + """
local handed_in, following, expires, memo, memo_before = unpack(ARGV, 5, 9)
local entry, longest, grace, refuse_until, user_agent, address = unpack(ARGV, 10, 15)
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
  'replaced', string.sub(entry .. (session.replaced or ''), 1, tonumber(longest)),
  'last_user_agent', user_agent, 'last_address', address)
keep_until(row, expires)
keep_longer(index_of(session.subject), expires)
return {'rotated'}
"""
)

ADOPT: Final = (
    PRELUDE
    + """
local jti, following, issued_at, token_expires_at = unpack(ARGV, 5, 8)
local grace, refuse_until, subject, mark, latest_issue = unpack(ARGV, 9, 13)
if redis.call('ZSCORE', revoked, 'jti:' .. jti) then
  local session = live(row)
  if not session then return told({'gone'}) end
  if session.jti == following then return told({'rotated', session.flat}) end
  return refuse(session, jti, mark, grace, refuse_until)
end
if tonumber(latest_issue) < born then return told({'gone'}) end
if tonumber((everywhere(subject))) >= tonumber(issued_at) then return told({'gone'}) end
revoke('jti', jti, token_expires_at, '0', '')
keep(14)
return {'adopted', redis.call('HGETALL', row)}
"""
)

END: Final = (
    PRELUDE
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
    PRELUDE
    + """
local subject, expires = ARGV[5], ARGV[6]
local spared = row and live(row)
local not_before = later(ARGV[1], whole(last_moment(subject)))
local sid = ''
if spared and spared.subject == subject then sid = spared.sid end
revoke('subject', subject, outlived(expires, token_life), not_before, sid)
return true
"""
)

FIND: Final = (
    PRELUDE
    + """
local session = live(row)
return told(session and session.flat)
"""
)

TOUCH: Final = (
    PRELUDE
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
    PRELUDE
    + """
local session = live(row)
if not session then return told(0) end
if session.memo ~= ARGV[5] then return told(session.memo == ARGV[6] and 1 or 0) end
redis.call('HSET', row, 'memo', ARGV[6])
return 1
"""
)

REVOKE: Final = (
    PRELUDE
    + """
local jti, expires, expiry_is_known = ARGV[5], tonumber(ARGV[6]), ARGV[7]
if expiry_is_known == '0' then expires = outlived(expires, token_life) end
if expires <= now then return told(0) end
local before = redis.call('ZSCORE', revoked, 'jti:' .. jti)
revoke('jti', jti, expires, '0', '')
if before and tonumber(before) > now then return 0 else return 1 end
"""
)

# ── steps of what may take long, see steps.py ────────────────────────────────────────────

LIST: Final = (
    PRELUDE
    + """
local subject, score, sid, wanted = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local siblings = index_of(subject)
local not_before, spared = everywhere(subject)
local start = rank_after(siblings, score, sid)
local members = redis.call('ZREVRANGE', siblings, start, start + PAGE - 1, 'WITHSCORES')
local found, is_last = {}, #members < 2 * PAGE
for i = 1, #members, 2 do
  if #found == wanted then break end
  sid, score = members[i], members[i + 1]
  local rest_has_ended = tonumber(score) <= tonumber(not_before) and sid ~= spared
  if rest_has_ended then
    -- Of what is as old as this none goes on but the one that was spared.
    is_last, sid = true, spared
    local at = redis.call('ZSCORE', siblings, spared)
    if not at or tonumber(at) > tonumber(score) then break end
  end
  if sibling(siblings, sid) then table.insert(found, redis.call('HGETALL', row_of(sid))) end
  if rest_has_ended then break end
end
return told({found, is_last and 1 or 0, score, sid})
"""
)
"""Its answer: sessions, whether they are the last, and the place where it stopped."""

COUNT: Final = (
    PRELUDE
    + """
local subject, score, sid, left = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local siblings = index_of(subject)
local start = rank_after(siblings, score, sid)
local members = redis.call('ZREVRANGE', siblings, start, start + MANY - 1, 'WITHSCORES')
for i = 1, #members, 2 do
  if left == 0 then break end
  sid, score = members[i], members[i + 1]
  if sibling(siblings, sid) then left = left - 1 end
end
return {left, #members < 2 * MANY and 1 or 0, score, sid}
"""
)
"""Its answer: how many live sessions are still to be found, whether the index ends, the place."""

END_OLDEST: Final = (
    PRELUDE
    + """
local subject, refuse_until, before = ARGV[5], ARGV[6], ARGV[7]
local wanted, left_alone = tonumber(ARGV[8]), tonumber(ARGV[9])
local siblings, ended = index_of(subject), {}
local sids = redis.call(
  'ZRANGEBYSCORE', siblings, '-inf', '(' .. before, 'LIMIT', left_alone, PAGE)
for _, sid in ipairs(sids) do
  if #ended == wanted then break end
  local session = sibling(siblings, sid)
  if session then table.insert(ended, end_sibling(session, refuse_until))
  elseif redis.call('ZSCORE', siblings, sid) then left_alone = left_alone + 1 end
end
return {ended, #sids < PAGE and 1 or 0, left_alone}
"""
)
"""Its answer: sessions, whether they are the last, and how many at the old end were left alone."""

END_SURPLUS: Final = (
    PRELUDE
    + """
local ended, goes_on = end_surplus(ARGV[5], tonumber(ARGV[7]), ARGV[6])
return {ended, goes_on}
"""
)

DROP_ENDED: Final = (
    PRELUDE
    + """
local _, goes_on = drop_ended(ARGV[5], MANY)
return goes_on and 1 or 0
"""
)

PRUNE: Final = (
    PRELUDE
    + """
local most_entries, most_sessions = tonumber(ARGV[5]), tonumber(ARGV[6])
local moment = whole(math.min(now, server_time()))
local members = redis.call('ZRANGEBYSCORE', revoked, '-inf', moment, 'LIMIT', 0, most_entries)
local entries, sessions, goes_on = 0, 0, #members == most_entries
for _, member in ipairs(members) do
  local kind, value = string.match(member, '^(%a+):(.*)$')
  local is_over = true
  if kind == 'subject' then
    -- The sessions that the entry ended are removed before it: without it they would be live
    -- again.
    local removed, has_more = drop_ended(value, most_sessions - sessions)
    sessions, is_over = sessions + removed, not has_more
    if is_over then redis.call('HDEL', subjects, value) end
  end
  if is_over then
    redis.call('ZREM', revoked, member)
    entries = entries + 1
  else
    goes_on = true
  end
end
return {sessions, entries, goes_on and 1 or 0}
"""
)

# ── what each partition knows of the store ───────────────────────────────────────────────

# ARGV: names and values of `meta`, in turns.
_RAISE: Final = """
local function raise(first)
  for i = first, #ARGV, 2 do
    local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
    if tonumber(ARGV[i + 1]) > before then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  end
end
"""

# KEYS: meta, revoked, subjects.
RAISE: Final = (
    _RAISE
    + f"""
if redis.call('EXISTS', unpack(KEYS)) < 3 or redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then
  return redis.error_reply('{EMPTIED} what was refused is lost')
end
raise(1)
return true
"""
)
"""For one partition that has its memory."""

# KEYS: meta, revoked, subjects, log. ARGV: an epoch, the version, the mark [, name, value, ...]
UPGRADE: Final = (
    _RAISE
    + """
local meta, revoked, subjects, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, version, mark = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HEXISTS', meta, 'version') + redis.call('HEXISTS', meta, 'chain')
if known < 2 or redis.call('EXISTS', revoked, subjects) < 2 then
  -- The log goes too: the numbers begin again at 1, and in one log they may only rise.
  redis.call('UNLINK', meta, log)
  redis.call('ZADD', revoked, '+inf', mark)
  redis.call('HSET', subjects, mark, '')
  redis.call('HSET', meta, 'number', 0, 'epoch', epoch, 'chain', epoch, 'version', version)
end
raise(4)
return true
"""
)
"""For one partition that had no memory; another process may have made it meanwhile."""

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
