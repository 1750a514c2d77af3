"""Histories of a foreign server of `dollar`, which keeps what was said before a scenario: that is not counted."""
import json
import time

from parley.conformance import model
from parley.conformance.acquaintance import PAUSE_SECONDS
from parley.conformance.barrier import PROBES

START, CONTINUE = "start_reload_message_list", "continue_reload_message_list"
PACKET = 10  # messages in each packet but the last
_LOGIN_SECONDS, _ANSWER_SECONDS = 10.0, 3.0
_SHORT_SECONDS = 0.3  # for what had no answer before
_LOGOUT_SECONDS = 1.0  # in which a server notices that a connection has ended


class StillThere(OSError):
    """A user of the scenario cannot log in."""


class History:
    """One history, without its first `old` messages: in packets as if they had not been there."""

    def __init__(self, old):
        self._old = old
        self._held = []  # messages that wait for a packet of theirs
        self._first = self._latest = None  # packets, as they came
        self._told = 0  # packets

    def read(self, packet):
        """The packets that can be told now that this one has come."""
        messages = packet.fields["message_list"]
        dropped = min(self._old, len(messages))
        self._old -= dropped
        self._held += messages[dropped:]
        self._first = self._first or packet
        self._latest = packet
        if len(messages) > PACKET:
            return self.rest()
        whole = [self._packet(PACKET) for _ in range(len(self._held) // PACKET)]
        return whole + self.rest() if len(messages) < PACKET else whole

    def rest(self):
        """The last packet, now that no other will come; empty if it was told."""
        if self._latest is None or self._told and not self._held:
            return []
        last = self._packet(len(self._held))
        self._latest = None
        return [last]

    def _packet(self, size):
        messages, self._held = self._held[:size], self._held[size:]
        purpose = self._first.fields["purpose"] if not self._told else (
            CONTINUE if self._latest is self._first else self._latest.fields["purpose"])
        self._told += 1
        return self._latest._replace(fields=dict(self._latest.fields, purpose=purpose, message_list=messages))


def partners_in(scenario):
    """The names whose histories the scenario asks for."""
    contents = [send.content for step in model.every_step(scenario.steps) for send in getattr(step, "sends", ())]
    return {one.get("target_user") for one in contents
            if isinstance(one, dict) and one.get("purpose") == START and isinstance(one.get("target_user"), str)}


def kept_before(fixture, scenario, codec):
    """{(user, partner): how many messages the server has kept} of the histories that a scenario asks for.

    Afterwards the server knows that all users of the scenario are gone, those of the one before, too: where no history
    is asked for, the list that one of them is told may show it.
    """
    found = {}
    for name, password in json.loads(scenario.needs.users).items():
        reader, told = _logged_in(fixture, codec, {"purpose": "login", "username": name, "password": password})
        for partner in sorted(partners_in(scenario) - {name}):
            packets = _ask(fixture, reader, {"purpose": START, "target_user": partner})
            found[name, partner] = sum(
                len(one.fields["message_list"]) for one in packets
                if isinstance(one.fields.get("message_list"), list))
        if not reader.name and "DOLLAR-LOGIN-5" not in fixture.profile_of(codec).failed:
            raise StillThere("%s cannot log in: the server takes the one before for still logged in, or hangs" % name)
        is_last = not partners_in(scenario) and _shows_nobody_else(
            told + _ask(fixture, reader, {"purpose": "poll"}), codec, set(json.loads(scenario.needs.users)) - {name})
        _log_out(fixture, reader)
        if is_last:
            break
    return found


def _shows_nobody_else(packets, codec, users):
    """Whether the latest list of users in the packets has all of these, offline."""
    lists = [one.fields["users"] for one in packets if codec.names_in(one)]
    return bool(lists) and users <= {
        one["username"] for one in lists[-1] if isinstance(one, dict) and one.get("status") == "offline"}


def _logged_in(fixture, codec, login):
    """(an actor who has logged in, what he was told), once the server has noticed that the one before is gone.

    If it does not let him in, the actor is not logged in.
    """
    unknown = "the login of %s" % login["username"]
    deadline = time.monotonic() + fixture.patience.seconds(unknown, _LOGOUT_SECONDS, 0) * fixture.time_scale
    while True:
        reader = fixture.own_actor("reader", codec)
        reader.connect(fixture.address(codec.NAME, None), fixture.reply_seconds)
        told = _ask(fixture, reader, login)
        if reader.name or time.monotonic() > deadline:
            fixture.patience.note(unknown, bool(reader.name))
            return reader, told
        reader.disconnect()
        time.sleep(PAUSE_SECONDS)


def _log_out(fixture, reader):
    reader.send_bytes([reader.codec.goodbyes()[0]], "")
    patience = fixture.patience.seconds("a close behind exit", _LOGOUT_SECONDS, PAUSE_SECONDS)
    fixture.selector.read_until(lambda: reader.closed_by_peer, time.monotonic() + patience * fixture.time_scale)
    fixture.patience.note("a close behind exit", bool(reader.closed_by_peer))
    reader.disconnect()


def _ask(fixture, reader, request):
    """The packets that come in reply."""
    expected = reader.replies + 1
    reader.send_bytes([reader.codec.encode(request)], "")
    if reader.profile and PROBES in reader.profile.unanswered:
        _read_until(fixture, reader, request, lambda: reader.inbox)
        fixture.barrier.wait_quietly()
        return _taken(reader)
    reader.send_own(reader.codec.probe())
    _read_until(fixture, reader, request, lambda: reader.replies >= expected)
    return _taken(reader)


def _read_until(fixture, reader, request, answered):
    """Read until the request has its answer, or something that is none; not for long if the last one had none."""
    what = "an answer to %s" % request["purpose"]
    full = _LOGIN_SECONDS if request["purpose"] == "login" else _ANSWER_SECONDS
    seconds = fixture.patience.seconds(what, full, _SHORT_SECONDS) * fixture.time_scale
    fixture.selector.read_until(lambda: answered() or reader.closed_by_peer or _is_garbled(reader),
                                time.monotonic() + seconds)
    if not reader.closed_by_peer:
        fixture.patience.note(what, bool(answered()))


def _is_garbled(reader):
    return any("broken" in one.fields for one in reader.inbox)


def _taken(reader):
    found = list(reader.inbox)
    reader.inbox.clear()
    return found
