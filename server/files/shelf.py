"""The files themselves, and what is allowed: without sockets, in the process that keeps them.

In the folder are FILE.part, what has come of a file, FILE, when it is whole, and the index. A file becomes whole by its
hash, a flush to the disk and a new name, in this order; only then does the index say so. Whatever else lies in the
folder is swept away at the start.
"""
import binascii
import collections
import errno
import hashlib
import logging
import os
import re
import shlex
import sqlite3
import subprocess

from parley.server.files import shown
from parley.server.files.index import OFFERED, SAID, SHARED, WHOLE
from parley.server.files.kinds import ENOUGH, kind_of
from parley.server.protocols import sealed
from parley.server.protocols.events import Reason

# Beside those of `Reason`: why a part of a file is not taken.
WRONG_PLACE, WRONG_HASH, NOT_CLEAN, ALREADY_WHOLE = "wrong-place", "wrong-hash", "not-clean", "already-whole"
# Why a file was deleted.
EXPIRED, LEFT, DELETED, GONE, REJECTED = "expired", "abandoned", "deleted", "message-gone", "rejected"
ID_BYTES = 16
ABANDONED = 3600  # seconds after which nobody goes on with a file, or says it
UNBEGUN = 300  # seconds after which an offer is over of which no byte has come
UNCLEAR = 600  # seconds after which a message that is not stored never will be
MOST_AT_ONCE = 4  # uploads of one owner
STALLED = 10  # seconds without a byte, after which an upload makes room for another of its owner, and goes on later
MINUTE = 60.0
SCAN_SECONDS = 120
MOST_LOOKED_FOR = 500  # messages of files, at one sweep
_KNOWN_PARTS = 64  # whose hash is remembered while nothing comes of them
_HASH = re.compile("[0-9a-f]{64}")
_ID = re.compile("[0-9a-f]{32}")
_PIECE = 1 << 20
_flush_data = getattr(os, "fdatasync", os.fsync)  # which macOS has not

log = logging.getLogger(__name__)


class Refused(Exception):
    """Not done; the argument says why, in a word. at: how much of the file is here, or None."""

    def __init__(self, reason, at=None):
        super().__init__(reason)
        self.reason = reason
        self.at = at


class Part:
    """What has come of a file so far, while more is coming. at: how many bytes. size: of all of it.

    settling: is all of it here, and being made whole? unflushed: how many bytes nobody has begun to flush to the disk.
    flushed: so many are there, or were when more began to come.
    now: a function for the time. came_at: when the last byte came.
    """

    settling = False
    unflushed = 0

    def __init__(self, file, path, size, now, known=None):
        self.file = file
        self.came_at = now()
        self._now = now
        self.size = size
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.at = self.flushed = os.fstat(self._fd).st_size
        self.hash = known.hash if known and known.at == self.at else self._hashed()

    def _hashed(self):
        digest = hashlib.sha256()
        for begin in range(0, self.at, _PIECE):
            digest.update(os.pread(self._fd, _PIECE, begin))
        return digest

    def append(self, data):
        """Write it. OSError if the disk does not take all of it; what it has taken counts."""
        data = memoryview(data)
        self.came_at = self._now()
        while len(data):
            written = os.write(self._fd, data)
            self.hash.update(data[:written])
            self.at += written
            self.unflushed += written
            data = data[written:]

    def beginning(self):
        """Its first bytes."""
        return os.pread(self._fd, ENOUGH, 0)

    def flusher(self):
        """A function that flushes to the disk what has come, for another thread, whatever is closed meanwhile.

        OSError here and there.
        """
        fd, at = os.dup(self._fd), self.at
        self.unflushed = 0

        def flush():
            try:
                _flush_data(fd)
                self.flushed = at
            finally:
                os.close(fd)

        return flush

    def flush(self):
        """To the disk, with all that is known of it."""
        os.fsync(self._fd)

    def close(self):
        """Nothing comes at the moment."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Shelf:
    """Keeps files.

    folder: of its own. index: `Index`. messages: `Messages`. limits: as `config.Files` has them, a dictionary.
    base: the address of the page, without a slash at its end. now: a function for seconds since 1970.
    removed: how many files were deleted, by why: EXPIRED, LEFT alone, DELETED by their sender, GONE with their message,
        or REJECTED, as their hash or the operator's scanner says.
    """

    def __init__(self, folder, index, messages, limits, base, now):
        self.index = index
        self._folder = folder
        self._messages = messages
        self._limits = limits
        self._base = base
        self._now = now
        self._offers = {}  # owner -> when the latest were made
        self._parts = {}  # file -> the Part that is being written
        self._known = collections.OrderedDict()  # file -> a closed Part, for its hash
        self._seen = ""  # the last file whose message was looked for
        self.removed = collections.Counter()
        self._sweep_orphans()

    @property
    def uploads(self):
        """How many files are coming."""
        return len(self._parts)

    def _path(self, file, ending=""):
        return os.path.join(self._folder, file + ending)

    def _sweep_orphans(self):
        """At the start: what the index and the folder do not both know was never whole, or is deleted."""
        there = set(os.listdir(self._folder))
        known = set()
        for file in self.index.all():
            known.add(file.file)
            if file.state == OFFERED:
                if file.file in there:  # a process died between the new name and the index
                    os.replace(self._path(file.file), self._path(file.file, ".part"))
            elif file.file not in there:
                log.error("a file is missing from the storage", {"file": file.file})
                self.index.remove(file.file)
        swept = [name for name in there if _ID.match(name) and name.partition(".")[0] not in known]
        for name in swept:
            os.unlink(os.path.join(self._folder, name))
        self.index.commit()
        if swept:
            log.info("deleted files that are not in the index", {"files": len(swept)})

    # ---- what is asked

    def offer(self, owner, is_account, name, size, sha256):
        """Somebody wants to send a file: where to, or Refused."""
        limits, now = self._limits, self._now()
        if not 1 <= size or sha256 and not _HASH.fullmatch(sha256):
            raise Refused(Reason.BAD_FORM)
        if size > limits["file_bytes"]:
            raise Refused(Reason.FILE_TOO_BIG)
        latest = [when for when in self._offers.get(owner, ()) if now - MINUTE < when <= now]
        if limits["offers_per_minute"] and len(latest) >= limits["offers_per_minute"]:
            raise Refused(Reason.TRY_LATER)
        if self.index.bytes_of(owner) + size > limits["account_bytes" if is_account else "guest_bytes"]:
            raise Refused(Reason.QUOTA_FULL)
        if self.index.total() + size > limits["all_bytes"] or not self._has_room(size):
            raise Refused(Reason.DISK_FULL)
        self._offers[owner] = [*latest, now]
        file, token = _random(), _random()
        name = shown.clean(name)
        self.index.add(file, _digest(token), owner, name, size, sha256, "", OFFERED, int(now), 0, None, "", "")
        return {"file": file, "token": token, "text": shown.line(self._base, file, name, size)}

    def _has_room(self, size):
        """Would the disk keep its reserve?"""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize - size >= disk.f_blocks * disk.f_frsize * (
            self._limits["disk_reserve_percent"] / 100)

    def state(self, file, token):
        """How far it is here."""
        found = self._owned(file, token)
        return {"at": self._at(found), "size": found.size, "whole": found.state != OFFERED}

    def _at(self, found):
        if found.state != OFFERED:
            return found.size
        try:
            return os.stat(self._path(found.file, ".part")).st_size
        except FileNotFoundError:
            return 0

    def get(self, file):
        """What there is to know for who wants to have it."""
        found = self._find(file)
        if found.state == OFFERED:
            raise Refused(Reason.NO_FILE)
        return {"name": found.name, "size": found.size, "kind": found.kind, "sha256": found.sha256}

    def share(self, file, token, teller, digest):
        """It is about to be said by this name: in these words. From here on the file stays until that is clear.

        digest: that of the sealed message that is said instead, or empty.
        """
        found = self._owned(file, token)
        if found.state == OFFERED:
            raise Refused(Reason.NOT_WHOLE)
        try:
            floor = self._messages.latest()
        except sqlite3.Error:
            raise Refused(Reason.NOT_STORED) from None
        if found.state == SHARED:
            floor = min(floor, found.floor)
        self.index.update(file, state=SHARED, since=int(self._now()), floor=floor, teller=teller, sealed=digest)
        return {"text": shown.line(self._base, file, found.name, found.size)}

    def drop(self, file, token):
        """It is deleted, and its space is free."""
        self._owned(file, token)
        if file in self._parts and self._parts[file].settling:
            raise Refused(Reason.TRY_LATER)
        self._remove(file, DELETED)
        return {"dropped": True}

    def _find(self, file):
        found = self.index.find(file) if _ID.fullmatch(file) else None
        if found is None:
            raise Refused(Reason.NO_FILE)
        return found

    def _owned(self, file, token):
        found = self._find(file)
        if found.token != _digest(token):  # of a hash, time tells nothing
            raise Refused(Reason.NOT_ALLOWED)
        return found

    # ---- what comes

    def begin(self, file, token, first, length, total):
        """More of it is to come, `length` bytes from the place `first`, or (if that is None) nothing: a Part.

        Who sends what is being sent already sends it instead: the other connection may be dead. Refused, with the
        place from which on it is wanted, if that is another.
        """
        found = self._owned(file, token)
        if found.state != OFFERED:
            raise Refused(ALREADY_WHOLE, found.size)
        self.pause(file)
        at = self._at(found)
        if total != found.size or first is not None and first + length > total:
            raise Refused(Reason.FILE_TOO_BIG if total > found.size else Reason.BAD_FORM, at)
        if first is not None and first != at or first is None and at != total:
            raise Refused(WRONG_PLACE, at)
        self._make_room_for(found.owner, at)
        try:
            part = Part(file, self._path(file, ".part"), found.size, self._now, self._known.pop(file, None))
        except OSError as error:
            raise Refused(self.trouble(error), at) from None
        self._parts[file] = part
        return part

    def _make_room_for(self, owner, at):
        """May it send another file? An upload of its own that has stalled goes on later."""
        busy = [part for part in self._parts.values() if self.index.find(part.file).owner == owner]
        if len(busy) < MOST_AT_ONCE:
            return
        silent = min(busy, key=lambda part: (part.settling, part.came_at))
        if silent.settling or silent.came_at > self._now() - STALLED:
            raise Refused(Reason.TRY_LATER, at)
        self.pause(silent.file)

    def pause(self, file):
        """Nothing more comes of it for now. Gives the Part that was being written, if any."""
        part = self._parts.pop(file, None)
        if part is not None:
            part.close()
            self._known[file] = part
            if len(self._known) > _KNOWN_PARTS:
                self._known.popitem(last=False)
        return part

    def cut_back(self, part):
        """What could not be flushed has to come again, as nobody knows what is there of it; gives what is here."""
        if self.pause(part.file) is not None:
            self._known.pop(part.file)
            try:
                os.truncate(self._path(part.file, ".part"), part.flushed)
            except OSError as error:
                log.error("a file cannot be truncated: %(why)s", {"why": error.strerror})
        return part.flushed

    def is_current(self, part):
        """Is this the one that is being written?"""
        return self._parts.get(part.file) is part

    @staticmethod
    def trouble(error):
        """The Reason for an OSError of the disk."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Reason.DISK_FULL
        log.error("a file cannot be written: %(why)s", {"why": error.strerror})
        return Reason.NOT_STORED

    def settle(self, part):
        """All of it is here. Is it what was to come? Gives a function that makes it whole, for another thread.

        That returns None or a Reason; `settled` has to hear it.
        """
        found = self.index.find(part.file)
        if found.sha256 and found.sha256 != part.hash.hexdigest():
            self._remove(part.file, REJECTED)
            raise Refused(WRONG_HASH, 0)
        scan = self._limits["scan"]
        path, to = self._path(part.file, ".part"), self._path(part.file)

        part.settling = True

        def finish():
            try:
                part.flush()
                if scan and not _passes(scan, path):
                    return NOT_CLEAN
                os.replace(path, to)
                _flush_folder(self._folder)
            except OSError as error:
                return self.trouble(error)
            return None

        return finish

    def settled(self, part, reason):
        """It is whole, or why it is not."""
        if reason and reason != NOT_CLEAN:
            raise Refused(reason, self.cut_back(part))
        kind, digest = kind_of(part.beginning()), part.hash.hexdigest()
        if self.pause(part.file) is not None:
            self._known.pop(part.file)
        if reason:
            self._remove(part.file, REJECTED)
            raise Refused(reason, 0)
        self.index.update(part.file, state=WHOLE, since=int(self._now()), kind=kind, sha256=digest)
        return {"at": part.size, "size": part.size, "whole": True}

    # ---- in the course of time

    def sweep(self):
        """Look which messages are stored, and which are deleted, and forget what nobody wants any more."""
        now = self._now()
        for found in self.index.in_state(OFFERED, now - UNBEGUN):
            patience = ABANDONED if self._at(found) else UNBEGUN
            if found.file not in self._parts and self._last_came(found) < now - patience:
                self._remove(found.file, LEFT)
        for found in self.index.in_state(WHOLE, now - ABANDONED):
            self._remove(found.file, LEFT)
        keep_days = self._limits["keep_days"]
        for found in self.index.in_state(SAID, now - keep_days * 86400) if keep_days else ():
            self._remove(found.file, EXPIRED)
        try:
            self._look_for_shared(now)
            self._look_for_gone()
        except sqlite3.Error as error:
            log.warning("messages that announce files cannot be searched for: %(why)s", {"why": str(error)})
        self._offers = {owner: times for owner, times in self._offers.items() if times[-1] > now - MINUTE}

    def _last_came(self, found):
        """When something of it came; the index does not know, as a full disk would keep it from being told."""
        try:
            return os.stat(self._path(found.file, ".part")).st_mtime
        except FileNotFoundError:
            return found.since

    def _look_for_shared(self, now):
        shared = self.index.in_state(SHARED, now + 1)
        if not shared:
            return
        latest = self._messages.latest()
        numbers = self._told(min(found.floor for found in shared), any(found.sealed for found in shared))
        for found in shared:
            number = numbers.get((found.sealed or found.file, found.teller))
            if number is not None and number > found.floor:
                self.index.update(found.file, state=SAID, since=int(now), number=number, sealed="")
            elif found.since < now - UNCLEAR:
                if found.number is None:
                    self._remove(found.file, LEFT)
                else:
                    self.index.update(found.file, state=SAID, sealed="")
            elif found.floor < latest:  # messages are stored in order, so those up to there need no other look
                self.index.update(found.file, floor=latest)

    def _told(self, floor, also_sealed):
        """Numbers of messages behind `floor` that may tell of files, by (file, or digest of what is sealed; sender)."""
        found = {}
        for number, sender, text in self._messages.telling(shown.MARK, floor):
            told = shown.LINE.fullmatch(text)
            if told:
                found[told.group("file"), sender] = number
        for number, sender, text in self._messages.telling(sealed.BEGINNING, floor) if also_sealed else ():
            found[sealed.digest(text.encode()), sender] = number
        return found

    def _look_for_gone(self):
        """Some at a time: a file goes with the message that tells of it."""
        said = self.index.said(self._seen, MOST_LOOKED_FOR)
        self._seen = said[-1].file if said else ""
        gone = self._messages.gone([found.number for found in said]) if said else ()
        for found in said:
            if found.number in gone:
                self._remove(found.file, GONE)

    def _remove(self, file, why):
        """The index first: what is only in the folder is swept at the next start."""
        self.removed[why] += 1
        if self.pause(file) is not None or file in self._known:
            self._known.pop(file, None)
        self.index.remove(file)
        self.index.commit()
        _unlink(self._path(file, ".part"))
        _unlink(self._path(file))


def _random():
    return binascii.hexlify(os.urandom(ID_BYTES)).decode()


def _digest(token):
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _flush_folder(path):
    """What is called how in a folder is on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _passes(command, path):
    """Does the operator's command let the file pass, by its exit code 0?"""
    try:
        done = subprocess.run(  # noqa: S603 - it is the operator's
            [*shlex.split(command), path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=SCAN_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        log.error("files cannot be scanned, and are refused: %(why)s", {"why": str(error)})
        return False
    return done.returncode == 0
