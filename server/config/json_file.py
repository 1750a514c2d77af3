"""Files of JSON that people write or programs made: what is wrong in one is told with its line."""
import json
import re

from parley.server.config.values import ConfigError

_BLANK = re.compile(r"[ \t\n\r]*")
_LONGEST_INTEGER = 20  # digits; longer ones take long to convert, or are refused by some versions of Python
_LONGEST_TOLD = 40  # characters of a wrong value
_SECRET = ("password",), ("secret",)
_KINDS = {dict: "a mapping", list: "a list", str: "a text"}


def _integer(digits):
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_DECODER = json.JSONDecoder(parse_int=_integer)


class JsonFile:
    """The content of a file, by paths: the keys and indexes that lead to a value.

    name: of the file, as errors tell it. raw: its bytes. expected: what it should look like, for errors.
    All methods raise ConfigError, in one line, if something is missing or of a wrong kind.
    """

    def __init__(self, name, raw, expected):
        self.name = name
        self._expected = expected
        try:
            self._text = raw.decode("utf-8-sig")
            self._content = json.loads(self._text, parse_int=_integer)
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise ConfigError("%s:%d: not UTF-8 text; save the file in this encoding" % (name, line)) from None
        except json.JSONDecodeError as error:
            raise ConfigError("%s:%d: not JSON: %s; expected %s" % (
                name, error.lineno, error.msg[:1].lower() + error.msg[1:], expected)) from None
        except RecursionError:
            raise ConfigError("%s: nested too deeply; expected %s" % (name, expected)) from None

    def error(self, path, what):
        """The ConfigError that says what is wrong with the value at this path."""
        place = "".join(["[%d]" % key if isinstance(key, int) else ".%s" % key for key in path]).lstrip(".")
        line = self._text.count("\n", 0, _offset(self._text, 0, path)) + 1
        return ConfigError("%s:%d: %s%s" % (self.name, line, place and place + ": ", what))

    def told(self, path):
        """The beginning of the value at this path, as it is written in the file; a password is not shown."""
        if path[-1:] in _SECRET:
            return "something else"
        start = _offset(self._text, 0, path)
        _, end = _DECODER.raw_decode(self._text, start)
        raw = " ".join(self._text[start:end].split())
        raw = raw if len(raw) <= _LONGEST_TOLD else raw[:_LONGEST_TOLD - 3] + "..."
        return raw if raw.isprintable() else ascii(raw)

    def entries(self, *path):
        """The paths of the entries of a list."""
        return [(*path, number) for number in range(len(self._of_kind(path, list)))]

    def has(self, *path):
        """Has the mapping in which this path ends its last key, with a value other than null?"""
        return self._of_kind(path[:-1], dict).get(path[-1]) is not None

    def text(self, *path):
        """A text in UTF-8."""
        text = self._of_kind(path, str)
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise self.error(path, "half of a character (a lone surrogate); write the character itself") from None

    def number(self, *path):
        """An int or float, which may be infinite or no number at all; None if it is neither."""
        value = self._at(path)
        return value if type(value) in (int, float) else None

    def _of_kind(self, path, kind):
        value = self._at(path)
        if not isinstance(value, kind):
            raise self.error(path, "%s instead of %s; expected %s" % (self.told(path), _KINDS[kind], self._expected))
        return value

    def _at(self, path):
        value = self._content
        for position, key in enumerate(path):
            if isinstance(key, str):
                if not isinstance(value, dict):
                    self._of_kind(path[:position], dict)
                if key not in value:
                    raise self.error(path[:position], "%r is missing; expected %s" % (key, self._expected))
            value = value[key]
        return value


def _offset(text, start, path):
    """The offset at which the value at this path begins in a JSON text; `start`: that of the whole value."""
    begins = _behind_blanks(text, start)
    if not path:
        return begins
    (key, *rest), is_mapping, index = path, text[begins] == "{", 0
    position, found = _behind_blanks(text, begins + 1), begins
    while text[position] not in "]}":
        name, index = index, index + 1
        if is_mapping:
            name, position = _DECODER.raw_decode(text, position)
            position = _behind_blanks(text, position) + 1  # behind the colon
        position = _behind_blanks(text, position)
        if name == key:
            found = position  # of several values with one key, the last one counts
        _, position = _DECODER.raw_decode(text, position)
        position = _behind_blanks(text, position)
        if text[position] == ",":
            position = _behind_blanks(text, position + 1)
    return _offset(text, found, rest)


def _behind_blanks(text, start):
    return _BLANK.match(text, start).end()
