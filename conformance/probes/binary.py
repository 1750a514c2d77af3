"""How a foreign server of `binary` talks: how it fills frames, what it tells to whom, and in which words."""
import re
import time
from collections import Counter

from parley.conformance.acquaintance import PAUSE_SECONDS
from parley.conformance.barrier import PROBES, QUIET, RELAY, SELF, STRANGERS
from parley.conformance.message import format_fields
from parley.conformance.probes import common
from parley.conformance.profile import ME, pattern_of, told
from parley.conformance.wire import binary as codec

_TALK, _ROOM_TALK, _JOIN, _INFO, _RENAME, _LIST, _QUIT, _PING = 100, 404, 200, 201, 202, 203, 205, 211
_NOT_RENAMED, _RENAMED, _JOINED, _LEFT_ALONE, _NOT_JOINED, _ABOUT, _PONG = 204, 206, 207, 208, 209, 210, 212
_CAME, _WENT, _CHANGED, _LISTED = 300, 301, 302, 303

_TEXT = "wtm some words"
_ODD_TEXT = "wtm \u00e9\u4e16\u754c \U0001f600"
_LONG_AGO = 1700000000
_NOTES = {_CAME: "%s joined!", _WENT: "%s left!"}

# Words for `Profile.manners`; "<type> <pattern>" is the form of a note about a user, in words of the server's own.
_NOBODY, _SPACES, _OWN_LIST, _WORDY, _TWICE = "nobody", "spaces", "own list", "wordy", "twice"

_KIND = re.compile(r"(?:.* )?type=(\d+)(?: .*)?", re.DOTALL)

CUT = {"bytes": "BIN-FRAME-4", "joined": "BIN-FRAME-4"}
CUT_OFF = "BIN-NET-2"

_GROUNDS = {"100": "BIN-TALK-1", "204": "BIN-NAME-3", "206": "BIN-NAME-1", "207": "BIN-JOIN-1", "208": "BIN-QUIT-1",
            "209": "BIN-JOIN-2", "210": "BIN-USER-1", "212": "BIN-PING-1", "300": "BIN-JOIN-3", "301": "BIN-QUIT-3",
            "302": "BIN-NAME-2", "303": "BIN-LIST-1"}

_USED = {_TALK: ("BIN-TALK-1",), _JOIN: ("BIN-JOIN-1",), _RENAME: ("BIN-NAME-1",),
         _PING: ("BIN-PING-1", "BIN-PING-2"), _QUIT: ("BIN-QUIT-1", "BIN-QUIT-2")}


class Manner:
    """Reads frames as the document would have them filled."""

    def __init__(self, state, kept=None):
        self._seen = Counter()

    def read(self, message, manners):
        """The messages for which this one stands."""
        fields = dict(message.fields)
        kind, content = fields["type"], fields["content"]
        if _SPACES in manners:
            fields["user"] = fields["user"].rstrip(" ")
        if _NOBODY in manners and kind not in (_TALK, _ROOM_TALK):
            fields.update(user="server", user_length=len("server"))
        if _WORDY in manners and kind in (_JOINED, _LEFT_ALONE):
            fields["content"] = ""
        if _OWN_LIST in manners and kind == _LISTED:
            fields["content"] = repr(codec.names_in(message))
        if kind in _NOTES:
            found = next(filter(None, (re.fullmatch(one[4:], content, re.DOTALL) for one in manners
                                       if one.startswith("%d " % kind))), None)
            fields["content"] = _NOTES[kind] % found.group("name") if found else content
        if content != fields["content"]:
            fields["length"] = len(fields["content"].encode())
        read = message._replace(fields=fields)
        return [] if kind == _WENT and _TWICE in manners and self._is_second(read) else [read]

    def _is_second(self, message):
        self._seen[message.fields["content"]] += 1
        return self._seen[message.fields["content"]] % 2 == 0


# The experiments

def joining(visit):
    """Who joins is told once, by a reply without content, and how the server fills its frames is seen."""
    since = int(time.time()) - 1
    ann, = common.enter(visit, "ann")
    _judge_fields(visit, ann.raw, since)
    reply = next(one for one in ann.raw if one.fields["type"] == _JOINED)
    if not visit.find("BIN-JOIN-1", not reply.fields["content"], "type=207 without content", reply):
        visit.learn(manners=(_WORDY,))
    if not visit.find("BIN-JOIN-4", not ann.extras, "", ann.extras):
        visit.learn(asides=[pattern_of(told(one)).replace(ann.name, ME) for one in ann.extras])


def _judge_fields(visit, messages, since):
    """Whether the server's own frames have its name, filled up with NULs, and the time."""
    for one in messages:
        fields = one.fields
        name = fields["user"].rstrip(" ")
        visit.find("BIN-FRAME-1", fields["version"] == 1, "version=1", one)
        if not visit.find("BIN-FRAME-2", name == fields["user"] and fields["user_length"] == len(name),
                          "a name filled up with NULs, and its length", one):
            visit.learn(manners=(_SPACES,))
        if not visit.find("BIN-FRAME-3", name == "server", "user=server", one):
            visit.learn(manners=(_NOBODY,))
        visit.find("BIN-FRAME-3", since <= fields["time"] <= time.time() + 1, "the time",
                   "%s time=%d" % (one, fields["time"]))


def pings(visit):
    """A ping is answered, with its number, before the login too."""
    stranger = visit.newcomer("stranger")
    if not _answers(stranger, codec.probe()):
        visit.learn(unanswered=(STRANGERS,))
    ann, = common.enter(visit, "ann")
    visit.start_transcript()
    answers = _answers(ann, {"type": _PING, "content": "12.5"})
    if not visit.find("BIN-PING-1", _has(answers, _PONG), "type=212", answers):
        visit.learn(unanswered=("212", PROBES, STRANGERS))
        return
    visit.find("BIN-PING-2", _has(answers, _PONG, content="12.5"), "type=212 content='12.5'", answers, hinders=True)


def coming(visit):
    """The others are told who joins; a name in use is refused, and another one can be tried."""
    ann, = common.enter(visit, "ann")
    visit.start_transcript()
    bob = visit.newcomer("bob")
    _answers(bob, {"type": _JOIN, "content": bob.name})
    _judge_note(visit, "BIN-JOIN-3", _CAME, bob.name, common.drained(visit, ann))
    visit.start_transcript()
    carl = visit.newcomer("carl")
    answers = _answers(carl, {"type": _JOIN, "content": ann.name})
    if not visit.find("BIN-JOIN-2", _has(answers, _NOT_JOINED), "type=209", answers):
        return
    answers = _answers(carl, {"type": _JOIN, "content": carl.name})
    visit.find("BIN-JOIN-5", _has(answers, _JOINED), "type=207", answers or ["(closed by the server)"] * carl.closed)


def _judge_note(visit, ident, kind, name, messages):
    """Whether the note of this type about a user came, once; returns how often. Another form of it is learnt."""
    notes = [one for one in messages if one.fields["type"] == kind and name in one.fields["content"]]
    wanted = "type=%d content=%r" % (kind, _NOTES[kind] % name)
    fits = bool(notes) and notes[0].fields["content"] == _NOTES[kind] % name
    if not visit.find(ident, fits, wanted, notes or messages):
        if notes:
            shape = re.escape(notes[0].fields["content"]).replace(re.escape(name), "(?P<name>.+)")
            visit.learn(manners=("%d %s" % (kind, shape),))
        else:
            visit.learn(unanswered=(str(kind),))
    return len(notes)


def talk(visit):
    """A text reaches the others, under the speaker's own name and with his time, and nobody else."""
    stranger = visit.newcomer("stranger")
    ann, bob = common.enter(visit, "ann", "bob")
    visit.start_transcript()
    stranger.hear_all(PAUSE_SECONDS)
    ann.say({"type": _TALK, "content": _TEXT, "time": _LONG_AGO})
    heard = _drained_at(visit, ann, bob)
    wanted = {"type": _TALK, "user": ann.name, "content": _TEXT}
    found = [one for one in heard if one.fields["type"] == _TALK and one.fields["content"] == _TEXT]
    if visit.find("BIN-TALK-1", found, format_fields(wanted), heard, hinders=True):
        visit.find("BIN-TALK-4", found[0].fields["time"] == _LONG_AGO, "time=%d" % _LONG_AGO,
                   "time=%d" % found[0].fields["time"], hinders=True)
        visit.find("BIN-TALK-3", found[0].fields["user"] == ann.name, format_fields(wanted), heard, hinders=True)
    _judge_strangers(visit, stranger)
    visit.start_transcript()
    ann.say({"type": _TALK, "user": bob.name, "content": _TEXT})
    heard = _drained_at(visit, ann, bob)
    if found and heard:
        visit.find("BIN-TALK-3", _has(heard, _TALK, user=ann.name), format_fields(wanted), heard, hinders=True)


def _judge_strangers(visit, stranger):
    """Whether somebody who has not joined hears what happens."""
    overheard = stranger.hear_all()
    if not visit.find("BIN-JOIN-12", not overheard, "", overheard):
        visit.learn(to_strangers=("type=(?:100|300|301|302) .*",))


def texts(visit):
    """A text of more than ASCII arrives, with its length in bytes."""
    ann, bob = common.enter(visit, "ann", "bob")
    if visit.has_failed("BIN-TALK-1"):
        visit.not_reached("BIN-TALK-6", "BIN-TALK-1")
        return
    visit.start_transcript()
    ann.say({"type": _TALK, "content": _ODD_TEXT})
    visit.read_until(lambda: bob.lines or bob.closed)
    heard = bob.hear_all()
    rest = bob.decoder.unfinished
    counted = [one for one in heard if one.fields["length"] == len(_ODD_TEXT) < len(_ODD_TEXT.encode())]
    if counted and rest:
        visit.find("BIN-FRAME-1", False, "length=%d, of bytes" % len(_ODD_TEXT.encode()), counted, hinders=True)
        visit.not_reached("BIN-TALK-6", "BIN-FRAME-1")
        return
    visit.find("BIN-TALK-6", _has(heard, _TALK, content=_ODD_TEXT),
               format_fields({"type": _TALK, "content": _ODD_TEXT}), heard, hinders=True)


def names(visit):
    """A new name is confirmed, and the others are told."""
    ann, bob = common.enter(visit, "ann", "bob")
    visit.start_transcript()
    old, new = bob.name, bob.name[:-1] + "0"
    answers = _answers(bob, {"type": _RENAME, "content": new})
    if not visit.find("BIN-NAME-1", _has(answers, _RENAMED, content=new), "type=206 content=%s" % new, answers,
                      hinders=True):
        return
    wanted = "user '%s' changed username to '%s'!" % (old, new)
    heard = common.drained(visit, ann)
    if not visit.find("BIN-NAME-2", _has(heard, _CHANGED, content=wanted), "type=302 content=%r" % wanted, heard,
                      hinders=any(one.fields["type"] == _CHANGED for one in heard)):
        if not _has(heard, _CHANGED):
            visit.learn(unanswered=("302",))
    visit.start_transcript()
    answers = _answers(bob, {"type": _RENAME, "content": ann.name})
    visit.find("BIN-NAME-3", _has(answers, _NOT_RENAMED), "type=204", answers)


def lists(visit):
    """The list is a Python list with everybody, for who asked."""
    ann, bob = common.enter(visit, "ann", "bob")
    visit.start_transcript()
    ann.say(codec.list_users())
    heard = _drained_at(visit, ann, ann)
    others = common.drained(visit, bob)
    found = [one for one in heard if one.fields["type"] == _LISTED]
    if not visit.find("BIN-LIST-1", found, "type=303", heard):
        visit.learn(unanswered=("303",))
        return
    listed = codec.names_in(found[0])
    is_list = found[0].fields["content"] == repr(listed)
    visit.find("BIN-LIST-1", is_list, repr(listed or [ann.name, bob.name]), found, hinders=not listed)
    if listed and not is_list:
        visit.learn(manners=(_OWN_LIST,))
    visit.find("BIN-LIST-3", not _has(others, _LISTED), "", others)


def information(visit):
    """What is told of a user has his name, address and port; of nobody, nothing."""
    ann, bob = common.enter(visit, "ann", "bob")
    for ident, name, shape, wanted in (
            ("BIN-USER-1", bob.name, r"\('%s', '[0-9a-f.:]+', [0-9]+\)" % bob.name, "('%s', '<address>', <port>)"),
            ("BIN-USER-2", "wtnobody", "", "")):
        visit.start_transcript()
        found = [one for one in _answers(ann, {"type": _INFO, "content": name}) if one.fields["type"] == _ABOUT]
        fits = bool(found) and re.fullmatch(shape, found[0].fields["content"])
        visit.find(ident, fits, "type=210 content=%r" % (wanted and wanted % name), found)
        if not found:
            visit.learn(unanswered=("210",))
            return


def leaving(visit):
    """Who quits is told so and closed, and the others are told once, however somebody leaves."""
    ann, bob, carl = common.enter(visit, "ann", "bob", "carl")
    visit.start_transcript()
    answers = _answers(bob, {"type": _QUIT})
    found = [one for one in answers if one.fields["type"] == _LEFT_ALONE]
    raw = [one for one in bob.raw if one.fields["type"] == _LEFT_ALONE]  # as a word beside 207 may be set aside
    if not visit.find("BIN-QUIT-1", raw and not raw[0].fields["content"], "type=208 without content", raw or answers):
        visit.learn(**{"manners": (_WORDY,)} if found else {"unanswered": ("208",)})
    visit.read_until(lambda: bob.closed)
    if visit.find("BIN-QUIT-2", bob.closed, "(closed by the server)", "(still open)", hinders=True):
        _judge_leaving(visit, "BIN-QUIT-3", ann, bob.name)
    else:
        visit.not_reached("BIN-QUIT-3", "BIN-QUIT-2")
    bob.leave()
    ann.hear_all(PAUSE_SECONDS)
    visit.start_transcript()
    carl.leave()
    if visit.has_failed("BIN-QUIT-3"):
        visit.not_reached("BIN-QUIT-4", "BIN-QUIT-3")
    else:
        _judge_leaving(visit, "BIN-QUIT-4", ann, carl.name)


def _judge_leaving(visit, ident, guest, name):
    visit.read_until(lambda: guest.lines)
    heard = guest.hear_all(PAUSE_SECONDS) + common.drained(visit, guest)
    times = _judge_note(visit, ident, _WENT, name, heard)
    if times > 1:
        visit.find(ident, False, "type=301, once", heard)
        visit.learn(manners=(_TWICE,))


def proof(visit):
    """How it is shown that no more comes."""
    if visit.has_failed("BIN-TALK-1"):
        visit.learn(proof=QUIET if PROBES in visit.profile.unanswered else SELF)
    else:
        visit.learn(proof=RELAY)


def _rename(_, guest):
    return {"type": _RENAME, "content": guest.name[:-1] + "0"}


EXPERIMENTS = (common.greeting(None), joining, common.segments("BIN-FRAME-4"), pings, coming, talk, texts,
               common.own_doings("BIN-TALK-2", common.talk), names, common.own_doings("BIN-NAME-6", _rename), lists,
               information, leaving, proof)


def _answers(guest, request):
    """What comes in reply to a request."""
    guest.say(request)
    first = guest.hear()
    return ([first] if first else []) + guest.hear_all(PAUSE_SECONDS)


def _drained_at(visit, speaker, listener):
    """All that comes to the listener because of what the speaker has said."""
    own = common.drained(visit, speaker)
    if speaker is listener:
        return own
    visit.read_until(lambda: listener.lines or listener.closed)
    return common.drained(visit, listener)


def _has(messages, kind, **fields):
    return any(one.fields["type"] == kind and all(one.fields[name] == value for name, value in fields.items())
               for one in messages)


# How scenarios are read

def kind(text):
    """The kind of a frame: its type."""
    found = _KIND.fullmatch(text)
    return found.group(1) if found else text


def ground(wanted):
    """The requirement that says that such a frame comes; None if that depends."""
    return _GROUNDS.get(kind(wanted))


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = set()
    for send in getattr(step, "sends", ()):
        content = send.content if isinstance(send.content, dict) else {}
        found.update(_USED.get(content.get("type"), ()))
        if content.get("type") == _TALK:
            found.update(ident for field, ident in (("user", "BIN-TALK-3"), ("time", "BIN-TALK-4")) if field in content)
        if not all(ord(letter) < 128 for letter in str(content.get("content", ""))):
            found.update(("BIN-FRAME-1", "BIN-TALK-6"))
    if common.needs_framing(step, variant):
        found.add("BIN-FRAME-4")
    found.update(filter(None, (ground(matcher.describe({})) for matcher in getattr(step, "expects", ()))))
    return found


def is_reply(message):
    """Whether it answers a request."""
    return message.fields.get("type") in (
        _NOT_RENAMED, _RENAMED, _JOINED, _LEFT_ALONE, _NOT_JOINED, _ABOUT, _PONG, _LISTED)


is_answer = is_reply
