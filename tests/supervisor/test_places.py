"""Where the control socket of a server is that keeps nothing."""
import os
import tempfile

import pytest

from parley.server.storage.directory import CannotUse
from parley.server.supervisor import places


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The environment of a user who has a folder for what runs, and the directory of temporary files beside it."""
    (tmp_path / "run").mkdir(0o700)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return {"XDG_RUNTIME_DIR": str(tmp_path / "run")}


def in_runtime(tmp_path, name="4000.sock"):
    return str(tmp_path / "run" / "parley" / name)


def in_temporary(tmp_path, name="4000.sock"):
    return str(tmp_path / "tmp" / ("parley-%d" % os.geteuid()) / name)


def mode(path):
    return os.stat(os.path.dirname(path)).st_mode & 0o777


@pytest.mark.parametrize("mask", [0, 0o027])
def test_it_is_in_the_folder_for_what_runs(tmp_path, runtime, mask):
    before = os.umask(mask)
    try:
        path = places.make(4000, runtime)
    finally:
        os.umask(before)
    assert (path, mode(path)) == (in_runtime(tmp_path), 0o700)
    assert places.make(4001, runtime) == in_runtime(tmp_path, "4001.sock")
    assert places.find(4000, runtime) == path


def make_open(run):
    run.chmod(0o755)


def make_link(run):
    run.rename(run.with_name("elsewhere"))
    run.symlink_to(run.with_name("elsewhere"))


# What becomes of the folder for what runs, so that it is not fit for use.
UNFIT = [os.rmdir, make_open, make_link, lambda run: run.rmdir() or run.write_text("a file")]


@pytest.mark.parametrize("spoil", UNFIT, ids=["missing", "open", "link", "file"])
def test_where_there_is_no_such_folder_it_is_in_one_of_its_own(tmp_path, runtime, spoil):
    spoil(tmp_path / "run")
    path = places.make(4000, runtime)
    assert (path, mode(path)) == (in_temporary(tmp_path), 0o700)
    assert places.find(4000, runtime) == path


@pytest.mark.parametrize("environment", [{}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "run"}])
def test_without_a_name_for_it_there_is_no_such_folder(tmp_path, runtime, monkeypatch, environment):
    monkeypatch.chdir(str(tmp_path))
    assert places.make(4000, environment) == in_temporary(tmp_path)


def test_that_of_another_user_is_none(tmp_path, runtime, monkeypatch):
    places.make(4000, runtime)
    places.make(4000, {})
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    os.mkdir(os.path.dirname(in_temporary(tmp_path)), 0o700)  # made by somebody who expected us
    with pytest.raises(CannotUse, match="not private to this user"):
        places.make(4000, runtime)
    assert places.others(runtime) == []


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink(".", path), lambda path: open(path, "w").close()],
                         ids=["open", "link", "file"])
def test_a_folder_that_others_can_use_is_none(tmp_path, runtime, make):
    before = os.umask(0)
    try:
        make(os.path.dirname(in_temporary(tmp_path)))
    finally:
        os.umask(before)
    with pytest.raises(CannotUse, match="not private to this user"):
        places.make(4000, {})


def test_a_directory_in_which_nothing_can_be_made_is_said_to_be_so(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(CannotUse, match="nowhere.*No such file"):
        places.make(4000, {})


def test_without_any_directory_for_temporary_files_it_would_be_in_the_usual_one(monkeypatch):
    def fail():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    assert places.find(4000, {}) == "/tmp/parley-%d/4000.sock" % os.geteuid()


def test_who_looks_for_a_server_finds_one_that_knew_of_no_folder_for_what_runs(tmp_path, runtime):
    path = places.make(4000, {})
    open(path, "w").close()
    assert places.find(4000, runtime) == path == in_temporary(tmp_path)
    places.make(4000, runtime)
    open(in_runtime(tmp_path), "w").close()
    assert places.find(4000, runtime) == in_runtime(tmp_path)
    assert places.find(4001, runtime) == in_runtime(tmp_path, "4001.sock")
    assert places.others(runtime) == [in_runtime(tmp_path), in_temporary(tmp_path)]
