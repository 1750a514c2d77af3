"""What members hear who are in several rooms: one send a tick, in the hub's order over all rooms, in each kind."""
import collections

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parley.server.chat.room import EVERYWHERE, LOBBY, Room, Rooms
from parley.server.chat.session.states import MEMBER, WAITING
from parley.server.ipc.queues import texts
from parley.server.protocols.events import HOME, Said, Users
from parley.server.protocols.traits import Traits
from parley.server.worker.audience_kinds import MOST_ALONE, AnswersFirst, OneByOne, Personal
from parley.server.worker.fanout import Audience
from parley.server.worker.strangers import Strangers

DEV, OPS = 5, 6
ROOMS = [LOBBY, DEV, OPS]
KINDS = [Audience, OneByOne, Personal, AnswersFirst]
SESSIONS = 4


class Ear:
    """A session that remembers the pieces that it is sent."""

    def __init__(self, number):
        self.name = b"ear%d" % number
        self.state = MEMBER
        self.audience = None
        self.sent = []

    def send(self, pieces):
        assert all(len(piece) for piece in pieces), "an empty piece costs a call, and keeps an outbox from ending"
        if pieces:
            self.sent.append(pieces)

    @property
    def sends(self):
        return [b"".join(pieces) for pieces in self.sent]

    @property
    def received(self):
        return b"".join(self.sends)


def frames_of(kind, happening, me):
    """A text is one frame or several, that name the receiver if they are personal; of the rest there are none."""
    if type(happening) is not Said:
        return (b" ".join((b"users", *happening.rooms)) + b"|",) if type(happening) is Users else ()
    return tuple(b"%b%b|" % (me if kind is Personal else b"", frame) for frame in happening.text.split(b",") if frame)


def make(kind, **differences):
    return kind("any", Traits(**differences), lambda happening, me: frames_of(kind, happening, me), Strangers(),
                HOME, "any", lambda room, records, first, at: [
                    frame for _, _, text, _, count in records for frame in talk_of(kind, texts(text, count))])


def talk_of(kind, said):
    """The frames of a record; where they are sent together, the first may have all its messages."""
    frames = [b"%b|" % text for text in said]
    return frames if kind is OneByOne else [b"".join(frames), *[b""] * (len(frames) - 1)]


def said(text, room=LOBBY):
    return Said(b"somebody", text, 7, None, room)


def hear(form, room, text, origin=None):
    form.hear_talk(room, [(said(text, room), origin)])


@pytest.fixture
def ears():
    """One in the lobby and DEV, one in the lobby, one in DEV, and one in no room."""
    return [Ear(number) for number in range(4)]


@pytest.fixture
def gather(ears):
    """Makes a form of a kind, of which these are the members."""

    def make_with_members(kind):
        form = make(kind)
        for ear, rooms in zip(ears, ((LOBBY, DEV), (LOBBY,), (DEV,), (EVERYWHERE,))):
            for room in rooms:
                form.enter(ear, room)
        form.flush()
        return form

    return make_with_members


def plain(kind, ears):
    """What they were sent, without their names."""
    return [ear.received.replace(ear.name, b"") for ear in ears]


# ---- order, and one send


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_several_rooms_come_in_the_hubs_order_and_in_one_send(gather, ears, kind):
    form = gather(kind)
    for room, text in ((LOBBY, b"1"), (DEV, b"2"), (LOBBY, b"3"), (OPS, b"4")):
        hear(form, room, text)
    form.flush()
    assert plain(kind, ears) == [b"1|2|3|", b"1|3|", b"2|", b""]
    assert [len(ear.sends) for ear in ears] == ([3, 2, 1, 0] if kind is OneByOne else [1, 1, 1, 0])
    assert form.deliveries == 6


@pytest.mark.parametrize("kind", KINDS)
def test_what_happens_everywhere_is_heard_by_members_of_any_room_and_of_none(gather, ears, kind):
    form = gather(kind)
    hear(form, DEV, b"1")
    form.hear(EVERYWHERE, said(b"2"))
    hear(form, LOBBY, b"3")
    form.flush()
    assert plain(kind, ears) == [b"1|2|3|", b"2|3|", b"1|2|", b"2|"]
    assert form.deliveries == 8


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_tick_begins_with_any_room(gather, ears, kind):
    form = gather(kind)
    for room in (LOBBY, DEV, DEV, OPS, EVERYWHERE, LOBBY):
        hear(form, room, b"%d" % room if room != EVERYWHERE else b"all")
        form.flush()
    assert plain(kind, ears) == [b"0|5|5|all|0|", b"0|all|0|", b"5|5|all|", b"all|"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_room_of_which_nothing_is_told_in_this_form_makes_no_difference(gather, ears, kind):
    form = gather(kind)
    for room, text in ((DEV, b","), (LOBBY, b"1"), (DEV, b","), (LOBBY, b"2"), (DEV, b",")):
        hear(form, room, text)
    assert kind is Personal or len(form._runs) == 2, "for the frames there are, and for what may come"
    form.leave(ears[1], LOBBY)
    hear(form, DEV, b"3")
    form.flush()
    assert plain(kind, ears) == [b"1|2|3|", b"1|2|", b"3|", b""]


@pytest.mark.parametrize("lobby, alone", [(MOST_ALONE, True), (MOST_ALONE + 1, False)])
def test_a_flood_is_one_to_those_in_whose_rooms_it_is(gather, ears, lobby, alone):
    form = gather(OneByOne)
    for number in range(lobby):
        hear(form, LOBBY, b"%d" % number)
    for number in range(2):
        hear(form, DEV, b"%d" % number)
    form.flush()
    assert [len(ear.sends) for ear in ears] == [1, lobby if alone else 1, 2, 0]


# ---- cuts: speakers, newcomers, answers


@pytest.mark.parametrize("kind", KINDS)
def test_speakers_do_not_hear_their_own_words_in_whichever_room(gather, ears, kind):
    form = gather(kind)
    for room, text, origin in (
            (LOBBY, b"1", 0), (DEV, b"2", 0), (LOBBY, b"3", 1), (DEV, b"4", 2), (DEV, b"5", 0), (LOBBY, b"6", None)):
        hear(form, room, text, origin if origin is None else ears[origin])
    form.flush()
    assert plain(kind, ears) == [b"3|4|6|", b"1|6|", b"2|5|", b""]
    assert form.deliveries == 7


@pytest.mark.parametrize("kind", KINDS)
def test_who_speaks_of_a_room_that_it_is_not_in_hears_no_less(gather, ears, kind):
    form = gather(kind)
    form.hear(DEV, said(b"1"), ears[1])
    form.hear(LOBBY, said(b"2"), ears[3])
    form.flush()
    assert plain(kind, ears) == [b"1|2|", b"2|", b"1|", b""]


@pytest.mark.parametrize("kind", KINDS)
def test_a_newcomer_to_a_room_hears_of_it_only_what_follows_and_of_the_others_everything(gather, ears, kind):
    form = gather(kind)
    hear(form, LOBBY, b"1")
    hear(form, DEV, b"2")
    form.enter(ears[1], DEV)
    form.enter(ears[3], DEV)
    form.tell(ears[1], said(b"OK"))
    hear(form, DEV, b"3")
    hear(form, LOBBY, b"4")
    form.flush()
    assert plain(kind, ears) == [b"1|2|3|4|", b"1|OK|3|4|", b"2|3|", b"3|"]
    assert kind is OneByOne or [len(ear.sends) for ear in ears] == [1, 1, 1, 1]
    assert form.deliveries == 10


@pytest.mark.parametrize("kind", KINDS)
def test_who_leaves_a_room_amid_a_tick_gets_of_it_what_came_before_in_the_same_send(gather, ears, kind):
    form = gather(kind)
    hear(form, LOBBY, b"1")
    hear(form, DEV, b"2")
    form.leave(ears[0], DEV)
    form.leave(ears[1], DEV)  # in which it is not
    form.leave(ears[2], DEV)
    hear(form, DEV, b"3")
    hear(form, LOBBY, b"4")
    form.hear(EVERYWHERE, said(b"5"))
    form.flush()
    assert plain(kind, ears) == [b"1|2|4|5|", b"1|4|5|", b"2|5|", b"5|"]
    assert kind is OneByOne or [len(ear.sends) for ear in ears] == [1, 1, 1, 1]
    assert DEV not in form.rooms


@pytest.mark.parametrize("kind", KINDS)
def test_who_leaves_everywhere_amid_a_tick_is_sent_at_once_what_it_has_heard(gather, ears, kind):
    form = gather(kind)
    hear(form, DEV, b"1")
    hear(form, LOBBY, b"2")
    for ear in ears:
        form.leave(ear)
    assert plain(kind, ears) == [b"1|2|", b"2|", b"1|", b""]
    hear(form, DEV, b"3")
    form.flush()
    assert plain(kind, ears) == [b"1|2|", b"2|", b"1|", b""]
    assert (form.members, form.rooms) == ({}, {EVERYWHERE: {}})


@pytest.mark.parametrize("kind", KINDS)
def test_who_moves_to_another_form_stays_in_its_rooms(gather, ears, kind):
    form, other = gather(kind), make(kind)
    for one in (form, other):
        hear(one, LOBBY, b"1")
        hear(one, DEV, b"2")
    for ear in ears:
        form.move(ear, other)
    for one in (form, other):
        hear(one, DEV, b"3")
        hear(one, LOBBY, b"4")
        one.flush()
    assert plain(kind, ears) == [b"1|2|3|4|", b"1|4|", b"2|3|", b""]
    assert all(ear.audience is other for ear in ears)
    assert [list(other.rooms[room]) for room in (EVERYWHERE, LOBBY, DEV)] == [ears, ears[:2], ears[::2]]


# ---- what is held


def test_what_is_held_for_one_who_said_something_is_of_all_its_rooms(gather, ears):
    form = gather(Personal)
    hear(form, DEV, b"1")
    form.hear(LOBBY, said(b"own"), ears[0])
    form.hold(ears[0])
    ears[0].state = WAITING
    hear(form, DEV, b"2")
    form.leave(ears[0], DEV)
    hear(form, DEV, b"3")
    hear(form, LOBBY, b"4")
    form.flush()
    assert plain(Personal, ears) == [b"1|", b"own|4|", b"1|2|3|", b""]
    form.answer(ears[0], said(b"stored"))
    form.flush()
    assert plain(Personal, ears)[0] == b"1|stored|2|4|"


def test_answers_come_first_whatever_rooms_the_rest_is_of(gather, ears):
    form = gather(AnswersFirst)
    ears[0].state = WAITING
    hear(form, DEV, b"1")
    form.flush()
    hear(form, LOBBY, b"2")
    form.answer(ears[0], said(b"answer"))
    form.answer(ears[3], said(b"answer"))
    ears[0].state = MEMBER
    hear(form, DEV, b"3")
    form.flush()
    assert plain(AnswersFirst, ears) == [b"answer|1|2|3|", b"2|", b"1|3|", b"answer|"]


def test_who_awaits_a_list_of_its_own_gets_no_other_whatever_its_rooms(ears):
    form = make(AnswersFirst, wants_users=True)
    form.enter(ears[0], DEV)
    form.enter(ears[1], LOBBY)
    form.flush()
    form.await_list(ears[0])
    form.await_list(ears[2])  # it has not entered yet
    hear(form, DEV, b"1")
    form.hear(EVERYWHERE, Users([]))
    hear(form, LOBBY, b"2")
    hear(form, DEV, b"3")
    form.flush()
    assert [ear.received for ear in ears[:3]] == [b"1|3|", b"users|2|", b""]


def test_behind_an_answer_comes_the_last_list_of_users_and_none_from_before_it(ears):
    form = make(AnswersFirst, wants_users=True)
    for ear, room in zip(ears, (DEV, LOBBY, LOBBY, LOBBY)):
        form.enter(ear, room)
    form.flush()
    for ear in ears[:3]:
        ear.state = WAITING
    form.hear_users(Users([]), {ears[0]: Users([], (b"#dev",))})
    hear(form, DEV, b"1")
    form.flush()
    form.hear_users(Users([]), {ears[0]: Users([], (b"#dev",))})
    form.flush()
    assert [ear.received for ear in ears] == [b"", b"", b"", b"users|users|"]
    form.leave(ears[0], DEV)
    form.tell(ears[0], Users([], (b"#ops",)))
    form.answer(ears[0], said(b"left"))
    form.answer(ears[1], said(b"answer"))
    form.leave(ears[2])  # to whom it would be no news
    for ear in ears[:2]:
        ear.state = MEMBER
    form.flush()
    assert [ear.received for ear in ears[:3]] == [b"left|1|users #ops|", b"answer|users|", b""]


@pytest.mark.parametrize("newer", ["of its own", "for all"])
def test_a_list_of_users_that_is_older_than_one_in_the_same_send_is_not_sent(ears, newer):
    form = make(AnswersFirst, wants_users=True)
    form.enter(ears[0], DEV)
    form.flush()
    ears[0].state = WAITING
    form.hear_users(Users([]), {ears[0]: Users([], (b"#dev",))})
    form.flush()
    form.answer(ears[0], said(b"answer"))
    ears[0].state = MEMBER
    if newer == "for all":
        form.hear_users(Users([]), {ears[0]: Users([], (b"#ops",))})
    else:
        form.tell(ears[0], Users([], (b"#ops",)))
    form.flush()
    assert ears[0].received == b"answer|users #ops|"


# ---- rooms


def test_a_room_has_its_own_members_and_only_forms_with_any_render_what_happens_there(ears):
    forms = [make(kind) for kind in KINDS]
    lobby, dev = (Room(room, name, forms) for room, name in ((LOBBY, b""), (DEV, b"#dev")))
    forms[0].enter(ears[0], LOBBY)
    forms[0].enter(ears[0], DEV)
    forms[2].enter(ears[1], LOBBY)
    assert (lobby.members, dev.members, Room(EVERYWHERE, b"", forms).members) == (ears[:2], ears[:1], ears[:2])
    dev.hear_talk(1, [(1, b"somebody", b"1", 7, 1)], None)
    lobby.happen(said(b"2"), ears[1])
    assert [len(form._frames) for form in forms] == [2, 0, 1, 0]
    for form in forms:
        form.flush()
    assert [ear.received for ear in ears[:2]] == [b"1|2|", b""]


@pytest.mark.parametrize("kind", KINDS)
def test_a_room_is_known_from_its_first_member_here_to_its_last(ears, kind):
    form = make(kind)
    rooms = Rooms([form])
    for ear in ears[:2]:
        ear.audience = form
        form.enter(ear, LOBBY)
    for number in range(1, 500):
        name = b"#r%d" % number
        room = rooms.open(number, name)
        assert rooms.open(number, name) is room is rooms.by_name[name]
        for ear in ears[:2]:
            form.enter(ear, number)
        hear(form, number, b"1")
        rooms.drop_if_empty(number)
        assert number in rooms.by_number, "somebody is there"
        for ear in ears[:2]:
            form.leave(ear, number)
            rooms.drop_if_empty(number)
        assert (list(rooms.by_name), sorted(rooms.by_number)) == ([], [EVERYWHERE, LOBBY])
    rooms.open(500, b"#last")
    form.enter(ears[0], 500)
    hear(form, 500, b"2")
    for ear in ears[:2]:
        rooms.leave_all(ear)
    assert (rooms.by_name, sorted(rooms.by_number)) == ({}, [EVERYWHERE, LOBBY])
    assert (form.members, form.rooms) == ({}, {EVERYWHERE: {}})
    form.flush()
    assert [ear.received.replace(ear.name, b"") for ear in ears[:2]] == [b"1|" * 499 + b"2|", b"1|" * 499]


def test_members_of_the_same_rooms_share_one_tuple_and_there_are_no_more_of_them_than_members(ears):
    form = make(Audience)
    for room in range(1, 300):
        for ear in ears:
            form.enter(ear, room)
            form.leave(ear, room - 1)
        assert len({id(rooms) for rooms in form.members.values()}) == 1
        assert len(form._tuples) <= 2 * len(ears) + 2
    assert sorted(form.rooms) == [EVERYWHERE, 299]


# ---- against a model


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["hear", "hear", "plainly", "plainly", "plainly", "happen", "everywhere", "enter", "enter",
                         "leave", "leave", "go", "tell", "move", "hold", "flush"]),
        st.integers(0, SESSIONS - 1), st.sampled_from(ROOMS), st.sampled_from([b"a", b"bb", b"c,d", b","])),
    max_size=80,
)


@pytest.mark.parametrize("kind", KINDS)
@given(actions=ACTIONS, echo=st.booleans())
@example(actions=[("enter", 0, LOBBY, b""), ("happen", 0, LOBBY, b"a"), ("happen", 0, DEV, b","), ("go", 0, DEV, b"")],
         echo=False)
@example(actions=[("enter", 0, LOBBY, b""), ("enter", 0, DEV, b""), ("enter", 1, DEV, b""), ("flush", 0, DEV, b""),
                  ("plainly", 0, LOBBY, b""), ("plainly", 3, DEV, b""), ("plainly", 1, LOBBY, b"")], echo=False)
def test_everybody_hears_exactly_what_is_of_its_rooms_in_order(kind, actions, echo):
    """Of several rooms at once, with members who come and go in the middle of ticks."""
    ears, forms = [Ear(number) for number in range(SESSIONS)], [make(kind), make(kind)]
    rooms, expected = collections.defaultdict(set), collections.defaultdict(list)
    held = {}  # ear -> what it will have been sent before it is answered
    deliveries = 0
    for form in forms:
        form.echo = echo
    for ear in ears:
        ear.audience = forms[0]

    def note(ear, happening):
        expected[ear] += frames_of(kind, happening, ear.name)

    def check(some):
        for one in some:
            assert one.received == b"".join(held.get(one, expected[one]))

    for number, (action, index, room, text) in enumerate(actions + [("flush", 0, LOBBY, b"")]):
        ear, text = ears[index], text.replace(b"a", b"%d" % number)
        if action in ("hear", "happen", "everywhere"):
            origin, room = ear if action == "hear" else None, EVERYWHERE if action == "everywhere" else room
            for form in forms:
                hear(form, room, text, origin)
            for one in ears:
                if one in rooms and (room in rooms[one] or room == EVERYWHERE) and (one is not origin or echo):
                    note(one, said(text))
                    deliveries += len(frames_of(kind, said(text), b""))
        elif action == "plainly" and kind is not Personal:  # this one and the next one talk, with a frame for each text
            records = [(speaker, b"somebody", b"\0".join([b"%d" % number] * count), 7, count)
                       for speaker, count in ((index, 1), (index, 2), ((index + 1) % SESSIONS, 3))]
            for form in forms:
                if form.rooms.get(room):
                    assert form.hear_plainly(room, b"", 0, records, ears.__getitem__)
            for one in ears:
                for speaker, _, text, _, count in records:
                    if one in rooms and room in rooms[one] and (one is not ears[speaker] or echo):
                        for single in texts(text, count):
                            note(one, said(single))
                        deliveries += count
        elif action == "enter":
            ear.audience.enter(ear, room)
            rooms[ear].add(room)
        elif action == "leave":
            ear.audience.leave(ear, room)
            if ear in rooms:
                rooms[ear].discard(room)
        elif action == "go":
            ear.audience.leave(ear)
            rooms.pop(ear, None)
            held.pop(ear, None)
            check([ear])
        elif action == "tell":
            ear.audience.tell(ear, said(text))
            note(ear, said(text))
        elif action == "move" and ear not in held:
            ear.audience.move(ear, forms[1 - forms.index(ear.audience)])
            check([ear])
        elif action == "hold" and ear not in held and ear in rooms:
            ear.audience.hold(ear)
            if kind is Personal:
                held[ear] = list(expected[ear])
        elif action == "flush":
            before = [len(one.sent) for one in ears]
            for form in forms:
                form.flush()
            assert kind is OneByOne or all(len(one.sent) <= sends + 1 for one, sends in zip(ears, before))
            check(ears)
    assert kind is Personal or deliveries == sum(form.deliveries for form in forms)
    for ear in list(held):
        ear.audience.answer(ear, Users([]))
        ear.audience.flush()
        assert ear.received == b"".join(held[ear]) + b"users|" + b"".join(expected[ear][len(held[ear]):])
    for form in forms:
        assert {ear: set(rooms[ear]) for ear in ears if ear in rooms and ear.audience is form} == {
            ear: set(those) - {EVERYWHERE} for ear, those in form.members.items()}
        assert all(room == EVERYWHERE or members for room, members in form.rooms.items())
