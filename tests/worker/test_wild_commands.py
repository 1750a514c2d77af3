"""Whatever members of `web` and `irc` ask, in whatever order and with whatever in it, no handler fails."""
import json
import logging

import pytest
from web_frames import frame

DO = ("login register rename password say whisper who history missed join part rooms topic roles kick ban mute invite "
      "unban unmute voice devoice op deop set drop typing away watch read offer share keys delete ping").split()
KEYS = ("room name to text with before after most n tag id setting value names old new password key pattern file token "
        "size sha256 publish of session resume away").split()
VALUES = ["#lobby", "#dev", "#a", "ann", "bob", "", "*", "#", "me", "constructor", "#a b", "a" * 200, 0, -1, 10 ** 17,
          None, True, [], {}, ["ann"], "x\ny", "\ud800", "\0", "slow", "key", "private", "1", "[file] x", "AAAA",
          "0" * 32]
COMMANDS = ("NICK USER JOIN PART PRIVMSG NOTICE TAGMSG TOPIC NAMES LIST WHO WHOIS WHOWAS ISON USERHOST AWAY SETNAME "
            "OPER WALLOPS KILL MONITOR LUSERS MOTD VERSION TIME INFO ADMIN HELP LINKS MODE KICK INVITE REGISTER REDACT "
            "RENAME METADATA CHATHISTORY MARKREAD BATCH CAP AUTHENTICATE PASS PING PONG").split()
PARAMETERS = [
    "#lobby", "#dev", "#a", "#b", "ann", "bob", "*", "", "+o", "-v+b", "+k", "+l", "+beI", "LATEST", "BEFORE", "AROUND",
    "BETWEEN", "TARGETS", "msgid=3", "timestamp=2026-11-30T00:00:00.000Z", "timestamp=9999-99-99T99:99:99Z",
    "timestamp=0000-00-00T00:00:00Z", "msgid=" + "9" * 18, "50", "-1", "SET", "GET", "SYNC", "SUB", "UNSUB", "CLEAR",
    "avatar", "+", "-", "C", "L", "S", "ann,bob", "#a,#b", "*!*@*", "$a:ann", "%tcuhnfr,12", "+r", "-r",
    "draft/multiline", "LS", "REQ", "END", ":message-tags batch", "PLAIN", "AGFubgBzZWNyZXQ=", "@#a", "0",
    "\1ACTION x\1", "x" * 400]
TAGS = ["", "", "@label=1 ", "@batch=r ", "@+typing=active ", "@batch=r;draft/multiline-concat ", "@+draft/reply=1 "]
LAST = ["", " :some text", " :", " :\u202e\u2066 x"]
CAPS = (b"CAP REQ :message-tags batch echo-message labeled-response draft/multiline draft/metadata-3 draft/read-marker "
        b"draft/chathistory away-notify account-notify setname\r\nCAP END\r\n")


class Wild:
    """A client that begins again when it is ended."""

    def __init__(self, house, chance):
        self._house, self._chance = house, chance
        self.begin()

    def begin(self):
        self._protocol, name = self._chance.choice(["irc", "web"]), self._chance.choice(["ann", "bob", "eve"])
        self._peer = self._house.connect(self._chance.randrange(2) + 1, protocol=self._protocol)
        if self._protocol == "irc":
            self._peer.send(CAPS + b"NICK %b\r\nUSER a 0 * :a\r\nJOIN #a,#dev,#lobby\r\n" % name.encode())
        else:
            self._peer.send(b"".join(frame(json.dumps(fields).encode()) for fields in (
                {"do": "hello"}, {"do": "login", "name": name}, {"do": "join", "room": "#a"})))

    def ask(self):
        chance = self._chance
        if self._protocol == "irc":
            words = [chance.choice(COMMANDS), *(chance.choice(PARAMETERS) for _ in range(chance.randrange(5)))]
            asked = (chance.choice(TAGS) + " ".join(words) + chance.choice(LAST)).encode() + b"\r\n"
        else:
            fields = {chance.choice(KEYS): chance.choice(VALUES) for _ in range(chance.randrange(5))}
            if chance.random() < 0.7:
                fields = dict({"room": chance.choice(["#lobby", "#a"]), "name": "bob", "text": "hi"}, **fields)
            asked = frame(json.dumps(dict(fields, do=chance.choice(DO))).encode())
        try:
            self._peer.sock.send(asked)
        except OSError:
            self._peer.ended = True

    def listen(self):
        try:
            self._peer.heard()
        except ConnectionResetError:
            self._peer.ended = True
        if self._peer.ended:
            self.begin()


@pytest.mark.slow
@pytest.mark.parametrize("time", [1, *[pytest.param(time, marks=pytest.mark.long) for time in range(2, 101)]])
def test_no_handler_fails_whatever_is_asked(open_house, chance, caplog, time):
    caplog.set_level(logging.INFO)
    house = open_house(workers=2, messages_per_second=0)
    crowd = [Wild(house, chance) for _ in range(6)]
    for _ in range(400):
        one = chance.choice(crowd)
        for _ in range(chance.randrange(1, 6)):
            one.ask()
        house.settle(2)
        for one in crowd:
            one.listen()
        assert not any(record.exc_info for record in caplog.records), caplog.text[-3000:]
