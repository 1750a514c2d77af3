r"""What becomes of a text between two protocols, as the pages of the protocols promise it.

Written from what the modules in server/protocols say of themselves, without their code: a mistake made in both would
have to be made twice.

    uttered(sender, payload)              what a client of `sender` that wants to say `payload` says: payloads, in order
    accepted(sender, payload)             the canonical text that the chat takes for it, or None if it is refused
    promised(sender, receiver, payload)   the texts in which a client of `receiver` hears it
"""
import functools
import re
import unicodedata

LINE, BINARY, PADDED, DELIMITED, DOLLAR, DOLLAR_JSON, WEB, IRC = (
    "line", "binary", "padded", "delimited", "dollar", "dollar-json", "web", "irc")
PROTOCOLS = (LINE, BINARY, PADDED, DELIMITED, DOLLAR, WEB, IRC)
FORMS = PROTOCOLS + (DOLLAR_JSON,)  # in which one can speak and hear: dollar has two
WHISPERERS = (LINE, DELIMITED, DOLLAR, DOLLAR_JSON, WEB, IRC)  # those that can say something to one alone

TEXT_LIMIT = 16384  # bytes, of a text that is sent
LINE_LIMIT = 8192  # bytes of a line in either direction: of its text, towards a client
BINARY_PIECE = 2048 - 27  # bytes of content in one frame to a client
IRC_LINE = 512  # bytes of a line of IRC with its end
IRC_LINES = 100  # of one text
DIRECT = "[direct] "


def uttered(sender, payload):
    """A line is all that `line` and `irc` can say at once."""
    if sender == IRC:
        return payload.split(b"\n")
    if sender == LINE:
        return [line for line in payload.replace(b"\r\0", b"\n").split(b"\n") if line.rstrip(b"\r")]
    return [payload]


def accepted(sender, payload):
    if sender == LINE:
        payload = without_erased(without_telnet(payload))
        if payload is None:
            return None
        payload = payload.rstrip(b" \t\r\0\x04\xf2")
    elif sender == IRC:
        payload = payload.replace(b"\0", b"").rstrip(b"\r")
        if payload.startswith(b"\1") or not is_utf8(payload):  # CTCP is not talk
            return None
        payload = _FORMATTING.sub(b"", payload)
    elif sender == WEB:  # which can write what is no UTF-8 as halves of surrogate pairs
        payload = re.sub("[\ud800-\udfff]", "\ufffd", payload.decode("utf-8", "surrogateescape")).encode()
    elif not is_utf8(payload):
        return None
    text = canonical(payload)
    if is_blank(text):
        return None
    if sender in (DELIMITED, DOLLAR, DOLLAR_JSON, WEB) and len(text.encode()) > TEXT_LIMIT:
        return None
    return text


def promised(sender, receiver, payload, direct=False, names=("ann", "bob")):
    return heard(receiver, accepted(sender, payload), direct, names)


def heard(receiver, text, direct=False, names=("ann", "bob")):
    """The texts in which a canonical text is heard, in order; `names` are those of the sender and of who hears it."""
    if text is None:
        return []
    return _irc(text, direct, names) if receiver == IRC else _HEARD[receiver](text, direct)


# What changes how a text looks in clients of IRC: bold and the like, mIRC's colours, hexadecimal ones.
_FORMATTING = re.compile(rb"[\x02\x0f\x11\x16\x1d\x1e\x1f]|\x03([0-9]{1,2}(,[0-9]{1,2})?)?"
                         rb"|\x04([0-9A-Fa-f]{6}(,[0-9A-Fa-f]{6})?)?")


def is_utf8(raw):
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


# Drawn as nothing, though neither white space nor a format character; and format characters that are drawn.
_NOT_DRAWN = "\t\n\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
_DRAWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


def is_blank(text):
    """Is there nothing to be seen?"""
    return all(
        character in _NOT_DRAWN or 0xFE00 <= ord(character) < 0xFE10 or 0xE0000 <= ord(character) < 0xE1000
        or unicodedata.category(character) in ("Zs", "Cf") and character not in _DRAWN
        for character in text)


def without_erased(text):
    """What BS and DEL leave of the text of a line; None if they take of the command before it too."""
    kept = []
    for character in text.decode("utf-8", "surrogateescape"):
        if character not in "\b\x7f":
            kept.append(character)
        elif not kept:
            return None
        else:
            kept.pop()
    return "".join(kept).encode("utf-8", "surrogateescape")


def without_telnet(line):
    """RFC 854: what follows the byte 255 is for the terminal, except 255 itself."""
    said, at = bytearray(), 0
    while at < len(line):
        command = line[at + 1] if line[at] == 255 and at + 1 < len(line) else 0
        if command == 255:
            said.append(255)
            at += 2
        elif 251 <= command <= 254 and at + 2 < len(line):
            at += 3
        elif command == 250 and line.find(b"\xff\xf0", at) > 0:
            at = line.find(b"\xff\xf0", at) + 2
        elif 236 <= command <= 249:
            at += 2
        else:
            said.append(line[at])
            at += 1
    return bytes(said)


# ---- the canonical text

def canonical(raw):
    """The one form in which a text lives in the chat: nothing in it can act on a terminal."""
    text = "".join(map(_visible, raw.decode("utf-8", "replace").replace("\r\n", "\n")))
    return text + _closers(text)


@functools.lru_cache(maxsize=None)
def _visible(character):
    code = ord(character)
    if character in "\t\n":
        return character
    if character in "\u0085\u2028\u2029":
        return "\u2424"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if 0x80 <= code < 0xA0 else character


def _closers(text):
    """What ends the bidirectional formatting that is still open at the end: UAX 9, explicit levels."""
    stack = []
    for character in text:
        if character in "\u202a\u202b\u202d\u202e":
            stack.append("\u202c")
        elif character in "\u2066\u2067\u2068":
            stack.append("\u2069")
        elif character == "\u202c" and stack and stack[-1] == "\u202c":
            stack.pop()
        elif character == "\u2069" and "\u2069" in stack:
            del stack[len(stack) - 1 - stack[::-1].index("\u2069"):]
    return "".join(reversed(stack))


# ---- what each protocol makes of it

def pieces(text, most):
    """As few pieces as possible, of at most `most` bytes each, none ending inside a character."""
    if len(text.encode()) <= most:
        return [text]
    found, size = [""], 0
    for character in text:
        size += len(character.encode())
        if size > most:
            found.append("")
            size = len(character.encode())
        found[-1] += character
    return found


def _line(text, direct):
    return [piece for line in text.split("\n") if not is_blank(line) for piece in pieces(line, LINE_LIMIT)]


def _binary(text, direct):
    if direct:
        return pieces(text, BINARY_PIECE - len(DIRECT))
    return pieces(text.replace(DIRECT, "\uff3bdirect] "), BINARY_PIECE)


def _padded(text, direct):
    text = text.replace("\n", "\u2424").replace("Msg received", "Msg\u00a0received")
    return [re.sub(r"\[(?=(?:\d\d:\d\d [AP]M|ERROR|SERVER)\] )", "\uff3b", text, flags=re.ASCII)]


def irc_lines(text):
    """Those in which a text is told to a client of IRC, where none is too long."""
    return text.split("\n") if text.count("\n") < IRC_LINES else [text.replace("\n", "\u2424")]


def _irc(text, direct, names, room="#lobby"):
    """A line each; whole where a client could have sent it, else so that no line has more than IRC allows.

    More than a hundred would be too many: in such a text pictures stand for the ends of lines.
    """
    front = "PRIVMSG %s :" % (names[1] if direct else room)
    source = ":%s!%s@parley " % (names[0], names[0][:10])
    found = []
    for line in irc_lines(text):
        if not is_blank(line):
            fits = len((front + line).encode()) <= IRC_LINE - 2
            found += [line] if fits else pieces(line, IRC_LINE - 2 - len((source + front).encode()))
    return found


def _whole(text, direct):
    return [text]


def heard_in_room(receiver, room, text, sender="ann"):
    """The texts in which a client that speaks of rooms hears what was said in one."""
    if receiver == IRC:
        return _irc(text, False, (sender, ""), room)
    if receiver == BINARY:
        text = text.replace(DIRECT, "\uff3bdirect] ").replace("\n", "\n\t")
        return pieces(text, BINARY_PIECE - len((room + " ").encode()))
    return [text]


def told(receiver, room, sentence):
    """What has happened in a room, as such a client is told it: in one line, and in binary in one frame."""
    sentence = sentence.replace("\n", "\u2424")
    if receiver != BINARY:
        return sentence
    content = room + " " + sentence
    if len(content.encode()) > BINARY_PIECE:
        content = pieces(content, BINARY_PIECE - len("\u2026".encode()))[0] + "\u2026"
    return content[len(room) + 1:]


_HEARD = {
    LINE: _line, BINARY: _binary, PADDED: _padded, DELIMITED: _whole, DOLLAR: _whole, DOLLAR_JSON: _whole, WEB: _whole,
}


# ---- names

# What IRC can carry as it is.
_NICK = re.compile("[^\x00-\x20!#$%&*+,\\-.:?@|~\x7f0-9][^\x00-\x20!*,.:?@|\x7f]*")
# A short form: whole characters of the name's beginning, five bytes of them at most, then the mark of an alias.
_ALIAS_END = re.compile(r"\|[a-z2-7]{4}\Z")
_IRC_ALIAS_END = re.compile(r"\|[a-z2-7]{4}(?:[a-z2-7]{8})?\Z")


def is_shown_as(receiver, name, shown, direct=False):
    """Is `shown` the form in which a client of `receiver` is promised to see `name`?

    The four characters at the end of an alias, or twelve in IRC, are not promised, only that they tell names apart.
    """
    if receiver == IRC:
        if _NICK.fullmatch(name):
            return shown == name
        kept = re.sub(r"[ !*,.:?@]", "_", name)
        beginning = shown.rpartition("|")[0]
        return (bool(_IRC_ALIAS_END.search(shown)) and beginning[:1] in ("_", kept[:1])
                and kept[1:].startswith(beginning[1:]))
    if receiver == PADDED and direct:
        return [shown + " "] == _padded(name + " ", direct)  # where a blank follows, "[ERROR]" is no beginning either
    if receiver != BINARY or len(name.encode()) <= 10:
        return shown == name
    return bool(_ALIAS_END.search(shown)) and shown[:-5] == pieces(name, 5)[0]
