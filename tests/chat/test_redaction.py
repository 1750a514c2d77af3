"""Messages that are removed, and rooms that get another name."""
import pytest
from roomed import DONE, Roomed

from parley.server.chat.replica import Replica
from parley.server.chat.room import Rooms
from parley.server.ipc.messages import ToStore
from parley.server.protocols.events import Reason


@pytest.fixture
def chat():
    """ann, who is the op, and bob are in #dev; dan is not; acc has an account and is there."""
    chat = Roomed()
    chat.account(b"acc")
    chat.make(b"ann", b"bob", b"acc")
    chat.come(b"dan")
    chat.asked = asked = []
    keep = chat.store._keep
    chat.store._keep = lambda request: asked.append(request) if type(request) is ToStore.Redact else keep(request)
    chat.drain()
    return chat


def managed(chat):
    return [told[3:] for told in chat.drain() if told[1] == "managed"]


def redact(chat, name, number=b"7", room=b"#dev"):
    """(what the store is asked, or None; the answer)."""
    chat.asked.clear()
    answer = chat.do(name, "redact", number, b"why", room=room)
    return (chat.asked[0][1:4] if chat.asked else None), answer


def test_ops_remove_any_message_and_others_their_own(chat):
    assert redact(chat, b"ann") == ((7, [], 0), DONE)
    assert managed(chat) == [("redact", b"ann", b"7", b"why", [])]
    assert chat.post.audited[-1][2:] == ("redact", b"#dev", b"7", b"why")
    assert redact(chat, b"acc") == ((7, [b"acc"], 0), DONE)
    (asked, _) = redact(chat, b"bob")
    assert asked[:2] == (7, [b"bob"]) and asked[2] > 1 << 60  # another bob may have said it
    assert redact(chat, b"dan") == (None, Reason.NOT_INSIDE)
    assert redact(chat, b"bob", room=b"#lobby")[0][:2] == (7, [b"bob"])
    for number in (b"", b"x", b"-1", b"9" * 19):
        assert redact(chat, b"ann", number) == (None, Reason.NO_SUCH_NUMBER)


def test_a_guest_who_has_introduced_itself_removes_what_it_has_said_since(chat):
    chat.is_watched = False
    chat.register.numbers.last = 41
    chat.register.real_name(1, 77, b"Eve Lee")
    chat.people[b"eve"] = 1, 77
    chat._ask("claim_unproven", (1, 77), b"eve", (b"eve",), "Login")
    chat.enter(b"eve")
    chat.rename(b"eve", b"eva")
    assert redact(chat, b"eva") == ((7, [b"eva", b"eve"], 41), DONE)


def test_what_cannot_be_removed_is_refused_and_told_to_nobody(chat):
    for stored, reason in ((False, Reason.NO_SUCH_NUMBER), (None, Reason.NOT_STORED),
                           (Reason.NOT_ALLOWED, Reason.NOT_ALLOWED)):
        chat.store.ask = lambda then, request, stored=stored: then(stored)
        assert redact(chat, b"ann") == (None, reason)
        assert managed(chat) == []


def test_what_was_said_to_one_alone_its_sender_removes(chat):
    asked, stored = [], [True]

    def ask(then, request):
        asked.append(request[:4])
        then(stored[0])

    chat.store.ask = ask

    def take_back(name, to, number=b"7"):
        return chat._ask("redact", chat.people[name], to, number, b"why")

    assert take_back(b"acc", b"bob") == DONE and asked == [(7, b"acc", b"bob", 0)]
    assert [told[1:] for told in chat.drain()] == [
        ("Redacted", chat.people[b"bob"][1], b"acc", b"7", b"why")]
    assert take_back(b"acc", b"acc") == DONE and not chat.drain()  # it is told by the answer
    assert take_back(b"bob", b"away") == DONE and asked[-1][3] > 1 << 60  # another bob may have said it
    stored[0] = False
    assert take_back(b"acc", b"bob") == Reason.NO_SUCH_NUMBER
    stored[0] = None
    assert take_back(b"acc", b"bob") == Reason.NOT_STORED
    del asked[:]
    for number in (b"", b"x", b"-1", b"9" * 19):
        assert take_back(b"acc", b"bob", number) == Reason.NO_SUCH_NUMBER
    assert not asked and not chat.drain()


def test_who_runs_the_server_may_remove_messages_too(chat):
    answers = []
    chat.post.reply = lambda token, error: answers.append((token, error))
    chat.moderation._post.reply = chat.post.reply
    chat.register.manage_room(0, 0, 9, b"#dev", "redact", b"7", b"why")
    assert (answers, managed(chat)) == ([(9, None)], [("redact", b"server", b"7", b"why", [])])


# ---- rooms


def test_a_room_that_is_renamed_stays_the_same(chat):
    room = chat.rooms.by_name[b"#dev"]
    assert chat.do(b"ann", "rename", b"#new", b"why") == DONE
    assert managed(chat) == [("rename", b"ann", b"#new", b"why", [])]
    assert (chat.rooms.by_name.get(b"#dev"), chat.rooms.by_name[b"#new"], room.name) == (None, room, b"#new")
    assert chat.say(b"bob", room=b"#new")[0] == DONE
    assert chat.do(b"ann", "rename", b"#NEW", room=b"#new") == DONE  # which looks like its own
    chat.make(b"dan")
    assert chat.rooms.by_name[b"#dev"] is not room


def test_a_room_cannot_have_the_name_of_another_nor_any(chat):
    chat.make(b"ann", room=b"#other")
    for name, reason in ((b"#other", Reason.NAME_TAKEN), (b"#OTHER", Reason.NAME_TAKEN), (b"new", Reason.INVALID_ROOM),
                         (b"#a b", Reason.INVALID_ROOM), (b"", Reason.INVALID_ROOM), (b"#lobby", Reason.NAME_TAKEN)):
        assert chat.do(b"ann", "rename", name) == reason, name
    assert chat.do(b"bob", "rename", b"#new") == Reason.NOT_ALLOWED
    chat.rooms.with_ports = frozenset([b"#dev"])
    assert chat.do(b"ann", "rename", b"#new") == Reason.IS_LOBBY


def test_a_worker_knows_a_room_by_its_new_name(make_member, hub):
    ann = make_member(b"ann")
    ann.audience.hear = lambda *heard: None
    rooms = ann.rooms = Rooms([ann.audience])
    replica = Replica(3, {ann.number: ann}, rooms, hub)
    room = rooms.open(5, b"#dev")
    ann.audience.enter(ann, 5)
    replica.managed(5, "rename", b"ann", b"#new", b"", [])
    assert (rooms.by_name, room.name, rooms.names(ann)) == ({b"#new": room}, b"#new", [b"#new"])
