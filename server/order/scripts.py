"""The five scripts that run in the engine (Redis), each of them atomic.

    {parley:NAME}:log    a stream. The id of an entry is N-WHO. N counts the entries: 1, 2, 3 without a gap. WHO is the
                         number of the node << COUNT_BITS | the node's own count of its packets.
    {parley:NAME}:st     a hash with these fields:
                         v          the version in force: the highest that all nodes which are alive can write; it
                                    never falls
                         run        a text that identifies this log
                         n          the number of the latest entry
                         joins      how many nodes have joined so far
                         through:M  for each node M that is alive, the count of its latest packet
                         token:M    a text that identifies the node; another one could get the same number M, if a
                                    failover takes the entries back that gave it
                         most:M     the highest version that the node can write
                         name:NAME  the number that the node of this name got last
    {parley:NAME}:snap   a list: the latest snapshot; see `parley.server.order.redis_log`.
    {parley:NAME}:snap:M a list: the snapshot that node M is writing.

The braces make a Redis Cluster keep the keys on one server. Fields of an entry: `t` is the time, in
milliseconds since the epoch, by the clock of the engine, as the nodes' clocks differ. A packet is in `f`. The entry of
a node that joins has its name in `u`, its number in `m`, and the version in force in `v`; that of a node that is gone
has its number in `d`. When the version in force rises, there is an entry with `v` alone: all nodes use that version
from there on. An entry with `s` asks for a snapshot.
"""
from typing import Any, Tuple

# The versions that this server can read and write. Another layout of the log or of the snapshot is another version
# (tests/supervisor/test_layout.py); 1 was never released.
OLDEST, VERSION = 2, 2
GONE = "it has lost the log: it is there, and empty"  # why the engine counts as not answering
COUNT_BITS = 36  # of a node's packets: 2^36 at 500 a second take four years

_BEGIN = """
local log, st = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local time = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local n = tonumber(redis.call('HGET', st, 'n') or '0')

local function append(who, ...)
    n = n + 1
    redis.call('XADD', log, string.format('%.0f-%.0f', n, who), 't', time, ...)
    redis.call('HSET', st, 'n', string.format('%.0f', n))
end

local function raise()
    local found = redis.call('HGETALL', st)
    local lowest = nil
    for place = 1, #found, 2 do
        if string.sub(found[place], 1, 5) == 'most:' then
            lowest = math.min(lowest or math.huge, tonumber(found[place + 1]))
        end
    end
    if lowest and lowest > tonumber(redis.call('HGET', st, 'v')) then
        redis.call('HSET', st, 'v', lowest)
        append(0, 'v', lowest)
    end
end

local function bury(number)
    if redis.call('HDEL', st, 'through:' .. number, 'token:' .. number, 'most:' .. number) > 0 then
        redis.call('DEL', (string.gsub(log, 'log$', 'snap:' .. number)))
        append(number * 2 ^ COUNT_BITS, 'd', number)
        raise()
        return 1
    end
    return 0
end
""".replace("COUNT_BITS", str(COUNT_BITS))

# Number, name and token of the node, counts of its packet before this one and of this one, "-WHO", packet -> ACCEPTED;
# GONE: there is no log; FENCED: the node counts as dead; REPLACED: it does, and another one has its name; or GAP, count
# of the latest packet: one is missing. As it is run for each packet, it does no more than it has to, and makes as few
# texts of numbers as it can; see `submitted`.
SUBMIT = """
local st, field = KEYS[2], 'through:' .. ARGV[1]
local found = redis.call('HMGET', st, field, 'token:' .. ARGV[1], 'n')
local through = found[1]
if not through or found[2] ~= ARGV[3] then
    if redis.call('HEXISTS', st, 'run') == 0 then
        return 'GONE'
    end
    local other = redis.call('HGET', st, 'name:' .. ARGV[2])
    if other and other ~= ARGV[1] then
        return 'REPLACED'
    end
    return 'FENCED'
end
if through == ARGV[4] then
    local clock, n = redis.call('TIME'), found[3] + 1 .. ''
    local time = clock[1] .. string.sub('00000' .. clock[2], -6, -4)
    redis.call('XADD', KEYS[1], n .. ARGV[6], 't', time, 'f', ARGV[7])
    redis.call('HSET', st, 'n', n, field, ARGV[5])
elseif tonumber(through) < tonumber(ARGV[4]) then
    return 'GAP'
end
return 'ACCEPTED'
"""


def submitted(number: int, name: str, token: str, count: int, packet: bytes) -> Tuple[Any, ...]:
    """The arguments of SUBMIT."""
    return number, name, token, count - 1, count, "-%d" % (number << COUNT_BITS | count), packet


# Name, lowest and highest version, token, which also becomes the run of a new log
# -> JOINED, number, run; VERSION, the log's, which the node cannot use; or FULL: there is no free number
JOIN = _BEGIN + """
redis.call('HSETNX', st, 'v', ARGV[3])
local version = redis.call('HGET', st, 'v')
if tonumber(version) < tonumber(ARGV[2]) or tonumber(version) > tonumber(ARGV[3]) then
    return {'VERSION', version}
end
redis.call('HSETNX', st, 'run', ARGV[4])
local old = redis.call('HGET', st, 'name:' .. ARGV[1])
if old then
    bury(old)
end
local number, tries = nil, 0
repeat
    number = (redis.call('HINCRBY', st, 'joins', 1) - 1) % 65535 + 1
    tries = tries + 1
    if tries > 65535 then
        return {'FULL'}
    end
until redis.call('HEXISTS', st, 'through:' .. number) == 0
redis.call('HSET', st, 'through:' .. number, '0')
redis.call('HSET', st, 'token:' .. number, ARGV[4])
redis.call('HSET', st, 'most:' .. number, ARGV[3])
redis.call('HSET', st, 'name:' .. ARGV[1], number)
append(number * 2 ^ COUNT_BITS, 'u', ARGV[1], 'm', number, 'v', version)
raise()
return {'JOINED', number, redis.call('HGET', st, 'run')}
""".replace("COUNT_BITS", str(COUNT_BITS))

# Number of a node, its token or an empty text -> 1 if it is dead now, 0 if it was before, or if the token is another
BURY = _BEGIN + """
if ARGV[2] ~= '' and ARGV[2] ~= redis.call('HGET', KEYS[2], 'token:' .. ARGV[1]) then
    return 0
end
return bury(ARGV[1])
"""

# Ask for a snapshot, as somebody who joins lacks entries that are behind the latest one.
WANT = _BEGIN + """
append(0, 's', '')
return 1
"""

# Run, version, number of an entry, its id, greatest number of a node; and of each node its number, name, token and the
# count of its latest packet -> 1, or 0 if there is a log. The new log begins behind that entry. The snapshot, which has
# the state at that entry, is renamed from the third key to the fourth.
REFILL = _BEGIN + """
if redis.call('HEXISTS', st, 'run') == 1 then
    return 0
end
redis.call('DEL', log, st)
redis.call('RENAME', KEYS[3], KEYS[4])
redis.call('HMSET', st, 'run', ARGV[1], 'v', ARGV[2], 'n', ARGV[3], 'joins', ARGV[5])
redis.call('XADD', log, ARGV[4], 't', time)
for place = 6, #ARGV, 4 do
    local number, name, token, through = unpack(ARGV, place, place + 3)
    redis.call('HMSET', st, 'through:' .. number, through, 'token:' .. number, token, 'most:' .. number, ARGV[2],
               'name:' .. name, number)
end
return 1
"""
