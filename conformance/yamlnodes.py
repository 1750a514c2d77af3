"""YAML with its places: every fault has a file, a line and a column, and all faults of a file are told at once.

Works on PyYAML's nodes instead of values, because values have lost where they stood and how they were quoted.
"""
import difflib
import json

import yaml

from parley.conformance.model import Place

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML has it, takes a tenth of the time


def nearest(word, known):
    """`; did you mean 'x'?`, or nothing if no known word is near."""
    near = difflib.get_close_matches(word, known, 1)
    return "; did you mean '%s'?" % near[0] if near else ""


class FileFaults(Exception):
    """Everything that is wrong with one file."""

    def __init__(self, faults):
        super().__init__("\n".join(faults))
        self.faults = faults


def read(path):
    """The text of a file; raises FileFaults."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        raise FileFaults(["%s: this is not UTF-8" % path]) from None
    except OSError as error:
        raise FileFaults(["%s: %s" % (path, error.strerror)]) from None


class Document:
    """One YAML file being read; collects faults instead of stopping at the first."""

    def __init__(self, path, text):
        self.path = path
        self.lines = text.split("\n")
        self.faults = []
        self.root = self._composed(text)

    def _composed(self, text):
        try:
            if "&" in text or "*" in text:  # or else there can be none, and to look for them takes as long as the rest
                for token in yaml.scan(text, Loader=LOADER):
                    if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
                        self._fault_at(token.start_mark, "anchors and aliases are not part of the language")
            return yaml.compose(text, Loader=LOADER)
        except yaml.MarkedYAMLError as error:
            self._fault_at(error.problem_mark or error.context_mark, "not YAML: %s" % error.problem)
        except yaml.reader.ReaderError as error:
            self.faults.append("%s:1:1: not YAML: %s" % (self.path, error.reason))
        except RecursionError:
            self.faults.append("%s:1:1: not YAML: it is nested too deeply" % self.path)
        return None

    def _fault_at(self, mark, message):
        source = self.lines[mark.line] if mark.line < len(self.lines) else ""
        place = "%s:%d:%d" % (self.path, mark.line + 1, mark.column + 1)
        self.faults.append("%s: %s\n    %s" % (place, message, source.strip()))

    def fault(self, node, message):
        """Note a fault at the node; returns None, so that a reader can `return document.fault(...)`."""
        self._fault_at(node.start_mark, message)

    def place(self, node):
        return Place(self.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def raise_faults(self):
        if self.faults:
            raise FileFaults(self.faults)

    # Readers: each returns a value, or notes a fault and returns None (or an empty collection).

    def pairs(self, node, what):
        """The (key, key node, value node) triples of a mapping; refuses keys given twice."""
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, "%s must be a mapping" % what)
            return []
        seen, found = set(), []
        for key_node, value_node in node.value:
            key = getattr(key_node, "value", None)
            if not isinstance(key, str):
                self.fault(key_node, "a key must be a word")
            elif key in seen:
                self.fault(key_node, "key '%s' given twice (the first one would be lost)" % key)
            else:
                seen.add(key)
                found.append((key, key_node, value_node))
        return found

    def known_pairs(self, node, what, allowed):
        """Like `pairs`, without the keys that are not allowed; those are faults, with the nearest word."""
        known = []
        for key, key_node, value_node in self.pairs(node, what):
            if key in allowed:
                known.append((key, key_node, value_node))
            else:
                self.unknown(key_node, "key in %s" % what, key, allowed)
        return known

    def unknown(self, node, kind, word, allowed):
        self.fault(node, "unknown %s '%s'%s (known: %s)" % (
            kind, word, nearest(word, allowed), ", ".join(sorted(allowed))))

    def items(self, node, what):
        if isinstance(node, yaml.SequenceNode):
            return node.value
        self.fault(node, "%s must be a list" % what)
        return []

    def items_or_one(self, node):
        return node.value if isinstance(node, yaml.SequenceNode) else [node]

    def text(self, node, what):
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return node.value
        return self.fault(node, "%s must be a text" % what)

    def wire_text(self, node, what):
        """A text that goes over the wire: must be quoted, so that YAML can neither convert nor trim it."""
        if not isinstance(node, yaml.ScalarNode):
            return self.fault(node, "%s must be a quoted text" % what)
        if node.style not in ("'", '"'):
            return self.fault(node, "wire text of '%s' must be quoted" % what)
        return node.value

    def field_value(self, node, what, special):
        """A value of a message's field: quoted text, number, true, false, null, or lists and mappings of them.

        `special` is asked first about each mapping; what it returns stands for it, unless that is NotImplemented.
        """
        if isinstance(node, yaml.SequenceNode):
            return [self.field_value(item, what, special) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            found = special(node)
            if found is not NotImplemented:
                return found
            return {key: self.field_value(value, what, special) for key, _, value in self.pairs(node, what)}
        if node.style in ("'", '"'):
            return node.value
        value = self.plain(node, "'%s'" % what)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.fault(node, "text in '%s' must be quoted" % what)

    def texts(self, node, what):
        found = [self.text(item, what) for item in self.items(node, what)]
        return tuple(text for text in found if text is not None)

    def choice(self, node, what, allowed):
        value = self.text(node, what)
        if value is not None and value not in allowed:
            return self.unknown(node, what, value, allowed)
        return value

    def number(self, node, what, whole=False):
        try:
            number = (int if whole else float)(node.value)
        except (TypeError, ValueError):
            number = 0
        if number > 0:
            return number
        return self.fault(node, "%s must be a %snumber above 0" % (what, "whole " if whole else ""))

    def flag(self, node, what):
        if getattr(node, "value", None) == "true":
            return True
        self.fault(node, "%s can only be true" % what)
        return False

    def plain(self, node, what):
        """Any value that JSON has, for what is handed on unread (a server's configuration)."""
        try:
            value = yaml.SafeLoader("").construct_document(node)
            json.dumps(value, allow_nan=False)
        except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # PyYAML raises all of these where a tag and what it stands before do not fit, as in `!!bool maybe`.
            return self.fault(node, "%s must be text, numbers, true, false, null, lists or mappings" % what)
        return value
