"""The `dollar` protocol as a client speaks it: a dollar sign, ten bytes of length, a dictionary, a dollar sign.

In its JSON form: the Python form would have to be evaluated.
"""
import json

from loadtest._wire import Codec, Heard, listed

_HEADER_BYTES = 11
_LOBBY = "lobby"
_PING = "ping"  # a purpose that no server knows, which it has to say


class Dollar(Codec):
    name = "dollar"
    port = 8080
    needs_account = True
    nobody = "send_message"

    def _end(self, held, at):
        content = at + _HEADER_BYTES
        if len(held) < content:
            return 0
        end = content + int(held[at + 1:content]) + 1
        return end if len(held) >= end else 0

    def _parse(self, message):
        fields = json.loads(message[_HEADER_BYTES:-1].decode("utf-8", "replace"))
        purpose = fields["purpose"]
        if purpose == "receive_message":
            return [_talk(fields["from_user"], fields["message"])]
        if purpose == "reload_user_list":
            return []
        if purpose == "poll":
            return listed(user["username"] for user in fields["users"] if user["status"] == "online")
        if purpose == _PING:
            return [Heard("PONG", "", "")]
        return [Heard("OK" if fields["result"] else "ERR", "", purpose)]

    def login(self):
        return _packet(purpose="login", username=self.me, password=self.password)

    def say(self, text):
        return self.whisper(_LOBBY, text)

    def whisper(self, target, text):
        return _packet(purpose="send_message", from_user=self.me, to_user=target, message=text)

    def ping(self):
        return _packet(purpose=_PING)

    def who(self):
        return _packet(purpose="poll")


def _talk(sender, text):
    if sender != _LOBBY:
        return Heard("DM", sender, text)
    sender, _, text = text.partition(": ")
    return Heard("MSG", sender, text)


def _packet(**fields):
    data = json.dumps(fields).encode("utf-8")
    return b"$%-10d%b$" % (len(data), data)
