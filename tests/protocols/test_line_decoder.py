"""The `line` protocol's decoder: vectors as data, multiplied by the ways in which bytes arrive."""
import time

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.protocols import line
from parley.server.protocols.events import (
    ACTS,
    Broken,
    ChangePassword,
    Enter,
    Exit,
    Help,
    Login,
    Malformed,
    Manage,
    Nothing,
    Ping,
    Quit,
    Reason,
    Recall,
    Rooms,
    Say,
    SignUp,
    TimingMark,
    Topic,
    Whisper,
    Who,
)

LIMIT = 40  # for the vectors; small, so that every cut of a line at the limit is tried
REAL_LIMIT = 8192
UNKNOWN = Malformed(Reason.UNKNOWN_COMMAND, None)
BAD_RECALL = Malformed(Reason.BAD_FORM, Recall)
BAD_WHISPER = Malformed(Reason.BAD_FORM, Whisper)
TOO_LONG = Broken(Reason.TOO_LONG)
FOREIGN = Broken(Reason.FOREIGN)
MARK = TimingMark()


def bad_password(asked):
    return Malformed(Reason.INVALID_PASSWORD, asked)


def unknown(asked):
    return Malformed(Reason.UNKNOWN_COMMAND, asked)


ABOUT_SOMEBODY = [act for act in ACTS if act not in ("topic", "set", "drop")]

COMMAND_TABLE = [
    (b"LOGIN ann\n", [Login(b"ann", None)]),
    (b"LOGIN\n", [Login(b"", None)]),
    (b"LOGIN \n", [Login(b"", None)]),
    (b"LOGIN ann secret\n", [Login(b"ann", b"secret")]),
    (b"LOGIN ann two words\n", [Login(b"ann", b"two words")]),
    (b"LOGIN ann  two  words\n", [Login(b"ann", b"two  words")]),
    (b"LOGIN \xff\xfe\n", [Login(b"\xff\xfe", None)]),
    (b"MSG hi\n", [Say(b"hi", None, None)]),
    (b"MSG two  words\n", [Say(b"two  words", None, None)]),
    (b"MSG   three in front\n", [Say(b"  three in front", None, None)]),
    (b"MSG LOGIN ann\n", [Say(b"LOGIN ann", None, None)]),
    (b"MSG gr\xc3\xbc\xc3\x9fe\n", [Say(b"gr\xc3\xbc\xc3\x9fe", None, None)]),
    (b"MSG\n", [unknown(Say)]),
    (b"MSG \n", [unknown(Say)]),
    (b"DM bob hi\n", [Whisper(b"bob", b"hi", None, None)]),
    (b"DM bob two  words\n", [Whisper(b"bob", b"two  words", None, None)]),
    (b"DM bob   three in front\n", [Whisper(b"bob", b"  three in front", None, None)]),
    (b"DM\n", [BAD_WHISPER]),
    (b"DM \n", [BAD_WHISPER]),
    (b"DM bob\n", [BAD_WHISPER]),
    (b"DM bob \n", [BAD_WHISPER]),
    (b"DM  bob hi\n", [BAD_WHISPER]),
    (b"WHO\n", [Who()]),
    (b"WHO ann\n", [unknown(Who)]),
    (b"PING\n", [Ping(b"")]),
    (b"PING 1\n", [unknown(Ping)]),
    (b"REGISTER ann secret\n", [SignUp(b"ann", b"secret")]),
    (b"REGISTER ann \xc3\tx\n", [SignUp(b"ann", b"\xc3\tx")]),
    (b"REGISTER  secret\n", [SignUp(b"secret", b"")]),
    (b"REGISTER\n", [SignUp(b"", b"")]),
    (b"REGISTER ann\n", [SignUp(b"ann", b"")]),
    (b"REGISTER ann \n", [SignUp(b"ann", b"")]),
    (b"REGISTER ann two words\n", [bad_password(SignUp)]),
    (b"PASSWD old new\n", [ChangePassword(b"old", b"new")]),
    (b"PASSWD old \n", [bad_password(ChangePassword)]),
    (b"PASSWD  new\n", [bad_password(ChangePassword)]),
    (b"PASSWD\n", [bad_password(ChangePassword)]),
    (b"PASSWD new\n", [bad_password(ChangePassword)]),
    (b"PASSWD old new words\n", [bad_password(ChangePassword)]),
    (b"HELP\n", [Help()]),
    (b"HELP REGISTER\n", [unknown(Help)]),
    (b"QUIT\n", [Quit()]),
    (b"QUIT now\n", [unknown(Quit)]),
    (b"JOIN #dev\n", [Enter(b"#dev", None)]),
    (b"JOIN #dev word\n", [Enter(b"#dev", b"word")]),
    (b"JOIN #dev two words\n", [Malformed(Reason.INVALID_ROOM, Enter)]),
    (b"JOIN\n", [Malformed(Reason.INVALID_ROOM, Enter)]),
    (b"JOIN dev\n", [Enter(b"dev", None)]),
    (b"PART #dev\n", [Exit(b"#dev")]),
    (b"PART\n", [Malformed(Reason.INVALID_ROOM, Exit)]),
    (b"PART #dev now\n", [Malformed(Reason.INVALID_ROOM, Exit)]),
    (b"#dev JOIN\n", [Enter(b"#dev", None)]),
    (b"#dev JOIN word\n", [Enter(b"#dev", b"word")]),
    (b"#dev JOIN two words\n", [Malformed(Reason.INVALID_ROOM, Enter)]),
    (b"#dev PART\n", [Exit(b"#dev")]),
    (b"#dev PART now\n", [Malformed(Reason.INVALID_ROOM, Exit)]),
    (b"ROOMS\n", [Rooms(None)]),
    (b"ROOMS #*\n", [Rooms(b"#*")]),
    (b"#dev MSG hi\n", [Say(b"hi", None, None, b"#dev")]),
    (b"#dev MSG two  words\n", [Say(b"two  words", None, None, b"#dev")]),
    (b"#dev MSG   three in front\n", [Say(b"  three in front", None, None, b"#dev")]),
    (b"#dev MSG\n", [unknown(Say)]),
    (b"#dev WHO\n", [Who(b"#dev")]),
    (b"#dev WHO ann\n", [UNKNOWN]),
    (b"#dev HISTORY\n", [Recall(None, 100, b"#dev")]),
    (b"#dev HISTORY 7\n", [Recall(None, 7, b"#dev")]),
    (b"#dev HISTORY SINCE 7\n", [Recall(7, 1000, b"#dev")]),
    (b"#dev HISTORY x\n", [BAD_RECALL]),
    (b"#dev TOPIC\n", [Topic(b"#dev")]),
    (b"#dev TOPIC -\n", [Manage(b"#dev", "topic", b"", b"")]),
    (b"#dev TOPIC two  words\n", [Manage(b"#dev", "topic", b"", b"two  words")]),
    (b"#dev SET limit 20\n", [Manage(b"#dev", "set", b"limit", b"20")]),
    (b"#dev SET limit\n", [unknown(Manage)]),
    (b"#dev DROP\n", [Manage(b"#dev", "drop", b"", b"")]),
    (b"#dev DROP it\n", [unknown(Manage)]),
    (b"#dev\n", [UNKNOWN]),
    (b"#dev hi\n", [UNKNOWN]),
    (b"# MSG hi\n", [Say(b"hi", None, None, b"#")]),
    *[(b"#dev %b bob\n" % act.upper().encode(), [Manage(b"#dev", act, b"bob", b"")]) for act in ABOUT_SOMEBODY],
    *[(b"#dev %b bob two  words\n" % act.upper().encode(), [Manage(b"#dev", act, b"bob", b"two  words")])
      for act in ABOUT_SOMEBODY],
    *[(b"#dev %b\n" % act.upper().encode(), [unknown(Manage)]) for act in ABOUT_SOMEBODY],
]

# What is understood beyond the letter: blanks at the ends, and between words where no text stands.
BLANKS = [
    (line, [command]) for command, lines in [
        (Login(b"zed", None), [b"LOGIN zed \n", b"LOGIN  zed\n", b" LOGIN zed\n", b"\tLOGIN   zed \t \r\n"]),
        (Login(b"zed", b"secret"), [b"LOGIN zed  secret\n", b"  LOGIN  zed   secret  \n"]),
        (SignUp(b"zed", b"secret"), [b"REGISTER  zed  secret\n", b" REGISTER zed secret \n"]),
        (ChangePassword(b"old", b"new"), [b"PASSWD  old   new \n"]),
        (Who(), [b"WHO \n", b" WHO\n", b"  WHO\t\r\n"]),
        (Ping(b""), [b"PING \n", b" PING  \n", b"PING\t\n"]),
        (Help(), [b" HELP \n"]),
        (Quit(), [b" QUIT \r\n"]),
        (Recall(None, 100), [b"HISTORY \n"]),
        (Recall(None, 7), [b"HISTORY  7 \n"]),
        (Recall(7, 1000), [b" HISTORY  SINCE   7\n"]),
        (Enter(b"#dev", b"word"), [b"JOIN  #dev  word \n", b" JOIN #dev word\t\r\n"]),
        (Exit(b"#dev"), [b"PART #dev \n", b"PART  #dev\n"]),
        (Rooms(None), [b"ROOMS \n", b" ROOMS\n"]),
        (Rooms(b"#*"), [b"ROOMS #* \n", b"ROOMS  #* \n"]),
        (Manage(b"#dev", "set", b"limit", b"20"), [b"#dev SET  limit  20\n"]),
        (Manage(b"#dev", "kick", b"bob", b"why  not"), [b"#dev  KICK  bob  why  not\n"]),
        (Manage(b"#dev", "topic", b"", b"news"), [b"#dev TOPIC  news \n"]),
        (Manage(b"#dev", "topic", b"", b""), [b"#dev TOPIC  -\n"]),
        (Recall(7, 1000, b"#dev"), [b"#dev HISTORY  SINCE  7\n"]),
        (Who(b"#dev"), [b"#dev WHO \n", b" #dev WHO\n", b"#dev  WHO\n"]),
        (Say(b"hi", None, None, b"#dev"), [b"#dev MSG hi \n", b" #dev MSG hi\t\r\n", b"#dev  MSG hi\n"]),
        (Manage(b"#dev", "kick", b"bob", b"why"), [b"#dev KICK  bob why \n", b"#dev  KICK bob why\n"]),
        (Say(b"hi", None, None), [b"MSG hi \n", b"MSG hi\t \r\n", b" MSG hi\n", b"MSG hi\0\n"]),
        (Say(b" two  words", None, None), [b"MSG  two  words  \n"]),
        (Whisper(b"bob", b" two  words", None, None), [b" DM bob  two  words \n"]),
        (unknown(Say), [b"MSG  \n", b"MSG \t \n"]),
        (BAD_WHISPER, [b"DM bob  \n", b"DM  \n"]),
        (Nothing(), [b" \n", b" \t \r\n", b"\0\n", b"\x04\n"]),
        (Login(b"", None), [b"LOGIN   \n"]),
    ]
    for line in lines
]  # fmt: skip

HISTORY = [
    (b"HISTORY\n", [Recall(None, 100)]),
    (b"HISTORY 1\n", [Recall(None, 1)]),
    (b"HISTORY 1000\n", [Recall(None, 1000)]),
    (b"HISTORY 1001\n", [Recall(None, 1000)]),
    (b"HISTORY 999999999\n", [Recall(None, 1000)]),
    (b"HISTORY SINCE 0\n", [Recall(0, 1000)]),
    (b"HISTORY SINCE 41\r\n", [Recall(41, 1000)]),
    (b"HISTORY SINCE 007\n", [Recall(7, 1000)]),
    (b"HISTORY SINCE 999999999999999999\n", [Recall(10 ** 18 - 1, 1000)]),
    (b"HISTORY SINCE 9999999999999999999\n", [BAD_RECALL]),
    (b"HISTORY 0\n", [BAD_RECALL]),
    (b"HISTORY 01\n", [BAD_RECALL]),
    (b"HISTORY -1\n", [BAD_RECALL]),
    (b"HISTORY +1\n", [BAD_RECALL]),
    (b"HISTORY 1_0\n", [BAD_RECALL]),
    (b"HISTORY 1.0\n", [BAD_RECALL]),
    (b"HISTORY 1 2\n", [BAD_RECALL]),
    (b"HISTORY 9999999999\n", [BAD_RECALL]),
    (b"HISTORY SINCE\n", [BAD_RECALL]),
    (b"HISTORY SINCE \n", [BAD_RECALL]),
    (b"HISTORY SINCE -1\n", [BAD_RECALL]),
    (b"HISTORY SINCE x\n", [BAD_RECALL]),
    (b"HISTORY since 1\n", [BAD_RECALL]),
    (b"HISTORY 1SINCE 1\n", [BAD_RECALL]),
    (b"HISTORY \xd9\xa3\n", [BAD_RECALL]),  # a digit, but not one of ours
    (b"HISTORYSINCE 1\n", [UNKNOWN]),
    (b"history\n", [UNKNOWN]),
]

ERRORS = [
    (b"INVALID\n", [UNKNOWN]),
    (b"msg hi\n", [UNKNOWN]),
    (b"Login ann\n", [UNKNOWN]),
    (b"MSG\thi\n", [UNKNOWN]),
    (b"MSGhi\n", [UNKNOWN]),
    (b"OK\n", [UNKNOWN]),
    (b"\x01\n", [UNKNOWN]),
    (b"\xc3\x28\n", [UNKNOWN]),
]

LINE_ENDS = [
    (b"", []),
    (b"PING", []),
    (b"\n", [Nothing()]),
    (b"\r\n", [Nothing()]),
    (b"\n\n\r\n", [Nothing()] * 3),
    (b"\r\r\n", [Nothing()]),
    (b"PING\r\n", [Ping(b"")]),
    (b"PING\r\r\n", [Ping(b"")]),
    (b"PING \r \r\n", [Ping(b"")]),
    (b"PING\n\rWHO\n\r", [Ping(b""), Who()]),
    (b"PING\r\0WHO\r\0", [Ping(b""), Who()]),  # telnet, a character at a time
    (b"PING\r\0\r\n", [Ping(b""), Nothing()]),
    (b"PING\n\0WHO\n\0", [Ping(b""), Who()]),  # C, with the end of the string
    (b"PING\n\0\0\0\0\0\0WHO\n\0\0\0\0\0\0\0", [Ping(b""), Who()]),
    (b"MSG a\r\r\n", [Say(b"a", None, None)]),
    (b"MSG a\0b\n", [Say("a\u2400b".encode(), None, None)]),
    (b"MSG a\r\rb\n", [Say("a\u240d\u240db".encode(), None, None)]),
    (b"MSG a\rb\n", [Say("a\u240db".encode(), None, None)]),
    (b"MSG \r\n", [unknown(Say)]),
    (b"PING\r", []),
    (b"PING\rWHO\n", [UNKNOWN]),
    (b"LOGIN a\nMSG b\r\n\nWHO\nPI", [Login(b"a", None), Say(b"b", None, None), Nothing(), Who()]),
]

LIMITS = [
    (b"MSG " + b"x" * (LIMIT - 4) + b"\n", [Say(b"x" * (LIMIT - 4), None, None)]),
    (b"MSG " + b"x" * (LIMIT - 4) + b"\r\n", [Say(b"x" * (LIMIT - 4), None, None)]),
    (b"MSG " + b"x" * (LIMIT - 3) + b"\n", [TOO_LONG]),
    (b"MSG " + b"x" * (LIMIT - 3) + b"\r\n", [TOO_LONG]),
    (b"MSG " + b"x" * (LIMIT - 4) + b"\r\r\n", [TOO_LONG]),
    (b"x" * LIMIT, []),
    (b"x" * LIMIT + b"\r", []),  # which may be the first half of an end
    (b"x" * (LIMIT + 1), [TOO_LONG]),
    (b"x" * (LIMIT + 2), [TOO_LONG]),
    (b"x" * (LIMIT + 2) + b"\nPING\n", [TOO_LONG]),
    (b"PING\n" + b"x" * (LIMIT + 2), [Ping(b""), TOO_LONG]),
    (b"PING\n" + b"x" * (LIMIT + 1) + b"\nPING\n", [Ping(b""), TOO_LONG]),
]

TELNET = [
    (b"\xff\xfd\x03PING\n", [Ping(b"")]),
    (b"\xff\xfb\x18\xff\xfe\x01LOGIN ann\r\n", [Login(b"ann", None)]),
    (b"\xff\xf4PING\n", [Ping(b"")]),  # interrupt process: ^C in a telnet client
    (b"\xff\xfa\x18\x00xterm\xff\xf0PING\n", [Ping(b"")]),
    (b"PI\xff\xfd\x01NG\n", [Ping(b"")]),
    (b"\xff\xfd\xffPING\n", [Ping(b"")]),
    (b"\xff\xfd\x06", [MARK]),
    (b"\xff\xf4\xff\xfd\x06", [MARK]),  # Ctrl+C
    (b"\xff\xf3\xff\xfd\x06PING\r\n", [MARK, Ping(b"")]),  # Ctrl+\, or BREAK
    (b"\xff\xed\xff\xfd\x06\xff\xf5\xff\xfd\x06", [MARK, MARK]),  # Ctrl+Z, Ctrl+O
    (b"PING\nPI\xff\xfd\x06NG\nWHO\n\xff\xfd\x06", [Ping(b""), MARK, Ping(b""), Who(), MARK]),
    (b"PING\r\xff\xfd\x06\nWHO\r\xff\xfd\x06\0", [MARK, Ping(b""), MARK, Who()]),
    (b"\xff\xfe\x06\xff\xfb\x06\xff\xfc\x06PING\n", [Ping(b"")]),  # DONT, WILL, WONT TIMING-MARK
    (b"\xff\xff\xfd\x06\n", [UNKNOWN]),
    (b"\xff\xfa\x18\xff\xfd\x06\n", [MARK, UNKNOWN]),
    (b"\xff\xecPING\n\xff\xedPING\n\xff\xeePING\n\xff\xefPING\n", [Ping(b"")] * 4),
    (b"\xff\xf0PING\n", [Ping(b"")]),
    (b"\x04PING\n\x04\x04WHO\r\n", [Ping(b""), Who()]),  # Ctrl+D
    (b"\xff\xf4\xf2PING\n", [Ping(b"")]),  # SYNCH, whose IAC is urgent and not in the stream
    (b"\xff\xf4\xff\xfd\x06\xffPING\n", [MARK, Ping(b"")]),  # or whose DATA MARK is
    (b"\xff \xff \xf2" * 5 + b"PING\n", [Ping(b"")]),
    (b"MSG a\xff\nMSG b\xf2\n", [Say("a\ufffd".encode(), None, None), Say("b\ufffd".encode(), None, None)]),
    (b"\xff\n\xf2\n", [Nothing(), Nothing()]),
    (b"MSG a\xff\xffb\n", [Say("a\ufffdb".encode(), None, None)]),
    (b"MSG a\xff\xfd\nPING\n", [Say("a\ufffd\ufffd".encode(), None, None), Ping(b"")]),
    (b"MSG \xff\xfa\xff\xff\xff\xf0a\n", [Say(b"a", None, None)]),
    (b"\xff\xfd\x03\n", [Nothing()]),
    (b"\xff\xfd\x03\r\n", [Nothing()]),
    (b"PING\n\xff\xfd\x03PING\n", [Ping(b""), Ping(b"")]),
    (b"\xff\xfa\x18never ended\n", [UNKNOWN]),
    (b"PING\xff\n", [UNKNOWN]),
    (b"MSG \xff\xf1\n", [unknown(Say)]),
    (b"MSG " + b"\xff\xf1" * LIMIT + b"a\n", [Say(b"a", None, None)]),  # which is no part of a line's length
]

BYTE_ORDER_MARKS = [
    (b"\xef\xbb\xbfPING\n", [Ping(b"")]),
    (b"\xef\xbb\xbf LOGIN zed\r\n", [Login(b"zed", None)]),
    (b"\xff\xfd\x03\xef\xbb\xbfPING\n", [Ping(b"")]),
    (b"\xef\xbb\xbf\n", [Nothing()]),
    (b"\xef\xbb\xbf\xef\xbb\xbfPING\n", [UNKNOWN]),
    (b"PING\n\xef\xbb\xbfPING\n", [Ping(b""), UNKNOWN]),
    (b"\xef\xbbPING\n", [UNKNOWN]),
    (b"\xef\xbb\xbf" + b"x" * (LIMIT - 3) + b"\n", [UNKNOWN]),
    (b"\xef\xbb\xbf" + b"x" * (LIMIT - 2) + b"\n", [TOO_LONG]),
]

ERASED = [
    (b"PONG\b\b\bING\n", [Ping(b"")]),
    (b"PONG\x7f\x7f\x7fING\r\n", [Ping(b"")]),
    (b"PIX\bNG\n", [Ping(b"")]),
    (b"MSG gr\xc3\xbc\bu\n", [Say(b"gru", None, None)]),
    ("MSG a\u20ac\U0001f600\b\bb\n".encode(), [Say(b"ab", None, None)]),
    (b"MSG a\xc3\bb\n", [Say(b"ab", None, None)]),
    (b"MSG \xc3\xa9\xa9\bb\n", [Say(b"b", None, None)]),  # one character more than there can be is none
    (b"\b\b\x7fPING\n", [Ping(b"")]),
    (b"WHO\b\b\b\b\b\b\bPING\n", [Ping(b"")]),
    (b"WHO\b\b\b\n", [Nothing()]),
    (b"PING\n\bPING\n", [Ping(b""), Ping(b"")]),  # a line that has ended stays
    (b"PING\r\0\bPING\n", [Ping(b""), Ping(b"")]),
    (b"WHO\b\xff\xfd\x06\b\bPING\n", [MARK, Ping(b"")]),
    (b"MSG ab\x7f\nWHO", [Say(b"a", None, None)]),
    (b"DM bob hi\bo\n", [Whisper(b"bob", b"ho", None, None)]),
    (b"LOGIN zed\b\b\b\n", [Login(b"", None)]),
    (b"\xef\xbb\xbf\bPING\n", [Ping(b"")]),
    # What was erased is part of the length that a line may have.
    (b"x\b" * (LIMIT // 2 - 2) + b"PING\n", [Ping(b"")]),
    (b"x\b" * (LIMIT // 2 - 2) + b"PING\r\n", [Ping(b"")]),
    (b"x\b" * (LIMIT // 2 - 2) + b"PING \n", [TOO_LONG]),
    (b"x\b" * (LIMIT // 2) + b"\b", [TOO_LONG]),
    (b"PING\n" + b"\b" * (LIMIT + 1), [Ping(b""), TOO_LONG]),
    (b"\b" * LIMIT + b"\n" + b"\b" * LIMIT + b"\nPING\n", [Nothing(), Nothing(), Ping(b"")]),
]

FOREIGN_PROTOCOLS = [
    (b"\x16\x03\x01\x02\x00\x01\x00", [FOREIGN]),  # TLS
    (b"\x16\x03\x03\x00\n\x01\n", [FOREIGN]),
    (b"\x03\x00\x00\x13\x0e\xe0", [FOREIGN]),  # RDP
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [FOREIGN]),
    (b"CONNECT a:1 HTTP/1.0\r\n\r\n", [FOREIGN]),
    (b"SSH-2.0-OpenSSH_9\r\n", [FOREIGN]),
    (b"EHLO a\r\n", [FOREIGN]),
    (b" EHLO a\r\n", [FOREIGN]),
    (b"HELO a\r\n", [FOREIGN]),
]

ONLY_ALMOST_FOREIGN = [
    (b"\x16PING\n", [UNKNOWN]),
    (b"get / HTTP/1.1\n", [UNKNOWN]),
    (b"GET / HTTP\n", [UNKNOWN]),
    (b"SSH\n", [UNKNOWN]),
    (b"EHLOX\n", [UNKNOWN]),
    (b"HELOISE hi\n", [UNKNOWN]),
    (b"PING\nGET / HTTP/1.1\n", [Ping(b""), UNKNOWN]),  # only the first line tells who is there
    (b"\nEHLO a\n", [Nothing(), UNKNOWN]),
    (b"EHLO\b a\n", [UNKNOWN]),
    (b"A " + b"x" * LIMIT + b" HTTP/1.1\n", [TOO_LONG]),  # the limit comes first, however it arrives
]

CHARACTERS = [
    (b"MSG \x1b[31mred\x07\n", [Say("\u241b[31mred\u2407".encode(), None, None)]),
    (b"MSG a\x00b\tc\x04d\n", [Say("a\u2400b\tc\u2404d".encode(), None, None)]),
    ("MSG a\u0085b\u2028c\u2029d\n".encode(), [Say("a\u2424b\u2424c\u2424d".encode(), None, None)]),
    ("MSG a\u009bb\n".encode(), [Say("a\ufffdb".encode(), None, None)]),
    ("MSG \u202eabc\n".encode(), [Say("\u202eabc\u202c".encode(), None, None)]),
    (b"MSG a\xffb\xc3\n", [Say("a\ufffdb\ufffd".encode(), None, None)]),
    (b"MSG \xed\xa0\x80\n", [Say("\ufffd\ufffd\ufffd".encode(), None, None)]),
    (b"DM bob \x1b\n", [Whisper(b"bob", "\u241b".encode(), None, None)]),
]

VECTORS = (
    COMMAND_TABLE + BLANKS + HISTORY + ERRORS + LINE_ENDS + LIMITS + TELNET + BYTE_ORDER_MARKS + ERASED
    + FOREIGN_PROTOCOLS + ONLY_ALMOST_FOREIGN + CHARACTERS
)

# Pairs of lines of one length and of one kind: a plain one and the worst that was thought of.
COSTLY = {
    "telnet sub-negotiations": (b"\xff\xf1" * 4096, b"\xff\xfa" * 4096),
    "a telnet sub-negotiation": (b"\xff\xf1" * 4096, b"\xff\xfa" + b"\xff\xff" * 4095),
    "telnet escapes": (b"\xff\xf1" * 4096, b"\xff\xfa\xff" * 2730),
    "ends of isolates": ("MSG " + "\u202a\u202c" * 1360, "MSG " + "\u202a" * 1360 + "\u2069" * 1360),
    "ends of embeddings": ("MSG " + "\u2066\u2069" * 1360, "MSG " + "\u2066" * 1360 + "\u202c" * 1360),
    "open embeddings": ("MSG " + "\u202a\u202c" * 1360, "MSG " + "\u202a" * 2720),
    "capitals": (b"PING" * 2048, b"A" * 8192),
    "erased at once": (b"a\b" * 4096, b"\b" * 8192),
    "erased at the end": (b"a\b" * 4096, b"a" * 4096 + b"\b" * 4096),
    "erased character by character": (b"a\b" * 4096, "\U0001f600".encode() * 1638 + b"\b" * 1638),
}
MUCH = 15  # times the plain line's cost; quadratic ones take a hundred times


def decoder():
    return line.Decoder({"line_bytes": LIMIT})


def real_decoder():
    return line.Decoder({"line_bytes": REAL_LIMIT})


@for_each("stream, commands", VECTORS)
def test_a_stream_gives_its_commands_however_it_arrives(decoded, stream, commands):
    assert decoded(decoder, stream) == commands


def test_the_real_limit_is_8192_bytes_without_the_end():
    text = b"x" * (8192 - 4)
    assert real_decoder().feed(b"MSG " + text + b"\n") == [Say(text, None, None)]
    assert real_decoder().feed(b"MSG " + text + b"\r\n") == [Say(text, None, None)]
    assert real_decoder().feed(b"MSG " + text + b"x\n") == [TOO_LONG]
    assert real_decoder().feed(b"x" * 8192 + b"\r") == []
    assert real_decoder().feed(b"x" * 8193) == [TOO_LONG]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_random_bytes_raise_nothing_and_cuts_do_not_matter(pieces):
    assert commands_in(pieces) == commands_in([b"".join(pieces)])


LINE_PARTS = st.sampled_from([
    b"LOGIN", b"REGISTER", b"PASSWD", b"HELP", b"MSG", b"DM", b"WHO", b"PING",
    b" ", b"  ", b"a", b"bob", b"\r", b"\n", b"\r\n", b"\xff\xfb", b"\xff\xfa", b"\xff\xf0", b"\xff", b"\xff\xfd\x06",
    b"\x06", b"\b", b"\x7f", b"\0", b"\x04", b"\xf2", b"\xef\xbb\xbf", b"\xa9", b"QUIT", b"HISTORY",
    b"\x16\x03", b"GET / HTTP/1", b"SSH-2", b"EHLO", b"\xc3", b"\xbc",
    b"x" * LIMIT, b"\x1b",
    "\u202e".encode(), "\u2069".encode(),
])  # fmt: skip


@given(st.lists(LINE_PARTS, max_size=12))
def test_nearly_sensible_bytes_raise_nothing_and_cuts_do_not_matter(parts):
    assert commands_in(parts) == commands_in([b"".join(parts)])


def commands_in(pieces):
    one, commands = decoder(), []
    for piece in pieces:
        commands += one.feed(piece)
        broken = [position for position, command in enumerate(commands) if isinstance(command, Broken)]
        if broken:
            return commands[:broken[0] + 1]
    return commands


@pytest.mark.parametrize("piece", [b"x", b"x" * 7, b"\xc3", b" ", b"\b", b"x\x7f", b"\0", "\u2028".encode()])
def test_a_line_without_end_is_refused_after_the_limit(piece):
    one, fed = decoder(), 0
    while not one.feed(piece):
        fed += len(piece)
        assert fed <= LIMIT
    assert fed + len(piece) > LIMIT


@given(st.lists(st.binary(max_size=LIMIT), max_size=20))
def test_what_is_held_is_never_longer_than_a_line_and_its_end(pieces):
    one = decoder()
    for piece in pieces:
        if any(isinstance(command, Broken) for command in one.feed(piece)):
            return
        rest = one.feed(b"")
        assert rest == []
        assert len(one._held) <= LIMIT + 1


def test_a_command_that_has_begun_is_unfinished():
    one = decoder()
    assert not one.unfinished
    one.feed(b"PI")
    assert one.unfinished
    one.feed(b"NG\n")
    assert not one.unfinished


@pytest.mark.parametrize("begun", [
    b"\xef\xbb\xbf", b"\x04", b"\xff", b"\xff\xf4\xff\xfd\x06", b"PING\n\r", b"PING\n\0", b"PI\b\b", b"\b", b" \t",
])  # fmt: skip
def test_what_programs_send_around_lines_begins_none(begun):
    """Whoever takes time before the first letter, or behind Ctrl+C, is not late."""
    one = decoder()
    one.feed(begun)
    assert not one.unfinished
    one.feed(b"PI")
    assert one.unfinished


def test_thousands_of_equal_commands_are_one_object():
    for stream in (b"\n" * 2000, b"x\n" * 2000, b"WHO\n" * 2000, b"MSG\n" * 2000, b"\xff\xfd\x06" * 2000):
        assert len(set(map(id, decoder().feed(stream)[1:]))) == 1


# The one question that cannot be counted: regular expressions and `in` do their work out of sight. So the CPU time of
# two lines is compared on the same machine at the same moment; the margin is wide.
@pytest.mark.parametrize("kind", sorted(COSTLY))
def test_no_line_costs_much_more_than_another_of_its_length(kind):
    plain, worst = COSTLY[kind]
    assert cost(worst) < MUCH * cost(plain)


def cost(text):
    stream = (text if isinstance(text, bytes) else text.encode())[:REAL_LIMIT] + b"\n"
    return min(cpu_time(stream) for _ in range(5))


def cpu_time(stream):
    one = real_decoder()
    start = time.process_time()
    one.feed(stream)
    return max(time.process_time() - start, 1e-5)


@given(st.lists(st.tuples(
    st.sampled_from([b"MSG ", b"#dev MSG ", b"#dev  MSG ", b"#ops MSG ", b"DM MSG ", b"PING", b"x MSG ", b""]),
    st.sampled_from(
        [b"hi", b" hi \t", b"", b" ", b"a\tb", b"\x1b", b"\xff", "\u00e9".encode(), b"MSG hi", b"a" * LIMIT]),
    st.sampled_from([b"\n", b"\r\n"])), max_size=6))
def test_lines_that_come_together_ask_for_what_each_asks_for_alone(lines):
    together, apart = (line.Decoder({"line_bytes": LIMIT}) for _ in range(2))
    data = [b"".join(one) for one in [(b"PING", b"", b"\n"), *lines]]
    together.feed(data[0])
    assert together.feed(b"".join(data[1:])) == [
        command for one in data for command in apart.feed(one)][1:]
