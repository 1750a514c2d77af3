"""The files on the disk, and who may do what with them. Part of the process that keeps files, without its sockets.

The folder has FILE.part for what has come of a file, FILE for a complete one, and the index. When all of a file has
come, its hash is compared, it is flushed to the disk and renamed, in this order; then the index says that it is WHOLE.
Files in the folder that are not in the index are deleted at the start.
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

# Why a part of a file is refused, in addition to `Reason`.
WRONG_PLACE, WRONG_HASH, NOT_CLEAN, ALREADY_WHOLE = "wrong-place", "wrong-hash", "not-clean", "already-whole"
# Why a file was deleted.
EXPIRED, LEFT, DELETED, GONE, REJECTED = "expired", "abandoned", "deleted", "message-gone", "rejected"
ID_BYTES = 16
ABANDONED = 3600  # seconds after the last byte, or from WHOLE on: until then it has to be continued, or shared
UNBEGUN = 300  # seconds after the offer: until then the first byte has to come
UNCLEAR = 600  # seconds after which a message that is not stored counts as never to be stored
MOST_AT_ONCE = 4  # uploads of one owner
STALLED = 10  # seconds without a byte: then another upload of the same owner may take its place until it is continued
MINUTE = 60.0
SCAN_SECONDS = 120
MOST_SWEPT = 500  # files of each kind that are looked at, or deleted, in one sweep: nobody shall wait long for it
_KNOWN_PARTS = 64  # paused uploads whose hashes so far are remembered
_HASH = re.compile("[0-9a-f]{64}")
_ID = re.compile("[0-9a-f]{32}")
_PIECE = 1 << 20
_flush_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request is refused. reason: a `Reason`, or a word from above. at: bytes of the file that are here, or None."""

    def __init__(self, reason, at=None):
        super().__init__(reason)
        self.reason = reason
        self.at = at


class Part:
    """An upload in progress: the file FILE.part, and the hash of what it has.

    at: bytes that have come. size: bytes of the complete file. settling: is it being made WHOLE?
    unflushed: bytes for which no flush has begun. flushed: bytes that are on the disk for certain, or were there when
    this upload began. now: gives seconds since the epoch. came_at: the time of the last byte.
    known: a closed Part of the same file, whose hash is used if it is still right; or None.
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
        """Write the next bytes. OSError if the disk does not take all of them; what it has taken counts."""
        data = memoryview(data)
        self.came_at = self._now()
        while len(data):
            written = os.write(self._fd, data)
            self.hash.update(data[:written])
            self.at += written
            self.unflushed += written
            data = data[written:]

    def beginning(self):
        """The first bytes, for `kind_of`."""
        return os.pread(self._fd, ENOUGH, 0)

    def flusher(self):
        """A function, for another thread, that flushes to the disk what has come; also if this is closed meanwhile.

        OSError may be raised by both.
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
        """Flush data and metadata of the file to the disk."""
        os.fsync(self._fd)

    def close(self):
        """Close the file; what has come stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Shelf:
    """The store of files. A request returns the fields of its answer (see `server.files.keeping`), or is Refused.

    folder: its path; nothing else is kept there. index: `Index`. messages: `Messages`. limits: the fields of
        `config.Files`, as a dictionary.
    base: the URL of the page, without a slash at its end. now: gives seconds since the epoch.
    removed: {why: deleted files}. EXPIRED; LEFT: abandoned; DELETED by the sender; GONE with its message; REJECTED by
        the hash or the scanner.
    """

    def __init__(self, folder, index, messages, limits, base, now):
        self.index = index
        self._folder = folder
        self._messages = messages
        self._limits = limits
        self._base = base
        self._now = now
        self._offers = {}  # owner -> times of the offers of the last minute
        self._parts = {}  # file -> the Part that is being written
        self._known = collections.OrderedDict()  # file -> a closed Part, for its hash
        self._seen = ""  # the last SAID file whose message was looked for
        self._looked_at = ""  # the last OFFERED file that a sweep has looked at
        self.removed = collections.Counter()
        self._sweep_orphans()

    @property
    def uploads(self):
        """How many uploads are in progress."""
        return len(self._parts)

    def _path(self, file, ending=""):
        return os.path.join(self._folder, file + ending)

    def _sweep_orphans(self):
        """At the start, after a process may have died at any moment: make folder and index agree."""
        there = set(os.listdir(self._folder))
        known = set()
        for file in self.index.all():
            known.add(file.file)
            if file.state == OFFERED:
                if file.file in there:  # it was renamed, and the index does not say so yet
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
        """Somebody wants to send a file. size: in bytes. sha256: in hexadecimal digits, or "" if it is not known."""
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
        """Would the disk keep its reserve of bytes and of inodes with one more file of `size` bytes?"""
        disk, reserve = os.statvfs(self._folder), self._limits["disk_reserve_percent"] / 100
        # Some file systems have as many inodes as they need, and say that there are none.
        has_inodes = not disk.f_files or disk.f_favail - 1 >= disk.f_files * reserve
        return has_inodes and disk.f_bavail * disk.f_frsize - size >= disk.f_blocks * disk.f_frsize * reserve

    def state(self, file, token):
        """How much of a file has come."""
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
        """What a worker has to know to send a file to a client."""
        found = self._find(file)
        if found.state == OFFERED:
            raise Refused(Reason.NO_FILE)
        return {"name": found.name, "size": found.size, "kind": found.kind, "sha256": found.sha256}

    def share(self, file, token, teller, digest):
        """A message that announces the file is about to be said; the file is kept until it is clear whether it was.

        teller: the sender's name. digest: of the sealed message that is said in the place of `text`, or "".
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
        """Delete a file."""
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
        if found.token != _digest(token):  # as these are hashes, the time that it takes gives nothing away
            raise Refused(Reason.NOT_ALLOWED)
        return found

    # ---- what comes

    def begin(self, file, token, first, length, total):
        """A part of a file is about to come; returns the `Part` to which it is to be appended.

        first: the offset of the part, or None if nothing comes as everything is here. length: bytes of the part.
        total: bytes of the file, as the sender says. If an upload of the file is in progress, this one takes its place:
        the connection of the other may be dead. Refused, with the offset that is wanted, if `first` is another.
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
        """Refused if the owner has too many uploads in progress; one that has STALLED is paused for this one."""
        busy = [part for part in self._parts.values() if self.index.find(part.file).owner == owner]
        if len(busy) < MOST_AT_ONCE:
            return
        silent = min(busy, key=lambda part: (part.settling, part.came_at))
        if silent.settling or silent.came_at > self._now() - STALLED:
            raise Refused(Reason.TRY_LATER, at)
        self.pause(silent.file)

    def pause(self, file):
        """Stop the upload of a file, which may be continued later. Returns its Part, or None if there is none."""
        part = self._parts.pop(file, None)
        if part is not None:
            part.close()
            self._known[file] = part
            if len(self._known) > _KNOWN_PARTS:
                self._known.popitem(last=False)
        return part

    def cut_back(self, part):
        """After a failed flush: remove what may not be on the disk, so that it comes again. Returns the bytes left."""
        if self.pause(part.file) is not None:
            self._known.pop(part.file)
            try:
                os.truncate(self._path(part.file, ".part"), part.flushed)
            except OSError as error:
                log.error("a file cannot be truncated: %(why)s", {"why": error.strerror})
        return part.flushed

    def is_current(self, part):
        """Has no other upload of the same file taken its place?"""
        return self._parts.get(part.file) is part

    @staticmethod
    def trouble(error):
        """The Reason for an OSError of the disk."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Reason.DISK_FULL
        log.error("a file cannot be written: %(why)s", {"why": error.strerror})
        return Reason.NOT_STORED

    def settle(self, part):
        """All of a file has come. Refused if its hash is wrong; else returns a function that completes it on the disk.

        The function is for another thread, and returns None, or why it failed; `settled` has to be called with that.
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
        """The function of `settle` has returned `reason`."""
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
        """Find out which messages have been stored or deleted, and delete files that are not wanted any more.

        Of many files the next sweeps look at the rest.
        """
        now = self._now()
        self.index.begin_again(int(now))
        self._remove_all(self._given_up(now), LEFT)
        self._remove_all(self._old(WHOLE, now - ABANDONED), LEFT)
        keep_days = self._limits["keep_days"]
        if keep_days:
            self._remove_all(self._old(SAID, now - keep_days * 86400), EXPIRED)
        try:
            self._look_for_shared(now)
            self._look_for_gone()
        except sqlite3.Error as error:
            log.warning("messages that announce files cannot be searched for: %(why)s", {"why": str(error)})
        self._offers = {owner: times for owner, times in self._offers.items() if times[-1] > now - MINUTE}

    def _old(self, state, before):
        """The files that have been in a state since before this time."""
        return [found.file for found in self.index.in_state(state, before, MOST_SWEPT)]

    def _given_up(self, now):
        """The OFFERED files of which nothing has come for too long."""
        offered = self.index.in_turn(OFFERED, self._looked_at, MOST_SWEPT)
        self._looked_at = offered[-1].file if len(offered) == MOST_SWEPT else ""
        return [found.file for found in offered if found.file not in self._parts and self._last_came(found) < now - (
            ABANDONED if self._at(found) else UNBEGUN)]

    def _last_came(self, found):
        """The time of the last byte. It is not in the index, which cannot be written while the disk is full."""
        try:
            came = os.stat(self._path(found.file, ".part")).st_mtime
        except FileNotFoundError:
            return found.since
        return came if came <= self._now() else found.since  # the clock was ahead

    def _look_for_shared(self, now):
        shared = self.index.in_state(SHARED, now + 1)
        if not shared:
            return
        latest = self._messages.latest()
        numbers = self._told(min(found.floor for found in shared), any(found.sealed for found in shared))
        lost = []
        for found in shared:
            number = numbers.get((found.sealed or found.file, found.teller))
            if number is not None and number > found.floor:
                self.index.update(found.file, state=SAID, since=int(now), number=number, sealed="")
            elif found.since < now - UNCLEAR:
                if found.number is None:
                    lost.append(found.file)
                else:
                    self.index.update(found.file, state=SAID, sealed="")
            elif found.floor < latest:  # messages are stored in order, so those up to there need not be searched again
                self.index.update(found.file, floor=latest)
        self._remove_all(lost, LEFT)

    def _told(self, floor, also_sealed):
        """{(file or digest of a sealed message, sender): number} of stored messages above `floor` that may share files.
        """
        found = {}
        for number, sender, text in self._messages.telling(shown.MARK, floor):
            told = shown.LINE.fullmatch(text)
            if told:
                found[told.group("file"), sender] = number
        for number, sender, text in self._messages.telling(sealed.BEGINNING, floor) if also_sealed else ():
            found[sealed.digest(text.encode()), sender] = number
        return found

    def _look_for_gone(self):
        """Delete files whose messages have been deleted."""
        said = self.index.in_turn(SAID, self._seen, MOST_SWEPT)
        self._seen = said[-1].file if said else ""
        gone = self._messages.gone([found.number for found in said]) if said else ()
        self._remove_all([found.file for found in said if found.number in gone], GONE)

    def _remove(self, file, why):
        """Delete a file."""
        self._remove_all([file], why)

    def _remove_all(self, files, why):
        """Delete these files. The index first: what is only in the folder is deleted at the next start."""
        if not files:
            return
        self.removed[why] += len(files)
        for file in files:
            if self.pause(file) is not None or file in self._known:
                self._known.pop(file, None)
            self.index.remove(file)
        self.index.commit()  # once, as it takes a flush of the disk
        for file in files:
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
    """Flush the names in a folder to the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _passes(command, path):
    """Does the operator's scanner accept the file, by exit code 0?"""
    try:
        done = subprocess.run(  # noqa: S603 - it is the operator's
            [*shlex.split(command), path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=SCAN_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        log.error("files cannot be scanned, and are refused: %(why)s", {"why": str(error)})
        return False
    return done.returncode == 0
