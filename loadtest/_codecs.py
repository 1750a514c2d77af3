"""The codecs, by the names of their protocols."""
import re
import time

from loadtest._wire import Codec, Heard, listed
from parley.conformance.wire import binary, delimited, dollar, irc, line, padded, web


class Line(Codec):
    wire = line
    port = 4000
    acknowledges = False
    nobody = "user-not-found"

    def _parse(self, message):
        kind, _, rest = message.partition(" ")
        if kind in ("MSG", "DM"):
            sender, _, text = rest.partition(" ")
            return [Heard(kind, sender, text)]
        return [Heard(kind, "", rest)]

    def who(self):
        """WHO and a PING in one piece: the list of users has no end of its own, so it ends at the PONG."""
        return super().who() + self.ping()


class Binary(Codec):
    wire = binary
    port = 12000
    acknowledges = False

    _MARK = "[direct] "
    _NOTICES = (binary.SOMEBODY_JOINED, binary.SOMEBODY_LEFT, binary.SOMEBODY_RENAMED)
    _KINDS = {binary.JOINED: "OK", binary.NOT_JOINED: "ERR", binary.ERROR: "ERR", binary.PONG: "PONG"}

    def _parse(self, message):
        code, text = message.fields["type"], message.fields["content"]
        if code == binary.TALK:
            sender = message.fields["user"]
            if text.startswith(self._MARK):
                return [Heard("DM", sender, text[len(self._MARK):])]
            return [Heard("MSG", sender, text)]
        if code == binary.LISTED:
            return listed(binary.names_in(message))
        if code in self._NOTICES:
            return []
        return [Heard(self._KINDS.get(code, str(code)), "", text or str(code))]

    def ping(self):
        return self._written({"type": binary.PING, "content": "%.6f" % time.time()})


class Padded(Codec):
    """A message ends where the next one begins; the last one, where it is all that it has to be."""

    wire = padded
    port = 5050
    enters_by_talking = True

    _TALK = re.compile(r"\[.{8}\] (\S+)( \(direct\))?: (.*)", re.DOTALL)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._held = b""

    def feed(self, data):
        *whole, last = padded.parted(self._held + data)
        if self._is_all(last):
            whole, last = whole + [last], b""
        self._held = last
        return [self._heard(message.decode("utf-8", "replace")) for message in whole]

    def _is_all(self, held):
        try:
            text = held.decode("utf-8")
        except UnicodeDecodeError:
            return False
        talk = self._TALK.fullmatch(text)
        if talk:
            return self.is_whole(talk.group(3))
        return text == padded.RECEIVED or text.startswith(("[ERROR] ", "[SERVER] ")) and text.endswith(".")

    def _heard(self, text):
        talk = self._TALK.fullmatch(text)
        if talk:
            sender, direct, said = talk.groups()
            return Heard("DM" if direct else "MSG", sender, said)
        if text == padded.RECEIVED:
            return Heard("OK", "", "")
        kind, _, words = text.partition(" ")
        return Heard({"[ERROR]": "ERR", "[SERVER]": "INFO"}.get(kind, kind), "", words)

    def say(self, text):
        return self._written("%s %s: %s" % (time.strftime("[%I:%M %p]"), self.me, text))


class Delimited(Codec):
    wire = delimited
    port = 9000
    nobody = "recipient does not exist"

    def _parse(self, message):
        fields = {key: [delimited.unescaped(item) for item in value] if isinstance(value, list) else value
                  for key, value in message.fields.items()}
        if len(fields.get("SEND", ())) == 3:
            sender, _, text = fields["SEND"]
            return [Heard("OK", "", "") if sender == self.me else Heard("SENT", sender, text)]
        if "RESPONSE" in fields and "broken" not in fields:
            return [Heard("ERR", "", fields["RESPONSE"][0]) if fields["RESPONSE"] else Heard("OK", "", "")]
        if "LISTRESPONSE" in fields:
            return listed(fields["LISTRESPONSE"])
        return [Heard("broken", "", str(message))]

    def _frame(self, command, *items):
        return self._written({command: [delimited.escaped(item) for item in items]})

    def login(self):
        return self._frame("CREATE", self.me)

    def say(self, text):
        return self.whisper(delimited.LOBBY, text)

    def whisper(self, target, text):
        return self._frame("SEND", self.me, target, text)

    def ping(self):
        """There is none; a list that has at most oneself in it is the shortest answer."""
        return self._frame("LIST", self.me)

    def who(self):
        return self._frame("LIST")

    def leave(self):
        """The account would stay."""
        return self._frame("DELETE")


class Dollar(Codec):
    """In its JSON form."""

    wire = dollar
    port = 8080
    needs_account = True
    nobody = "send_message"

    _PING = "ping"  # a purpose that no server knows, which it has to say

    def _parse(self, message):
        fields = message.fields
        purpose = fields.get("purpose")
        if purpose is None:
            return [Heard("broken", "", str(message))]
        if purpose == "receive_message":
            return [self._talk(fields["from_user"], fields["message"])]
        if purpose == "reload_user_list":
            return []
        if purpose == "poll":
            return listed(user["username"] for user in fields["users"] if user["status"] == "online")
        if purpose == self._PING:
            return [Heard("PONG", "", "")]
        return [Heard("OK" if fields["result"] else "ERR", "", purpose)]

    @staticmethod
    def _talk(sender, text):
        if sender != dollar.LOBBY:
            return Heard("DM", sender, text)
        sender, _, text = text.partition(": ")
        return Heard("MSG", sender, text)

    def _packet(self, **fields):
        return self._written(dict(fields, form=dollar.JSON))

    def login(self):
        return self._packet(purpose="login", username=self.me, password=self.password)

    def say(self, text):
        return self.whisper(dollar.LOBBY, text)

    def whisper(self, target, text):
        return self._packet(purpose="send_message", from_user=self.me, to_user=target, message=text)

    def ping(self):
        return self._packet(purpose=self._PING)

    def who(self):
        return self._packet(purpose="poll")


class Web(Codec):
    wire = web
    port = 8000
    port_option = "websocket"  # as Locust has a --web-port of its own
    nobody = "nobody"

    _KINDS = {"welcome": "OK", "done": "OK", "pong": "PONG"}
    _NOTICES = ("joined", "left", "renamed", "managed", "notice", "waiting")

    def opening(self, address):
        return self._decoder.opening(address)

    def _parse(self, message):
        fields = message.fields
        if "status" in fields:
            return [Heard("OPEN", "", "") if fields["status"] == 101 else Heard("ERR", "", str(fields["status"]))]
        if "frame" in fields:
            return [Heard("ALIVE?", "", fields["content"])] if fields["frame"] == "ping" else []
        kind = fields.get("on")
        if kind == "said" and fields.get("room") == web.LOBBY:
            return [Heard("MSG", fields["by"], fields["text"])]
        if kind == "whispered":
            return [Heard("DM", fields["by"], fields["text"])]
        if kind == "who":
            return listed(fields["names"])
        if kind == "no":
            return [Heard("ERR", "", fields["why"])]
        if kind == "bye":
            return [Heard("INFO", "", "idle-timeout" if fields["why"] == "idle" else fields["why"])]
        if kind in self._KINDS:
            return [Heard(self._KINDS[kind], "", "")]
        return [] if kind in self._NOTICES else [Heard("broken", "", str(dict(fields)))]

    def alive(self, text):
        return self._written({"frame": "pong", "content": text})


class Irc(Codec):
    """In #lobby: that is the room that all protocols share."""

    wire = irc
    port = 6667
    acknowledges = False
    nobody = "401"

    _NOTICES = ("welcome", "JOIN", "PART", "QUIT", "NICK", "MODE")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._is_in = False

    def _parse(self, message):
        fields = message.fields
        kind = fields["is"]
        if kind == "PRIVMSG":
            return [Heard("MSG" if fields["to"] == irc.LOBBY else "DM", fields["by"], fields["text"])]
        if kind == "names" and self._is_in:
            return listed(irc.names_in(message))
        if kind == "names":  # the end of what a JOIN is answered
            self._is_in = True
            return [Heard("OK", "", "")]
        if kind == "PONG":
            return [Heard("PONG", "", "")]
        if kind == "PING":
            return [Heard("ALIVE?", "", fields["text"])]
        if kind.isdigit():
            return [Heard("ERR", "", kind)]
        if kind == "ERROR":
            return [Heard("INFO", "", fields["text"])]
        return [] if kind in self._NOTICES else [Heard("broken", "", str(message))]

    def login(self):
        return super().login() + self._written(irc.enter_room(irc.LOBBY))

    def who(self):
        return self._written(irc.manage_room(irc.LOBBY, "who"))

    def alive(self, text):
        return self._written("PONG :" + text)


CODECS = {codec.wire.NAME: codec for codec in (Line, Binary, Padded, Delimited, Dollar, Web, Irc)}
