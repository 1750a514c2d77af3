"""A log that keeps what it has acknowledged, in its smallest form.

Entries are appended by a script that counts each node's own, so what is sent again is stored once. They are read from
the replica: what anybody has heard is on two machines. What was sent and is not heard for a second is sent again.
"""
import json
import os
import threading
import time

from resp import PAUSE, Lost, Redis, address_of_master, first_answer

STREAM, STATE = "{right}:log", "{right}:st"
DOUBT = 1.0  # seconds without hearing what was sent

# Of each node: its epoch, which is another one after each start, and how many of its entries have been appended.
JOIN = """
    local who = ARGV[1]
    return {redis.call('HINCRBY', KEYS[2], 'e:' .. who, 1), redis.call('HINCRBY', KEYS[2], 't:' .. who, 0),
            redis.call('HINCRBY', KEYS[2], 'n', 0)}
"""
SUBMIT = """
    local who, first = ARGV[1], tonumber(ARGV[3])
    if redis.call('HGET', KEYS[2], 'e:' .. who) ~= ARGV[2] then return redis.error_reply('FENCED') end
    local through = tonumber(redis.call('HGET', KEYS[2], 't:' .. who) or 0)
    if first > through + 1 then return redis.error_reply('GAP ' .. through) end
    local n = tonumber(redis.call('HGET', KEYS[2], 'n') or 0)
    for place = through + 1 - first + 4, #ARGV do
        n, through = n + 1, through + 1
        redis.call('XADD', KEYS[1], n .. '-1', 'f', ARGV[place], 'w', who .. ' ' .. through)
    end
    redis.call('HMSET', KEYS[2], 'n', n, 't:' .. who, through)
    return n
"""


class Log:
    """apply(number, text): called for each entry, in the order of the log."""

    def __init__(self, name, sentinels, apply):
        self.node = name
        self._sentinels = sentinels
        self._apply = apply
        self._changed = threading.Condition()
        self._unheard = []  # (k, text): appended or not, it has not come back
        self._sent = 0  # through this k
        self._sent_at = time.monotonic()
        self._applied = 0
        self._latest = None  # whose entry that was
        self._caught_up = threading.Event()
        self._behind = None  # n as this node joined

    def start(self):
        """Join, then read and write on and on; returns when what there was has been read."""
        while self._behind is None:
            try:
                self._epoch, self._count, self._behind = self._connect()("EVAL", JOIN, 2, STREAM, STATE, self.node)
            except Lost:
                time.sleep(PAUSE)
        self._sent = self._count
        for job in (self._read, self._write):
            threading.Thread(target=job, daemon=True).start()
        self._caught_up.wait()

    def submit(self, entry):
        with self._changed:
            self._count += 1
            self._unheard.append((self._count, json.dumps(entry)))
            self._changed.notify_all()

    # ---- writing

    def _connect(self):
        return Redis(address_of_master(self._sentinels))

    def _write(self):
        writer = None
        while True:
            packet = self._next_packet()
            try:
                writer = writer or self._connect()
                writer("EVAL", SUBMIT, 2, STREAM, STATE, self.node, self._epoch, packet[0][0],
                       *[text for _, text in packet])
            except Lost as error:
                if "FENCED" in str(error):
                    os._exit(3)  # another process is this node now
                writer = None
                self._doubt()
                time.sleep(PAUSE)

    def _next_packet(self):
        """What has not been sent, or all that is unheard if that was sent too long ago."""
        with self._changed:
            while True:
                if self._unheard and time.monotonic() > self._sent_at + DOUBT:
                    self._sent = 0
                packet = [one for one in self._unheard if one[0] > self._sent]
                if packet:
                    self._sent, self._sent_at = packet[-1][0], time.monotonic()
                    return packet
                self._changed.wait(DOUBT / 4)

    def _doubt(self):
        with self._changed:
            self._sent = 0

    # ---- reading

    def _read(self):
        while True:
            try:
                reader = Redis(self._address_of_replica())
                self._make_sure(reader)
                while True:
                    told = reader("XREAD", "BLOCK", 200, "STREAMS", STREAM, "%d-1" % self._applied)
                    self._require_a_copy(reader)
                    for ident, fields in told[0][1] if told else ():
                        self._hear(int(ident.split(b"-")[0]), fields[1].decode(), fields[3].decode())
                    if self._applied >= self._behind:
                        self._caught_up.set()
            except Lost:
                time.sleep(PAUSE)

    @staticmethod
    def _require_a_copy(reader):
        """What it told is on its master too, unless it is the master now, or was made a replica and is no copy yet."""
        kind, *rest = reader("ROLE")
        if kind != b"slave" or rest[2] != b"connected":
            raise Lost("perhaps it alone has this")

    def _make_sure(self, reader):
        """What this node has applied must be in the history that it goes on with."""
        self._require_a_copy(reader)
        if self._applied:
            found = reader("XRANGE", STREAM, "%d-1" % self._applied, "%d-1" % self._applied)
            if not found or found[0][1][3].decode() != self._latest:
                os._exit(4)

    def _address_of_replica(self):
        for fields in first_answer(self._sentinels, "REPLICAS", "parley"):
            told = dict(zip(fields[::2], fields[1::2]))
            if told[b"flags"] == b"slave":
                return int(told[b"port"])
        raise Lost("there is no replica")

    def _hear(self, number, text, whose):
        self._applied, self._latest = number, whose
        self._apply(number, text)
        node, k = whose.split(" ")
        if node == self.node:
            with self._changed:
                self._unheard = [one for one in self._unheard if one[0] > int(k)]
                self._sent_at = time.monotonic()
