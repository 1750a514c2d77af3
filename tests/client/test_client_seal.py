"""Sealing in the terminal client, over a real server: what users type and what they are shown."""
import contextlib
import os
import re
import select
import time

import pytest
from surroundings import SECONDS

from parley.client import connect, showing
from parley.client.session import Session
from parley.client.settings import Settings
from parley.conformance.targets import launch
from stress.irc import IrcClient

pytest.importorskip("cryptography")
NOTE = "\U0001f512 sealed message (open Parley's own client to read it)"


class User:
    """Somebody at a terminal, on a device whose files are in `folder`."""

    completes, has_places = False, True

    def __init__(self, url, name, folder):
        self.shown = []
        self.session = Session(self, settings=Settings(str(folder / "settings.ini")))
        self.session.connect(url)
        self.name = name

    def show(self, line):
        self.shown.append(re.sub(r"^\[[^]]*[AP]M\] ", "", showing.plain_text(line)))

    sent = error = not_sent = show

    def look(self, lines):
        for line in lines:
            self.show(line)

    def echo(self, typed):
        pass

    def ring(self):
        pass

    def ask_password(self, prompt, callback):
        callback("secret")

    def type(self, *lines):  # noqa: A003
        for line in lines:
            self.session.enter(line)
        return self

    def until(self, wanted):
        """Wait until a line is shown that has this in it; gives it, and forgets all up to it."""
        deadline = time.monotonic() + 15
        while True:
            for at, line in enumerate(self.shown):
                if wanted in line:
                    del self.shown[:at + 1]
                    return line
            assert time.monotonic() < deadline, "%s in %s" % (wanted, "\n".join(self.shown))
            select.select([self.session.chat], [], [], 0.05)
            self.session.update()

    def settle(self):
        """Wait until all that was asked is answered."""
        assert self.session.chat.finish(SECONDS)
        self.session.update()
        return self


@pytest.fixture
def user(server, tmp_path):
    """user(name, device): an account with the password "secret", made if it is not there, on a device."""
    users, made = [], set()

    def come(name, device="first"):
        folder = tmp_path / ("%s-%s" % (name, device))
        folder.mkdir(exist_ok=True)
        one = User(server["web"], name, folder)
        users.append(one)
        one.type("/%s %s secret" % ("login" if name in made else "create", name))
        made.add(name)
        one.until("Nickname set to")
        return one

    yield come
    for one in users:
        one.session.leave()


def test_what_is_whispered_is_sealed_and_so_is_the_answer(server, user, join, tmp_path):
    ann, bert = user("ann"), user("bert")
    bert.type("/seal").settle()
    ann.type("/dm bert not sealed yet")
    bert.until("ann (direct): not sealed yet")
    ann.settle().session.go("bert")
    ann.type("/seal", "hello")
    assert ann.until("hello") == "ann (to bert) (sealed): hello"
    assert bert.until("hello") == "ann (direct) (sealed): hello"
    bert.type("/dm ann hi yourself")
    assert ann.until("hi yourself") == "bert (direct) (sealed): hi yourself"
    ann.type("/history bert")
    ann.until("bert (direct) (sealed): hi yourself")
    ann.type("/go lobby", "/seal", "nobody else has a device")
    lina = join(server["line"], "lina")
    ann.until("lina is here")
    ann.type("with lina")
    assert "lina has no device" in ann.until("Not sent: with lina")
    ann.type("/seal off", "openly").until("ann: openly")
    assert [event.text for event in lina.poll(SECONDS) if hasattr(event, "sender")][-1:] in ([], ["openly"])

    ann.settle().session.leave()  # and comes back, with what the file has
    again = user("ann")
    again.session.go("bert")
    again.type("/history").until("ann (to bert) (sealed): hello")
    again.until("bert (direct) (sealed): hi yourself")
    again.type("and on").until("ann (to bert) (sealed): and on")
    bert.until("ann (direct) (sealed): and on")
    (file,) = [os.path.join(place, name) for place, _, names in os.walk(str(tmp_path / "ann-first" / "seal"))
               for name in names]
    assert os.stat(file).st_mode & 0o777 == 0o600
    with open(file) as stored:
        assert "hello" not in stored.read()

    other = join(server["web"], "vera")  # which has nothing that could open it
    other.whisper("bert", "parley:sealed:1:" + "A" * 300)
    assert "This is no sealed message" in bert.until(NOTE)
    bert.session.go("vera")
    bert.type("/seal", "to nobody")
    assert "vera has no device" in bert.until("Not sent")


def test_a_verified_partner_notices_a_new_device_and_a_server_that_shows_another_list(server, user):
    anna, otto = user("anna"), user("otto")
    otto.type("/seal").settle()
    anna.session.go("otto")
    anna.type("/seal", "first").until("anna (to otto) (sealed): first")
    otto.until("anna (direct) (sealed): first")
    digits = [one.type("/verify " + name).until("Compare with").split(": ")[1].split(".")[0]
              for one, name in ((anna, "otto"), (otto, "anna"))]
    assert digits[0] == digits[1] and len(digits[0].split()) == 12
    anna.type("/verify otto yes").until("These are the devices of otto")

    phone = user("otto", "phone")
    phone.type("/seal").settle()
    assert "none of the others vouches for" in anna.until("[NOTICE]")
    anna.type("not for the phone")
    assert "/verify otto" in anna.until("Not sent: /dm otto not for the phone")
    otto = user("otto", "first")
    told = otto.until("You have a new device")
    otto.type(re.search(r"/seal accept \w+", told).group()).until("vouched for")
    otto.settle()
    anna.settle().type("for both").until("anna (to otto) (sealed): for both")
    otto.until("anna (direct) (sealed): for both")
    phone = user("otto", "phone")
    phone.session.go("anna")
    phone.type("/history").until("anna (direct) (sealed): for both")
    phone.type("/seal devices").until("Your devices")

    # What a server that swaps the list would show: one of its own making, under a higher number.
    from parley.client.seal import devices
    keys = devices.Keys.new(0)
    forged = devices.with_device(None, "otto", keys)
    for _ in range(9):
        forged = devices.changed(forged, keys)
    phone.settle().session.chat.seals._publish(forged.data)
    phone.session.chat.flush()
    assert "compare digits" in anna.until("other devices for otto")
    anna.type("not for them")
    assert "other devices for otto" in anna.until("Not sent: /dm otto not for them")
    assert anna.type("/verify otto").until("Compare with").split(": ")[1].split(".")[0] != digits[0]


def test_a_room_is_sealed_for_its_members_and_others_see_that_it_is(server, user, join):
    people = [user(name) for name in ("room1", "room2", "room3")]
    for one in people:
        one.type("/join #sealed").until("in #sealed: ")
        one.type("/seal").settle()
    first, second, third = people
    first.until("room3 joined")
    first.type("one").until("room1 (sealed): one")
    for one in (second, third):
        assert one.until("(sealed): one") == "room1 (sealed): one"
    second.type("two").settle()
    assert first.until("two") == third.until("two") == "room2 (sealed): two"
    third.type("/part #sealed").settle()
    first.until("room3 left")
    first.type("three", "four").settle()
    assert [second.until(text) for text in ("three", "four")] == ["room1 (sealed): three", "room1 (sealed): four"]
    lina = join(server["line"], "lini")
    lina.join_room("#sealed")
    assert lina.finish(SECONDS)
    lina.history("#sealed")
    assert lina.finish(SECONDS)
    texts = [event.text for event in lina.poll() if type(event).__name__ == "Recalled"]
    assert texts and set(texts) == {NOTE}
    first.until("lini joined")
    first.type("five")
    assert "lini has no device" in first.until("Not sent: five")
    third.type("/join #sealed")
    third.settle().type("/history #sealed")
    third.until("room1 (sealed): one")
    assert "not given the key" in third.until(NOTE)  # what was said while it was away


def test_in_a_sealed_room_nothing_is_said_openly_and_clients_seal_by_themselves(server, user, join):
    uma, vic = user("uma"), user("vic")
    uma.type("/join #vault").until("in #vault: ")
    uma.type("/set sealed on")
    assert "Not everybody in the room can seal" in uma.until("[ERROR]")
    uma.type("/seal devices").settle()
    uma.type("/set sealed on").until("uma set sealed")
    uma.until("What is said in #vault is sealed from now on")
    lina = join(server["line"], "lino")
    lina.join_room("#vault")
    assert lina.finish(SECONDS)
    assert "can seal" in next(event.why for event in lina.poll() if type(event).__name__ == "Refused")
    vic.type("/join #vault")
    assert "/seal devices" in vic.until("[ERROR]")
    vic.type("/seal devices").settle()
    vic.type("/join #vault").until("What is said in #vault is sealed from now on")
    uma.until("vic joined")
    vic.type("hi").until("vic (sealed): hi")
    assert uma.until("hi") == "vic (sealed): hi"
    vic.type("/seal off", "openly")
    assert "nly sealed messages" in vic.until("Not sent: openly")
    uma.type("/set sealed off").until("uma set sealed")
    uma.type("as before").until("uma (sealed): as before")
    vic.type("openly").until("vic: openly")


def test_without_an_account_and_in_other_protocols_it_is_said_why(server, user, tmp_path):
    guest = User(server["web"], "gus", tmp_path)
    guest.type("/nick gus").until("Nickname set to")
    guest.type("/seal")
    assert "/create NAME" in guest.until("[ERROR]")
    guest.session.leave()
    other = User(server["line"], "gil", tmp_path)
    other.type("/nick gil").until("Nickname set to")
    other.type("/seal")
    assert "`web` only" in other.until("[ERROR]")
    other.session.leave()
    with connect(server["web"], "bot") as bot, connect(server["line"], "lisa") as lisa:
        lisa.whisper("bot", "parley:sealed:1:" + "A" * 300)
        while True:
            texts = [event.text for event in bot.poll(SECONDS) if type(event).__name__ == "Whispered"]
            if texts:
                break
        assert texts == [NOTE]


def test_what_was_sealed_before_a_room_was_renamed_is_opened_after_it(tmp_path):
    with launch(1, protocols=("web", "irc")) as server:
        people = [User("web://%s:%d" % server.address("web"), name, tmp_path / name) for name in ("ann", "bob")]
        for one in people:
            one.type("/create %s secret" % one.name).until("Nickname set to")
            one.type("/join #old").until("in #old: ")
            one.type("/seal").settle()
        ann, bob = people
        ann.type("before").until("ann (sealed): before")
        bob.until("ann (sealed): before")
        with contextlib.closing(IrcClient(server.address("irc"), "ina")) as ina:
            ina.say("JOIN #old")
            ann.until("ina joined")
            ann.type("/op ina").settle()
            ina.say("RENAME #old #new")
            for one in people:
                one.until("#new")
            ina.say("PART #new")
            ann.until("ina left")
        ann.type("after").until("ann (sealed): after")
        bob.until("ann (sealed): after")
        bob.type("/history #new").until("ann (sealed): before")
        bob.until("ann (sealed): after")
        for one in people:
            one.session.leave()
