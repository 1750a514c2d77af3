"""What each of one worker's clients hears, against models that write everybody's frames one by one."""
import collections
import types

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parley.server.chat.room import LOBBY
from parley.server.chat.session.states import GONE, MEMBER, STRANGER, WAITING
from parley.server.protocols import PROTOCOLS
from parley.server.protocols.events import Joined, Left, Renamed, Said
from parley.server.protocols.traits import Traits
from parley.server.worker.audience_kinds import MOST_ALONE, AnswersFirst, Conversing, Labelling, OneByOne, Personal
from parley.server.worker.audiences import audience
from parley.server.worker.fanout import Audience
from parley.server.worker.strangers import Strangers

SESSIONS = 4
KINDS = [Audience, OneByOne, Personal, AnswersFirst]
AT_ONCE = [Audience, Personal, AnswersFirst]  # those that make one send of a tick

TALK = st.sampled_from([b"a", b"bb", b"ccc,dddd", b"e,f,g"])  # one frame, or several
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enter", "leave", "forget", "hear", "hear", "hear", "happen", "tell", "tell", "move", "flush"]),
        st.integers(0, SESSIONS - 1), TALK),
    max_size=60,
)
QUESTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "answer", "answer and ask", "hear", "hear", "tell", "move", "leave", "flush", "flush"]),
        st.integers(0, SESSIONS - 1)),
    max_size=60,
)

# Told as a stranger, then as a member, while others talk; and gone in the middle of a tick.
A_NEWCOMER = [
    ("tell", 0, b"a"), ("enter", 1, b""), ("hear", 1, b"a"), ("tell", 0, b"a"), ("enter", 0, b""), ("hear", 0, b"bb"),
    ("tell", 0, b"a"), ("hear", 1, b"ccc"), ("leave", 0, b""), ("hear", 1, b"a"),
]  # fmt: skip
# Goes, comes again and hears on in another form, all in one tick.
A_RETURN = [
    ("enter", 0, b""), ("enter", 1, b""), ("hear", 1, b"a"), ("forget", 0, b""), ("hear", 1, b"bb"), ("tell", 0, b"a"),
    ("enter", 0, b""), ("hear", 1, b"ccc"), ("move", 0, b""), ("hear", 1, b"a"), ("move", 0, b""), ("hear", 1, b"bb"),
]  # fmt: skip


class Ear:
    """A session that remembers what it is sent."""

    def __init__(self, number):
        self.name = b"ear%d" % number
        self.state = STRANGER
        self.audience = None
        self.sends = []

    def send(self, pieces):
        assert all(len(piece) for piece in pieces), "an empty piece costs a call, and keeps an outbox from ending"
        if pieces:
            self.sends.append(b"".join(pieces))

    @property
    def received(self):
        return b"".join(self.sends)


def written(prefix, kind):
    """An encoder: a text is one frame or several, that name the receiver if they are personal; of the rest, none."""

    def encode(happening, me):
        if type(happening) is not Said:
            return ()
        to = me if kind is Personal else b""
        return tuple(b"%b%b:%b|" % (prefix, to, frame) for frame in happening.text.split(b","))

    return encode


def make(kind, prefix=b"", **differences):
    return kind("any", Traits(**differences), written(prefix, kind), Strangers())


class Model:
    """Who hears what, in the simplest way."""

    def __init__(self, ears, forms, echo):
        self.frames = collections.defaultdict(list)
        self._ears = ears
        self._forms = forms
        self._echo = echo

    def hear(self, happening, origin):
        for ear in self._ears:
            if ear.state is MEMBER and (ear is not origin or self._echo):
                self.tell(ear, happening)

    def tell(self, ear, happening):
        self.frames[ear] += self._forms[ear.audience](happening, ear.name)


@pytest.mark.parametrize("kind", KINDS)
@given(actions=ACTIONS, echo=st.booleans())
@example(actions=A_NEWCOMER, echo=False)
@example(actions=A_RETURN, echo=False)
@example(actions=A_RETURN, echo=True)
def test_everybody_hears_exactly_what_is_meant_for_them_in_order(kind, actions, echo):
    ears = [Ear(number) for number in range(SESSIONS)]
    forms = {make(kind, prefix): written(prefix, kind) for prefix in (b"x", b"y")}
    both, model = list(forms), Model(ears, forms, echo)
    for hearers in both:
        hearers.echo = echo
    for ear in ears:
        ear.audience = both[0]
    for action, index, data in actions + [("flush", 0, b"")]:
        ear, happening, told = ears[index], Said(b"somebody", data, 7), []
        if action == "flush":
            flush(kind, both, ears)
            told = ears
        elif action in ("hear", "happen"):
            origin = ear if action == "hear" else None
            for hearers in both:
                hearers.hear_talk(LOBBY, [(happening, origin)])
                hearers.hear(LOBBY, Left(b"somebody"))
            model.hear(happening, origin)
        elif action == "tell" and ear.state is not GONE:
            ear.audience.tell(ear, happening)
            model.tell(ear, happening)
        elif action == "enter" and ear.state is STRANGER:
            ear.audience.enter(ear, LOBBY)
            ear.state = MEMBER
        elif action == "forget" and ear.state is MEMBER:
            ear.audience.leave(ear)
            ear.state, told = STRANGER, [ear]
        elif action == "leave" and ear.state is not GONE:
            ear.state, told = GONE, [ear]
            ear.audience.leave(ear)
        elif action == "move" and ear.state is not GONE:
            ear.audience.move(ear, both[1 - both.index(ear.audience)])
            told = [ear]
        for one in told:
            assert one.received == b"".join(model.frames[one])
    if kind is OneByOne and sum(data.count(b",") + 1 for _, _, data in actions) <= MOST_ALONE:  # no flood
        assert [ear.sends for ear in ears] == [model.frames[ear] for ear in ears]


def flush(kind, audiences, ears):
    before = [len(ear.sends) for ear in ears]
    for hearers in audiences:
        hearers.flush()
    if kind is not OneByOne:
        assert all(len(ear.sends) <= sends + 1 for ear, sends in zip(ears, before))


# ---- answers first


@given(QUESTIONS)
@example([("ask", 0), ("hear", 1), ("flush", 0), ("hear", 1), ("flush", 0), ("answer", 0), ("hear", 1), ("flush", 0)])
@example([("ask", 0), ("hear", 1), ("flush", 0), ("move", 0), ("hear", 1), ("flush", 0), ("leave", 0)])
@example([("ask", 0), ("flush", 0), ("answer", 0), ("leave", 0)])
def test_answers_keep_their_order_and_so_does_the_rest_and_nothing_comes_while_one_waits(actions):
    ears, both = [Ear(number) for number in range(SESSIONS)], [make(AnswersFirst), make(AnswersFirst)]
    answers, rest = collections.defaultdict(list), collections.defaultdict(list)
    answered = set()
    for ear in ears:
        ear.audience = both[0]
        both[0].enter(ear, LOBBY)
        ear.state = MEMBER
    for number, (action, index) in enumerate(actions):
        ear, answer, other = ears[index], Said(b"", b"A%d" % number, 7), Said(b"", b"P%d" % number, 7)
        if action == "flush":
            before = [len(one.sends) for one in ears]
            for hearers in both:
                hearers.flush()
            for one, sends in zip(ears, before):
                assert len(one.sends) <= sends + 1
                if one.state is WAITING and one not in answered:
                    assert len(one.sends) == sends
            answered.clear()
        elif action == "hear":
            for hearers in both:
                hearers.hear(LOBBY, other, ear)
            for one in ears:
                if one.state is not GONE and one is not ear:
                    rest[one].append(b":%b|" % other.text)
        elif ear.state is GONE:
            continue
        elif action == "ask":
            ear.state = WAITING
        elif action == "answer" or action == "answer and ask" and ear.state is WAITING:
            ear.audience.answer(ear, answer)
            answers[ear].append(b":%b|" % answer.text)
            answered.add(ear)
            ear.state = WAITING if action == "answer and ask" else MEMBER
        elif action == "tell":
            ear.audience.tell(ear, other)
            rest[ear].append(b":%b|" % other.text)
        elif action == "move" and ear.state is MEMBER:  # while it waits nothing is read, so it has no other form
            ear.audience.move(ear, both[1 - both.index(ear.audience)])
        elif action == "leave":
            ear.state = GONE
            ear.audience.leave(ear)
    for ear in ears:
        if ear.state is WAITING:
            ear.state = MEMBER
            ear.audience.answer(ear, Left(b"nothing that is told"))
    for hearers in both:
        hearers.flush()
    for ear in ears:
        frames = [frame + b"|" for frame in ear.received.split(b"|")[:-1]]
        assert [frame for frame in frames if frame.startswith(b":A")] == answers[ear]
        assert [frame for frame in frames if frame.startswith(b":P")] == rest[ear]
        for sent in ear.sends:
            assert b":A" not in sent[sent.index(b":P"):] if b":P" in sent else True


@pytest.fixture
def asking():
    """One who waits for an answer, and its audience."""
    ear, hearers = Ear(1), make(AnswersFirst)
    hearers.enter(ear, LOBBY)
    hearers.flush()
    ear.state = WAITING
    return ear, hearers


def said(text):
    return Said(b"somebody", text, 7)


def test_what_happens_before_the_answer_comes_behind_it(asking):
    ear, hearers = asking
    for text in (b"one", b"two"):
        hearers.hear(LOBBY, said(text))
        hearers.flush()
    assert ear.sends == []
    hearers.hear(LOBBY, said(b"three"))
    hearers.answer(ear, said(b"answer"))
    ear.state = MEMBER
    hearers.hear(LOBBY, said(b"four"))
    hearers.flush()
    assert ear.sends == [b":answer|:one|:two|:three|:four|"]


def test_between_two_questions_in_one_breath_and_their_answers_nothing_comes(asking):
    ear, hearers = asking
    hearers.hear(LOBBY, said(b"push"))
    hearers.answer(ear, said(b"first"))  # and the next question is put at once
    hearers.flush()
    hearers.answer(ear, said(b"second"))
    ear.state = MEMBER
    hearers.flush()
    assert ear.received == b":first|:second|:push|"


def test_an_answer_that_is_not_spoken_of_ends_the_waiting_too(asking):
    ear, hearers = asking
    hearers.hear(LOBBY, said(b"one"))
    hearers.flush()
    hearers.answer(ear, Left(b"somebody"))
    ear.state = MEMBER
    hearers.flush()
    assert ear.sends == [b":one|"]


def test_who_leaves_while_it_waits_gets_all_that_was_withheld(asking):
    ear, hearers = asking
    hearers.hear(LOBBY, said(b"one"))
    hearers.flush()
    hearers.hear(LOBBY, said(b"two"))
    hearers.tell(ear, said(b"good-bye"))
    ear.state = GONE
    hearers.leave(ear)
    hearers.hear(LOBBY, said(b"three"))
    hearers.flush()
    assert ear.sends == [b":one|:two|:good-bye|"]


def test_who_leaves_the_room_while_its_question_is_open_gets_what_was_withheld(asking):
    ear, hearers = asking
    hearers.hear(LOBBY, said(b"one"))
    hearers.flush()
    hearers.hear(LOBBY, said(b"two"))
    hearers.leave(ear)
    hearers.flush()
    assert ear.received == b":one|:two|"


# ---- one's own words, of which one is told later


SAYING = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "stored", "hear", "hear", "tell", "leave", "flush", "flush"]),
        st.integers(0, SESSIONS - 1)),
    max_size=60,
)


@pytest.mark.parametrize("kind", [Personal, Conversing])
@given(actions=SAYING)
@example([("hear", 1), ("say", 0), ("hear", 1), ("flush", 0), ("hear", 1), ("stored", 0), ("hear", 1)])
@example([("say", 0), ("stored", 0), ("say", 0), ("hear", 1), ("flush", 0), ("stored", 0), ("flush", 0)])
@example([("hear", 1), ("say", 0), ("say", 1), ("flush", 0), ("hear", 2), ("leave", 0), ("stored", 1)])
def test_one_is_told_of_ones_own_words_in_their_place_however_late(kind, actions):
    """Everybody has the same frames in the same order, its own words too."""
    ears, hearers, encode = [Ear(number) for number in range(SESSIONS)], make(kind), written(b"", kind)
    expected, places = collections.defaultdict(list), collections.defaultdict(list)
    for ear in ears:
        ear.decoder = types.SimpleNamespace(tell=encode)
        hearers.enter(ear, LOBBY)
        ear.state = MEMBER
    hearers.flush()
    all_stored = [("stored", index) for index in range(SESSIONS)] * (1 + len(actions))
    for number, (action, index) in enumerate(actions + all_stored + [("flush", 0)]):
        ear, text = ears[index], b"%d" % number
        if action == "flush":
            hearers.flush()
        elif ear.state is GONE:
            continue
        elif action in ("say", "hear"):
            if ear.state is WAITING and kind is Personal:
                continue  # it says nothing more until it is told
            hearers.hear(LOBBY, said(text), ear)
            for one in ears:
                if one is not ear and one.state is not GONE:
                    expected[one] += encode(said(text), one.name)
            if action == "say":
                hearers.hold(ear)
                ear.state = WAITING
                places[ear].append(len(expected[ear]))
        elif action == "stored" and ear.state is WAITING:
            hearers.answer(ear, said(b"told " + text))
            place, *later = places[ear]
            expected[ear][place:place] = encode(said(b"told " + text), ear.name)
            places[ear] = [place + 1 for place in later]
            if not later:
                ear.state = MEMBER
        elif action == "tell":
            hearers.tell(ear, said(text))
            expected[ear] += encode(said(text), ear.name)
        elif action == "leave":
            ear.state = GONE
            hearers.leave(ear)
        if action in ("flush", "leave"):
            for one in ears:
                if one.state is MEMBER and action == "flush" or one.state is GONE:
                    assert one.received == b"".join(expected[one])
                elif one.state is WAITING:
                    assert one.received == b"".join(expected[one][:places[one][0]])


@pytest.mark.parametrize("kind", [Audience, OneByOne, AnswersFirst])
def test_where_ones_own_words_do_not_come_back_nothing_waits_for_them(gather, ears, kind):
    hearers = gather(kind)
    hearers.hear(LOBBY, said(b"own"), ears[0])
    hearers.hold(ears[0])
    hearers.hear(LOBBY, said(b"other"), ears[1])
    hearers.flush()
    assert ears[0].received == b":other|"


def test_who_waits_for_its_own_words_keeps_nobody_waiting(gather, ears):
    hearers = gather(Personal)
    hearers.hear(LOBBY, said(b"own"), ears[0])
    hearers.hold(ears[0])
    hearers.hear(LOBBY, said(b"other"), ears[0])
    hearers.flush()
    assert (ears[0].sends, ears[1].received) == ([], b"ear1:own|ear1:other|")


def test_only_whose_protocol_tells_that_it_is_stored_waits_for_its_own_words(ears):
    for acknowledges, received in ((True, b"ear0:before|"), (False, b"ear0:before|ear0:after|")):
        hearers = make(Personal, acknowledges=acknowledges)
        for ear in ears[:2]:
            ear.sends, ear.state = [], MEMBER
            hearers.enter(ear, LOBBY)
        hearers.flush()
        hearers.hear_talk(LOBBY, [(said(b"before"), None), (said(b"own"), ears[0]), (said(b"after"), None)])
        hearers.flush()
        assert [ear.received for ear in ears[:2]] == [received, b"ear1:before|ear1:own|ear1:after|"]


def test_who_goes_while_it_waits_for_its_own_words_gets_the_rest(gather, ears):
    hearers = gather(Personal)
    hearers.hear(LOBBY, said(b"before"), ears[1])
    hearers.hear(LOBBY, said(b"own"), ears[0])
    hearers.hold(ears[0])
    hearers.hear(LOBBY, said(b"after"), ears[1])
    hearers.flush()
    hearers.tell(ears[0], said(b"good-bye"))
    hearers.leave(ears[0])
    hearers.flush()
    assert ears[0].received == b"ear0:before|ear0:after|ear0:good-bye|"
    assert hearers._held == {}


# ---- the kinds


@pytest.mark.parametrize("protocol, kind", [
    ("line", Audience), ("binary", OneByOne), ("padded", OneByOne), ("delimited", Personal), ("dollar", AnswersFirst),
    ("web", Labelling)])
def test_each_protocol_has_the_audience_that_its_traits_call_for(protocol, kind):
    module = PROTOCOLS[protocol]
    for form in module.FORMS:
        hearers = audience(module, form, Strangers())
        assert type(hearers) is kind
        assert (hearers.protocol, hearers.traits, hearers.echo) == (protocol, module.TRAITS, False)


@pytest.fixture
def ears():
    return [Ear(number) for number in range(3)]


@pytest.fixture
def gather(ears):
    """Makes an audience of a kind, of which all but the last are members."""

    def make_with_members(kind):
        hearers = make(kind)
        for ear in ears[:-1]:
            hearers.enter(ear, LOBBY)
            ear.state = MEMBER
        hearers.flush()
        return hearers

    return make_with_members


@pytest.mark.parametrize("kind", AT_ONCE)
def test_a_tick_is_one_send_per_member_however_much_was_said(gather, ears, kind):
    hearers = gather(kind)
    for number in range(50):
        hearers.hear(LOBBY, said(b"%d" % number), ears[number % 2])
        hearers.tell(ears[0], said(b"!"))
    hearers.flush()
    assert [len(ear.sends) for ear in ears] == [1, 1, 0]


def test_each_frame_is_a_send_of_its_own_where_clients_need_it_so(gather, ears):
    hearers = gather(OneByOne)
    hearers.hear(LOBBY, said(b"one,two"), ears[0])
    hearers.tell(ears[0], said(b"three,four"))
    hearers.answer(ears[2], said(b"five"))
    hearers.hear(LOBBY, said(b"six"))
    hearers.flush()
    assert [ear.sends for ear in ears] == [
        [b":three|", b":four|", b":six|"], [b":one|", b":two|", b":six|"], [b":five|"]]


def test_a_flood_is_sent_together_even_there(gather, ears):
    hearers = gather(OneByOne)
    for number in range(MOST_ALONE):
        hearers.hear(LOBBY, said(b"%d" % number), ears[0])
    hearers.hear(LOBBY, said(b"last"))
    hearers.flush()
    assert ears[0].sends == [b":last|"]
    assert ears[1].sends == [b"".join(b":%d|" % number for number in range(MOST_ALONE)) + b":last|"]


def test_members_who_hear_the_same_are_sent_the_same_object(gather, ears):
    hearers, sent = gather(Audience), []
    for ear in ears:
        ear.send = sent.append
    hearers.hear(LOBBY, said(b"a"))
    hearers.hear(LOBBY, said(b"b"))
    hearers.flush()
    (one,), (other,) = sent
    assert one is other


@pytest.mark.parametrize("kind, times", [(Audience, 1), (OneByOne, 1), (AnswersFirst, 1), (Personal, 3)])
def test_what_happens_is_rendered_once_unless_it_names_who_hears_it(ears, kind, times):
    rendered = []
    hearers = kind("any", Traits(), lambda happening, me: rendered.append(happening) or (b"frame",), Strangers())
    for ear in ears:
        hearers.enter(ear, LOBBY)
    hearers.flush()
    hearers.hear(LOBBY, said(b"a"))
    hearers.flush()
    assert rendered == [said(b"a")] * times


@pytest.mark.parametrize("kind", KINDS)
def test_a_quiet_tick_sends_nothing(gather, ears, kind):
    hearers = gather(kind)
    hearers.flush()
    hearers.flush()
    assert [ear.sends for ear in ears] == [[], [], []]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_spoken_of_is_not_sent(gather, ears, kind):
    hearers = gather(kind)
    hearers.hear(LOBBY, Left(b"somebody"))
    hearers.tell(ears[0], Left(b"somebody"))
    hearers.answer(ears[2], Left(b"somebody"))
    hearers.flush()
    ears[0].state = GONE
    hearers.hear(LOBBY, Left(b"somebody"))
    hearers.leave(ears[0])
    assert [ear.sends for ear in ears] == [[], [], []]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("happening", [Renamed(b"ear0", b"ann"), Joined(b"ear0")], ids=repr)
def test_an_echo_is_only_of_what_was_said(ears, kind, happening):
    hearers = kind("any", Traits(), lambda happening, me: (type(happening).__name__.encode(),), Strangers())
    hearers.echo = True
    for ear in ears:
        hearers.enter(ear, LOBBY)
        ear.state = MEMBER
    hearers.flush()
    hearers.hear(LOBBY, happening, ears[0])
    hearers.hear_talk(LOBBY, [(said(b"hi"), ears[0])])
    hearers.flush()
    assert ears[0].received == b"Said"
    assert ears[1].received == type(happening).__name__.encode() + b"Said"
