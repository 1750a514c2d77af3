"""How a foreign server of `dollar` talks: in which form it answers, what its list has, and what it leaves out.

The users are those of the document.
"""
import re

from parley.conformance.acquaintance import PAUSE_SECONDS, QUIET_SECONDS, Refused
from parley.conformance.barrier import PROBES, SELF, STRANGERS
from parley.conformance.message import format_fields
from parley.conformance.probes import common, histories
from parley.conformance.profile import ME, pattern_of, told
from parley.conformance.wire import dollar as codec

_USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}
_TEXT = "wtm some words"
_TEXTS = (("DOLLAR-TEXT-3", "wtm it's \"so\" {1: [2]}"), ("DOLLAR-TEXT-3", "wtm \u00e9\u20ac"),
          ("DOLLAR-PACKET-10", "wtm $1 and $17        {}$"))
_LIST, _HEARD, _SEND, _EXIT = "reload_user_list", "receive_message", "send_message", "exit"
_PURPOSES = ("login", "poll", _LIST, _HEARD, _SEND, _EXIT, histories.START, histories.CONTINUE)
_LOBBY = {"username": "lobby", "status": "online"}

# Words for `Profile.manners`
_UNPADDED, _JSON, _LIST_FIRST, _NO_LOBBY = "unpadded", "json", "list first", "no lobby"
_OTHERWISE = "unknown: "  # and the pattern of an answer to an unknown purpose, as `told` tells it
_DECORATIONS = {"bare": (_UNPADDED, "DOLLAR-PACKET-3"), "json": (_JSON, "DOLLAR-TEXT-1")}

_KIND = re.compile(r"(?:.* )?purpose='?(\w+)'?(?:.* result=(True|False))?.*", re.DOTALL)

GOES_ON = GROUNDS_FIRST = True
CUT = {"bytes": "DOLLAR-PACKET-4", "joined": "DOLLAR-PACKET-4"}
CUT_OFF = "DOLLAR-EXIT-3"
NEWS = (_LIST,)
STAYS = "DOLLAR-EXIT-2"

_GROUNDS = {
    "login True": "DOLLAR-LOGIN-1", "login False": "DOLLAR-LOGIN-2", _LIST: "DOLLAR-LIST-2", _HEARD: "DOLLAR-SEND-1",
    "send_message True": "DOLLAR-SEND-2", histories.START: "DOLLAR-HISTORY-2",
    histories.CONTINUE: "DOLLAR-HISTORY-2", "exit True": "DOLLAR-EXIT-1", "poll True": "DOLLAR-POLL-1"}


class Manner:
    """Reads messages in the form of the document; kept: what `kept_before` gave."""

    def __init__(self, state, kept=None):
        self._state = state
        self._kept = kept or {}
        self._lists = []  # of users, which have come before the answer to a login
        self._history = None

    def read(self, message, manners):
        """The messages for which this one stands."""
        if "broken" in message.fields:
            message = _old_history(message)
        fields = dict(message.fields)
        decorations = fields.pop("form", "").split()
        left = [word for word in decorations if _DECORATIONS[word][0] not in manners or word in self._state.form]
        if left:
            fields["form"] = " ".join(left)
        if isinstance(fields.get("users"), list):
            fields["users"] = [_without_unread(one) for one in fields["users"]]
        if _NO_LOBBY in manners and isinstance(fields.get("users"), list):
            fields["users"] = [dict(_LOBBY)] + fields["users"]
        return self._without_the_old(self._refusal(message._replace(fields=fields), manners), manners)

    def _refusal(self, message, manners):
        """The document's refusal, where the server has another one for what it does not understand."""
        pending = self._state.pending
        if not pending or not any(one.startswith(_OTHERWISE) and re.fullmatch(
                one[len(_OTHERWISE):], told(message), re.DOTALL) for one in manners):
            self._state.answered(message.fields.get("purpose"))
            return message
        purpose = pending.popleft()
        return message._replace(fields=dict({} if purpose is None else {"purpose": purpose}, result=False))

    def _without_the_old(self, message, manners):
        purpose = message.fields.get("purpose")
        before = []
        if purpose == histories.START and self._state.histories:
            before = self._end_of_history()
            partner = self._state.histories.popleft()
            old = isinstance(partner, str) and self._kept.get((self._state.name, partner))
            self._history = histories.History(old) if old else None
        if self._history and purpose in (histories.START, histories.CONTINUE) and isinstance(
                message.fields.get("message_list"), list):
            return before + self._history.read(message)
        return before + self._end_of_history() + self._in_order(message, manners)

    def _end_of_history(self):
        history, self._history = self._history, None
        return history.rest() if history else []

    def _in_order(self, message, manners):
        if _LIST_FIRST in manners and message.fields.get("purpose") == _LIST and self._state.awaits_login:
            self._lists.append(message)
            return []
        lists, self._lists = self._lists, []
        return [message] + lists


def _without_unread(user):
    """An entry of a list without the count of what was said before the scenario, too; no scenario looks at it."""
    return {key: value for key, value in user.items() if key != "unread"} if isinstance(user, dict) else user


def _old_history(message):
    """A history that can be read but for half characters, which may have been said before; others as they are."""
    found = codec.repaired(message)
    return found if found.fields.get("purpose") in (histories.START, histories.CONTINUE) else message


def kept_before(fixture, scenario):
    return histories.kept_before(fixture, scenario, codec)


def strangers(visit):
    """Who is not logged in has an answer to whatever he asks."""
    _ask_the_unknown(visit, visit.newcomer("ann"), (STRANGERS, PROBES))


def _ask_the_unknown(visit, guest, unanswered):
    """Learn what is answered to an unknown purpose; `unanswered` are the probes that never are, if it is nothing."""
    visit.start_transcript()
    before = guest.replies
    guest.say(codec.probe())
    visit.read_until(lambda: guest.replies > before or guest.lines or guest.closed)
    messages = guest.hear_all()
    _take_form(visit, guest.raw[-1:])
    is_answered = guest.replies > before
    visit.find("DOLLAR-OTHER-1", is_answered and not guest.closed,
               format_fields(dict(codec.probe(), result=False)), messages + ["(closed)"] * guest.closed)
    if guest.closed or not is_answered and not messages:
        visit.learn(unanswered=unanswered)
    elif not is_answered:
        visit.learn(manners=(_OTHERWISE + _shape_of(messages[0]),))


def _shape_of(message):
    """A pattern of such refusals: of all that have its purpose, if that says nothing else."""
    purpose = message.fields.get("purpose")
    if not isinstance(purpose, str) or purpose in _PURPOSES:
        return pattern_of(told(message))
    return "(?:.* )?%s(?: .*)?" % re.escape(format_fields({"purpose": purpose}))


def accounts(visit):
    """The users of the document can log in, and are sent the list behind the answer."""
    refused = {}
    for name in _USERS:
        guest = visit.newcomer(name.lower())
        messages = _log_in(visit, guest, name)
        if not guest.state.name:
            refused[name] = messages
    if len(refused) == len(_USERS):
        raise Refused("DOLLAR-LOGIN-5", "%s to the login of Alice, password 123: the document has the users Alice, Bob "
                      "and Charlie from the start, with the passwords 123, 456 and 789" % (
                          " / ".join(map(str, refused["Alice"])) or "nothing"))
    visit.find("DOLLAR-LOGIN-5", not refused, "a login as %s" % ", ".join(refused), sum(refused.values(), []),
               hinders=True)


def login(visit):
    """The answer to the login comes first, then the list, with the room as a user."""
    guest = visit.newcomer("alice")
    messages = _log_in(visit, guest, "Alice")
    if guest.state.name and not any(map(_is_list, messages)):
        visit.read_until(lambda: any(map(_is_list, guest.lines)))  # with what others change, a server may take its time
        messages += guest.hear_all()
    _take_form(visit, messages)
    purposes = [one.fields.get("purpose") for one in messages]
    lists = list(filter(_is_list, messages))
    if not visit.find("DOLLAR-LIST-2", lists, "purpose=%s" % _LIST, purposes):
        visit.learn(unanswered=(_LIST,))
        return
    if not visit.find("DOLLAR-LOGIN-10", purposes.index("login") < purposes.index(_LIST), "the answer first", purposes):
        visit.learn(manners=(_LIST_FIRST,))
    _ask_the_unknown(visit, guest, (PROBES,))
    visit.start_transcript()
    names = codec.names_in(lists[0])
    if not visit.find("DOLLAR-LOBBY-1", codec.LOBBY in names, "a user %s in the list" % codec.LOBBY, names):
        visit.learn(manners=(_NO_LOBBY,))


def talk(visit):
    """A message reaches the one it is for, and its sender has an answer and no copy."""
    alice, bob = _both(visit)
    visit.start_transcript()
    answers = _exchange(visit, alice, codec.whisper("Alice", "Bob", _TEXT))
    told_bob = [one for one in bob.hear_all() if one.fields.get("message") == _TEXT]
    wanted = {"purpose": _HEARD, "from_user": "Alice"}
    visit.find("DOLLAR-SEND-1", told_bob and wanted.items() <= told_bob[0].fields.items(), format_fields(wanted),
               told_bob, hinders=True)
    done = [one for one in answers if one.fields.get("purpose") == _SEND]
    if not visit.find("DOLLAR-SEND-2", done, "purpose=%s result=True" % _SEND, answers):
        visit.learn(unanswered=("%s True" % _SEND,))
    visit.learn(asides=[pattern_of(told(one), texts=[_TEXT]).replace("Alice", ME) for one in answers
                        if one.fields.get("message") == _TEXT])


def texts(visit):
    """Whatever is in a text, it arrives."""
    alice, bob = _both(visit)
    for ident, text in _TEXTS:
        visit.start_transcript()
        message = codec.whisper("Alice", "Bob", text)
        alice.say(message)
        heard = [one.fields.get("message") for one in filter(None, [bob.hear()])]
        if heard != [text] and _counts_characters(visit, message):
            visit.not_reached(ident, "DOLLAR-PACKET-1")
            return
        if not visit.find(ident, heard == [text], text, heard, hinders=True):
            return  # what comes after it may be lost


def _counts_characters(visit, message):
    """Whether the server takes the length for one of characters: then such a message arrives."""
    data = repr(message)
    if len(data) == len(data.encode()):
        return False
    visit.start_transcript()
    for guest in list(visit.guests):
        guest.leave()
    visit.listen(QUIET_SECONDS)  # in which the server notices
    alice, bob = _both(visit)
    alice.say(dict(message, length=str(len(data)).ljust(codec.LENGTH_BYTES)))
    heard = bob.hear()
    counts = heard is not None and ("broken" in heard.fields or heard.fields.get("message") == message["message"])
    return counts and not visit.find("DOLLAR-PACKET-1", False, "a length in bytes", heard, hinders=True)


def leaving(visit):
    """`exit` is answered, and the others are sent the list."""
    alice, bob = _both(visit)
    visit.start_transcript()
    answers = _exchange(visit, bob, {"purpose": _EXIT})
    answered = [one for one in answers if one.fields.get("purpose") == _EXIT]
    visit.find("DOLLAR-EXIT-1", answered and bob.closed, "purpose=exit result=True and a close",
               answers + ["(closed)" if bob.closed else "(still open)"])
    if not answered:
        visit.learn(unanswered=("exit True",))
    bob.leave()
    visit.read_until(lambda: any(map(_is_list, alice.lines)))
    heard = list(filter(_is_list, alice.hear_all()))
    if _LIST not in visit.profile.unanswered:
        visit.find("DOLLAR-LIST-2", heard, "purpose=%s when Bob leaves" % _LIST, "", hinders=True)


def passwords(visit):
    """A wrong password lets nobody in."""
    guest = visit.newcomer("alice")
    answers = _exchange(visit, guest, {"purpose": "login", "username": "Alice", "password": "wtm wrong"})
    visit.find("DOLLAR-LOGIN-2", not guest.state.name, "purpose=login result=False", answers, hinders=True)


def segments(visit):
    """Where segments are cut makes no difference."""
    data = codec.encode({"purpose": "login", "username": "wtn", "password": "wtn"})
    for ident, pieces, count in (("ann", [data + data], 2), ("bob", [data[:15], data[15:]], 1)):
        guest = visit.newcomer(ident)
        for piece in pieces:
            guest.write(piece, "login" if len(pieces) == 1 else "a part of a login")
            guest.let_read()
            visit.listen(PAUSE_SECONDS)
        answers = list(filter(None, [guest.hear() for _ in range(count)]))
        if not visit.find("DOLLAR-PACKET-4", len(answers) == count, "%d answers" % count, answers, hinders=True):
            visit.learn(pause=PAUSE_SECONDS)
        guest.leave()


def proof(visit):
    """A client who is logged in learns by a probe that no more comes."""
    if PROBES not in visit.profile.unanswered:
        visit.learn(proof=SELF)


EXPERIMENTS = (common.greeting(None), strangers, accounts, login, passwords, segments, talk, texts, leaving, proof)


def _exchange(visit, guest, request):
    """What comes in reply to a request; a login and `exit` apart."""
    guest.say(request)
    first = guest.hear()
    return ([first] if first else []) + guest.hear_all()


def _log_in(visit, guest, name):
    return _exchange(visit, guest, {"purpose": "login", "username": name, "password": _USERS[name]})


def _is_list(message):
    return message.fields.get("purpose") == _LIST


def _both(visit):
    alice, bob = visit.newcomer("alice"), visit.newcomer("bob")
    _log_in(visit, alice, "Alice")
    _log_in(visit, bob, "Bob")
    alice.hear_all()
    return alice, bob


def _take_form(visit, messages):
    """Learn in which form the server writes its packets; what was sent was padded, and in Python's notation."""
    for word, (manner, ident) in _DECORATIONS.items():
        found = [one for one in messages if word in one.fields.get("form", "").split()]
        if messages and not visit.find(ident, not found, "the form of the request", found):
            visit.learn(manners=(manner,))


def kind(text):
    """The kind of a packet: its purpose, and the result if it has one."""
    found = _KIND.fullmatch(text)
    return " ".join(filter(None, found.groups())) if found else text


def ground(wanted):
    """The requirement that says that such a packet comes; None if that depends."""
    return _GROUNDS.get(kind(wanted))


def relies_on(step, variant, renaming):
    """The requirements that a step relies on without naming them."""
    found = set()
    for send in getattr(step, "sends", ()):
        content = send.content if isinstance(send.content, dict) else {}
        if content.get("purpose") == "login":
            found.add("DOLLAR-LOGIN-5")
        if content.get("purpose") == _SEND:
            found.update(_texts_in(str(content.get("message"))), ["DOLLAR-SEND-1"])
        if not _is_ascii(send.content) or content.get("purpose") == histories.START:  # which may have any texts
            found.add("DOLLAR-PACKET-1")
    if common.needs_framing(step, variant):
        found.add("DOLLAR-PACKET-4")
    found.update(filter(None, (ground(matcher.describe({})) for matcher in getattr(step, "expects", ()))))
    return found


def _is_ascii(content):
    """Whether a text, bytes, or fields with texts are ASCII."""
    return max(content if isinstance(content, bytes) else map(ord, str(content)), default=0) < 128


def _texts_in(text):
    """The requirements on texts that this one relies on."""
    return {ident for ident, is_odd in (("DOLLAR-PACKET-10", "$" in text), ("DOLLAR-TEXT-3", not text.isalnum()))
            if is_odd}


def is_reply(message):
    return message.fields.get("purpose") not in (_LIST, _HEARD)


def is_farewell(message):
    """Whether it is from the server itself, which may say why it closes the connection."""
    return message.fields.get("purpose") == _HEARD and message.fields.get("from_user") == codec.LOBBY


is_answer = is_reply
