"""Whoever carries envelopes and lists can change, move and repeat them: nothing of that is accepted."""
import base64
import io
import os
import random

import pytest
from surroundings_of_seal import NOW, Server

from parley.client.seal import devices, envelope, files
from parley.client.seal.envelope import PREFIX, Unopened
from parley.client.seal.ring import Ring, Stranger, Unsealable
from parley.client.seal.talk import Seals
from parley.client.sealed import SealedFile


def bytes_of(text):
    raw = text[len(PREFIX):]
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))


def written(data):
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Attacks:
    """Each gives what the server shows instead of (by, place, number, envelope), from all that it has seen."""

    def __init__(self, seed, others, thief):
        self.random, self.others, self.thief = random.Random(seed), others, thief

    def bits_flipped(self, by, place, number, text):
        data = bytearray(bytes_of(text))
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return by, place, number, written(data)

    def cut(self, by, place, number, text):
        data = bytes_of(text)
        return by, place, number, written(data[:self.random.randrange(len(data))])

    def swapped(self, by, place, number, text):
        mine, other = bytes_of(text), bytes_of(self.random.choice(self.others))
        at = self.random.randrange(1, min(len(mine), len(other)))
        return by, place, number, written(mine[:at] + other[at:])

    def repeated(self, by, place, number, text):
        return by, place, number + self.random.randrange(1, 1000), text

    def repeated_as_kept(self, by, place, number, text):
        return by, place, None, text

    def readdressed(self, by, place, number, text):
        return by, self.random.choice([one for one in ("bob", "carl", "#dev", "#ops") if one != place]), number, text

    def of_another_sender(self, by, place, number, text):
        return "carl" if by == "ann" else "ann", place, number, text

    def signed_anew(self, by, place, number, text):
        data = bytes_of(text)[:-64]
        return by, place, number, written(data + self.thief.keys.identity.sign(envelope.context(by, place) + data))

    def signed_anew_as_own(self, by, place, number, text):
        data = bytes_of(text)[:-64]
        data = data[:2] + self.thief.keys.id + data[18:]
        return "mallory", place, number, written(data + self.thief.keys.identity.sign(
            envelope.context("mallory", place) + data))

    def written_otherwise(self, by, place, number, text):
        return by, place, number, self.random.choice([text + "=", text + "A", text + " ", text.replace(":1:", ":2:"),
                                                      text[:-1] + "\u00e9", PREFIX, PREFIX + "!" + text[len(PREFIX):]])


def test_none_of_a_thousand_forged_envelopes_is_accepted():
    server = Server()
    ann, bob, carl, mallory = (server.ring(name) for name in ("ann", "bob", "carl", "mallory"))
    rings = ann, bob, carl, mallory
    server.meet(*rings)
    genuine, number = [], 0
    for count in range(10):
        for text, place in ((ann.seal_whisper("bob", "secret %d" % count, NOW + count), "bob"),
                            *((one, "#dev") for one in
                              ann.seal_in_room("#dev", ["ann", "bob", "carl"], "word %d" % count, NOW + count))):
            number += 1
            genuine.append(("ann", place, number, text))
    opened = [bob.open(*one, NOW) for one in genuine]
    assert [one for one in opened if one] == ["%s %d" % pair for count in range(10)
                                              for pair in (("secret", count), ("word", count))]
    assert [bob.open(*one, NOW) for one in genuine] == opened  # it is the same message, seen in its history
    attacks = Attacks(7, [one[3] for one in genuine], mallory)
    ways = [getattr(attacks, name) for name in vars(Attacks) if not name.startswith("_")]
    accepted, tried = [], 0
    for count in range(1000):
        forged = ways[count % len(ways)](*genuine[attacks.random.randrange(len(genuine))])
        if forged in genuine:
            continue
        tried += 1
        try:
            accepted.append((ways[count % len(ways)].__name__, bob.open(*forged, NOW)))
        except (Unopened, Stranger):
            pass
    assert accepted == []
    assert tried > 950
    with pytest.raises(Unopened):  # whose place another has taken
        carl.open(*genuine[0], NOW)


def test_an_old_message_is_not_shown_as_a_new_one_however_long_ago_it_was():
    server = Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    server.meet(ann, bob)
    first = ann.seal_whisper("bob", "come at six", NOW)
    assert bob.open("ann", "bob", 1, first, NOW) == "come at six"
    for number in range(2, 300):
        bob.open("ann", "bob", number, ann.seal_whisper("bob", "and so on", NOW), NOW)
    for number in (1000, 299, None):
        with pytest.raises(Unopened, match="as a new one"):
            bob.open("ann", "bob", number, first, NOW)
    assert bob.open("ann", "bob", 1, first, NOW) == "come at six"  # in its history


def test_of_a_file_that_was_cut_or_changed_or_is_another_no_more_is_read_than_what_is_right():
    plain = os.urandom(3 * files.CHUNK + 7)
    key, kept, other = os.urandom(32), io.BytesIO(), io.BytesIO()
    size, digest = files.seal(io.BytesIO(plain), kept, key)
    files.seal(io.BytesIO(bytes(size)), other, key)  # by somebody who was told of the file, and so has its key
    data = kept.getvalue()
    chunk = files.CHUNK + 16
    pieces = [data[at:at + chunk] for at in range(0, len(data), chunk)]
    told = SealedFile.of("0" * 32, key, digest, size, "a")
    changed = bytearray(data)
    changed[chunk + 5] ^= 1
    forged = {
        "one that lacks its end": data[:-1], "its last chunk": b"".join(pieces[:-1]),
        "chunks that changed places": pieces[1] + pieces[0] + b"".join(pieces[2:]),
        "a chunk that is there twice": pieces[0] + pieces[0] + b"".join(pieces[2:]),
        "a chunk that is left out": pieces[0] + b"".join(pieces[2:]), "a changed byte": bytes(changed),
        "more behind its end": data + b"x", "another with the same key": other.getvalue(), "nothing": b""}
    for name, given in forged.items():
        opening, opened = files.Opening(told), b""
        with pytest.raises(Unopened, match="not the one that was sealed"):
            for at in range(0, len(given), 5000):
                opened += opening.open(given[at:at + 5000])
            opening.end()
        assert plain.startswith(opened) or name == "another with the same key", name
    content = files.content_of(told)
    for wrong in (b"", content[:88], content[:-1] + b"\xff", content + b"x" * 120,
                  files.content_of(SealedFile.of("0" * 32, key, digest, 0, "a"))):
        with pytest.raises(Unopened, match="malformed"):
            files.read(wrong)
    assert files.read(files.content_of(SealedFile.of("0" * 32, key, digest, 5, "../\u202eb\nc"))).name == "bc"


def test_a_file_is_told_of_to_a_person_and_to_a_room_as_a_text_is():
    server = Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    server.meet(ann, bob)
    file = SealedFile.of("ab" * 16, b"k" * 32, b"h" * 32, 1200000, "plan.pdf")
    for number, (place, text) in enumerate([
            ("bob", ann.seal_whisper("bob", file, NOW)),
            *(("#dev", one) for one in ann.seal_in_room("#dev", ["ann", "bob"], file, NOW))]):
        opened = bob.open("ann", place, number, text, NOW)
        if opened is not None:
            assert opened == "[file] plan.pdf, 1.2 MB" and files.content_of(opened) == files.content_of(file)
    assert opened is not None
    plain = bob.open("ann", "bob", 9, ann.seal_whisper("bob", str(file), NOW), NOW)
    assert plain == opened and not isinstance(plain, SealedFile)
    newer = envelope.letter(ann.keys, "ann", "bob", ann._next_at(NOW), [bob.keys.sealing_public], 3, b"x")
    with pytest.raises(Unopened, match="newer kind"):
        bob.open("ann", "bob", 10, newer, NOW)


def test_what_was_sealed_before_a_room_was_renamed_is_opened_after_it_and_nothing_else(tmp_path):
    server, path = Server(), str(tmp_path / "bob")
    ann, bob = server.ring("ann"), server.ring("bob", path)
    server.meet(ann, bob)

    def said(room, text):
        return ann.seal_in_room(room, ["ann", "bob"], text, NOW)

    key, first = said("#old", "first")
    (second,) = said("#old", "second")
    assert bob.open("ann", "#old", 1, key, NOW) is None
    assert bob.open("ann", "#old", 2, first, NOW) == "first"
    with pytest.raises(Unopened, match="moved"):
        bob.open("ann", "#new", 2, first, NOW)
    bob.set_sealed("#old", True)
    bob.room_renamed("#old", "#between", 3)
    bob.room_renamed("#between", "#new", 5)
    bob.save()
    bob = Ring(path, "bob")
    assert bob.is_sealed("#new") and not bob.is_sealed("#old")
    assert bob.open("ann", "#new", 2, first, NOW) == "first"
    assert bob.open("ann", "#new", 3, second, NOW) == "second"
    (late,) = said("#old", "late")
    for place, number, text in (("#new", 6, late), ("#new", 4, late), ("#new", None, late), ("#between", 2, first)):
        with pytest.raises(Unopened, match="moved"):
            bob.open("ann", place, number, text, NOW)
    with pytest.raises(Unopened, match="a second time"):
        bob.open("ann", "#new", 1, first, NOW)
    key, now = said("#new", "now")
    assert [bob.open("ann", "#new", number, one, NOW) for number, one in ((6, key), (7, now))] == [None, "now"]
    for number in range(30):
        bob.room_renamed("#new" + "x" * number, "#new" + "x" * (number + 1), number)
    assert len(bob._kept["earlier"]["#new" + "x" * 30]) == 16


def test_a_list_that_was_changed_is_none():
    server = Server()
    ann = server.ring("ann")
    server.ring("ann")
    data = server.lists["ann"]
    for at in range(len(data)):
        for forged in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]):
            with pytest.raises(devices.BadList):
                devices.read(forged, "ann")
    for forged in (data + b"\0", b""):
        with pytest.raises(devices.BadList):
            devices.read(forged, "ann")
    with pytest.raises(devices.BadList):
        devices.read(data, "bob")
    assert devices.read(data, "ann").number == 2 and ann.own_devices()


def test_after_the_last_number_there_is_no_list_and_that_is_told():
    server = Server()
    bob, thief = server.ring("bob"), server.ring("bob")
    last = devices._signed(thief.keys, 0xFFFFFFFF, "bob", thief.mine.entries).data
    server.lists["bob"] = last
    for log_in in (lambda: server.log_in(bob, NOW + 8 * 86400), lambda: server.ring("bob")):
        with pytest.raises(Unsealable, match="no further list"):
            log_in()
    with pytest.raises(Unsealable, match="no further list"):
        bob.change_own(thief.keys.id.hex()[:8], False)


def test_a_ring_does_not_grow_with_each_key_that_a_member_hands_out(monkeypatch):
    monkeypatch.setattr("parley.client.seal.ring.MOST_CHAINS", 3)
    server = Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    server.meet(ann, bob)
    names = []
    for number in range(12):
        chain = envelope.new_chain()
        names.append(chain.id.hex())
        letter = envelope.letter(bob.keys, "bob", "#ab"[:2 + number % 2], bob._next_at(NOW), [ann.keys.sealing_public],
                                 envelope.CHAIN, envelope.chain_content(chain))
        assert ann.open("bob", "#ab"[:2 + number % 2], number, letter, NOW) is None
    assert [one.split(" ")[1] for one in ann._kept["chains"]] == names[-6:]  # three of each room


def test_a_key_to_which_nothing_can_be_sealed_makes_a_list_none():
    server = Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    signed = server.lists["bob"]
    for weak in (bytes(32), b"\x01" + bytes(31), b"\xed" + b"\xff" * 30 + b"\x7f"):  # 0, 1, and 0 again
        entry = bob.mine.entries[0]._replace(sealing=weak)
        server.lists["bob"] = devices._signed(bob.keys, 2, "bob", [entry]).data
        assert server.meet(ann) == ["This is not a valid list of the devices of bob."]
        with pytest.raises(Unsealable, match="bob has no device"):
            ann.seal_in_room("#dev", ["ann", "bob"], "hi", NOW)
    server.lists["bob"] = signed
    assert server.meet(ann) == [] and ann.seal_whisper("bob", "hi", NOW)


def test_a_verified_partner_notices_each_way_of_swapping_a_list():
    server, honest = Server(), Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    server.meet(ann, bob)
    assert ann.digits("bob") == bob.digits("ann")
    ann.confirm("bob")
    honest.lists.update(server.lists)

    for name in ("a list of its own", "a device more", "an older list", "none"):
        other = Server()
        if name == "a device more":
            other.lists["bob"] = honest.lists["bob"]
        other.ring("bob")
        shown = {"none": None, "an older list": honest.lists["bob"]}.get(name, other.lists.get("bob"))
        told = ann.learn("bob", shown)
        if name in ("none", "an older list"):
            assert told == [] and ann.why_blocked("bob") is None
            assert bob.open("ann", "bob", None, ann.seal_whisper("bob", "still for him", NOW), NOW)
            continue
        assert len(told) == 1 and "/verify bob" in told[0], name
        assert ann.learn("bob", shown) == []  # it is said once
        with pytest.raises(Unsealable, match="/verify bob"):
            ann.seal_whisper("bob", "not for them", NOW)
        with pytest.raises(Unsealable, match="/verify bob"):
            ann.seal_in_room("#dev", ["ann", "bob"], "not for them", NOW)
        assert ann.digits("bob") != bob.digits("ann") or name == "a device more"
        ann.learn("bob", honest.lists["bob"])
        ann._pin("bob", devices.read(honest.lists["bob"], "bob"), True)  # as it was


def test_who_is_not_verified_is_told_and_can_go_on():
    server = Server()
    ann, bob = server.ring("ann"), server.ring("bob")
    server.meet(ann, bob)
    phone = server.ring("bob")
    assert server.meet(ann) == ["bob has a new device."]
    server.meet(phone)
    text = ann.seal_whisper("bob", "on both", NOW)
    assert [one.open("ann", "bob", 1, text, NOW) for one in (bob, phone, ann)] == ["on both"] * 3
    told = server.log_in(bob)
    assert len(told) == 1 and "/seal accept" in told[0]
    short = next(short for short, is_this, vouched in bob.own_devices() if not is_this)
    server.publish(bob, bob.change_own(short, True))
    assert server.meet(ann) == [] and server.log_in(phone) == []
    ann.confirm("bob")
    tablet = server.ring("bob")
    assert "none of the others vouches" in server.meet(ann)[0] and ann.why_blocked("bob")
    with pytest.raises(Unopened, match="/verify bob"):
        server.meet(tablet)
        ann.open("bob", "ann", 2, tablet.seal_whisper("ann", "it is me", NOW), NOW)
    server.log_in(bob)
    server.publish(bob, bob.change_own(tablet.keys.id.hex()[:8], True))
    assert server.meet(ann) == [] and ann.why_blocked("bob") is None
    server.publish(bob, bob.change_own(phone.keys.id.hex()[:8], False))
    server.meet(ann)
    with pytest.raises(Unopened, match="not sealed for this device"):
        phone.open("ann", "bob", 3, ann.seal_whisper("bob", "without the phone", NOW), NOW)
    with pytest.raises(Unsealable, match="taken out"):
        server.log_in(phone)


def test_a_room_gets_another_key_when_anybody_leaves_and_after_a_while():
    server = Server()
    ann, bob, carl = (server.ring(name) for name in ("ann", "bob", "carl"))
    server.meet(ann, bob, carl)

    def kinds(members, now):
        return [envelope.read(one).kind for one in ann.seal_in_room("#dev", members, "hi", now)]

    everybody = ["ann", "bob", "carl"]
    assert kinds(everybody, NOW) == [envelope.LETTER, envelope.SPEECH]
    assert kinds(everybody, NOW) == [envelope.SPEECH]
    sent = ann.seal_in_room("#dev", ["ann", "bob"], "without carl", NOW)
    assert len(sent) == 2
    for ring, sees in ((bob, True), (carl, False)):
        opened = []
        for number, one in enumerate(sent):
            try:
                opened.append(ring.open("ann", "#dev", number, one, NOW))
            except Unopened:
                opened.append("not opened")
        assert opened == [None, "without carl" if sees else "not opened"]
    assert kinds(["ann", "bob"], NOW + 86401) == [envelope.LETTER, envelope.SPEECH]  # a day later
    for _ in range(99):
        assert kinds(["ann", "bob"], NOW + 86402) == [envelope.SPEECH]
    assert kinds(["ann", "bob"], NOW + 86402) == [envelope.LETTER, envelope.SPEECH]
    with pytest.raises(Unsealable, match="eve has no device"):
        ann.seal_in_room("#dev", ["ann", "eve"], "hi", NOW)
    with pytest.raises(Unsealable, match="more than 100"):
        ann.seal_in_room("#dev", ["ann"] * 101, "hi", NOW)


def test_a_ring_is_a_file_of_its_owner_and_goes_on_after_a_week(tmp_path):
    server, path = Server(), str(tmp_path / "seal" / "ann")
    ann, bob = server.ring("ann", path), server.ring("bob")
    server.meet(ann, bob)
    early = bob.seal_whisper("ann", "early", NOW)
    ann.set_sealed("bob", True)
    ann.confirm("bob")
    assert ann.open("bob", "ann", 5, early, NOW) == "early"
    ann.save()
    assert os.stat(path).st_mode & 0o777 == 0o600
    for days, is_readable in ((8, True), (20, True), (60, False)):
        again = Ring(path, "ann")
        assert again.is_sealed("bob") and again.is_verified("bob") and again.digits("bob") == bob.digits("ann")
        server.log_in(again, NOW + 86400 * days)
        server.meet(bob)
        assert again.open("bob", "ann", 100 + days, bob.seal_whisper("ann", "later", NOW + days), NOW) == "later"
        try:
            assert again.open("bob", "ann", 5, early, NOW) == "early" and is_readable
        except Unopened:
            assert not is_readable
        with pytest.raises(Unopened):
            again.open("bob", "ann", 6, early, NOW)
        again.save()
    (tmp_path / "broken").write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        Ring(str(tmp_path / "broken"), "ann")


def test_no_account_has_a_name_by_which_its_keys_are_written_over_anothers(tmp_path):
    class Protocol:
        def __init__(self, name):
            self.me = name

        def ask_keys(self, *request, of):
            """Nobody answers."""

    kept = {}
    for name in ("bob", "bob.new", "bob new", "..", "a/b", "a%2Fb"):
        seals = Seals(str(tmp_path / "rings"))
        seals.welcomed(Protocol(name), True)
        seals.ring.make_keys(NOW)
        seals.ring.save()
        kept[name] = seals.ring.keys.public
    for name, key in kept.items():
        seals = Seals(str(tmp_path / "rings"))
        seals.welcomed(Protocol(name), True)
        assert seals.ring.keys.public == key
    assert len(list((tmp_path / "rings").iterdir())) == len(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["rings"]
