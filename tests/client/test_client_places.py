"""Places, settings, and lines that are wrapped: what the terminal client is made of."""
import os
import re
import types

import pytest

from parley.client import commands, events, showing
from parley.client.address import with_name
from parley.client.places import Places
from parley.client.protocol import Impossible
from parley.client.session import Session
from parley.client.settings import Settings, usual_path


@pytest.fixture
def wrapped():
    """Of a module that imports prompt_toolkit: where these tests run, not wherever they are collected."""
    return pytest.importorskip("parley.client.pager").wrapped


class Chat:
    """Somebody who is called ann and is in #dev."""

    state, me, inside = "connected", "ann", {"#dev": None}

    def __init__(self, *coming):
        self.coming, self.asked = list(coming), []

    def poll(self):
        coming, self.coming = self.coming, []
        return coming

    def __getattr__(self, method):
        return lambda *arguments: self.asked.append((method, *arguments))


class Screen:
    """What was shown on it, as text."""

    completes, has_places = False, True

    def __init__(self, *coming, settings=None):
        self.shown, self.rang = [], 0
        self.session = Session(self, settings=settings)
        self.session._name = "ann"
        self.session.chat = Chat(*coming)
        self.session.update()

    def show(self, line):
        self.shown.append(re.sub(r"^\[[^]]*\] ", "", showing.plain_text(line)))  # without the time

    sent = error = not_sent = show

    def look(self, lines):
        for line in lines:
            self.show(line)

    def echo(self, typed):
        pass

    def ring(self):
        self.rang += 1

    def told(self, *coming):
        self.session.chat.coming += coming
        self.session.update()
        return self.taken()

    def typed(self, *lines):
        for line in lines:
            self.session.enter(line)
        return self.taken()

    def taken(self):
        shown, self.shown = self.shown, []
        return shown


def said(text, room=None, sender="bob"):
    return events.Said(sender, text, 5, room)


def unread(screen):
    return [(place.shown_name, place.unread, place.mentions) for place in screen.session.places.listing()]


def test_what_is_said_elsewhere_is_counted_and_shown_when_one_goes_there():
    screen = Screen()
    assert screen.told(said("here"), said("there", "#dev"), said("ANN!", "#dev"), said("annotate", "#dev")) == [
        "bob: here"]
    assert (unread(screen), screen.rang) == ([("lobby", 0, 0), ("#dev", 3, 1)], 1)
    assert screen.typed("/go #dev") == ["--- #dev ---", "bob: there", "bob: ANN!", "bob: annotate"]
    assert screen.told(said("here now", "#dev"), said("not here")) == ["bob: here now"]
    assert unread(screen) == [("lobby", 1, 0), ("#dev", 0, 0)]
    assert screen.typed("/go") == ["lobby: 1 unread; #dev, which is open"]


def test_a_direct_message_is_shown_at_once_and_in_its_conversation():
    screen = Screen()
    assert screen.told(events.Whispered("bob", "psst", 5)) == ["bob (direct): psst"]
    assert unread(screen) == [("lobby", 0, 0), ("bob", 1, 0)]
    assert screen.typed("/go bob") == ["--- bob ---", "bob (direct): psst"]
    screen.typed("hello")
    assert screen.session.chat.asked == [("whisper", "bob", "hello")]
    assert screen.typed("/part") == ["--- lobby ---"]
    assert unread(screen) == [("lobby", 0, 0)]


def test_who_comes_and_goes_is_told_once_in_the_lobby_in_the_room_and_in_the_conversation():
    screen = Screen()
    screen.typed("/go #dev", "/go bob", "/go #dev")
    came = events.Joined("bob"), events.Joined("bob", "#dev"), events.Renamed("ann2", "bea"), events.Left("bob")
    assert screen.told(*came) == ["bob joined."]
    assert unread(screen) == [("lobby", 0, 0), ("#dev", 0, 0), ("bob", 0, 0)]
    assert screen.typed("/go lobby") == [
        "--- lobby ---", "bob is here now.", "ann2 is called bea now.", "bob has left."]
    assert screen.typed("/go bob") == ["--- bob ---", "bob is here now.", "bob has left."]
    assert screen.told(*came) == ["bob is here now.", "bob has left."]


def test_where_all_places_are_shown_at_once_who_comes_is_told_once():
    screen = Screen()
    screen.has_places = False
    screen.session.places["bob"]
    assert screen.told(events.Joined("bob"), events.Joined("bob", "#dev")) == ["bob is here now.", "#dev: bob joined."]


def test_who_answers_has_read():
    screen = Screen(events.Whispered("bob", "psst", 5))
    screen.typed("/dm bob what?")
    assert unread(screen)[1] == ("bob", 0, 0)


def test_what_is_typed_is_said_in_the_open_place():
    screen = Screen()
    screen.typed("one", "/go #dev", "two", "/me waves", "/history 5", "/go lobby", "/history")
    assert screen.session.chat.asked == [
        ("say", "one", None), ("say", "two", "#dev"), ("say", "* ann waves", "#dev"), ("history", "#dev", 5),
        ("history", None, None)]


def test_what_a_command_does_is_told_however_it_is_written():
    screen = Screen()
    screen.session.chat = None
    assert screen.typed("/HELP Join") == screen.typed("/help /join") == [
        "/join #ROOM [KEY]  enter a room, which is made if there is none"]
    assert len(screen.typed("/help")) > 40


def test_order_is_kept_in_the_open_room_or_the_one_that_is_named():
    screen = Screen()
    screen.typed("/kick bob out  you go", "/go #dev", "/kick bob", "/kick #x bob why", "/topic a new  one", "/topic -",
                 "/topic", "/set limit 20", "/drop #x", "/who", "/rooms", "/rooms d*", "/part", "/join #new key")
    assert screen.session.chat.asked == [
        ("manage", "#lobby", "kick", "bob", "out  you go"), ("manage", "#dev", "kick", "bob"),
        ("manage", "#x", "kick", "bob", "why"), ("topic", "#dev", "a new  one"), ("topic", "#dev", ""),
        ("topic", "#dev", None), ("manage", "#dev", "set", "limit", "20"), ("manage", "#x", "drop"), ("who", "#dev"),
        ("rooms", "#*"), ("rooms", "#d*"), ("leave_room", "#dev"), ("join_room", "#new", "key")]


def test_others_are_let_know_that_one_is_away():
    screen = Screen()
    assert screen.typed("/away", "/away off") == [
        "You are away; /away off says that you are here again.", "You are here again."]
    assert screen.session.chat.asked == [("away", True), ("away", False)]


@pytest.mark.parametrize("typed, sentence", [
    ("/away soon", "This is written /away"),
    ("/go #no", "You are not in #no: /join #no."), ("/part #no", "You are not in #no."),
    ("/part", "Everybody is in the lobby; /quit leaves the server."), ("/kick", "This is written /kick"),
    ("/drop #dev now", "This is written /drop"), ("/go bob\n/kick zoe", "bob is no room")])
def test_what_cannot_be_done_is_said_in_a_sentence(typed, sentence):
    assert Screen().typed(*typed.split("\n"))[-1].startswith(sentence)


def test_a_room_that_is_entered_by_hand_is_open_and_one_that_is_entered_again_is_not():
    screen = Screen()
    entered = events.Done(events.Request("join_room", "#new", None))
    screen.typed("/join #new")
    assert screen.told(entered) == ["--- #new ---", "You are in #new."]
    assert screen.session.chat.asked[1:] == [("history", "#new", 10), ("topic", "#new"), ("who", "#new")]
    screen.typed("/go lobby")
    screen.told(entered)
    assert screen.session.places.open.name is None


def test_who_is_put_out_stays_there_so_that_nothing_is_said_elsewhere_by_mistake():
    screen = Screen()
    screen.typed("/go #dev")
    assert screen.told(events.RoomNotice("#dev", "bob kicked ann: why"), events.Left("ann", "#dev")) == [
        "bob kicked ann: why.", "You are not in this room any more."]
    assert screen.session.places.open.name == "#dev"
    screen.session.chat.inside = {}
    assert screen.typed("/part") == ["--- lobby ---"]


def test_a_room_goes_on_under_another_name_with_its_talk_and_what_is_unread():
    screen = Screen()
    renamed = events.RoomRenamed("#dev", "#new", "bob renamed the room to #new")
    assert screen.told(said("there", "#dev"), renamed, said("ANN!", "#new")) == []
    assert (unread(screen), screen.rang) == ([("lobby", 0, 0), ("#new", 2, 1)], 1)
    assert screen.session.rooms == {"#new"}
    assert screen.typed("/go #new") == [
        "--- #new ---", "bob: there", "bob renamed the room to #new.", "bob: ANN!"]
    assert screen.told(renamed._replace(room="#new", name="#last")) == ["bob renamed the room to #new."]
    screen.typed("hi")
    assert screen.session.chat.asked[-1] == ("say", "hi", "#last")


def test_a_room_that_gets_the_name_of_the_open_place_is_open_then():
    screen = Screen(said("there", "#dev"), said("of a room that is gone", "#new"))
    screen.typed("/go #new")
    screen.told(events.RoomRenamed("#dev", "#new", "bob renamed the room to #new"))
    assert screen.told(said("here", "#new")) == ["bob: here"]
    assert unread(screen) == [("lobby", 0, 0), ("#new", 1, 0)]
    screen.typed("/go lobby")
    assert screen.typed("/go #new") == [
        "--- #new ---", "bob: there", "bob renamed the room to #new.", "bob: here"]


def test_what_was_missed_is_unread_in_its_room():
    screen = Screen(events.Recalled("#dev", "bob", "one", 5), events.Recalled("#dev", "ann", "two", 5),
                    events.Done(events.Request("missed", "#dev", None)))
    assert screen.taken() == []
    assert screen.typed("/go #dev") == ["--- #dev ---", "What was said meanwhile:", "bob: one", "ann: two",
                                        "End of what was said meanwhile."]


def test_who_is_ignored_is_not_heard_and_that_is_kept(tmp_path):
    path = str(tmp_path / "new" / "settings.ini")
    screen = Screen(settings=Settings(path))
    assert screen.typed("/ignore bob", "/ignore zoe", "/ignore zoe", "/ignore") == [
        "bob is ignored now.", "zoe is ignored now.", "zoe is no longer ignored.", "Ignored: bob."]
    assert screen.told(said("hi"), said("ann", "#dev"), events.Whispered("bob", "x", 5),
                       events.Recalled("#dev", "bob", "x", 5), said("hello", None, "zoe")) == ["zoe: hello"]
    assert (unread(screen), screen.rang) == ([("lobby", 0, 0)], 0)
    assert Settings(path).ignored == {"bob"}


@pytest.mark.parametrize("before, after", [
    ("", "[parley]\nignored = bob\n"),
    ("# mine\n[parley]\n# at work\nAddress = x\n\n; who is rude\nIgnored: zoe\n# the end\nname = ann\n",
     "# mine\n[parley]\n# at work\nAddress = x\n\n; who is rude\nignored = bob zoe\n# the end\nname = ann\n"),
    ("[other]\nignored = x\n[parley]\nignored = zoe\n   al\n\nname = ann\n[more]\nignored = y",
     "[other]\nignored = x\n[parley]\nignored = al bob zoe\n\nname = ann\n[more]\nignored = y\n"),
    ("[other]\nignored = x\n", "[other]\nignored = x\n[parley]\nignored = bob\n")])
def test_who_is_ignored_is_written_between_all_else_that_stands_there(tmp_path, before, after):
    path = str(tmp_path / "settings.ini")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before)
    assert Settings(path).ignore("bob")
    with open(path, encoding="utf-8") as file:
        assert file.read() == after
    settings = Settings(path)
    assert "bob" in settings.ignored and not settings.ignore("bob") and "bob" not in Settings(path).ignored


def test_settings_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    os.mkdir(str(tmp_path / "parley"))
    assert usual_path() == str(tmp_path / "parley" / "settings.ini")
    assert (Settings(usual_path()).address, Settings().name) == ("", "")
    with open(usual_path(), "w", encoding="utf-8") as file:
        file.write("[parley]\naddress = ann@chat.example\nname = 100%é\nignored = a  b\n")
    read = Settings(usual_path())
    assert (read.address, read.name, read.ignored) == ("ann@chat.example", "100%é", {"a", "b"})
    with open(usual_path(), "w", encoding="utf-8") as file:
        file.write("address = x\n")
    with pytest.raises(ValueError, match="settings.ini cannot be read"):
        Settings(usual_path())


@pytest.mark.parametrize("typed, name, url", [
    ("localhost", None, "localhost"), ("ann@localhost:4000", "ann", "localhost:4000"), ("@x", None, "x"),
    ("line+tls://ann@host", "ann", "line+tls://host"), (" a@b@[::1]:5 ", "a@b", "[::1]:5")])
def test_a_name_may_stand_in_front_of_an_address(typed, name, url):
    assert with_name(typed) == (name, url)


def test_places_are_listed_in_order_and_gone_through():
    places = Places()
    for name in ("zoe", "#b", "bob", "#a"):
        places[name].unread = 1
    assert [place.name for place in places.listing()] == [None, "#a", "#b", "bob", "zoe"]
    assert (places.beside(1).name, places.beside(-1).name) == ("#a", "zoe")
    places["bob"].mentions, places["zoe"].mentions = 1, 2
    assert places.next_unread().name == "bob"
    assert places["#lobby"] is places["lobby"] is places[None] is places.lobby
    with pytest.raises(Impossible):
        places["bob"].room  # noqa: B018
    places.open = places["#a"]
    places.remove("#a")
    assert (places.open, "#a" in places) == (places.lobby, False)


WRAPPED = [
    ([("", "one two three")], 7, ["one two", "three"]),
    ([("t", "[1] "), ("", "one two three")], 11, ["[1] one two", "    three"]),
    ([("t", "[1] "), ("b", "ann"), ("", ": hi there")], 12, ["[1] ann: hi ", "    there"]),
    ([("", "abcdefgh")], 3, ["abc", "def", "gh"]),
    ([("t", "[1] "), ("", "abcdefgh")], 8, ["[1] abcd", "    efgh"]),
    ([("", "a\nb")], 9, ["a", "b"]),
    ([("", "日本語")], 5, ["日本", "語"]),
    ([("t", "[1] "), ("b", "ann"), ("", ": 日本語, 日本。")], 13, ["[1] ann: 日本", "    語, 日", "    本。"]),
    ([("", "")], 5, [""]),
]


@pytest.mark.parametrize("line, width, rows", WRAPPED)
def test_lines_are_wrapped_between_words_and_hang_below_their_beginning(wrapped, line, width, rows):
    found = wrapped(line, width)
    assert ["".join(text for _, text in row).rstrip() for row in found] == [row.rstrip() for row in rows]


def test_the_help_is_in_two_columns_on_a_narrow_terminal_too(wrapped):
    lines = []
    screen = types.SimpleNamespace(show=lines.append, echo=lines.append)
    commands.run(types.SimpleNamespace(screen=screen, chat=None, places=None), "/help")
    rows = ["".join(text for _, text in row) for line in lines[1:-1] for row in wrapped(line, 72)]
    assert len(rows) > len(commands.COMMANDS)
    assert {row[:1] for row in rows} == {"/", " "}


def test_the_styles_of_a_wrapped_line_stay(wrapped):
    assert wrapped([("t", "[1] "), ("b", "one two")], 8) == [
        [("t", "[1] "), ("b", "one ")], [("", "    "), ("b", "two")]]


def test_of_thousands_who_write_once_some_are_forgotten_and_no_conversation_with_more_in_it():
    screen = Screen(*[events.Whispered("bob", "hi", 5)] * 2, events.Said("cid", "hi", 5, "#dev"), *[
        events.Whispered("u%d" % number, "hi", 5) for number in range(1000)])
    names = [place.name for place in screen.session.places.listing()]
    assert {None, "#dev", "bob", "u999"} <= set(names) and len(names) <= 203


def test_the_open_conversation_is_not_forgotten_nor_any_because_of_a_room():
    places = Places()
    places.open = places["bob"]
    for number in range(1000):
        places["u%d" % number].talk.append("hi")
    before = [place.name for place in places.listing()]
    assert "bob" in before
    for number in range(9):
        places["#%d" % number]  # noqa: B018
    assert {*before} == {place.name for place in places.listing() if not place.is_room}


def test_a_mention_stands_out_and_is_a_word():
    line = showing.message("bob", "Hi *Ann*, annie", 5, me="ann")
    assert [text for style, text in line if "class:mention" in style] == ["Ann"]
    assert ("class:bold class:mention", "Ann") in line
    assert not showing.mentions("annie hannah", "ann") and showing.mentions("@ann:", "ann")
    assert not showing.mentions("hi", None)


def test_an_action_is_shown_as_one_if_it_is_of_who_says_so():
    for text, shown in (("* bob waves", "* bob waves"), ("* ann waves", "bob: * ann waves"), ("* bob", "bob: * bob")):
        assert showing.plain_text(showing.message("bob", text, 5)).endswith("] " + shown)


def recalled(partner, sender, text):
    return events.Recalled(partner, sender, text, 5)


def test_what_was_said_before_is_shown_once_where_one_is_new():
    screen = Screen()
    screen.typed("/join #new")
    asked = screen.session.chat.asked
    lobby = events.Request("history", None, None)
    assert screen.told(events.Welcomed("ann"), said("just now"), recalled(None, "bob", "before"),
                       recalled(None, "bob", "just now"), events.Done(lobby)) == [
        "Nickname set to ann", "bob: just now", "bob: before"]
    assert screen.told(events.Done(events.Request("join_room", "#new", None)), recalled("#new", "bea", "hi"),
                       events.Done(events.Request("history", "#new", None)), events.Topic("#new", "")) == [
        "--- #new ---", "You are in #new.", "bea: hi", "#new has no topic."]
    assert screen.typed("/go bob") == ["--- bob ---"]
    assert screen.told(events.Refused(events.Request("history", "bob", None), "It is not stored.")) == []
    assert unread(screen) == [("lobby", 0, 0), ("#new", 0, 0), ("bob", 0, 0)]
    screen.typed("/go lobby", "/go #new", "/go bob")
    assert screen.told(events.Welcomed("ann")) == ["Nickname set to ann"]
    assert [one for one in asked if one[0] == "history"] == [
        ("history", None, 10), ("history", "#new", 10), ("history", "bob", 10)]
    screen.typed("/history")  # which one wants to see, whatever was shown
    assert screen.told(recalled("bob", "bob", "psst"), events.Done(events.Request("history", "bob", None))) == [
        "What was said before:", "bob (direct): psst", "End of what was said before."]


def test_where_all_is_shown_at_once_nobody_asks_for_what_was_said_before():
    screen = Screen()
    screen.has_places = False
    screen.told(events.Welcomed("ann"))
    assert screen.session.chat.asked == []


def luminance(colour):
    """As WCAG 2 defines it, of rrggbb."""
    parts = (int(colour[at:at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("style", ["code", "good"])
def test_what_is_coloured_can_be_read_on_white_and_on_black(style):
    terminal = pytest.importorskip("parley.client.terminal")
    light = luminance(terminal.STYLE.get_attrs_for_style_str("class:" + style).color)
    assert 1.05 / (light + 0.05) > 3.9 and (light + 0.05) / 0.05 > 3.9
