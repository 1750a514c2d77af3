"""The storage directory, which only one server at a time may use."""
import errno
import fcntl
import os
import stat
import time
from typing import Optional

DATABASE, LOCK, CONTROL = "parley.db", "lock", "control.sock"
WAIT = 5.0  # seconds to wait for the lock: the processes of a server that was killed may take as long to end


class CannotUse(Exception):
    """A directory or socket cannot be used; the text says which, why, and what to do. errno: as of an OSError."""

    def __init__(self, text: str, number: Optional[int]) -> None:
        super().__init__(text)
        self.errno = number


class Directory:
    """A directory that is locked until all processes that have inherited the lock have ended, or let go of it.

    If it does not exist it is created, with access for its owner only. CannotUse if other users can read or write it,
    if it belongs to another user, or if another process has locked it.

    path: absolute. database, control: the paths of the database and of the operators' socket in it.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.database = os.path.join(self.path, DATABASE)
        self.control = os.path.join(self.path, CONTROL)
        self._lock: Optional[int] = None
        try:
            os.makedirs(self.path, 0o700, exist_ok=True)
            self._look()
            self._lock = self._locked()
        except OSError as error:
            raise CannotUse("%s: %s; choose another directory for the storage, or make it writable for this user"
                            % (path, error.strerror), error.errno) from None

    def _look(self) -> None:
        """CannotUse if others have access: with write access they could make themselves any account."""
        seen = os.lstat(self.path)
        if not stat.S_ISDIR(seen.st_mode):
            raise CannotUse("%s: not a directory but a link or a file; name the directory itself" % self.path,
                            errno.ENOTDIR)
        if seen.st_uid != os.geteuid():
            raise CannotUse("%s: belongs to another user (uid %d); choose a directory of this user's"
                            % (self.path, seen.st_uid), errno.EPERM)
        if seen.st_mode & 0o077:
            raise CannotUse("%s: open to other users (mode %o); `chmod 700` it" % (self.path, seen.st_mode & 0o777),
                            errno.EPERM)

    def _locked(self) -> int:
        """Lock the directory. Returns the descriptor of the lock file."""
        lock = os.open(os.path.join(self.path, LOCK), os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        deadline = time.monotonic() + WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise CannotUse("%s: in use by another server (pid %s); stop that one, or choose another directory"
                                    % (self.path, holder or "unknown"), errno.EAGAIN) from None
                time.sleep(0.02)
            else:
                os.ftruncate(lock, 0)
                os.pwrite(lock, b"%d\n" % os.getpid(), 0)
                return lock

    def let_go(self) -> None:
        """Unlock the directory, unless another process still has the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
