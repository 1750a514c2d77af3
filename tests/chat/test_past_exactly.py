"""Who may look at the past exactly, and since when it is theirs."""
import pytest
from apply_entries import Run
from plain import plain

from parley.server.chat.names import claims
from parley.server.ipc.queues import EXTRA, placed, record, talk
from parley.server.protocols.events import Reason

NOW = 1600000000000


class Asked:
    """ann, who has an account, and bob, on one worker; what is told is remembered."""

    def __init__(self):
        run = Run(7)
        self.register, self.store, self.told = run.register, run.accounts._store, []
        run.post.worker = lambda worker, message: self.told.append(message)
        run.accounts.begin_with(b"ann", tuple(claims(b"ann")), "secret")
        self.register.claim_name(1, 1, b"ann", "Login", run.accounts.accounts[b"ann"].serial, None)
        self.register.claim_unproven(1, 2, b"bob", tuple(claims(b"bob")), "Login")
        for session in (1, 2):
            self.register.enter(1, session, b"#dev", tuple(claims(b"#dev")), None)

    def say(self, number, text, room=1):
        frame = talk(room, 1, [record(1, b"ann", text, 7)], EXTRA)
        self.store.talk(placed(frame, number, NOW + number), lambda stored: None)

    def ask(self, session, question, *fields):
        """What the session is told: fields, or why not."""
        self.told.clear()
        getattr(self.register, question)(1, [session], *fields)
        ((kind, _, *told),) = map(plain, self.told)
        return told[0] if kind == "refused" else told

    def browse(self, session, room=b"", partner=b""):
        return self.ask(session, "browse_exactly", room, partner, None, None, 9, None, None, False)


@pytest.fixture
def asked():
    return Asked()


def test_a_room_is_told_exactly_to_its_members_and_that_of_others_is_not(asked):
    asked.say(1, b"hi\0more")
    asked.say(2, b"\0only")
    assert asked.browse(2, b"#dev") == [
        b"#dev", b"", [(1, b"ann", b"hi\0more", NOW + 1), (2, b"ann", b"\0only", NOW + 2)], False, 0]
    assert asked.browse(2, b"#none") == Reason.NO_ROOM
    asked.register.exit(1, 2, b"#dev")
    assert asked.browse(2, b"#dev") == Reason.NOT_INSIDE


def test_who_has_an_account_is_told_what_was_said_alone(asked):
    asked.register.whisper(1, 2, b"bob", b"ann", b"psst", None, "", b"", b"more")
    ((number, sender, text, _),) = asked.browse(1, partner=b"bob")[2]
    assert (number, sender, text) == (1, b"bob", b"psst\0more")
    assert asked.browse(2, partner=b"ann")[2] == []  # any guest may be called bob


def test_where_the_latest_was_said_is_told_of_open_rooms_and_of_partners(asked):
    asked.say(1, b"hi\0more")
    asked.say(2, b"hi\0more", 0)
    asked.register.whisper(1, 2, b"bob", b"ann", b"psst", None, "")
    (((partner, _), room, lobby),) = asked.ask(1, "partners", 0, 1 << 60, 9)
    assert (room, lobby, partner) == ((b"#dev", NOW + 1), (b"#lobby", NOW + 2), b"bob")
    assert [name for name, _ in asked.ask(2, "partners", 0, 1 << 60, 9)[0]] == [b"#dev", b"#lobby"]
    assert asked.ask(1, "partners", NOW + 1, NOW + 3, 9) == [[(b"#lobby", NOW + 2)]]
    asked.register.manage(1, 1, b"#dev", "set", b"private", b"on")
    assert asked.ask(2, "partners", NOW, NOW + 2, 9) == [[(b"#dev", NOW + 1)]]
    asked.register.numbers.last = 7
    asked.register.claim_unproven(1, 3, b"cid", tuple(claims(b"cid")), "Login")
    asked.register.enter(1, 3, b"#dev", tuple(claims(b"#dev")), None)
    assert asked.ask(3, "partners", 0, 1 << 60, 9) == [[(b"#lobby", NOW + 2)]]  # of #dev it does not know the past


def test_up_to_when_one_has_read_never_goes_back(asked):
    def mark(session, time, room=b"", partner=b""):
        asked.told.clear()
        asked.register.read_mark(1, session, room, partner, time)
        ((*_, told),) = map(plain, asked.told)
        return told

    for session in (1, 2):  # with an account, and without
        assert mark(session, None, b"#dev") == 0
        for time, told in ((7000, 7000), (6000, 7000), (None, 7000), (8000, 8000)):
            assert mark(session, time, b"#dev") == told
        assert mark(session, 5000, partner=b"cid") == 5000
        assert mark(session, None, b"#lobby") == 0
        assert mark(session, 1, b"#none") == Reason.NO_ROOM
    for session in (1, 2):
        asked.register.exit(1, session, b"#dev", b"")
    asked.register.enter(1, 2, b"#dev", tuple(claims(b"#dev")), None)
    assert mark(2, None, b"#dev") == 8000, "also in a room that was made anew"
    assert asked.store._store.markers(b"ann") == []  # those are numbers
    for number in range(300):
        mark(2, number, partner=b"p%d" % number)
    assert len(asked.register.whole.sessions._of_guests[1 << 32 | 2]) == 200
    asked.register.release(1, 2)
    assert asked.register.whole.sessions._of_guests == {}
    asked.register.remove(b"ann", lambda done: None)
    assert asked.store._store._markers == {}
