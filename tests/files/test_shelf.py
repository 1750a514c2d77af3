"""What is kept of files, for whom and for how long; the folder and the index after a death at any point."""
import errno
import hashlib
import logging
import os
import sqlite3
import types

import pytest

from parley.server.files import shelf, shown
from parley.server.files.index import OFFERED, SAID, WHOLE, Index, Messages
from parley.server.files.kinds import kind_of
from parley.server.files.shelf import (
    ABANDONED,
    NOT_CLEAN,
    STALLED,
    UNBEGUN,
    UNCLEAR,
    WRONG_HASH,
    WRONG_PLACE,
    Refused,
    Shelf,
)
from parley.server.protocols.sealed import digest

LIMITS = {"file_bytes": 1000, "account_bytes": 2500, "guest_bytes": 1500, "all_bytes": 4000, "offers_per_minute": 0,
          "disk_reserve_percent": 0, "keep_days": 30, "scan": None}
DATA = bytes(range(200)) * 5
BASE = "https://chat.example.org/parley"

NAMES = {  # what a client may call a file, and what it is then called
    "plan.pdf": "plan.pdf",
    "/etc/passwd": "passwd",
    "..\\..\\evil.exe": "evil.exe",
    "../..": "file",
    "..": "file",
    "": "file",
    "a/": "file",
    ".bashrc": "bashrc",
    "con.txt": "_con.txt",
    "LPT1": "_LPT1",
    "a\nMSG bob hi": "aMSG bob hi",
    "a\r\x00\x1b[2Jb": "a[2Jb",
    "photo\u202egnp.exe": "photognp.exe",
    "a|||b||c": "a___b__c",
    "x: https://evil.example/files/": "file",
    "x: https:evil": "x_ https_evil",
    "a\u2028b\u2029c\ud800d": "abcd",
    "  a \t  b  ": "a b",
    "e\u0301": "\u00e9",
    "n" * 300 + ".tar": "n" * 96 + ".tar",
    "\u540d" * 120 + ".pdf": "\u540d" * 38 + ".pdf",
    "a." + "x" * 300: "a." + "x" * 98,
    '<img src=x onerror="f()">.png': "_img src=x onerror=_f()__.png",
}


class Table:
    """The messages that are stored, in a database like the journal's."""

    def __init__(self, path):
        self.path = str(path)
        self._rows = sqlite3.connect(self.path, isolation_level=None)
        self._rows.execute("CREATE TABLE messages (number INTEGER PRIMARY KEY, sender TEXT, text TEXT)")

    def say(self, text, sender="ann"):
        self._rows.execute("INSERT INTO messages (sender, text) VALUES (?, ?)", (sender, text))

    def delete(self, sender):
        self._rows.execute("DELETE FROM messages WHERE sender = ?", (sender,))

    def delete_all(self):
        self._rows.execute("DELETE FROM messages")


class Kept:
    """A shelf, and the same after a restart."""

    def __init__(self, folder):
        self.now = 1000000.0
        self.folder = folder / "files"
        self.folder.mkdir()
        self.messages = Table(folder / "messages.db")
        self.limits = dict(LIMITS)
        self.shelf = None
        self.start()

    def start(self):
        """As after the death of the process: nothing but what is on the disk."""
        if self.shelf:
            self.shelf.index.close()
        self.index = Index(str(self.folder / "index.db"))
        self.shelf = Shelf(
            str(self.folder), self.index, Messages(self.messages.path), self.limits, BASE, lambda: self.now)

    def offer(self, data=DATA, owner="guest 1", **more):
        given = {"owner": owner, "is_account": owner.startswith("account"), "name": "a.bin", "size": len(data),
                 "sha256": hashlib.sha256(data).hexdigest()}
        found = self.shelf.offer(**dict(given, **more))
        return found["file"], found["token"]

    def send(self, key, data=DATA, first=0, total=None):
        part = self.shelf.begin(*key, first, len(data), len(data) if total is None else total)
        part.append(data)
        return part

    def complete(self, part):
        finish = self.shelf.settle(part)
        return self.shelf.settled(part, finish())

    def put(self, key, data=DATA):
        return self.complete(self.send(key, data))

    def names(self):
        return sorted(name for name in os.listdir(str(self.folder)) if not name.startswith("index.db"))

    def state(self, key):
        found = self.index.find(key[0])
        return found and found.state


@pytest.fixture
def kept(tmp_path):
    made = Kept(tmp_path)
    yield made
    made.shelf.index.close()


def refused(action, *arguments, **named):
    with pytest.raises(Refused) as caught:
        action(*arguments, **named)
    return caught.value.reason, caught.value.at


def test_a_name_is_a_name_and_nothing_else_and_a_line_can_be_read_in_one_way_only():
    for given, name in NAMES.items():
        assert shown.clean(given) == name
        assert shown.clean(name) == name
        line = shown.line(BASE, "0123456789abcdef" * 2, name, 1234567)
        told = shown.LINE.fullmatch(line)
        assert (told.group("name"), told.group("size"), told.group("file")) == (
            name, "1.2 MB", "0123456789abcdef" * 2)
        assert "|||" not in line and line.isprintable() and len(line.encode()) < 350
        assert line.endswith("/files/%s/%s" % (told.group("file"), told.group("url").rpartition("/")[2]))
    assert [shown.size_of(size) for size in (1, 999, 1000, 99949, 99950, 999499, 999500, 25 << 20, 5 << 30)] == [
        "1 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "999 kB", "1.0 MB", "26.2 MB", "5.4 GB"]
    assert kind_of(b"\x89PNG\r\n\x1a\n") == "image/png"
    assert kind_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert kind_of(b"GIF89a") == "image/gif"
    assert kind_of(b"RIFF1234WEBPVP8 ") == "image/webp"
    for other in (b"", b"<svg>", b"<html>GIF89a", b"RIFF1234WAVE", b"\x89PN"):
        assert kind_of(other) == "application/octet-stream"


def test_an_offer_is_refused_for_its_size_the_space_of_its_owner_and_of_all_and_the_rate(kept):
    assert refused(kept.offer, size=0)[0] == refused(kept.offer, size=-1)[0] == "bad-form"
    assert refused(kept.offer, sha256="XYZ")[0] == "bad-form"
    assert refused(kept.offer, size=1001)[0] == "file-too-big"
    first = kept.offer(size=1000)
    assert refused(kept.offer, size=501)[0] == "quota-full"
    kept.offer(size=500)
    for _ in range(2):
        kept.offer(owner="account ann", size=1000)
    assert refused(kept.offer, owner="account ann", size=501)[0] == "quota-full"
    assert refused(kept.offer, owner="account bob", size=501)[0] == "disk-full"
    kept.shelf.drop(*first)
    kept.offer(size=1000)  # its space was free at once
    kept.limits.update(disk_reserve_percent=99)
    assert refused(kept.offer, owner="account bob", size=1)[0] == "disk-full"
    kept.limits.update(disk_reserve_percent=0, offers_per_minute=3)
    for _ in range(3):
        kept.offer(owner="account cy", size=1)
    assert refused(kept.offer, owner="account cy", size=1)[0] == "try-again-later"
    kept.now += 60
    kept.offer(owner="account cy", size=1)


def test_many_files_are_deleted_in_steps_of_one_flush_each(kept, monkeypatch):
    monkeypatch.setattr(shelf, "MOST_SWEPT", 10)
    kept.limits.update(all_bytes=1 << 20, account_bytes=1 << 20)
    kept.messages.say("hi")
    for state, seconds in ((OFFERED, UNBEGUN), (WHOLE, ABANDONED), (SAID, kept.limits["keep_days"] * 86400)):
        begun = [kept.offer(owner="account ann", size=40) for _ in range(15)]
        for file, token in begun:
            kept.shelf.begin(file, token, 0, 1, 40).append(b"x")  # something has come of these, lately
            kept.shelf.pause(file)
        for file, _ in [kept.offer(owner="account ann", size=1) for _ in range(25)]:
            kept.index.update(file, state=state, number=1)
        kept.index.commit()
        commits, left, commit = [], [], kept.index.commit
        kept.now += seconds + 1
        for file, _ in begun:
            os.utime(os.path.join(str(kept.folder), file + ".part"), (kept.now, kept.now))
        with monkeypatch.context() as patch:
            patch.setattr(kept.index, "commit", lambda: commits.append(commit()))
            for _ in range(5):
                kept.shelf.sweep()
                left.append(len(kept.index.all()) - len(begun))
        assert left[-1] == 0 and all(before - after <= 10 for before, after in zip([25, *left], left)), left
        assert len(commits) <= 5
        for key in begun:
            kept.shelf.drop(*key)


def test_small_files_leave_inodes_to_others(kept, monkeypatch):
    kept.limits.update(disk_reserve_percent=10)
    disk = types.SimpleNamespace(f_bavail=1000, f_blocks=1000, f_frsize=4096, f_files=1000, f_favail=101)
    monkeypatch.setattr(os, "statvfs", lambda folder: disk)
    kept.offer(size=1)
    disk.f_favail = 100
    assert refused(kept.offer, size=1)[0] == "disk-full"
    disk.f_files = disk.f_favail = 0  # as btrfs has it
    kept.offer(size=1)


def test_a_file_comes_in_parts_over_deaths_and_is_whole_only_as_it_was_offered(kept):
    key = kept.offer()
    assert refused(kept.shelf.begin, key[0], "f" * 32, 0, 10, 1000) == ("not-allowed", None)
    assert refused(kept.shelf.begin, "0" * 32, key[1], 0, 10, 1000) == ("no-such-file", None)
    assert refused(kept.shelf.begin, "../index.db", key[1], 0, 10, 1000) == ("no-such-file", None)
    assert refused(kept.shelf.begin, *key, 0, 10, 999) == ("bad-form", 0)  # its size is another
    assert refused(kept.shelf.begin, *key, 0, 10, 1001) == ("file-too-big", 0)
    assert refused(kept.shelf.begin, *key, 0, 1001, 1000) == ("bad-form", 0)
    kept.send(key, DATA[:300], 0, 1000)
    assert refused(kept.shelf.begin, *key, 299, 10, 1000) == (WRONG_PLACE, 300)
    kept.send(key, DATA[300:500], 300, 1000)  # what is remembered of its hash holds
    kept.shelf.index.commit()
    kept.start()
    assert kept.shelf.state(*key) == {"at": 500, "size": 1000, "whole": False}
    assert refused(kept.shelf.get, key[0])[0] == "no-such-file"
    assert refused(kept.shelf.share, *key, "ann", "")[0] == "not-whole"
    part = kept.send(key, DATA[500:], 500, 1000)
    assert kept.complete(part) == {"at": 1000, "size": 1000, "whole": True}
    assert kept.shelf.get(key[0]) == {"name": "a.bin", "size": 1000, "kind": "application/octet-stream",
                                      "sha256": hashlib.sha256(DATA).hexdigest()}
    assert refused(kept.shelf.begin, *key, 0, 1000, 1000) == ("already-whole", 1000)
    assert (kept.folder / key[0]).read_bytes() == DATA
    other = kept.offer(size=500)
    assert refused(kept.put, other, DATA[:500])[0] == WRONG_HASH
    assert refused(kept.shelf.state, *other)[0] == "no-such-file"
    assert kept.names() == [key[0]]


def test_one_owner_sends_four_at_once_and_the_last_who_sends_a_file_is_the_one(kept):
    keys = [kept.offer(size=100) for _ in range(5)]
    parts = [kept.send(key, DATA[:10], 0, 100) for key in keys[:4]]
    assert refused(kept.shelf.begin, *keys[4], 0, 10, 100)[0] == "try-again-later"
    again = kept.send(keys[0], DATA[10:20], 10, 100)
    assert not kept.shelf.is_current(parts[0])
    assert kept.shelf.is_current(again)
    kept.shelf.pause(keys[0][0])
    kept.send(keys[4], DATA[:10], 0, 100)


def test_an_upload_that_has_stalled_makes_room_for_another_of_its_owner_and_goes_on_later(kept):
    keys = [kept.offer(size=100) for _ in range(6)]
    parts = [kept.send(key, DATA[:10], 0, 100) for key in keys[:4]]
    kept.now += STALLED
    for part in (parts[0], *parts[2:]):
        part.append(DATA[10:20])
    kept.send(keys[4], DATA[:10], 0, 100)
    assert [kept.shelf.is_current(part) for part in parts] == [True, False, True, True]
    assert refused(kept.shelf.begin, *keys[1], 10, 10, 100)[0] == "try-again-later"
    assert refused(kept.shelf.begin, *keys[5], 0, 10, 100)[0] == "try-again-later"
    kept.now += STALLED
    assert kept.shelf.begin(*keys[1], 10, 10, 100).at == 10


def test_an_upload_that_is_made_whole_takes_the_place_of_no_other(kept):
    keys = [kept.offer(DATA[:100]) for _ in range(5)]
    settling = kept.send(keys[0], DATA[:100])
    parts = [kept.send(key, DATA[:10], 0, 100) for key in keys[1:4]]
    finish = kept.shelf.settle(settling)
    kept.now += STALLED
    kept.send(keys[4], DATA[:10], 0, 100)
    assert [kept.shelf.is_current(part) for part in parts] == [False, True, True]
    assert refused(kept.shelf.drop, *keys[0])[0] == "try-again-later"
    assert kept.shelf.settled(settling, finish())["whole"]
    assert kept.shelf.drop(*keys[0]) == {"dropped": True}


def test_of_offers_and_of_uploads_that_were_paused_only_some_are_remembered(kept):
    for number in range(200):
        key = kept.offer(DATA[:1] * 2, "guest %d" % number)
        kept.send(key, DATA[:1], 0, 2)
        kept.shelf.pause(key[0])
    assert len(kept.shelf._known) <= 64
    assert kept.shelf.begin(*key, 1, 1, 2).at == 1
    kept.now += 61
    kept.shelf.sweep()
    assert kept.shelf._offers == {}


def test_an_offer_of_which_no_byte_comes_gives_back_its_space_soon(kept):
    untouched, opened, begun = (kept.offer(size=100) for _ in range(3))
    kept.shelf.pause(kept.shelf.begin(*opened, 0, 100, 100).file)
    kept.send(begun, DATA[:1], 0, 100)
    for key in (opened, begun):
        kept.shelf.pause(key[0])
        os.utime(str(kept.folder / (key[0] + ".part")), (kept.now, kept.now))
    kept.now += UNBEGUN + 1
    kept.shelf.sweep()
    assert [kept.state(key) for key in (untouched, opened, begun)] == [None, None, "offered"]
    assert kept.names() == [begun[0] + ".part"]


def test_after_a_death_at_any_point_a_file_and_its_message_are_there_or_neither_is(kept, caplog):
    caplog.set_level(logging.INFO)
    moved, lost, said, unsaid = (kept.offer(size=1000, owner="guest %d" % number) for number in range(4))
    kept.shelf.index.commit()
    part = kept.send(moved)
    assert kept.shelf.settle(part)() is None  # it has its name, and the index does not know
    kept.put(lost)
    for key in (said, unsaid):
        kept.put(key)
        text = kept.shelf.share(*key, "ann", "")["text"]
    kept.messages.say("hello")
    kept.messages.say(shown.line(BASE, said[0], "a.bin", 1000))
    kept.shelf.index.commit()
    (kept.folder / lost[0]).unlink()
    for orphan in ("a" * 32, "b" * 32 + ".part"):
        (kept.folder / orphan).write_bytes(b"x")
    kept.start()
    assert kept.names() == sorted([moved[0] + ".part", said[0], unsaid[0]])
    assert [record.message for record in caplog.records].count("deleted files that are not in the index") == 1
    assert kept.shelf.state(*moved) == {"at": 1000, "size": 1000, "whole": False}
    assert kept.complete(kept.shelf.begin(*moved, None, 0, 1000))["whole"]
    kept.shelf.sweep()
    assert (kept.state(said), kept.state(unsaid), kept.state(lost)) == ("said", "shared", None)
    kept.now += UNCLEAR + 1
    kept.shelf.sweep()
    assert (kept.state(said), kept.state(unsaid), kept.state(moved)) == ("said", None, "whole")
    begun, untouched = kept.offer(size=100), kept.offer(size=100)
    kept.send(begun, DATA[:10], 0, 100)
    kept.shelf.pause(begun[0])
    for came, left in ((kept.now + ABANDONED, ["offered", None]), (kept.now, [None, None])):
        os.utime(str(kept.folder / (begun[0] + ".part")), (came, came))
        kept.now += (ABANDONED + 1) * (left[0] is not None)
        kept.shelf.sweep()
        assert [kept.state(begun), kept.state(untouched)] == left
    assert kept.names() == [said[0]]
    assert text.endswith("/files/%s/a.bin" % unsaid[0])


def test_what_was_sent_while_the_clock_was_ahead_is_given_up_like_other_files(kept):
    keys = [kept.offer(size=1000, owner="guest %d" % number) for number in range(2)]
    kept.shelf.pause(kept.send(keys[1], total=1000).file)
    whole = kept.offer(owner="guest 2")
    kept.put(whole)
    kept.now -= 500000
    kept.shelf.sweep()
    kept.now += ABANDONED + 1
    kept.shelf.sweep()
    assert [kept.state(key) for key in (*keys, whole)] == [None, None, None]


def test_a_file_goes_with_its_message_or_when_its_days_are_over_and_is_kept_while_nobody_knows(kept, tmp_path):
    old, deleted, twice = (kept.offer(size=1000, owner="guest %d" % number) for number in range(3))
    for key in (old, deleted, twice):
        kept.put(key)
        kept.messages.say(kept.shelf.share(*key, "ann", "")["text"])
        if key is twice:
            kept.shelf.share(*key, "ann", "")  # again, and it is not said again, before the first is found
        kept.shelf.sweep()
    kept.shelf.share(*twice, "ann", "")  # again, and it is not said this time
    kept.now += UNCLEAR + 1
    kept.shelf.sweep()
    assert kept.state(twice) == "said"
    kept.messages.delete_all()
    os.rename(kept.messages.path, kept.messages.path + "-away")
    kept.shelf.sweep()
    assert refused(kept.shelf.share, *twice, "ann", "")[0] == "not-stored"
    assert kept.state(deleted) == "said"
    os.rename(kept.messages.path + "-away", kept.messages.path)
    kept.messages.say(shown.line(BASE, old[0], "a.bin", 1000))
    for _ in range(2):
        kept.shelf.sweep()
    assert [kept.state(key) for key in (old, deleted, twice)] == ["said", None, None]
    kept.now += 30 * 86400 + 1
    kept.shelf.sweep()
    assert kept.names() == []


def test_of_many_files_those_whose_messages_are_gone_go_wherever_they_are_among_them(kept, monkeypatch):
    monkeypatch.setattr("parley.server.files.shelf.MOST_SWEPT", 2)
    keys = sorted(kept.offer(DATA[:10], "guest %d" % number) for number in range(5))
    for number, key in enumerate(keys):
        kept.put(key, DATA[:10])
        kept.messages.say(kept.shelf.share(*key, str(number), "")["text"], str(number))
    kept.shelf.sweep()
    kept.messages.delete("4")
    for _ in range(3):
        kept.shelf.sweep()
    assert [kept.state(key) for key in keys] == ["said"] * 4 + [None]


def test_a_file_does_not_go_with_the_message_of_somebody_who_has_repeated_the_words(kept):
    key = kept.offer()
    kept.put(key)
    text = kept.shelf.share(*key, "ann", "")["text"]
    kept.messages.say(text)
    kept.messages.say(text, "eve")
    kept.shelf.sweep()
    kept.messages.delete("eve")
    kept.shelf.sweep()
    kept.shelf.share(*key, "bob", "")  # who was given the token
    kept.messages.say(text, "eve")
    kept.shelf.sweep()
    assert kept.state(key) == "shared"
    kept.messages.say(text, "bob")
    kept.shelf.sweep()
    kept.messages.delete("eve")
    for _ in range(2):
        kept.shelf.sweep()
    assert kept.state(key) == "said"
    kept.messages.delete("bob")
    for _ in range(2):
        kept.shelf.sweep()
    assert kept.state(key) is None


def test_a_sealed_file_goes_with_the_sealed_message_that_tells_of_it(kept):
    envelope, other = ("parley:sealed:1:" + letter * 228 for letter in "AB")
    key, unsaid = kept.offer(), kept.offer(DATA[:500])
    kept.put(key)
    kept.put(unsaid, DATA[:500])
    kept.shelf.share(*key, "ann", digest(envelope.encode()))
    kept.shelf.share(*unsaid, "ann", digest(other.encode()))
    kept.messages.say(envelope, "eve")
    kept.messages.say(shown.line(BASE, key[0], "a.bin", 1000))  # which knows the id, and tells of it otherwise
    kept.messages.say(other + "A")
    kept.shelf.sweep()
    assert kept.state(key) == kept.state(unsaid) == "shared"
    kept.messages.say(envelope, "bob")
    kept.messages.say(envelope)
    kept.shelf.sweep()
    assert (kept.state(key), kept.index.find(key[0]).number) == ("said", 5)
    kept.now += UNCLEAR + 1
    kept.shelf.sweep()
    assert (kept.state(key), kept.state(unsaid)) == ("said", None)
    kept.messages.delete("ann")
    for _ in range(2):
        kept.shelf.sweep()
    assert kept.state(key) is None


def test_no_message_is_looked_at_twice_for_a_file_that_is_shared_and_not_said_again_and_again(kept):
    key = kept.offer()
    kept.put(key)
    text = kept.shelf.share(*key, "ann", "")["text"]
    for number in range(1, 8):
        kept.messages.say("hello")
        kept.shelf.sweep()
        kept.shelf.share(*key, "ann", "")
        assert (kept.state(key), kept.index.find(key[0]).floor) == ("shared", number)
        kept.now += UNCLEAR - 1
    kept.messages.say(text)
    kept.messages.say("hello")
    kept.shelf.sweep()
    assert (kept.state(key), kept.index.find(key[0]).number) == ("said", 8)


def test_what_the_disk_or_the_scanner_does_not_take_is_refused(kept, monkeypatch):
    key = kept.offer()
    part = kept.shelf.begin(*key, 0, 1000, 1000)
    write, taken = os.write, []

    def full(fd, data):
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(write(fd, data[:400]))
        return taken[0]

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError) as error:
        part.append(DATA)
    monkeypatch.undo()
    assert Shelf.trouble(error.value) == "disk-full"
    kept.shelf.pause(key[0])
    assert kept.complete(kept.send(key, DATA[400:], 400, 1000))["whole"]  # what it had taken counts
    for command, whole in (("true", True), ("false", False), ("/nowhere/scanner -x", False)):
        kept.limits["scan"] = command
        key = kept.offer(owner=command)
        if whole:
            assert kept.put(key)["whole"]
        else:
            assert refused(kept.put, key)[0] == NOT_CLEAN
            assert kept.state(key) is None


def test_files_are_counted_by_their_state_and_those_that_are_deleted_by_why(kept):
    assert kept.index.counted() == ({}, 0)
    first, second, third = [kept.offer(data) for data in (DATA, b"xy", b"z")]
    assert kept.index.counted() == ({"offered": 3}, 1003)
    part = kept.send(first)
    assert kept.shelf.uploads == 1
    kept.complete(part)
    assert kept.shelf.uploads == 0
    kept.shelf.share(*first, "ann", "")
    assert kept.index.counted() == ({"offered": 2, "shared": 1}, 1003)
    kept.shelf.drop(*second)
    assert refused(kept.put, third, b"?")[0] == WRONG_HASH
    kept.now += max(ABANDONED, UNCLEAR) + 1
    kept.shelf.sweep()
    assert kept.index.counted() == ({}, 0)
    assert kept.shelf.removed == {"deleted": 1, "rejected": 1, "abandoned": 1}
