"""Files on this machine that are sent or saved: their bytes, hashes and progress. How they travel is in `files.py`."""
import binascii
import hashlib
import os
import tempfile
import time
from typing import Any, Optional

from parley.client import events
from parley.client.sealed import SealedFile
from parley.server.files.shown import clean

PIECE = 1 << 16  # bytes
GIVE_UP = 600.0  # seconds in which nothing has got through
DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before each further attempt; the last one repeats
TELL_EVERY = 0.2  # seconds between two events of progress
MOST_NUMBERED = 1000  # files of one name in a folder
CHANGED = "The file has changed on the way."


class Rejected(Exception):
    """The transfer failed, and a retry would not help; the text is a sentence that says why."""


class Transfer:
    """A file on its way. request: by which events name it. total: its bytes, 0 if that is not known yet."""

    def __init__(self, request: events.Request, total: int) -> None:
        self.request = request
        self.total = total
        self.stopped = False
        self._told_at = 0.0
        self._moved_at = time.monotonic()
        self._failures = 0

    def moved(self, done: int) -> Optional[events.Moved]:
        """`done` bytes have got through: the event that tells so, or None if the last one was just told."""
        now = self._moved_at = time.monotonic()
        self._failures = 0
        if now - self._told_at < TELL_EVERY and done < self.total:
            return None
        self._told_at = now
        return events.Moved(self.request, done, self.total)

    def wait(self, seconds: float = 0.0) -> None:
        """Wait between a failure and the next attempt. Raises `Rejected` after GIVE_UP seconds without progress."""
        if time.monotonic() - self._moved_at > GIVE_UP:
            raise Rejected("The server cannot be reached.")
        time.sleep(max(seconds, DELAYS[min(self._failures, len(DELAYS) - 1)]))
        self._failures += 1


class Sending(Transfer):
    """A file that is sent.

    wants: the request that comes next, "offer" or "share", or None; is_asked: was it made on this connection?
    is_sealed: is it sent sealed? Then `copy` is the sealed copy, once there is one, and `told` what is said of the
    file, which has its id and token once the server has taken the offer.
    """

    def __init__(self, path: str, to: Optional[str], size: int, is_sealed: bool) -> None:
        self.path = path
        self.to = to
        self.is_sealed = is_sealed
        self.copy: Any = None
        self.told: Optional[SealedFile] = None
        super().__init__(events.Request("send_file", to, os.path.basename(path)), size)
        self.sha256 = self.file = self.token = ""
        self.tag = binascii.hexlify(os.urandom(12)).decode()
        self.wants: Optional[str] = None
        self.is_asked = False

    def open(self) -> Any:  # noqa: A003
        """A binary file with what is sent."""
        return open(self.path, "rb") if self.copy is None else os.fdopen(os.dup(self.copy.fileno()), "rb")

    def seal(self) -> str:
        """Make the sealed copy; gives its SHA-256 as hexadecimal digits."""
        from parley.client.seal import files as sealing  # which takes cryptography: who seals has it
        self.copy = tempfile.TemporaryFile()
        key, target = os.urandom(32), Hashed(self.copy)
        with open(self.path, "rb") as file:
            size, digest = sealing.seal(file, target, key)
        self.copy.flush()
        if not size:
            raise Rejected("The file has become shorter.")
        self.total = target.at
        name = clean(os.path.basename(self.path).encode("utf-8", "replace").decode())
        self.told = SealedFile.of("", key, digest, size, name)
        return target.sha256.hex()

    def close(self) -> None:
        """Stop sending it, and delete the sealed copy."""
        self.stopped = True
        if self.copy is not None:
            self.copy.close()


class Hashed:
    """A file that is hashed as it is written. at: how many bytes have been written."""

    def __init__(self, file: Any) -> None:
        self.at = 0
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write these bytes, and hash them."""
        self._file.write(data)
        self._digest.update(data)
        self.at += len(data)

    @property
    def sha256(self) -> bytes:
        """The SHA-256 of what has been written: 32 bytes."""
        return self._digest.digest()


class Coming(Hashed):
    """A file that is saved. at: how many bytes have come. total: how many are expected; None if that is not known.

    tag: its ETag, or None before the first answer.
    """

    total: Optional[int] = None
    tag: Optional[str] = None

    def end(self, digest: bytes) -> None:
        """All has come. Raises `Rejected` if its SHA-256 is not the one that the server tells."""
        if self.sha256 != digest:
            raise Rejected(CHANGED)


class OpenedAsItComes(Coming):
    """A sealed file, which is opened as it comes. The message says what it has to be; what the server says is ignored.
    """

    def __init__(self, file: Any, opening: Any) -> None:
        from parley.client.seal.envelope import Unopened
        super().__init__(file)
        self.total = opening.total
        self._opening, self._unopened = opening, Unopened

    def write(self, data: bytes) -> None:
        """Open these bytes of the sealed file, and write what is in them. Raises `Rejected` if they are not right."""
        self.at += len(data)
        try:
            self._file.write(self._opening.open(data))
        except self._unopened as why:
            raise Rejected(str(why)) from None

    def end(self, digest: bytes) -> None:
        try:
            self._opening.end()
        except self._unopened as why:
            raise Rejected(str(why)) from None


def sha256_of(path: str) -> str:
    """Of the file at `path`, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for data in iter(lambda: file.read(PIECE), b""):
            digest.update(data)
    return digest.hexdigest()


def reserved(folder: str, name: str) -> Any:
    """(path of a new file, path of a temporary one beside it). The first is made, empty, under a name that was free."""
    stem, dot, ending = name.rpartition(".")
    for number in range(MOST_NUMBERED):
        numbered = name if not number else "%s (%d)%s" % (stem or ending, number, dot + ending if stem else "")
        path = os.path.join(folder, numbered)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        return path, os.path.join(folder, ".%s-%s.part" % (numbered[:80], binascii.hexlify(os.urandom(4)).decode()))
    raise Rejected("There are too many files called %s." % name)
