"""A directory of the server's own, which it has to itself."""
import errno
import fcntl
import os
import subprocess
import sys

import pytest

from parley.server.storage import directory as directory_module
from parley.server.storage.directory import LOCK, CannotUse, Directory


@pytest.fixture
def use():
    """Makes Directories, which are let go of in the end."""
    made = []

    def make(path):
        made.append(Directory(str(path)))
        return made[-1]

    yield make
    for directory in made:
        directory.let_go()


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    """Nobody is waited for, unless the test is about that."""
    monkeypatch.setattr(directory_module, "WAIT", 0)


@pytest.fixture
def nobodys_pid():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def old_umask():
    """As open as it can be."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return os.stat(str(path)).st_mode & 0o777


def refusal(use, path, number):
    """The text with which it is refused."""
    with pytest.raises(CannotUse) as refused:
        use(path)
    assert refused.value.errno == number
    text = str(refused.value)
    assert text.startswith("%s: " % path) and "\n" not in text
    return text


def lock_for(path, pid):
    """A lock on the directory by somebody who says to be that process."""
    lock = os.open(str(path / LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    os.write(lock, b"%d\n" % pid)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_it_is_made_for_its_owner_alone(tmp_path, use, old_umask):
    directory = use(tmp_path / "some" / "where")
    assert mode(tmp_path / "some" / "where") == 0o700
    assert mode(tmp_path / "some" / "where" / LOCK) == 0o600
    assert directory.path == str(tmp_path / "some" / "where")
    assert {os.path.dirname(path) for path in (directory.database, directory.control)} == {directory.path}


def test_one_that_is_there_is_used_with_all_that_is_in_it(tmp_path, use):
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "own" / "parley.db").write_text("is there")
    directory = use(tmp_path / "own")
    with open(directory.database) as file:
        assert file.read() == "is there"


def test_its_path_holds_wherever_the_process_goes(tmp_path, use, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = use("own")
    assert directory.path == str(tmp_path / "own")
    assert os.path.isabs(directory.database)


@pytest.mark.parametrize("bits", [0o710, 0o701, 0o750, 0o755, 0o770, 0o777, 0o720])
def test_what_is_open_to_others_is_refused_and_said_how_to_close(tmp_path, use, bits):
    path = tmp_path / "own"
    path.mkdir()
    path.chmod(bits)
    text = refusal(use, path, errno.EPERM)
    assert "mode %o" % bits in text and "chmod 700" in text
    path.chmod(0o700)
    use(path)


def test_what_belongs_to_somebody_else_is_refused(tmp_path, use, monkeypatch):
    path = tmp_path / "own"
    path.mkdir(mode=0o700)
    owner = os.stat(str(path)).st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert "uid %d" % owner in refusal(use, path, errno.EPERM)


def test_a_link_is_refused_wherever_it_leads(tmp_path, use):
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert "link" in refusal(use, tmp_path / "link", errno.ENOTDIR)
    assert os.listdir(str(tmp_path / "own")) == []
    with pytest.raises(CannotUse):
        use("%s/" % (tmp_path / "link"))
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    refusal(use, tmp_path / "nowhere", errno.EEXIST)


def test_a_link_in_the_place_of_the_lock_is_refused(tmp_path, use):
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "precious").write_text("content")
    (tmp_path / "own" / LOCK).symlink_to(tmp_path / "precious")
    refusal(use, tmp_path / "own", errno.ELOOP)
    assert (tmp_path / "precious").read_text() == "content"


@pytest.mark.parametrize("path, number", [("file", errno.EEXIST), ("file/own", errno.ENOTDIR)])
def test_what_cannot_be_made_is_refused_and_said_why(tmp_path, use, path, number):
    (tmp_path / "file").write_text("")
    text = refusal(use, tmp_path / path, number)
    assert os.strerror(number) in text and "choose another" in text


def test_a_path_that_is_not_for_this_user_is_refused(tmp_path, use, monkeypatch):
    def forbid(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "makedirs", forbid)  # whoever runs this may be allowed everything
    assert "Permission denied" in refusal(use, tmp_path / "own", errno.EACCES)


# ---- one holder at a time


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path, use):
    path = tmp_path / "own"
    first = use(path)
    assert "pid %d" % os.getpid() in refusal(use, path, errno.EAGAIN)
    assert (path / LOCK).read_text() == "%d\n" % os.getpid()
    first.let_go()
    first.let_go()
    use(path)


def test_the_lock_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path, use, nobodys_pid, monkeypatch):
    path = tmp_path / "own"
    path.mkdir(mode=0o700)
    (path / LOCK).write_text("%d and some more, which a longer text before it left\n" % nobodys_pid)
    monkeypatch.setattr(directory_module.time, "sleep", None)  # it does not wait
    use(path)
    assert (path / LOCK).read_text() == "%d\n" % os.getpid()


def test_the_last_processes_of_a_server_that_was_killed_are_waited_for(tmp_path, use, nobodys_pid, monkeypatch):
    """They hold the lock that their parent took."""
    path = tmp_path / "own"
    path.mkdir(mode=0o700)
    lock, naps = lock_for(path, nobodys_pid), []

    def sleep(seconds):
        naps.append(seconds)
        if len(naps) == 5:
            os.close(lock)  # now the last one has left

    monkeypatch.setattr(directory_module, "WAIT", 60)
    monkeypatch.setattr(directory_module.time, "sleep", sleep)
    use(path)
    assert len(naps) == 5
    assert (path / LOCK).read_text() == "%d\n" % os.getpid()


@pytest.mark.parametrize("content", ["", "no number", "99999999999999999999"])
def test_who_holds_it_for_too_long_has_it(tmp_path, use, content):
    path = tmp_path / "own"
    path.mkdir(mode=0o700)
    lock = lock_for(path, 0)
    os.ftruncate(lock, 0)
    os.pwrite(lock, content.encode(), 0)
    assert "pid %s" % (content or "unknown") in refusal(use, path, errno.EAGAIN)
    os.close(lock)


def test_a_child_that_lets_go_does_not_take_it_from_its_parent(tmp_path, use):
    directory = use(tmp_path / "own")
    child = os.fork()
    if not child:
        directory.let_go()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    refusal(use, tmp_path / "own", errno.EAGAIN)


def test_who_could_not_have_it_leaves_no_lock_behind(tmp_path, use):
    first = use(tmp_path / "own")
    before = set(os.listdir("/dev/fd"))
    for _ in range(5):
        refusal(use, tmp_path / "own", errno.EAGAIN)
    assert len(set(os.listdir("/dev/fd"))) == len(before)
    first.let_go()
