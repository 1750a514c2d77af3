"""The profile of a foreign server, and the translation of its messages into those of the document.

A server may use other words than its document, or say more. Each such deviation breaks one requirement, which profiling
reports. The scenarios are then run as if the server followed the document in this point.
"""
import json
import re
from collections import Counter
from typing import NamedTuple, Tuple

from parley.conformance.message import format_fields

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MARK = "\ufeff"  # a byte order mark
_SLOW_SHARE = 0.2
_SLOW_END_SECONDS = 0.6
ME = "<me>"  # in a pattern, the name of the one who gets the message


class Finding(NamedTuple):
    """What the acquaintance found out about one requirement.

    `verdict` is pass, fail, differs or not reached; `note` says what was wanted and what came, or which requirement is
    in the way, and `evidence` is a transcript. `hinders`: no scenario that depends on this requirement can be judged.
    """

    ident: str
    verdict: str
    note: str = ""
    evidence: str = ""
    hinders: bool = False


class Profile(NamedTuple):
    """How one server talks in one protocol. Patterns are regular expressions for a whole message."""

    # How lines look.
    greeting: Tuple[str, ...] = ()  # patterns of the lines that greet a connection
    mark: bool = False  # whether a byte order mark stands in front of the first line
    prompt: str = ""  # what stands in front of lines
    carriage_return: bool = False  # whether lines end in CR LF
    colours: bool = False  # whether there are escape sequences for colours in lines
    names_case: str = ""  # the case in which all names are shown, as in `names.CASES`; "" if they are shown as given
    longest_name: int = 0  # characters; 0 if names may be as long as the suite needs
    unended: Tuple[str, ...] = ()  # patterns of answers that no newline follows

    # How long the server takes, in seconds.
    end_seconds: float = 0.0  # until the end of a connection is announced, if that takes long; else 0
    slowest_seconds: float = 0.0  # for the slowest answer; 0 if that was not measured
    slow_share: float = 0.0  # the part of the answers that took longer than a busy machine explains

    # Patterns of lines that answer nothing, and are ignored.
    asides: Tuple[str, ...] = ()  # to anybody
    to_members: Tuple[str, ...] = ()  # to clients that are logged in
    acknowledgements: Tuple[str, ...] = ()  # to the sender of a message
    acknowledged: Tuple[str, ...] = ()  # the commands that are acknowledged so, as far as that is known
    to_strangers: Tuple[str, ...] = ()  # to clients that are not logged in
    unasked: Tuple[str, ...] = ()  # to clients that have not asked for the list of users

    # How messages and answers differ from those of the document.
    rewrites: Tuple[Tuple[str, str], ...] = ()  # (pattern, template of the document's line)
    lists: Tuple[Tuple[str, str, str], ...] = ()  # (pattern with group `names`, separator, template) of a one-line list
    answers: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()  # (the document's answer, patterns of the server's own)
    unanswered: Tuple[str, ...] = ()  # kinds of messages that never come
    repeats: Tuple[Tuple[str, int], ...] = ()  # (pattern, times) of lines that come several times
    closing: Tuple[str, ...] = ()  # patterns of answers after which the server closes the connection
    manners: Tuple[str, ...] = ()  # differences in form, in words that the `Manner` and `alike` of a protocol know
    echoes: bool = False  # whether senders get back what they say to all
    copies: bool = False  # whether senders get back their direct messages
    replays: bool = False  # whether the answer to a login is followed by what was said before

    # What the suite has to do.
    proof: str = ""  # the kind of barrier that works, or ""
    pause: float = 0.0  # seconds between two writes, if the server takes one read for one message
    shared: bool = False  # whether several runs have room at the same time; each ignores the messages of the others

    findings: Tuple[Finding, ...] = ()

    @property
    def failed(self):
        """{id: Finding} of the requirements that are broken."""
        return {one.ident: one for one in self.findings if one.verdict == "fail"}

    @property
    def is_slow(self):
        """Whether answers take so long, or the ends of connections, that a whole run would take minutes."""
        return self.slow_share > _SLOW_SHARE or self.end_seconds > _SLOW_END_SECONDS

    def accepts(self, wanted, message):
        """Whether the message stands for the document's answer."""
        return isinstance(message, str) and any(
            re.fullmatch(one, message, re.DOTALL) for answer, patterns in self.answers if answer == wanted
            for one in patterns)

    def acknowledgement(self, message):
        """The pattern of acknowledgements that the message matches; None if it is no acknowledgement."""
        return next((one for one in self.acknowledgements if re.fullmatch(one, message, re.DOTALL)), None)

    def closes_after(self, message):
        """Whether the server closes a connection behind this message."""
        return isinstance(message, str) and any(re.fullmatch(one, message, re.DOTALL) for one in self.closing)

    def to_json(self):
        return json.dumps(self)

    @classmethod
    def from_json(cls, text):
        """The inverse of `to_json`."""
        values = [_tuples(value) for value in json.loads(text)]
        found = cls(*values)
        return found._replace(findings=tuple(Finding(*one) for one in found.findings))


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def pattern_of(line, names=(), texts=()):
    """A pattern for lines like this one: numbers may be others, and so may these names and texts.

    The first of the names becomes the group `name`, the first of the texts the group `text`.
    """
    source, groups = re.escape(line), set()
    source = re.sub(r"\d+", r"\\d+", source)
    for group, shape, words in (("text", ".*", texts), ("name", r"\S+?", names)):
        for word in words:
            escaped = re.sub(r"\d+", r"\\d+", re.escape(word))
            before, found, after = source.partition(escaped)
            if found:
                mark = shape if group in groups else "(?P<%s>%s)" % (group, shape)
                source = before + mark + after.replace(escaped, shape)
                groups.add(group)
    return source


def plain(line):
    """A line without the colours of a terminal."""
    return _COLOUR.sub("", line)


def told(message):
    """A message as the text that patterns are for: where it has fields, all but its time."""
    if isinstance(message, str):
        return message
    return format_fields({name: value for name, value in message.fields.items() if name != "time"})


class Reader:
    """Reads what comes on one connection as the document would have it; `state` is the codec's `ClientState`.

    manner: reads messages in forms of the server's own; called with the state, it gives what has
    read(message, manners), as the `Manner` of `conformance.probes`. None if nothing is to be read otherwise.
    """

    def __init__(self, profile, state, manner=None):
        self._manner = manner(state) if manner else None
        self.profile = profile
        self.state = state
        self._greeting = list(profile.greeting)
        self._is_first = True
        self._seen = Counter()
        self._acknowledged = Counter()

    def read(self, message):
        """The document's messages that correspond to this one: none if it is ignored."""
        found = self._manner.read(message, self.profile.manners) if self._manner else [message]
        if not isinstance(message, str):
            return [one for one in found if not any(
                is_none(told(one)) for is_none in (self._is_greeting, self._is_aside, self._is_acknowledgement))]
        return [one for line in found for one in self._read_line(line)]

    def _read_line(self, message):
        profile = self.profile
        line = plain(message) if profile.colours else message
        if profile.mark and self._is_first and line.startswith(MARK):
            line = line[len(MARK):]
        self._is_first = False
        if profile.carriage_return and line.endswith("\r"):
            line = line[:-1]
        line = self.without_prompts(line)
        ended, line = self._parted(line)
        if ended:
            return ended + (self._read_line(line) if line else [])
        if self._is_greeting(line) or self._is_aside(line) or self._is_acknowledgement(line):
            return []
        if profile.copies and self.state.repeats(line):
            return []
        return [one for one in self._rewritten(line) if not self._is_repeated(one)]

    def _parted(self, text):
        """([the messages that stand at its beginning without a newline behind them], the rest)."""
        found = []
        while text:
            match = next(filter(None, (re.match(one, text) for one in self.profile.unended)), None)
            if not match or not match.end():
                break
            found.append(match.group())
            text = text[match.end():]
        return found, text

    def read_unended(self, unfinished):
        """The messages that some bytes are which no newline has come behind; empty if they are none, or more."""
        if not (unfinished and self.profile.unended):
            return []
        found, rest = self._parted(self.without_prompts(unfinished.decode("utf-8", "replace")))
        return [] if rest else found

    def answer(self, message):
        """The answer of the document for which a message stands; the message itself if there is none."""
        for answer, patterns in self.profile.answers if isinstance(message, str) else ():
            if any(re.fullmatch(one, message, re.DOTALL) for one in patterns):
                return answer
        return message

    def is_prompt(self, text):
        """Whether the text consists of prompts only."""
        return not self.without_prompts(plain(text) if self.profile.colours else text)

    def without_prompts(self, line):
        """The text without the prompts in front of it."""
        while self.profile.prompt and line.startswith(self.profile.prompt):
            line = line[len(self.profile.prompt):]
        return line

    def _is_greeting(self, line):
        if self._greeting and re.fullmatch(self._greeting[0], plain(line)):
            del self._greeting[0]
            return True
        return False

    def _is_aside(self, text):
        me = re.escape(self.state.name or "")
        return any(re.fullmatch(one.replace(ME, me), text, re.DOTALL) for one in self._asides())

    def _asides(self):
        """The patterns that apply in the state of the connection."""
        profile, state = self.profile, self.state
        unasked = () if getattr(state, "asked_list", True) else profile.unasked
        if getattr(state, "awaits_login", False) or not state.name:
            return profile.asides + profile.to_strangers + unasked
        return profile.asides + profile.to_members + unasked

    def _is_acknowledgement(self, text):
        """Whether this acknowledges a message; a client that is leaving gets at most one for each that it has sent."""
        profile, state = self.profile, self.state
        pattern = profile.acknowledgement(text)
        if pattern is None or not state.name or getattr(state, "awaits_login", False):
            return False
        self._acknowledged[pattern] += 1
        return not getattr(state, "is_leaving", False) or self._acknowledged[pattern] <= sum(
            state.said[one] for one in profile.acknowledged)

    def _rewritten(self, line):
        for pattern, template in self.profile.rewrites:
            found = re.fullmatch(pattern, line, re.DOTALL)
            if found:
                return [found.expand(template)]
        for pattern, separator, template in self.profile.lists:
            found = re.fullmatch(pattern, line, re.DOTALL)
            if found:
                return [template % name.strip() for name in re.split(separator, found.group("names")) if name.strip()]
        return [line]

    def _is_repeated(self, line):
        for pattern, times in self.profile.repeats:
            if re.fullmatch(pattern, line, re.DOTALL):
                self._seen[line] += 1
                return self._seen[line] % times != 1
        return False
