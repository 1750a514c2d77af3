"""How a foreign server of `delimited` talks: how it reads, and what it answers to the first requests of everybody."""
import re

from parley.conformance.acquaintance import Refused
from parley.conformance.barrier import SELF
from parley.conformance.message import Message
from parley.conformance.probes import common
from parley.conformance.profile import pattern_of
from parley.conformance.wire import delimited as codec

_TEXT = "wtm some words"

# Words for `Profile.manners`: what a sender gets in the place of his message.
_NO_ECHO, _ACKNOWLEDGED = "no echo", "acknowledged"
_ANSWERED = "answered: "  # and a command that has an empty RESPONSE where the document has none
_DONE = "done: "  # and the pattern of a text in a RESPONSE that is none about an error

CUT = {"bytes": "DELIMITED-FRAME-4", "joined": "DELIMITED-FRAME-4"}
CUT_OFF = "DELIMITED-LEAVE-2"
SILENT_ENDS = True
RELATIVES = {"DELIMITED-DELIVER-4": ("DELIMITED-DELETE-3", "DELIMITED-SEND-2")}

_GROUNDS = {"LISTRESPONSE": "DELIMITED-LIST-1", "SEND": "DELIMITED-SEND-1"}


class Manner:
    """Gives senders back what they have sent, where the server answers something else, or nothing."""

    def __init__(self, state, kept=None):
        self._state = state

    def read(self, message, manners):
        """The messages for which this one stands."""
        texts = message.fields.get("RESPONSE")
        if texts and any(one.startswith(_DONE) and re.fullmatch(one[len(_DONE):], texts[0]) for one in manners):
            message = message._replace(fields={"RESPONSE": []})
        if self._is_needless(message, manners):
            return []
        if _ACKNOWLEDGED in manners and message.fields.get("RESPONSE") == []:
            return self._sent(1) or [message]
        if _NO_ECHO in manners and "LISTRESPONSE" in message.fields:
            return self._sent() + [message]
        return [message]

    def _is_needless(self, message, manners):
        """Whether it answers a request that succeeds without an answer."""
        skipped = self._state.skipped
        if "SEND" in message.fields and "DELIVER" in skipped:
            skipped.remove("DELIVER")  # what was kept is its answer
        if message.fields != {"RESPONSE": []} or not skipped or _ANSWERED + skipped[0] not in manners:
            return False
        skipped.popleft()
        return True

    def _sent(self, most=None):
        """What the client has sent last, and has no answer yet."""
        return [Message({"SEND": items}) for items in self._state.sent_texts()[:most]]


def accounts(visit):
    """A new name makes an account, and one is logged in to it."""
    guest = visit.newcomer("ann")
    answer = _answer(guest, {"CREATE": [guest.name]})
    if answer is None:
        raise Refused("DELIMITED-CREATE-1", None)
    other = visit.newcomer("bob")
    refusal = _answer(other, {"CREATE": [guest.name]}) if answer.fields.get("RESPONSE") else None
    mended = _learn_success(visit, answer, refusal, guest.name)
    visit.find("DELIMITED-CREATE-1", answer.fields == {"RESPONSE": []}, "RESPONSE=[]", answer, hinders=not mended)
    more = guest.hear_all()
    visit.find("DELIMITED-LOGIN-5", not more, "", more)
    answer = _answer(guest, codec.probe())
    visit.find("DELIMITED-LIST-4", answer and answer.fields == {"LISTRESPONSE": []}, "LISTRESPONSE=[]", answer,
               hinders=True)
    answer = _answer(guest, codec.list_users())
    visit.find("DELIMITED-LIST-1", answer and guest.name in codec.names_in(answer), guest.name, answer)


def _learn_success(visit, answer, refusal, name):
    """Whether the answer has a text that a refusal has not: then it is one of success, in the server's words."""
    text, other = ((one.fields.get("RESPONSE") or [None])[0] if one is not None else None for one in (answer, refusal))
    if text is None or other is None or text == other:
        return False
    visit.learn(manners=(_DONE + pattern_of(text, [name]),))
    return True


def talk(visit):
    """A message reaches the one it is for, and its sender gets it back."""
    ann, bob = (visit.newcomer(ident) for ident in ("ann", "bob"))
    for guest in (ann, bob):
        _answer(guest, {"CREATE": [guest.name]})
    visit.start_transcript()
    message = codec.whisper(ann.name, bob.name, _TEXT)
    answer = _answer(ann, message)
    if answer is not None and answer.fields.get("RESPONSE"):
        visit.find("DELIMITED-CREATE-3", False, "SEND", answer, hinders=True)
        return
    known = {None: _NO_ECHO, "RESPONSE=[]": _ACKNOWLEDGED}.get(answer and str(answer))
    if not visit.find("DELIMITED-SEND-2", answer and answer.fields == message, "SEND", answer,
                      hinders=known != _ACKNOWLEDGED):
        visit.learn(manners=(known,) if known else ())
    heard = bob.hear()
    visit.find("DELIMITED-SEND-1", heard and heard.fields == message, "SEND", heard, hinders=True)


def coming_back(visit):
    """An account outlives its connection; a name that has none is refused."""
    guest = visit.newcomer("ann")
    _answer(guest, {"CREATE": [guest.name]})
    guest.leave()
    visit.listen(0.1)  # in which the server notices
    again = visit.newcomer("ann")
    visit.start_transcript()
    answer = _answer(again, {"LOGIN": [guest.name]})
    raw = again.raw[-1:]
    stranger = visit.newcomer("bob")
    refusal = _answer(stranger, {"LOGIN": [stranger.name]})
    mended = _learn_success(visit, answer, refusal, guest.name)
    let_in = mended or answer and answer.fields == {"RESPONSE": []}
    visit.find("DELIMITED-LOGIN-6", let_in, "RESPONSE=[]", answer, hinders=True)
    if let_in:
        visit.find("DELIMITED-LOGIN-1", raw[0].fields == {"RESPONSE": []}, "RESPONSE=[]", raw)
    visit.find("DELIMITED-LOGIN-2", refusal and refusal.fields.get("RESPONSE"), "RESPONSE with a text", refusal)


def kept(visit):
    """What was kept for somebody waits until it is asked for."""
    ann, bob = (visit.newcomer(ident) for ident in ("ann", "bob"))
    for guest in (ann, bob):
        _answer(guest, {"CREATE": [guest.name]})
    name = bob.name
    bob.leave()
    visit.listen(0.1)  # in which the server notices
    visit.start_transcript()
    _answer(ann, codec.whisper(ann.name, name, _TEXT))
    again = visit.newcomer("bob")
    _answer(again, {"LOGIN": [name]})
    more = again.hear_all()
    visit.find("DELIMITED-LOGIN-5", not more, "", more)


def unanswered(visit):
    """Neither DELIVER, where nothing is kept, nor DELETE is answered."""
    for command, ident in (("DELIVER", "DELIMITED-DELIVER-4"), ("DELETE", "DELIMITED-DELETE-3")):
        guest = visit.newcomer("ann")
        _answer(guest, {"CREATE": [guest.name]})
        visit.start_transcript()
        guest.say({command: []})
        answers = guest.hear_all()
        visit.find(ident, not answers, "", answers)
        if [one.fields for one in answers] == [{"RESPONSE": []}]:
            visit.learn(manners=(_ANSWERED + command,))


def proof(visit):
    """A client learns by a probe that no more comes."""
    if not visit.has_failed("DELIMITED-LIST-4"):
        visit.learn(proof=SELF)


EXPERIMENTS = (common.greeting(None), accounts, common.segments("DELIMITED-FRAME-4"), talk, coming_back, kept,
               unanswered, proof)


def _answer(guest, request):
    guest.say(request)
    return guest.hear()


def kind(text):
    """The kind of a message: its command."""
    return text.partition("=")[0]


def ground(wanted):
    """The requirement that says that such a message comes; None if that depends."""
    return _GROUNDS.get(kind(wanted))


def blame(got, actor):
    """The requirement that such a message breaks where nobody expects it; None if that depends."""
    if got == "RESPONSE=[]":
        return "DELIMITED-DELIVER-4"
    return "DELIMITED-LOGIN-5" if kind(got) == "SEND" else None


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = set()
    for send in getattr(step, "sends", ()):
        content = send.content if isinstance(send.content, dict) else {}
        if "CREATE" in content:
            found.update(("DELIMITED-CREATE-1", "DELIMITED-CREATE-3"))
        if "LOGIN" in content:
            found.add("DELIMITED-LOGIN-6")
        if "SEND" in content:
            found.update(("DELIMITED-SEND-1", "DELIMITED-SEND-2"))
    if common.needs_framing(step, variant):
        found.add("DELIMITED-FRAME-4")
    return found


def is_in(lines):
    """Whether these are the reply to a request that was done, in whatever words."""
    return any(re.fullmatch(r"RESPONSE=\['.*\b(?:success\w*|ok|done|created|welcome|logged in)\b.*'\]", line,
                            re.IGNORECASE) for line in lines)


def is_reply(message):
    return True
