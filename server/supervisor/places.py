"""Where the control socket of a server is that keeps nothing: PORT.sock in a folder of this user's.

The folder is parley in $XDG_RUNTIME_DIR, which belongs to this user and goes with the last of its sessions; where there
is none, parley-UID in the directory of temporary files. Who looks for a server looks in both, as a service often has
not the environment of a shell.
"""
import errno
import os
import stat
import tempfile

from parley.server.storage.directory import CannotUse


def make(port, environment):
    """The path for the socket of the server on `port`; its folder is made if need be. CannotUse if none can be."""
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
        troubles.append("%s: not a folder of this user's alone" % folder)
    raise CannotUse("; ".join(troubles), errno.EPERM)


def find(port, environment):
    """The path at which the server on `port` listens, if one does."""
    paths = [os.path.join(folder, _name(port)) for folder in _folders(environment)]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def others(environment):
    """The paths of all sockets there are, for somebody who did not find the right one."""
    found = []
    for folder in filter(_is_private, _folders(environment)):
        found += [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".sock")]
    return found


def _folders(environment):
    """Those that there are or could be, the better one first."""
    found, runtime = [], environment.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and _is_private(runtime):
        found.append(os.path.join(runtime, "parley"))
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError:  # nothing can be written anywhere
        temporary = "/tmp"  # noqa: S108 - whatever is done there then says why not
    found.append(os.path.join(temporary, "parley-%d" % os.geteuid()))
    return found


def _is_private(folder):
    """Is it a directory, and can nobody else do anything in it?"""
    try:
        seen = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o077


def _name(port):
    return "%d.sock" % port
