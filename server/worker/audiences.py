"""The audiences of a worker: one for each form, and one more for each room that takes the lobby's place in it."""
import functools

from parley.server.protocols.events import HOME, Entered, Exited, Joined, Left
from parley.server.worker.audience_kinds import AnswersFirst, Conversing, Labelling, OneByOne, Personal, Resuming
from parley.server.worker.fanout import Audience

MANY = 64  # audiences; with more, those that nobody is in are dropped

_AS_IN_LOBBY = {Entered: Joined, Exited: Left}


def audience(protocol, form, strangers, home=HOME, known=None):
    """The audience for a form of a protocol module, of the kind that its traits call for.

    known: `server.chat.room.Rooms`: has what is known of people, for protocols that tell of them; and aliases, for
        protocols for which names may be too long.
    home: the name of the room that stands in the lobby's place for its members; empty for the lobby itself.
    strangers: `server.worker.strangers.Strangers`, which limits the log lines of a bug in an encoder.
    """
    if protocol.TRAITS.personal:
        kind = Personal
    elif protocol.TRAITS.answers_first:
        kind = AnswersFirst
    elif protocol.TRAITS.converses:
        kind = Conversing
    elif protocol.TRAITS.labels:
        kind = functools.partial(Labelling, protocol.with_label)
    elif protocol.TRAITS.resumes:
        kind = Resuming
    else:
        kind = Audience if protocol.TRAITS.coalesces else OneByOne
    encode, encode_talk = protocol.FORMS[form], getattr(protocol, "TALK", {}).get(form)
    if protocol.TRAITS.people:
        encode, encode_talk = functools.partial(encode, known), functools.partial(encode_talk, known)
    if protocol.TRAITS.longest_name and known is not None:
        encode = _with_aliases(encode, known.aliases)
    traits = protocol.traits_of(form) if protocol.TRAITS.converses else protocol.TRAITS
    return kind(protocol.NAME, traits, _at_home(encode, home) if home else encode, strangers, home, form, encode_talk)


class Audiences(dict):
    """All audiences of a worker: {(name of the protocol, form, home): audience}.

    They are made when there is somebody to hear them, so that a protocol that nobody uses costs the others nothing;
    and dropped when there is nobody, if there are many.

    everyone: a list of them all. prepare: called with each new one.
    known: see `audience`; set before anybody comes.
    """

    def __init__(self, protocols, strangers, prepare):
        super().__init__()
        self.everyone = []
        self.known = None
        self._protocols = protocols
        self._strangers = strangers
        self._prepare = prepare

    def __missing__(self, key):
        if len(self) > MANY:
            self._drop_empty(key[0])
        return self._make(key)

    def _make(self, key):
        name, form, home = key
        made = self[key] = audience(self._protocols[name], form, self._strangers, home, self.known)
        self.everyone.append(made)
        self._prepare(made)
        return made

    def flush(self):
        """The end of a tick: each sends what it has."""
        for hearers in self.everyone:
            if hearers._frames or hearers._cuts or hearers._tails:
                hearers.flush()

    def _drop_empty(self, protocol):
        """Only one of the protocol's audiences that nobody is in is left, which gets the counts of the others."""
        empty = [(key, one) for key, one in self.items() if key[0] == protocol and one.is_empty()]
        for key, one in empty[1:]:
            empty[0][1].take_counts(one)
            self.everyone.remove(one)
            del self[key]


def _at_home(encode, home):
    """An encoder that takes the room `home` for the lobby."""

    def encode_at_home(happening, *others):
        if getattr(happening, "room", None) == home:
            kind = type(happening)
            if kind in _AS_IN_LOBBY:
                happening = _AS_IN_LOBBY[kind](happening.name)
            else:
                happening = happening._replace(room=HOME)
        return encode(happening, *others)

    return encode_at_home


def _with_aliases(encode, aliases):
    """An encoder that shows names that are too long for its protocol by their aliases, {name: alias}."""
    return lambda happening, me: encode(happening, me, aliases)
