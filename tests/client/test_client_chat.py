"""The client and real servers: every protocol in one room, bad news in plain sentences, and coming back."""
import contextlib
import os
import selectors
import socket
import subprocess
import sys
import time

import pytest
from surroundings import PROTOCOLS, ROOT, SECONDS, USERS, Scripted, enter, hear

from parley.client import (
    Connected,
    Described,
    Disconnected,
    Done,
    Failed,
    Impossible,
    Joined,
    Kept,
    Left,
    Notice,
    Pong,
    Recalled,
    Refused,
    Renamed,
    Request,
    Said,
    Unsure,
    Users,
    Welcomed,
    Whispered,
    connect,
)
from parley.conformance.targets import launch

CERTIFICATES = os.path.join(ROOT, "tests", "certificates")
NAMES = {"line": "lea", "binary": "bea", "padded": "pat", "delimited": "dan", "web": "wes", "dollar": "Alice"}
EVERYTHING = {"rename": ("x",), "whisper": ("x", "y"), "users": (), "describe": ("x",), "create": ("x",), "history": (),
              "deliver": (), "delete": (), "change_password": ("x", "y")}


def of(kind, **fields):
    """Is an event of this kind, with these fields?"""
    return lambda event: type(event) is kind and all(getattr(event, name) == value for name, value in fields.items())


def done(kind):
    return lambda event: isinstance(event, (Done, Refused)) and event.request.kind == kind


def answered(chat, kind):
    """The events until the request of this kind has its answer, without those before."""
    return hear(chat, done(kind))


@pytest.fixture
def room(server, join):
    """{protocol: a member who speaks it}."""
    members = {}
    for protocol in PROTOCOLS:
        members[protocol] = enter(join, server[protocol], NAMES[protocol], USERS.get(NAMES[protocol]))
        assert members[protocol].me == NAMES[protocol]
    return members


# ---- one room


def test_what_is_said_in_one_protocol_is_heard_in_all(room):
    for speaker in PROTOCOLS:
        room[speaker].say("hi from %s, é 'x' *y*" % speaker)
        for listener in set(PROTOCOLS) - {speaker}:
            hear(room[listener], of(Said, sender=NAMES[speaker], text="hi from %s, é 'x' *y*" % speaker))
        assert answered(room[speaker], "say")[-1] == Done(Request("say", None, "hi from %s, é 'x' *y*" % speaker))


def test_what_is_said_to_one_alone_finds_them_in_every_protocol(room):
    for speaker in ("line", "delimited", "dollar"):
        for listener in set(PROTOCOLS) - {speaker, "padded"}:
            room[speaker].whisper(NAMES[listener], "psst from " + speaker)
            assert isinstance(answered(room[speaker], "whisper")[-1], Done)
            kind = Said if listener == "delimited" else Whispered
            hear(room[listener], of(kind, sender=NAMES[speaker], text="psst from " + speaker))


def test_who_is_there(room):
    assert {"lea", "bea", "dan", "Alice"} <= {name for name, _ in _users(room["line"], None)}
    assert {("bea", True)} == set(_users(room["binary"], "b*"))
    assert {("dan", None)} == set(_users(room["delimited"], "d?n"))
    assert {("Alice", True), ("Bob", False)} == set(_users(room["dollar"], "[AB]*"))


def _users(chat, pattern):
    chat.users(pattern)
    return next(event.users for event in answered(chat, "users") if isinstance(event, Users))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_ping_takes_a_moment(room, protocol):
    room[protocol].ping()
    assert 0 < next(event.seconds for event in answered(room[protocol], "ping") if isinstance(event, Pong)) < SECONDS


def test_the_room_s_history_and_a_conversation_s(room):
    room["line"].say("first")
    hear(room["dollar"], of(Said, text="first"))  # a PONG tells only that one's own worker has heard it
    room["dollar"].say("second")
    answered(room["dollar"], "say")
    room["line"].whisper("Alice", "psst")
    answered(room["line"], "whisper")
    for chat in (room["line"], room["dollar"]):
        chat.history(None, 2)
        recalled = [event for event in answered(chat, "history") if isinstance(event, Recalled)]
        assert [(event.partner, event.text) for event in recalled] == [(None, "first"), (None, "second")]
    room["dollar"].history("lea", 1)
    assert [event.text for event in answered(room["dollar"], "history") if isinstance(event, Recalled)] == ["psst"]


def test_binary_tells_who_comes_is_renamed_and_goes(server, join):
    here = join(server["binary"], "here")
    with contextlib.closing(join(server["binary"], "come")) as come:
        hear(here, of(Joined, name="come"))
        assert "come" in here.names
        here.describe("come")
        assert [event.name for event in answered(here, "describe") if isinstance(event, Described)] == ["come"]
        come.rename("went")
        hear(come, of(Welcomed, name="went"))
        hear(here, of(Renamed, old="come", new="went"))
    hear(here, of(Left, name="went"))
    assert "went" not in here.names
    here.describe("went")
    assert answered(here, "describe")[-1].why == "Nobody here has that name."


@pytest.mark.parametrize("protocol", ["line", "web"])
def test_a_name_becomes_an_account_while_one_has_it(server, join, protocol):
    name = "own" + protocol
    chat = enter(join, server[protocol], name)
    chat.create(name, "x" * 2000)
    assert type(answered(chat, "protect")[-1]) is Refused
    chat.create(name, "secret")
    assert type(answered(chat, "protect")[-1]) is Done
    chat.close()
    with contextlib.closing(enter(join, server["dollar"], name, "secret")) as again:
        assert again.me == name


def test_accounts_are_made_used_and_deleted(server, join):
    with join(server["line"]) as chat:
        chat.create("rita", "secret")
        assert Welcomed("rita") in answered(chat, "create")
        chat.change_password("secret", "other")
        assert type(answered(chat, "change_password")[-1]) is Done
        chat.change_password("secret", "guessed")
        assert answered(chat, "change_password")[-1].why == "The password is wrong."
    with contextlib.closing(enter(join, server["web"], "rita", "other")) as chat:
        chat.change_password("other", "secret")
        assert type(answered(chat, "change_password")[-1]) is Done
    with contextlib.closing(enter(join, server["dollar"], "rita", "secret")) as chat:
        assert chat.me == "rita"
    free = join(server["binary"], "free")
    free.join("rita")
    assert answered(free, "rename")[-1].why == "The name needs its password behind it."
    chat = join(server["delimited"])
    chat.create("dora")
    answered(chat, "create")
    chat.delete()
    answered(chat, "delete")
    assert chat.me is None
    chat.login("dora", "")
    assert answered(chat, "login")[-1].why == "Username does not exist."
    chat.join("dora")
    answered(chat, "join")
    assert not any(isinstance(event, Notice) for event in chat.poll())  # nothing was missed by an account that was not


def test_what_was_kept_is_delivered(server, join):
    sender = join(server["line"], "sender")
    join(server["delimited"], "kept").close()
    hear(sender, of(Left, name="kept"))
    sender.whisper("kept", "for later")
    assert isinstance(answered(sender, "whisper")[-1], Done)
    chat = enter(join, server["delimited"], "kept")
    chat.deliver()
    assert [event.text for event in answered(chat, "deliver") if isinstance(event, Said)] == ["for later"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_was_said_while_one_was_away_comes_in_every_protocol(server, join, protocol):
    name, password = "away" + protocol, "s3cret" if protocol in ("line", "web", "dollar") else None
    with join(server["line" if password else "delimited"]) as chat:
        chat.create(name, password)
        answered(chat, "create")
    sender = join(server["delimited"], "tells" + protocol[:3])
    for text in ("one", "two  words"):
        sender.whisper(name, text)
        assert isinstance(answered(sender, "whisper")[-1], Done)
    chat = enter(join, server[protocol], name, password)
    told = []
    if password:
        told += hear(chat, of(Kept, count=2))
        chat.deliver()
    elif protocol == "delimited":
        chat.deliver()
    elif protocol == "padded":
        chat.say("hi")  # which is its login
    told += hear(chat, lambda event: getattr(event, "text", None) == "two  words")
    said = [(event.sender, event.text) for event in told if isinstance(event, (Said, Whispered, Recalled))]
    assert said == [("tells" + protocol[:3], "one"), ("tells" + protocol[:3], "two  words")]


# ---- waiting


def test_a_chat_can_be_waited_for_with_a_selector(server, join):
    listener, speaker = join(server["line"], "waits"), join(server["binary"], "speaks")
    listener.poll()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        speaker.say("now")
        heard = []
        while not [event for event in heard if isinstance(event, Said)]:
            assert selector.select(SECONDS)
            heard += listener.poll()


def test_nothing_said_is_lost_when_one_leaves_at_once(server, join):
    listener = join(server["line"], "stays")
    for protocol in ("line", "binary", "padded", "delimited"):
        chat = join(server[protocol], "hasty")
        for number in range(300):
            chat.say("%s %d" % (protocol, number))
        chat.close(SECONDS)
        said = [event.text for event in hear(listener, of(Left, name="hasty")) if isinstance(event, Said)]
        assert said == ["%s %d" % (protocol, number) for number in range(300)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_bot_of_the_documentation_answers(server, join, protocol):
    path = os.path.join(ROOT, "examples", "echo_bot.py")
    with open(path, encoding="utf-8") as file:
        bot = file.read()
    with open(os.path.join(ROOT, "docs", "client.md"), encoding="utf-8") as file:
        shown = file.read().split("```python\n")[1].split("```")[0]
    assert bot.endswith(shown.partition("    for event")[2])
    chat = join(server["binary"], "asks" + protocol[:3])
    name = ["Bob", "456"] if protocol == "dollar" else ["bot" + protocol[:3]]
    process = subprocess.Popen([sys.executable, path, server[protocol], *name], env=dict(os.environ, PYTHONPATH=ROOT))
    try:
        answer = of(Said, sender=name[0], text="%s said: hello?" % chat.me)
        deadline, heard = time.monotonic() + SECONDS, []
        while not any(map(answer, heard)):  # nothing tells who has come in `padded`
            assert time.monotonic() < deadline
            chat.say("hello?")
            heard = chat.poll(0.5)
    finally:
        process.kill()
        process.wait()


# ---- bad news


def test_what_cannot_be_reached_is_told_in_a_sentence(monkeypatch):
    with socket.socket() as held:  # bound, and not listening
        held.bind(("127.0.0.1", 0))
        with pytest.raises(Failed, match=r"^Cannot connect to 127\.0\.0\.1:\d+: connection refused\.$"):
            join_nobody("line://127.0.0.1:%d" % held.getsockname()[1])
    with pytest.raises(Failed, match=r"cannot be the name of a host"):
        join_nobody("line://%s" % ("a" * 100))
    monkeypatch.setattr(socket, "getaddrinfo", _know_no_host)
    with pytest.raises(Failed, match=r"^There is no host called no\.such\.host\.invalid\.$"):
        join_nobody("line://no.such.host.invalid")


def join_nobody(url):
    connect(url, "ann", timeout=SECONDS).close()


def _know_no_host(*asked, **how):
    """What a resolver says at once, or much later if nobody answers it."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_a_server_that_does_not_answer_is_given_up():
    with Scripted(()) as silent, pytest.raises(Failed, match="does not answer"):
        connect("line://%s:%d" % silent.address, "ann", timeout=0.5)


@pytest.mark.parametrize("protocol", sorted(set(PROTOCOLS) - {"padded"}))  # to which every text is a message
def test_another_protocol_is_found_out(protocol):
    with Scripted([b"SSH-2.0-OpenSSH_9.2\r\n"]) as other, pytest.raises(Failed, match="is not `%s`" % protocol):
        join_nobody("%s://%s:%d" % ((protocol,) + other.address))


def test_a_taken_name_is_refused_and_another_can_be_taken(server, join, open_chat):
    join(server["line"], "taken")
    for protocol in ("line", "binary", "delimited"):
        chat = open_chat(server[protocol])
        chat.join("taken")
        assert "taken" in answered(chat, "join")[-1].why or protocol == "delimited"
        free = "free" + protocol  # its own: the server may learn of a closed connection only after the next one joins
        chat.join(free)
        assert answered(chat, "join")[-2:] == [Welcomed(free), Done(Request("join", free, None))]
        chat.close()


def test_what_a_protocol_lacks_is_said_in_one_sentence(room):
    with pytest.raises(Impossible, match="^`binary` has no direct messages.$"):
        room["binary"].whisper("lea", "psst")
    for protocol, chat in room.items():
        for method, arguments in EVERYTHING.items():
            if not chat.can(method):
                with pytest.raises(Impossible, match="^`%s` .*[.)]$" % protocol):
                    getattr(chat, method)(*arguments)


def test_nothing_is_said_without_a_name_or_a_connection(server, join):
    chat = join(server["line"])
    with pytest.raises(Impossible, match="^You have not set a nickname.$"):
        chat.say("hi")
    chat.close()
    with pytest.raises(Impossible, match="^You are not connected to a server.$"):
        chat.say("hi")


def test_a_message_too_long_is_not_sent_and_the_connection_stays(room):
    for chat in room.values():
        with pytest.raises(Impossible, match="too long"):
            chat.say("x" * 20000)
        chat.ping()
        assert isinstance(answered(chat, "ping")[-1], Done)


# ---- TLS


@pytest.fixture(scope="module")
def tls_urls():
    certificate, key = (os.path.join(CERTIFICATES, name) for name in ("first.pem", "first.key"))
    with launch(workers=1, config={"tls": {"certificate": certificate, "key": key, "listen": {"line": 0, "padded": 0}}},
                protocols=PROTOCOLS) as server:
        yield {line.split()[2]: "%s+tls://localhost:%s" % (line.split()[2], line.rpartition(":")[2])
               for line in server.stdout if "TLS" in line}


def test_tls_is_spoken_to_who_is_trusted(tls_urls, join):
    trusted = os.path.join(CERTIFICATES, "first.pem")
    one, other = join(tls_urls["line"], "one", trust=trusted), join(tls_urls["line"], "other", trust=trusted)
    for number in range(50):
        one.say("%d %s" % (number, "x" * 8000))
    hear(other, of(Said, text="49 " + "x" * 8000))


def test_the_end_of_tls_is_not_taken_for_text(tls_urls, join):
    chat = join(tls_urls["padded"], "pat", trust=os.path.join(CERTIFICATES, "first.pem"))
    chat.say("good bye")
    chat.close()
    assert [event for event in chat.poll() if isinstance(event, (Notice, Said))] == []


def test_nobody_else_is_trusted(tls_urls, server, join):
    with pytest.raises(Failed, match="is not trusted here"):
        join(tls_urls["line"], "ann")
    with pytest.raises(Failed, match=r"The certificate of 127\.1:\d+ is not one for 127\.1\."):
        join(tls_urls["line"].replace("localhost", "127.1"), "ann", trust=os.path.join(CERTIFICATES, "first.pem"))
    with pytest.raises(Failed, match="does not speak TLS"):
        join(server["line"].replace("line:", "line+tls:"), "ann")
    with pytest.raises(Failed, match="is not a file of certificates"):
        join(tls_urls["line"], "ann", trust=os.devnull + "/nothing")


# ---- coming back


def test_everybody_comes_back_and_hears_what_was_said_meanwhile(restarted, join):
    chats = {protocol: join(restarted.urls[protocol], NAMES[protocol], USERS.get(NAMES[protocol]))
             for protocol in PROTOCOLS}
    chats["line"].say("before")
    for protocol in set(PROTOCOLS) - {"line"}:
        hear(chats[protocol], of(Said, text="before"))
    restarted.kill()
    for chat in chats.values():
        gone = hear(chat, of(Disconnected))[-1]
        assert gone.again is not None
        assert chat.me is None
        with pytest.raises(Impossible, match="not connected"):
            chat.say("into the void")
    restarted.start(lambda url: _say_meanwhile(join, url))
    for protocol, chat in chats.items():
        heard = hear(chat, of(Welcomed, name=NAMES[protocol]))
        assert any(isinstance(event, Connected) for event in heard)
        if protocol in ("line", "web", "dollar"):
            recalled = [event.text for event in answered(chat, "missed") if isinstance(event, Recalled)]
            assert recalled == ["meanwhile"]
        else:
            assert "cannot be asked for" in hear(chat, of(Notice))[-1].text
    hear(chats["delimited"], of(Said, sender="visitor", text="for dan alone"))
    chats["padded"].say("after")
    for protocol in set(PROTOCOLS) - {"padded"}:
        hear(chats[protocol], of(Said, sender="pat", text="after"))


def _say_meanwhile(join, url):
    with join(url, "visitor") as visitor:
        visitor.say("meanwhile")
        visitor.whisper("dan", "for dan alone")


def test_what_is_not_in_the_log_is_unsure(restarted, join):
    chat = join(restarted.urls["line"], "lea")
    restarted.doorways["line"].deafen()
    chat.say("never arrives")
    chat.poll()
    restarted.kill()
    restarted.start()
    heard = hear(chat, lambda event: done("missed")(event))
    assert Unsure(Request("say", None, "never arrives")) in heard


def test_whoever_does_not_wait_for_the_log_is_told_that_it_is_unsure(restarted, join):
    chat = join(restarted.urls["line"], "lea")
    restarted.doorways["line"].deafen()
    chat.say("never arrives")
    assert chat.unconfirmed == 1
    restarted.kill()
    hear(chat, of(Disconnected))
    assert chat.unconfirmed == 1
    chat.close()
    assert chat.unconfirmed == 0
    assert Unsure(Request("say", None, "never arrives")) in chat.poll()


def test_what_had_no_acknowledgement_is_unsure(restarted, join):
    chat = join(restarted.urls["padded"], "pat")
    restarted.doorways["padded"].deafen()
    chat.say("never arrives")
    chat.poll()
    restarted.kill()
    assert Unsure(Request("say", None, "never arrives")) in hear(chat, of(Disconnected))


def test_a_name_that_is_still_in_use_is_asked_for_again(server, doorways, join):
    host, _, port = server["line"].rpartition("/")[2].partition(":")
    doorways["line"].lead_to((host, int(port)))
    chat = join("line://%s:%d" % doorways["line"].address, "again")
    doorways["line"].shut(keep_inside=True)  # the server does not notice
    hear(chat, of(Disconnected))
    doorways["line"].lead_to((host, int(port)))
    assert hear(chat, lambda event: isinstance(event, Disconnected) and event.why == "The name is taken.")
    doorways["line"].forget()
    hear(chat, of(Welcomed, name="again"))


def test_whoever_has_left_does_not_come_back(restarted, join):
    chat = join(restarted.urls["line"], "lea")
    chat.close()
    assert [event for event in chat if isinstance(event, Disconnected)] == []
    assert chat.state == "closed"


def test_a_stranger_is_not_connected_again(restarted, open_chat):
    chat = open_chat(restarted.urls["line"])
    hear(chat, of(Connected))
    restarted.kill()
    assert hear(chat, of(Disconnected))[-1].again is None
    restarted.start()
    chat.join("ann")  # which connects, too
    hear(chat, of(Welcomed, name="ann"))


def test_a_wrong_password_is_told_in_a_sentence(server, join):
    with pytest.raises(Failed, match="^The password is wrong.$"):
        join(server["line"], "Bob", "guess")
    with pytest.raises(Failed, match="^The name has a password"):
        join(server["line"], "Bob")
    with pytest.raises(Failed, match="^The name or the password is wrong, or the name is in use.$"):
        join(server["dollar"], "Bob", "guess")


@pytest.mark.parametrize("protocol", ["binary", "padded"])
def test_a_password_is_given_and_a_wrong_one_told(server, join, protocol):
    chat = join(server[protocol])
    chat.login("Bob", "guess")
    if protocol == "padded":  # which looks at it when something is said
        answered(chat, "login")
        chat.say("let me in")
    refused = answered(chat, "say" if protocol == "padded" else "login")[-1]
    assert (refused.why, chat.me) == ("The password is wrong.", None)
    bob(join, server[protocol])


def bob(join, url):
    """Bob, who is in with his password."""
    return speaking(join(url, "Bob", USERS["Bob"]))


def speaking(chat):
    """`chat`, once something was said in it: in `padded` nothing less takes a name."""
    chat.say("it is me")
    assert answered(chat, "say")[-1] == Done(Request("say", None, "it is me"))
    return chat


@pytest.mark.parametrize("theirs", ["line", "binary", "padded"])
@pytest.mark.parametrize("mine", ["line", "binary", "padded", "web"])
def test_whoever_has_logged_in_elsewhere_hears_so_once_and_does_not_drive_the_other_out(server, join, mine, theirs):
    first = bob(join, server[mine])
    second = bob(join, server[theirs])
    heard = hear(first, of(Disconnected))
    assert heard[-1] == Disconnected("You have logged in elsewhere.", None)
    assert not any(isinstance(event, (Notice, Refused, Unsure)) for event in heard)
    assert (first.state, first.until_next(), first.poll()) == ("closed", None, [])
    speaking(second)
    first.login("Bob", USERS["Bob"])  # by hand
    hear(first, of(Welcomed, name="Bob"))
    speaking(first)
    assert hear(second, of(Disconnected))[-1].again is None


def test_a_bot_ends_when_its_owner_has_logged_in_elsewhere(server, join):
    first = bob(join, server["line"])
    bob(join, server["line"])
    assert list(first)[-1] == Disconnected("You have logged in elsewhere.", None)


def test_an_account_is_renamed_and_comes_back_without_its_password(restarted, join):
    chat = bob(join, restarted.urls["binary"])
    chat.rename("rob")
    hear(chat, of(Welcomed, name="rob"))
    restarted.kill()
    restarted.start()
    hear(chat, of(Welcomed, name="rob"))
    chat.rename("Rob")
    hear(chat, of(Welcomed, name="Rob"))


def test_whoever_leaves_a_server_that_does_not_answer_is_told_what_is_unsure():
    with Scripted([b"OK\n"], answers=True) as mute:
        chat = connect("line://%s:%d" % mute.address)
        chat.join("ann")
        hear(chat, of(Welcomed))
        chat.say("hello?")
        chat.close(0.1)
        assert Unsure(Request("say", None, "hello?")) in chat.poll()
