"""Where the control socket of a server without storage is: PORT.sock in a folder that is private to its user.

The folder is `parley` in $XDG_RUNTIME_DIR, which belongs to the user and is removed after their last session; if
there is none, it is `parley-UID` in the directory of temporary files. A command that looks for a server looks in both,
because a service often has another environment than a shell.
"""
import errno
import os
import stat
import tempfile

from parley.server.storage.directory import CannotUse


def make(port, environment):
    """The path for the control socket of the server on `port`; makes its folder. CannotUse if no folder will do.

    environment: {name: value}.
    """
    troubles = []
    for folder in _folders(environment):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            troubles.append("%s: %s" % (folder, error.strerror))
            continue
        if _is_private(folder):
            return os.path.join(folder, _name(port))
        troubles.append("%s: not private to this user" % folder)
    raise CannotUse("; ".join(troubles), errno.EPERM)


def find(port, environment):
    """The path of the control socket of the server on `port`, or where it would be if there is none."""
    paths = [os.path.join(folder, _name(port)) for folder in _folders(environment)]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def others(environment):
    """The paths of all control sockets of this user, to suggest to somebody whose port was wrong."""
    found = []
    for folder in filter(_is_private, _folders(environment)):
        found += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".sock")]
    return found


def _folders(environment):
    """The folders that may have sockets, the preferred one first."""
    found, runtime = [], environment.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _is_private(runtime):
        found.append(os.path.join(runtime, "parley"))
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError:  # no directory is writable
        temporary = "/tmp"  # noqa: S108 - using it then fails with the system's error
    found.append(os.path.join(temporary, "parley-%d" % os.geteuid()))
    return found


def _is_private(folder):
    """Is this a directory of this user that nobody else can access?"""
    try:
        seen = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o077


def _name(port):
    return "%d.sock" % port
