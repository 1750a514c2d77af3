"""Every text, from every protocol to every other, through a running server.

The texts go out in one piece, with a genuine message behind each; everybody reads all the time. Each hears exactly what
was promised, in order, and nothing else; so does the one who speaks, who is told what was taken and what was not.
"""
import payloads
import promise
import pytest
import reference
from real import ACTORS
from reference import heard

# (sender, receiver), each for all texts.
IN_THE_ROOM = [(sender, receiver) for sender in promise.FORMS for receiver in promise.FORMS if sender != receiver]
TO_ONE = [pair for pair in IN_THE_ROOM if pair[0] in promise.WHISPERERS]
END = "that was all."
# Where nothing is answered to what is said, the answer to these shows that everything has been.
PINGS = {"line": b"PING\n", "binary": reference.binary_frame(211, b"1"), "irc": b"PING 1\r\n"}


def spoken(sender):
    """(what is said, what follows it, the canonical text or None), of all texts."""
    found = []
    for payload in payloads.TEXTS.values():
        for said in promise.uttered(sender, payload):
            found.append((said, ("next: %d." % len(found)).encode(), promise.accepted(sender, said)))
    return found


def hears(receiver, sender, texts, direct=False):
    kind = "sent" if receiver == "delimited" else "whispered" if direct else "said"
    return [heard(kind, ACTORS[sender], text) for text in texts]


def answers(sender, said, text, to):
    """What the sender is told: (kind, to whom it was said or what was asked, the text that was taken)."""
    if sender == "delimited":
        return [("refused", "", "")] if text is None else [("echo", to, text)]
    if sender == "irc" and said.replace(b"\0", b"")[:1] == b"\1" and promise.is_utf8(said):
        return []  # CTCP, which only clients of IRC hear
    if sender in ("line", "binary", "irc"):
        return [("refused", "", "")] if text is None else []
    if sender == "web":
        return [("refused" if text is None else "done", "", "")]
    if sender == "padded":  # which acknowledges what is blank
        return [("done" if promise.is_utf8(said) else "refused", "", "")]
    # dollar cannot tell what was asked where it cannot read it
    return [("refused" if text is None else "done", "", "send_message" if promise.is_utf8(said) else "error")]


def told(actor):
    """What the sender was told, without reasons in words."""
    return [(event.kind, event.sender, event.text if event.kind == "echo" or actor.form.startswith("dollar") else "")
            for event in actor.heard if event.kind in ("done", "refused", "echo")]


def without_lists(events):
    """dollar's list of users may come at any time."""
    return [event._replace(time=None) for event in events if event.kind != "users"]


@pytest.mark.parametrize("sender", promise.FORMS)
def test_what_is_said_in_the_room(actors, sender):
    speaker, all_spoken = actors[sender], spoken(sender)
    speaker.send(b"".join(speaker.words(said) + speaker.words(follows) for said, follows, _ in all_spoken))
    for receiver, actor in actors.items():
        if receiver != sender:
            expect(actor, sender, all_spoken)
    expect_answers(speaker, all_spoken, "lobby")


@pytest.mark.parametrize("sender", promise.WHISPERERS)
def test_what_is_said_to_one_alone(actors, sender):
    speaker, all_spoken = actors[sender], spoken(sender)
    for receiver, actor in actors.items():
        if receiver != sender:
            speaker.forget()
            speaker.send(b"".join(speaker.words(said, actor.name) + speaker.words(follows, actor.name)
                                  for said, follows, _ in all_spoken))
            expect(actor, sender, all_spoken, direct=True)
            expect_answers(speaker, all_spoken, actor.name)
    speaker.forget()
    speaker.say(END.encode())  # and nobody has heard what was for somebody else
    for receiver, actor in actors.items():
        if receiver != sender:
            actor.wait_for(lambda event: event.text == END)
            assert len(without_lists(actor.heard)) == len(promised(receiver, sender, all_spoken, direct=True)) + 1
    if answers(speaker.form, END.encode(), END, "lobby"):  # which may come after everybody has heard it
        speaker.wait_for(lambda event: event.kind in ("done", "echo"))


def promised(receiver, sender, all_spoken, direct):
    texts, names = [], (ACTORS[sender], ACTORS[receiver])
    for _, follows, text in all_spoken:
        texts += promise.heard(receiver, text, direct, names) + [follows.decode()]
    return texts


def expect(actor, sender, all_spoken, direct=False):
    """The actor hears exactly what was promised."""
    last = all_spoken[-1][1].decode()
    actor.wait_for(lambda event: event.text == last)
    wanted = hears(actor.form, sender, promised(actor.form, sender, all_spoken, direct), direct)
    assert_equal(without_lists(actor.heard), wanted)


def expect_answers(speaker, all_spoken, to):
    """The speaker is told what was taken and what was not, and nothing more."""
    wanted = []
    for said, follows, text in all_spoken:
        wanted += answers(speaker.form, said, text, to) + answers(speaker.form, follows, follows.decode(), to)
    if speaker.form in PINGS:
        speaker.send(PINGS[speaker.form])
        wanted.append(("done", "", ""))
    speaker.wait_for(lambda event: len(told(speaker)) >= len(wanted))
    assert_equal(told(speaker), wanted)


def assert_equal(found, wanted):
    """With the first difference, as the lists are long."""
    for number, (one, other) in enumerate(zip(found, wanted)):
        assert one == other, "event %d" % number
    assert found[len(wanted):] == wanted[len(found):] == []


def test_the_matrix_is_as_large_as_it_has_to_be():
    assert len(payloads.TEXTS) * len(IN_THE_ROOM + TO_ONE) >= 2000


def longest(sender, character):
    """As much of one character as `sender` can say at once, behind a full stop."""
    most = promise.TEXT_LIMIT // len(character.encode())
    if sender == "delimited":  # whose notation is longer than what it stands for
        most = min(most, 2 * promise.TEXT_LIMIT * 3 // len(reference.write_item(character * 3)))
    return "." + character * (most - 1)


@pytest.mark.parametrize("sender", ["binary", "padded", "delimited", "dollar", "dollar-json", "web"])
def test_the_longest_texts(actors, sender):
    """Each of one character; none that is cut loses anything."""
    speaker = actors[sender]
    texts = [longest(sender, character) for character in payloads.CODE_POINTS if character.isprintable()]
    speaker.send(b"".join(speaker.words(text.encode()) for text in texts + [END]))
    for receiver, actor in actors.items():
        if receiver != sender:
            actor.wait_for(lambda event: event.text == END)
            wanted = [piece for text in texts for piece in promise.heard(receiver, text, names=(ACTORS[sender], ""))]
            assert_equal(without_lists(actor.heard), hears(receiver, sender, wanted + [END]))
