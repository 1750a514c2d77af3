"""Scenario files to values. Each error has a file, line and column, and all errors of a file are reported at once."""
import functools
import json
import os
import re

import yaml

from parley.conformance import matching, model
from parley.conformance.wire import CODECS
from parley.conformance.yamlnodes import Document, FileErrors, read

SUFFIX = ".scenario.yaml"

_TOP = ("scenario", "protocol", "tags", "notes", "reading", "needs", "actors", "names", "steps", "lenient",
        "segmentation", "placement")
_REQUIRED = ("scenario", "protocol", "actors", "steps")
_GROUPS = ("unordered", "concurrent", "repeat", "wait", "server")
_VERBS = ("connect", "send", "raw", "hex", "chunks", "expect", "expect_nothing", "expect_close", "disconnect", "req",
          "within", "cut")
_NEEDS = ("config", "users", "workers", "idle_limit", "fresh", "exact_names")
_CLOSES = ("fin", "rst", "any")
_DISCONNECTS = ("fin", "rst", "half")
_GRADES = ("ok", "tolerated")
# Where a field's value is expected, these are no fields.
_SPECIAL_KEYS = {"re", "between", "any_order", "number", "fill", "hex"}
_HEX_PART = re.compile(r"'([^']*)'|([0-9A-Fa-f]{2})|\s+|#[^\n]*")


def load(path, requirements_of):
    """The `model.Scenario` in the file at `path`; raises FileErrors.

    requirements_of(protocol) returns the requirements that `req` may name in a scenario of this protocol, by id.
    """
    path = os.path.relpath(path)
    return parse(read(path), path, requirements_of)


@functools.lru_cache(maxsize=None)  # a run of the tests looks at the same ones several times
def parse(text, path, requirements_of):
    """Like `load`, for the file's text; `path` is for error messages."""
    document = Document(path, text)
    document.raise_errors()
    if document.root is None:
        raise FileErrors(["%s:1:1: the file is empty" % path])
    scenario = _ScenarioReader(document, requirements_of).read(document.root)
    document.raise_errors()
    return scenario


class _ScenarioReader:
    def __init__(self, document, requirements_of):
        self.document = document
        self.requirements_of = requirements_of
        self.requirements = {}
        self.actors = ()
        self.codecs = {}
        self.codec = None  # of the actor whose step is being read

    def read(self, root):
        nodes = {key: node for key, _, node in self.document.known_pairs(root, "the scenario", _TOP)}
        missing = [key for key in _REQUIRED if key not in nodes]
        if missing:
            return self.document.error(root, "missing: %s" % ", ".join(missing))
        return self._scenario(root, nodes)

    def _scenario(self, root, nodes):
        document = self.document
        protocol = document.choice(nodes["protocol"], "protocol", list(CODECS) + [model.MIXED])
        if protocol is None:
            return None  # the rest depends on it
        self.requirements = self.requirements_of(protocol)
        actors = self._actors(nodes["actors"], protocol)
        self.actors = tuple(ident for ident, _, _ in actors)
        self.codecs = {ident: CODECS.get(protocol) for ident, _, protocol in actors}
        optional = self._optional(nodes)
        names = [name for _, name, _ in actors if name] + list(optional.pop("names", ()))
        steps = self._steps(nodes["steps"])
        return model.Scenario(
            name=os.path.basename(document.path)[:-len(SUFFIX)], location=document.location(root),
            title=document.text(nodes["scenario"], "scenario"), protocol=protocol, actors=self.actors,
            names=tuple(names), steps=tuple(steps), actor_protocols=tuple(protocol for _, _, protocol in actors),
            **optional)

    def _optional(self, nodes):
        document = self.document
        readers = {
            "names": lambda node: tuple(document.wire_text(item, "names") for item in document.items(node, "names")),
            "tags": lambda node: document.texts(node, "tags"),
            "notes": lambda node: document.text(node, "notes"),
            "lenient": lambda node: document.flag(node, "lenient"),
            "reading": self._reading,
        }
        found = {key: read(nodes[key]) for key, read in readers.items() if key in nodes}
        found["needs"] = self._needs(nodes["needs"]) if "needs" in nodes else model.Needs()
        for key, field, allowed in (("segmentation", "segmentations", model.SEGMENTATIONS),
                                    ("placement", "placements", model.PLACEMENTS)):
            if key in nodes:
                found[field] = tuple(document.choice(item, key, allowed) for item in document.items(nodes[key], key))
        return found

    def _actors(self, node, protocol):
        """(ident, name, protocol) of each actor."""
        found = []
        for ident, key_node, value in self.document.pairs(node, "actors"):
            if ident in _GROUPS:
                self.document.error(key_node, "an actor cannot be called '%s'" % ident)
            nodes = {key: item for key, _, item in self.document.known_pairs(value, "an actor", ("name", "protocol"))}
            name = self.document.wire_text(nodes["name"], "name") if "name" in nodes else None
            own = self.document.choice(nodes["protocol"], "protocol", CODECS) if "protocol" in nodes else protocol
            if own == model.MIXED:
                self.document.error(key_node, "in a mixed scenario each actor needs a protocol")
            found.append((ident, name, own))
        return found

    def _reading(self, node):
        found = []
        for ident, key_node, value in self.document.pairs(node, "reading"):
            self._check_requirement(key_node, ident)
            found.append((ident, self.document.text(value, "reading")))
        return tuple(found)

    def _needs(self, node):
        document = self.document
        readers = {
            "config": lambda value: json.dumps(document.plain(value, "config"), sort_keys=True),
            "users": lambda value: json.dumps({name: document.wire_text(password, "users") for name, _, password
                                               in document.pairs(value, "users")}),
            "workers": lambda value: document.number(value, "workers", integer=True),
            "idle_limit": lambda value: document.number(value, "idle_limit"),
            "fresh": lambda value: document.flag(value, "fresh"),
            "exact_names": lambda value: document.flag(value, "exact_names"),
        }
        pairs = document.known_pairs(node, "needs", _NEEDS)
        return model.Needs(**{key: readers[key](value) for key, _, value in pairs})

    # Steps

    def _steps(self, node):
        steps = [self._step(item) for item in self.document.items(node, "steps")]
        return [step for step in steps if step is not None]

    def _step(self, node):
        pairs = self.document.pairs(node, "a step")
        if not pairs:
            return None
        word, key_node, value = pairs[0]
        if word in _GROUPS:
            return getattr(self, "_" + word)(node, pairs)
        for _, extra_node, _ in pairs[1:]:
            self.document.error(extra_node, "a step belongs to one actor; begin a new step")
        return self._actor_step(word, key_node, value)

    def _actor_step(self, ident, key_node, node):
        if ident not in self.actors:
            return self.document.unknown(key_node, "actor", ident, self.actors)
        fields = {"location": self.document.location(key_node), "actor": ident}
        self.codec = self.codecs[ident]
        sends = []
        for verb, verb_node, value in self.document.pairs(node, "a step of %s" % ident):
            if verb in ("send", "raw", "hex", "chunks"):
                sends.extend(self._sends(verb, value))
            elif verb in _VERBS:
                fields.update(self._verb(verb, value))
            else:
                self.document.unknown(verb_node, "verb", verb, _VERBS)
        if {"expect_close", "disconnect"} <= set(fields):
            self.document.error(key_node, "expect_close comes before disconnect in a step; make two steps of it")
        return model.Step(sends=tuple(sends), **fields)

    def _verb(self, verb, node):
        document = self.document
        if verb == "expect":
            found = [self._expectation(item) for item in document.items_or_one(node)]
            return {"expects": tuple(item for item in found if item is not None)}
        if verb == "expect_close":
            return {verb: document.choice(node, verb, _CLOSES)}
        if verb == "disconnect":
            return {verb: document.choice(node, verb, _DISCONNECTS)}
        if verb == "req":
            return {verb: self._req(node)}
        if verb == "connect" and getattr(node, "value", None) == model.BARE:
            return {verb: model.BARE}
        if verb == "within":
            return {verb: document.number(node, verb)}
        if verb == "cut":
            return {verb: "${round}" if node.value == "${round}" else document.number(node, verb, integer=True)}
        return {verb: document.flag(node, verb)}

    def _req(self, node):
        idents = self.document.texts(node, "req")
        for ident, item in zip(idents, getattr(node, "value", ())):
            self._check_requirement(item, ident)
        return idents

    def _check_requirement(self, node, ident):
        if ident not in self.requirements:
            self.document.unknown(node, "requirement", ident, self.requirements)

    def _sends(self, verb, node):
        if verb == "chunks":
            chunks = [self._bytes(item) for item in self.document.items(node, verb)]
            return [model.Send("chunks", tuple(chunk for chunk in chunks if chunk is not None))]
        kind = "message" if verb == "send" else "bytes"
        found = []
        for item in self.document.items_or_one(node):
            if verb == "send" and self._structured and not getattr(self.codec, "SENDS_TEXT", False):
                content = self._fields(item, verb)
            else:
                content = self._hex(item) if verb == "hex" else self._long_text(item, verb)
            if content is not None:
                found.append(model.Send(kind, content))
        return found

    @property
    def _structured(self):
        return self.codec is not None and self.codec.STRUCTURED

    def _fields(self, node, what):
        """{field: value}, of the fields that the actor's protocol has."""
        if not isinstance(node, yaml.MappingNode):
            return self.document.error(node, "a message of '%s' has fields: {field: value}" % self.codec.NAME)
        found = {}
        for name, name_node, value in self.document.pairs(node, what):
            if self.codec.FIELDS is not None and name not in self.codec.FIELDS:
                self.document.unknown(name_node, "field", name, self.codec.FIELDS)
            found[name] = self.document.field_value(value, name, lambda item: self._special_value(item, what))
        return found

    def _special_value(self, node, what):
        """The matcher, long text or bytes for which a mapping stands as a field's value.

        NotImplemented if it stands for itself.
        """
        document = self.document
        keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
        if not set(keys) & _SPECIAL_KEYS or (keys[0] in _SPECIAL_KEYS - {"fill"} and len(keys) > 1):
            return NotImplemented
        if "fill" in keys:
            return self._long_text(node, what)
        value = node.value[0][1]
        if keys == ["hex"]:
            return self._hex(value)
        if keys == ["number"]:
            return self._number(value, what)
        if what != "expect":
            return document.error(node, "'%s' is for 'expect' only" % keys[0])
        if keys == ["re"]:
            return self._special_expectation("re", value)
        items = [document.field_value(item, keys[0], lambda inner: self._special_value(inner, what))
                 for item in document.items(value, keys[0])]
        if keys == ["between"]:
            return matching.Between(*items) if len(items) == 2 else document.error(node, "'between' takes two limits")
        return matching.AnyOrder(tuple(items))

    def _number(self, node, what):
        text = self.document.wire_text(node, "number") or ""
        if not re.fullmatch(r"\$\{\w+\}" if what == "send" else r"(?!\d)\w+|\$\{\w+\}", text):
            return self.document.error(node, "'number' takes \"${name}\", and in 'expect' a name, too")
        return matching.Number(text)

    def _bytes(self, node):
        """A chunk as text or bytes: quoted text, or {hex: "..."}."""
        if isinstance(node, yaml.MappingNode):
            for _, _, value in self.document.known_pairs(node, "a chunk", ("hex",)):
                return self._hex(value)
        return self.document.wire_text(node, "chunks")

    def _hex(self, node):
        """Bytes from hex: two digits for each; 'text' in single quotes is its ASCII bytes; # starts a comment."""
        source = node.value if getattr(node, "style", None) == "|" else self.document.wire_text(node, "hex")
        if source is None:
            return None
        found, position = bytearray(), 0
        while position < len(source):
            part = _HEX_PART.match(source, position)
            if not part:
                return self.document.error(node, "not hex: %r" % source[position:position + 10])
            if part.group(1) is not None:
                found += part.group(1).encode("ascii", "replace")
            elif part.group(2):
                found += bytes.fromhex(part.group(2))
            position = part.end()
        return bytes(found)

    def _long_text(self, node, verb):
        """Quoted text, or {text, fill, length, end}: `text`, filled up with `fill` to `length` bytes, then `end`."""
        if not isinstance(node, yaml.MappingNode):
            return self.document.wire_text(node, verb)
        parts = {}
        for key, _, value in self.document.known_pairs(node, verb, ("text", "fill", "length", "end")):
            read = self.document.number if key == "length" else self.document.wire_text
            parts[key] = read(value, key, True) if key == "length" else read(value, key)
        if not {"fill", "length"} <= set(parts) or None in parts.values() or not parts["fill"]:
            return self.document.error(node, "a long text needs 'fill' and 'length'")
        return _filled(**parts)

    def _expectation(self, node):
        if not isinstance(node, yaml.MappingNode):
            if self._structured:
                return self.document.error(node, "a message of '%s' has fields: {fields: ...}" % self.codec.NAME)
            text = self.document.wire_text(node, "expect")
            return None if text is None else matching.Literal(text)
        keys = [key for key, _, _ in self.document.pairs(node, "expect")]
        if "fill" in keys:
            text = self._long_text(node, "expect")
            return None if text is None else matching.Literal(text)
        if "fields" in keys and self._structured:
            return self._expected_fields(self.document.known_pairs(node, "expect", ("fields", "no_more")))
        allowed = ("one_of", "optional") if self._structured else ("is", "re", "one_of", "optional")
        for key, _, value in self.document.known_pairs(node, "expect", allowed):
            return self._special_expectation(key, value)
        return None

    def _expected_fields(self, pairs):
        nodes = {key: value for key, _, value in pairs}
        fields = self._fields(nodes["fields"], "expect") or {}
        no_more = "no_more" in nodes and self.document.flag(nodes["no_more"], "no_more")
        return matching.Fields(tuple(fields.items()), no_more)

    def _special_expectation(self, key, node):
        if key == "one_of":
            return matching.OneOf(tuple(self._graded(item) for item in self.document.items(node, key)))
        if key == "optional":
            return matching.Maybe(self._expectation(node))
        text = self.document.wire_text(node, key)
        if text is None or key == "is":
            return None if text is None else matching.Literal(text)
        try:
            re.compile(text)
        except re.error as error:
            return self.document.error(node, "not a regular expression: %s" % error)
        return matching.Pattern(text)

    def _graded(self, node):
        matcher, grade = None, "ok"
        kinds = ("fields", "no_more") if self._structured else ("is", "re")
        pairs = self.document.known_pairs(node, "one_of", kinds + ("grade",))
        for key, _, value in pairs:
            if key == "grade":
                grade = self.document.choice(value, key, _GRADES)
            elif key == "fields":
                matcher = self._expected_fields(pairs)
            elif key != "no_more":
                matcher = self._special_expectation(key, value)
        if matcher is None:
            self.document.error(node, "an alternative needs %s" % ("'fields'" if self._structured else "'is' or 're'"))
        return matcher, grade

    # Groups

    def _group(self, node, pairs, allowed):
        """({key: value node} of a group, {field: value} that all groups have)."""
        nodes = {}
        for key, key_node, value in pairs:
            if key in allowed or key == "req":
                nodes[key] = value
            else:
                self.document.unknown(key_node, "key in a group", key, allowed + ("req",))
        req = self._req(nodes["req"]) if "req" in nodes else ()
        return nodes, {"location": self.document.location(node), "req": req}

    def _unordered(self, node, pairs):
        nodes, common = self._group(node, pairs, ("unordered",))
        steps = self._steps(nodes["unordered"])
        for step in steps:
            if not isinstance(step, model.Step) or (
                    step.sends or step.connect or step.expect_nothing or step.expect_close):
                self.document.error(node, "an unordered group holds only 'expect'")
        return model.Unordered(steps=tuple(steps), **common)

    def _concurrent(self, node, pairs):
        nodes, common = self._group(node, pairs, ("concurrent", "tally"))
        steps = [self._actor_step(ident, key_node, value)
                 for ident, key_node, value in self.document.pairs(nodes["concurrent"], "concurrent")]
        tally = []
        if "tally" in nodes:
            tally = self._tally(nodes["tally"])
        return model.Concurrent(steps=tuple(step for step in steps if step), tally=tuple(tally), **common)

    def _tally(self, node):
        """(matcher, count) of each: {"OK": 1}, or [{expect: ..., times: 1}] for messages with fields."""
        if isinstance(node, yaml.MappingNode):
            return [(matching.Literal(text), self.document.number(value, "tally", integer=True))
                    for text, _, value in self.document.pairs(node, "tally")]
        found = []
        for item in self.document.items(node, "tally"):
            nodes = {key: value for key, _, value in self.document.known_pairs(item, "tally", ("expect", "times"))}
            if set(nodes) != {"expect", "times"}:
                self.document.error(item, "a tally needs 'expect' and 'times'")
                continue
            found.append((self._expectation(nodes["expect"]),
                          self.document.number(nodes["times"], "times", integer=True)))
        return found

    def _repeat(self, node, pairs):
        nodes, common = self._group(node, pairs, ("repeat", "steps"))
        if "steps" not in nodes:
            return self.document.error(node, "repeat needs steps")
        times = self.document.number(nodes["repeat"], "repeat", integer=True)
        return model.Repeat(times=times, steps=tuple(self._steps(nodes["steps"])), **common)

    def _wait(self, node, pairs):
        nodes, common = self._group(node, pairs, ("wait",))
        pairs = self.document.known_pairs(nodes["wait"], "wait", ("for", "seconds", "why"))
        parts = {key: value for key, _, value in pairs}
        if set(parts) != {"for", "seconds", "why"}:
            return self.document.error(node, "wait needs for, seconds and why")
        return model.Wait(what=self.document.text(parts["for"], "for"), why=self.document.text(parts["why"], "why"),
                          seconds=self.document.number(parts["seconds"], "seconds"), **common)

    def _server(self, node, pairs):
        nodes, common = self._group(node, pairs, ("server",))
        stop, printed = False, ()
        self.codec = None
        for key, _, value in self.document.known_pairs(nodes["server"], "server", ("stop", "printed", "req")):
            if key == "stop":
                stop = self.document.flag(value, key)
            elif key == "req":
                common["req"] = self._req(value)
            else:
                printed = tuple(self._expectation(item) for item in self.document.items_or_one(value))
        return model.ServerStep(stop=stop, printed=printed, **common)


def _filled(fill, length, text="", end=""):
    missing = length - len(text.encode("utf-8"))
    times, rest = divmod(missing, len(fill.encode("utf-8")))
    return text + fill * times + "." * rest + end
