"""Hostile names: refused in each protocol's own words, or seen by everybody under the form that was promised."""
import unicodedata

import payloads
import promise
import pytest
import reference
from real import ACCOUNTS, PASSWORD, Actor

from parley.server.chat.aliases import Aliases
from parley.server.protocols import PROTOCOLS, events

WHEN = 1500000000
# dollar takes no names but those of accounts, which are in a file.
WAYS_IN = ("line", "binary", "padded", "delimited", "web")
NAMES = {name.decode(): name for name, is_one in payloads.NAMES.items() if is_one}
HELLO = b"hello from here"

INVALID = {
    "line": {"invalid-username"},
    "binary": {"login"},
    "padded": {"This cannot be a nickname.", "The message is not valid UTF-8.", "The nickname has no password."},
    "delimited": {"username is not allowed", "only ASCII is allowed", "CREATE takes a username"},
    "web": {"invalid-name"},
}
TAKEN = {
    "line": "username-taken", "binary": "login", "padded": "The nickname is taken.",
    "delimited": "username already exists", "web": "name-taken",
}
PROTECTED = {
    "line": "password-required", "binary": "login", "padded": "The nickname needs its password behind it.",
    "delimited": "username already exists", "web": "password-required",
}
BESIDE = ["Maximilian%d" % number for number in range(3000)]  # here too; two of them would draw the same alias
_GIVEN_OUT = Aliases()
ALIASES = {}
for _name in [*NAMES, *BESIDE]:
    _raw = unicodedata.normalize("NFC", _name).encode()
    if _GIVEN_OUT.hold(_raw):
        ALIASES.update(_GIVEN_OUT.of([_raw]))
# What is no name, and is taken for one all the same: blanks around it in a line, what a program in C sends with it.
UNDERSTOOD = {("line", b" ab"): b"ab", ("line", b"ab "): b"ab", ("binary", b"a\0b"): b"a"}
CANNOT_BE_WRITTEN = [("line", b"a\nb"), ("padded", b"")]  # they end there, or are not there


def canonical(name):
    return unicodedata.normalize("NFC", name)


def attempts(protocol):
    return [name for name in payloads.NAMES if (protocol, name) not in CANNOT_BE_WRITTEN]


# ---- on the wire

@pytest.mark.parametrize("protocol", WAYS_IN)
def test_a_name_is_refused_in_the_protocols_words_or_seen_by_all_as_promised(server, actors, protocol):
    for name in attempts(protocol):
        with Actor(server, protocol, name, worker=len(name) % 2) as newcomer:
            answer = newcomer.enter()
            known = UNDERSTOOD.get((protocol, name), name if payloads.NAMES[name] else None)
            if known is not None and not (protocol == "binary" and len(name) > 10):
                assert answer.kind == "done", (name, answer)
                newcomer.raw = known  # what it signs with
                is_seen(actors, newcomer, canonical(known.decode()))
            else:
                assert answer.kind == "refused" and answer.text in INVALID[protocol], (name, answer)


def test_names_of_accounts_are_seen_by_all_as_promised(server, actors):
    for name in ACCOUNTS:
        for form in ("dollar", "dollar-json"):
            with Actor(server, form, name) as newcomer:
                assert newcomer.enter(PASSWORD).kind == "done"
                newcomer.wait_for(lambda event: event.kind == "users" and (canonical(name), "online") in event.text)
                is_seen(actors, newcomer, canonical(name))


def is_seen(actors, newcomer, name):
    """By everybody, when it speaks and when it goes; by those who are told, when it comes."""
    newcomer.say(HELLO)
    for form, actor in actors.items():
        said = actor.wait_for(lambda event: event.text == HELLO.decode())
        assert promise.is_shown_as(form, name, said.sender), (form, name, said)
    if newcomer.form == "delimited":
        newcomer.send(reference.delimited_frame(4))  # or the account would stay
    newcomer.hang_up()
    for form in ("line", "binary", "web"):
        kinds = ("left",) if form == "line" else ("joined", "left")
        for kind in kinds:
            told = actors[form].wait_for(lambda event: event.kind == kind)
            assert promise.is_shown_as(form, name, told.text), (form, name, told)
    for actor in actors.values():
        actor.forget()


def test_no_name_gets_in_as_dollar_without_an_account(server, actors):
    for name in payloads.NAMES:
        with Actor(server, "dollar", name) as newcomer:
            answer = newcomer.enter(PASSWORD)
            assert (answer.kind, answer.text) == ("refused", "login" if promise.is_utf8(name) else "error")


def test_look_alikes_of_those_who_are_here_are_refused(server, actors):
    holders = {"Bill": "line", "Kelvin": "dollar", "madam": "line", "fine": "delimited"}
    here = [Actor(server, form, name) for name, form in holders.items()]
    try:
        assert [holder.enter(PASSWORD).kind for holder in here] == ["done"] * len(holders)
        for name, others in payloads.LOOK_ALIKES.items():
            for other in others + [name]:
                for protocol in WAYS_IN:
                    with Actor(server, protocol, other) as newcomer:
                        answer = newcomer.enter()
                    refusals = {TAKEN[protocol], PROTECTED[protocol]} if other == "Kelvin" else {TAKEN[protocol]}
                    assert answer.kind == "refused" and answer.text in refusals, (protocol, other, answer)
                with Actor(server, "dollar", other) as newcomer:
                    assert newcomer.enter(PASSWORD).kind == "refused", other
    finally:
        here[-1].send(reference.delimited_frame(4))
        for holder in here:
            holder.__exit__()
    for name in holders:
        for form in ("line", "binary", "web"):
            actors[form].wait_for(lambda event: (event.kind, event.text) == ("left", name))


@pytest.mark.parametrize("protocol", WAYS_IN)
def test_the_name_of_an_account_is_nobody_elses(server, actors, protocol):
    for name in ACCOUNTS:
        with Actor(server, protocol, name) as newcomer:
            answer = newcomer.enter()
            assert answer.kind == "refused" and answer.text == PROTECTED[protocol], (name, answer)


# ---- through the codecs alone

def carried(receiver, happening, me="bob"):
    name, _, form = receiver.partition("-")
    module = PROTOCOLS[name]
    encode = module.FORMS[form] if form else next(iter(module.FORMS.values()))
    reader = reference.READERS[receiver](me)
    arguments = [happening, me.encode()]
    if module.TRAITS.longest_name:
        arguments.append(ALIASES)
    for frame in encode(*arguments):
        reader.feed(frame)
    return reader.heard


@pytest.mark.parametrize("receiver", [form for form in promise.FORMS if form != promise.IRC])  # which needs a server
def test_a_name_is_the_same_wherever_it_stands(receiver):
    for name in sorted(set(map(canonical, NAMES))):
        stands_everywhere(receiver, name)


def stands_everywhere(receiver, name):
    raw = name.encode()
    said, = carried(receiver, events.Said(raw, b"hi", WHEN))
    whispered, = carried(receiver, events.Whispered(raw, b"hi", WHEN))
    assert promise.is_shown_as(receiver, name, whispered.sender, direct=True)
    seen = [said.sender]
    seen += [event.text for happens in (events.Joined, events.Left) for event in carried(receiver, happens(raw))]
    for event in carried(receiver, events.Renamed(raw, b"bob")) + carried(receiver, events.Renamed(b"bob", raw)):
        seen += [one for one in event.text if one != "bob"]
    assert len(set(seen)) == 1 and promise.is_shown_as(receiver, name, seen[0]), (name, seen)


LISTS = {
    "line": events.Present, "binary": events.Present, "web": events.Present, "delimited": events.Known,
    "dollar": lambda names: events.Users([(name, True) for name in names]),
    "dollar-json": lambda names: events.Users([(name, True) for name in names]),
}


@pytest.mark.parametrize("receiver", sorted(LISTS))
def test_a_list_shows_each_name_as_it_is_seen_elsewhere(receiver):
    names = sorted(set(map(canonical, NAMES)))
    found = carried(receiver, LISTS[receiver]([name.encode() for name in names]))
    listed = [event.text for event in found] if receiver == "line" else list(found[0].text)
    if receiver.startswith("dollar"):
        assert listed.pop(0) == ("lobby", "online") and {status for _, status in listed} == {"online"}
        listed = [name for name, _ in listed]
    spoken = [carried(receiver, events.Said(name.encode(), b"hi", WHEN))[0].sender for name in names]
    assert listed == spoken
    assert len(set(listed)) == len(names)


def test_aliases_tell_names_apart_that_begin_alike():
    shown = [carried("binary", events.Joined(name.encode()))[0].text for name in BESIDE]
    assert len(set(shown)) == len(BESIDE)
    assert all(promise.is_shown_as("binary", name, alias) for name, alias in zip(BESIDE, shown))
