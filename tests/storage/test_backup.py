"""A copy of a database in use: what was committed as it was begun, whatever is written meanwhile."""
import os
import shutil
import sqlite3

import pytest

from parley.server.storage import backup as backup_module
from parley.server.storage.backup import UNFINISHED, Copying, copied
from parley.server.storage.database import Database
from parley.server.storage.memory import Store

CAN_INTO = sqlite3.sqlite_version_info >= (3, 27)
WAYS = [way for way, can in (("pages", backup_module.IN_PAGES), ("into", CAN_INTO)) if can]
no_copy = pytest.mark.skipif(not WAYS, reason="this Python and its SQLite copy no database in use")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Of making copies: in small portions."""
    monkeypatch.setattr(backup_module, "IN_PAGES", request.param == "pages")
    monkeypatch.setattr(backup_module, "PAGES", 1)
    monkeypatch.setattr(backup_module, "STEPS", 50)
    return request.param


@pytest.fixture
def folder(tmp_path):
    """Where copies are made."""
    made = tmp_path / "copies"
    made.mkdir()
    return made


def lobby(store):
    return [text for _, _, text, _ in store.lobby(0, 1000)[0]]


def lobby_of(path):
    """What was said in the lobby of a whole, sound database."""
    store = Database(str(path), mode="ro")
    try:
        store.check()
        return lobby(store)
    finally:
        store.close()


def write(store, frame):
    with store.transaction():
        store.talk(frame)


@no_copy
def test_a_copy_has_what_was_committed_and_is_its_owners_alone(way, database, folder, spoken):
    store, path = database(), folder / "copy.db"
    write(store, spoken(*[b"%d" % number for number in range(200)]))
    with store.transaction():
        store.talk(spoken(b"not yet"))
        assert store.backup(str(path)) is True
    assert len(lobby(store)) == 201
    assert os.stat(str(path)).st_mode & 0o777 == 0o600
    assert os.listdir(str(folder)) == ["copy.db"]
    assert lobby_of(path) == [b"%d" % number for number in range(200)]


@no_copy
def test_what_is_said_meanwhile_does_not_disturb_a_copy(way, database, folder, spoken):
    store, path, pauses = database(), folder / "copy.db", []
    write(store, spoken(*[b"x" * 1000] * 100))

    def pause(*progress):
        pauses.append(progress)
        if len(pauses) < 100:
            write(store, spoken(b"meanwhile"))

    assert copied(database.path, str(path), pause) is True
    assert len(pauses) > 10
    found, said = lobby_of(path), lobby(store)
    assert found == said[:len(found)]
    assert 100 <= len(found) < 105 < 110 < len(said)


@no_copy
def test_a_copy_in_the_place_of_the_database_is_where_the_server_goes_on(way, database, folder, spoken):
    store, path = database(), folder / "copy.db"
    write(store, spoken(b"one", b"two"))
    with store.transaction():
        store.open_account(b"ann", "secret")
        store.keep_room(4, b"#dev", "{}")
        store.talk(spoken(b"in the room", room=4))
    assert store.backup(str(path)) is True
    write(store, spoken(b"three"))
    store.close()
    for ending in ("-wal", "-shm"):
        if os.path.exists(database.path + ending):
            os.unlink(database.path + ending)
    shutil.copy(str(path), database.path)
    store = database()
    store.check()
    assert (lobby(store), store.accounts()) == ([b"one", b"two"], [(b"ann", "secret", 0, 0)])
    assert store.rooms() == ([(4, b"#dev", "{}")], 4)
    write(store, spoken(b"and on it goes"))
    assert lobby(database()) == [b"one", b"two", b"and on it goes"]


def test_nothing_is_overwritten(database, folder, spoken):
    path = folder / "copy.db"
    path.write_text("precious")
    assert database().backup(str(path)) == "%s: is there already; choose another name" % path
    assert path.read_text() == "precious"
    path.unlink()
    path.symlink_to("nowhere")
    assert "is there already" in database().backup(str(path))
    assert "is there already" in database().backup(database.path)
    assert os.listdir(str(folder)) == ["copy.db"]


def test_where_no_copy_can_be_it_is_said_why(database, folder):
    store = database()
    assert store.backup("copy.db") == "copy.db: not an absolute path"
    assert "No such file" in store.backup(str(folder / "nowhere" / "copy.db"))
    assert isinstance(store.backup(str(folder / "co\0py.db")), str)
    assert os.listdir(str(folder)) == []


def test_a_python_that_cannot_says_so(database, folder, monkeypatch):
    monkeypatch.setattr(backup_module, "IN_PAGES", False)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    assert "stop the server, and copy the file" in database().backup(str(folder / "copy.db"))
    assert os.listdir(str(folder)) == []


@no_copy
def test_what_ends_a_copy_leaves_nothing_of_it(way, database, folder, spoken):
    store, path = database(), folder / "copy.db"
    write(store, spoken(*[b"x" * 1000] * 100))

    def pause(*progress):
        raise sqlite3.OperationalError("disk I/O error")

    assert str(copied(database.path, str(path), pause)).startswith("%s: " % path)
    assert os.listdir(str(folder)) == []
    (folder / ("copy.db" + UNFINISHED)).write_text("half a copy of a server that was killed")
    assert store.backup(str(path)) is True
    assert os.listdir(str(folder)) == ["copy.db"]


@no_copy
def test_two_copies_to_one_file_do_not_disturb_each_other(way, database, folder, spoken):
    path, others = folder / "copy.db", []
    write(database(), spoken(*[b"x" * 1000] * 100))

    def pause(*progress):
        if not others:
            others.append(copied(database.path, str(path)))

    assert copied(database.path, str(path), pause) is True
    assert others == ["%s: another copy is being made there" % path]
    assert os.listdir(str(folder)) == ["copy.db"]
    assert len(lobby_of(path)) == 100


@no_copy
def test_a_thread_that_copies_can_be_stopped(way, database, folder, spoken, monkeypatch):
    monkeypatch.setattr(backup_module, "PAUSE", 60)  # seconds, of which it waits none
    write(database(), spoken(*[b"x" * 1000] * 100))
    copying = Copying(database.path, str(folder / "copy.db"))
    assert copying.result() is None
    copying.stop()
    assert isinstance(copying.result(), str)
    assert os.listdir(str(folder)) == []


def test_of_what_is_only_in_memory_there_is_no_copy(folder):
    assert "keeps nothing on a disk" in Store().backup(str(folder / "copy.db"))
    assert os.listdir(str(folder)) == []
