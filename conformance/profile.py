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
    """The profile of one server in one protocol. Patterns are regular expressions for a whole message.

    greeting: of the lines that greet a connection. mark: a byte order mark stands in front of the first line. prompt:
    what stands in front of lines. carriage_return: lines end in CR LF. colours: they have some. names_case: in which
    letters names are told, however they were given, as in `names.CASES`. longest_name: how many characters a name may
    have, where the suite has to know; else 0. unended: of answers without a newline behind them. end_seconds: how long
    an end takes to be noticed, where that is long. slowest_seconds: how long an answer took at most; 0 if that was not
    measured. slow_share: of the answers that took longer than a busy machine explains. asides: of lines that nobody
    asked for; to_members, to_strangers: the same, for those who are logged in or are not; unasked: the same, for those
    who have not asked for the list of users. acknowledgements: of what speakers are told; acknowledged: after which
    commands, where that is known. rewrites: (pattern, template) of lines in another form. lists: (pattern with a group
    `names`, separator, template) of a list in one line. answers: (the document's answer, patterns of those that stand
    for it). unanswered: the kinds of message that never come. repeats: (pattern, times) of lines that come more than
    once. closing: of answers after which the server closes. manners: words for how messages differ in form, which
    `Manner` and `alike` of `conformance.probes` understand. echoes: speakers hear themselves. replays: who logs in is
    told what was said before behind the answer. proof: the kind of barrier that works, or empty. pause: seconds between
    two writes, where one read is one message. shared: there is room for several runs at the same time, which can tell
    each other's messages from their own.
    """

    greeting: Tuple[str, ...] = ()
    mark: bool = False
    prompt: str = ""
    carriage_return: bool = False
    colours: bool = False
    names_case: str = ""
    longest_name: int = 0
    unended: Tuple[str, ...] = ()
    end_seconds: float = 0.0
    slowest_seconds: float = 0.0
    slow_share: float = 0.0
    asides: Tuple[str, ...] = ()
    to_members: Tuple[str, ...] = ()
    acknowledgements: Tuple[str, ...] = ()
    acknowledged: Tuple[str, ...] = ()
    to_strangers: Tuple[str, ...] = ()
    unasked: Tuple[str, ...] = ()
    rewrites: Tuple[Tuple[str, str], ...] = ()
    lists: Tuple[Tuple[str, str, str], ...] = ()
    answers: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()
    unanswered: Tuple[str, ...] = ()
    repeats: Tuple[Tuple[str, int], ...] = ()
    closing: Tuple[str, ...] = ()
    manners: Tuple[str, ...] = ()
    echoes: bool = False
    copies: bool = False
    replays: bool = False
    proof: str = ""
    pause: float = 0.0
    shared: bool = False
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
