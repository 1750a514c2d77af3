"""How a client of each protocol logs in and speaks, with just as much of the protocol as that takes.

A text has one "=" in it (see `text`), and nothing else that is sent meanwhile has any. So texts can be counted without
being parsed.
"""
import re

from parley.conformance.wire import binary, delimited, dollar, line
from stress import web

SIZE = 64  # bytes of a text
MARK = re.compile(rb"=([0-9]{5}) ([0-9]{8}) ([0-9]{14})x")
MARK_SIZE = 31

COUNTED, SUMMED, SCANNED = "counted", "summed", "scanned"


def text(speaker, number, due):
    """What a speaker says: its number, the number of the text, and the microsecond at which the text was due."""
    return b"=%05d %08d %014d" % (speaker, number, due) + b"x" * (SIZE - MARK_SIZE + 1)


class Wire:
    """A protocol.

    greetings: (bytes to send, what in the answer says that it is done) in turn; NAME stands for the client's name.
    listening: one more of these, for clients that do not hear the others from the login on.
    around: what stands before and after a text; NAME as above. framed: a function that frames all this.
    echoes: does a speaker hear itself?
    speaks_only: can a speaker not listen?
    checked: how a listener is checked. COUNTED: the number of texts. SUMMED: their checksum too, as all hear the same
    bytes. SCANNED: each text is read. (Some listeners of every protocol are scanned.)
    """

    def __init__(self, greetings, around, listening=(), framed=bytes, echoes=False, speaks_only=False, checked=SUMMED):
        self._greetings = greetings
        self._listening = listening
        self._around = around
        self._framed = framed
        self.echoes = echoes
        self.speaks_only = speaks_only
        self.checked = checked

    def greetings(self, name, listens):
        """(bytes to send, regular expression for the answer) in turn."""
        for said, sign in (*self._greetings, *(self._listening if listens else ())):
            yield (said(name) if callable(said) else said.replace(b"NAME", name)), re.compile(sign, re.DOTALL)

    def speech(self, name, said):
        """The bytes that say it."""
        before, after = self._around
        return self._framed(before.replace(b"NAME", name) + said + after)


def _login(codec):
    """The bytes by which a client logs in, as the conformance suite writes them."""
    return lambda name: codec.encode(codec.login(name.decode()), name.decode())


def _create(name):
    return delimited.encode({"CREATE": [name.decode()]})


def _dollar_login(name):
    return dollar.encode({"purpose": "login", "username": name.decode(), "password": ""})


def _web_login(name):
    return web.asked("login", name=name.decode())


def _mqtt_connect(name):
    return b"\x10%c\0\4MQTT\4\2\0\0\0%c%b" % (12 + len(name), len(name), name)


WIRES = {
    "line": Wire([(_login(line), rb"OK\n")], (b"MSG ", b"\n")),
    # The next three are only listened to. They frame a text with bytes that may be any, or with its receiver's name.
    "binary": Wire([(_login(binary), rb"\x01\x00\x00\x00\xcf")], None, checked=SCANNED),
    "delimited": Wire([(_create, rb"\x00\x06")], None, checked=SCANNED),
    "dollar": Wire([(_dollar_login, rb"'login', 'result': True")], None),
    "padded": Wire([], None),
    "web": Wire(
        [(web.UPGRADE, web.UPGRADED.pattern), (_web_login, rb'"on": ?"welcome".*}')],
        (b'{"do":"say","text":"', b'"}'), framed=web.frame),
    "irc": Wire(
        [(b"NICK NAME\r\nUSER NAME 0 * :NAME\r\n", rb" (376|422) ")], (b"PRIVMSG #bench :", b"\r\n"),
        listening=[(b"JOIN #bench\r\n", rb" 366 ")]),
    "mqtt": Wire(
        [(_mqtt_connect, rb"\x20\x02..")], (b"\x30%c\0\5bench" % (7 + SIZE), b""),
        listening=[(b"\x82\x0a\0\1\0\5bench\0", rb"\x90\x03\x00\x01\x00")], echoes=True),
    # Here each speaker's texts come in their order, but not every listener hears the speakers in the same one.
    "nats": Wire(
        [(b"", rb"INFO .*\r\n"),
         (b'CONNECT {"verbose":false,"pedantic":false,"echo":false,"name":"NAME"}\r\nPING\r\n', rb"PONG\r\n")],
        (b"PUB bench %d\r\n" % SIZE, b"\r\n"), listening=[(b"SUB bench 1\r\nPING\r\n", rb"PONG\r\n")], checked=COUNTED),
    "redis": Wire(
        [(b"PING\r\n", rb"\+PONG")], (b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$%d\r\n" % SIZE, b"\r\n"),
        listening=[(b"SUBSCRIBE bench\r\n", rb":1\r\n")], speaks_only=True),
}
