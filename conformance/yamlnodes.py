"""YAML with locations: every error has a file, a line and a column, and all errors of a file are reported at once.

This reads PyYAML's nodes, not its values, which have lost their location and whether they were quoted.
"""
import difflib
import json
import re

import yaml

from parley.conformance.model import Location

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if PyYAML has it: ten times as fast

_MARK = re.compile(r"(?:^|[\s\[{,:])[&*]\S")  # what may be an anchor or an alias


def nearest(word, known):
    """`; did you mean 'x'?` with the most similar known word; empty if there is none."""
    near = difflib.get_close_matches(word, known, 1)
    return "; did you mean '%s'?" % near[0] if near else ""


class FileErrors(Exception):
    """The errors in one file. `errors` has one text for each: `file:line:column: message`, and the source line."""

    def __init__(self, errors):
        super().__init__("\n".join(errors))
        self.errors = errors


def read(path):
    """The text of a file; raises FileErrors."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        raise FileErrors(["%s: not UTF-8" % path]) from None
    except OSError as error:
        raise FileErrors(["%s: %s" % (path, error.strerror)]) from None


class Document:
    """A YAML file being read. It collects errors instead of stopping at the first; `raise_errors` raises them."""

    def __init__(self, path, text):
        self.path = path
        self.lines = text.split("\n")
        self.errors = []
        self.root = self._compose(text)

    def _compose(self, text):
        try:
            if _MARK.search(text):  # scanning takes as long as all the rest
                for token in yaml.scan(text, Loader=LOADER):
                    if isinstance(token, (yaml.AnchorToken, yaml.AliasToken)):
                        self._error_at(token.start_mark, "anchors and aliases are not part of the language")
            return yaml.compose(text, Loader=LOADER)
        except yaml.MarkedYAMLError as error:
            self._error_at(error.problem_mark or error.context_mark, "not YAML: %s" % error.problem)
        except yaml.reader.ReaderError as error:
            self.errors.append("%s:1:1: not YAML: %s" % (self.path, error.reason))
        except RecursionError:
            self.errors.append("%s:1:1: not YAML: it is nested too deeply" % self.path)
        return None

    def _error_at(self, mark, message):
        source = self.lines[mark.line] if mark.line < len(self.lines) else ""
        self.errors.append("%s:%d:%d: %s\n    %s" % (
            self.path, mark.line + 1, mark.column + 1, message, source.strip()))

    def error(self, node, message):
        """Add an error at the node. Returns None, so that a reader can `return document.error(...)`."""
        self._error_at(node.start_mark, message)

    def location(self, node):
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def raise_errors(self):
        if self.errors:
            raise FileErrors(self.errors)

    # Readers: each returns a value, or adds an error and returns None (or an empty collection). `what` names the value
    # in the error.

    def pairs(self, node, what):
        """[(key, key node, value node)] of a mapping; a duplicate key is an error."""
        if not isinstance(node, yaml.MappingNode):
            self.error(node, "%s must be a mapping" % what)
            return []
        seen, found = set(), []
        for key_node, value_node in node.value:
            key = getattr(key_node, "value", None)
            if not isinstance(key, str):
                self.error(key_node, "a key must be a word")
            elif key in seen:
                self.error(key_node, "key '%s' given twice (the first one would be lost)" % key)
            else:
                seen.add(key)
                found.append((key, key_node, value_node))
        return found

    def known_pairs(self, node, what, allowed):
        """Like `pairs`; a key that is not allowed is an error, which suggests the most similar one."""
        known = []
        for key, key_node, value_node in self.pairs(node, what):
            if key in allowed:
                known.append((key, key_node, value_node))
            else:
                self.unknown(key_node, "key in %s" % what, key, allowed)
        return known

    def unknown(self, node, kind, word, allowed):
        self.error(node, "unknown %s '%s'%s (known: %s)" % (
            kind, word, nearest(word, allowed), ", ".join(sorted(allowed))))

    def items(self, node, what):
        if isinstance(node, yaml.SequenceNode):
            return node.value
        self.error(node, "%s must be a list" % what)
        return []

    def items_or_one(self, node):
        return node.value if isinstance(node, yaml.SequenceNode) else [node]

    def text(self, node, what):
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return node.value
        return self.error(node, "%s must be text" % what)

    def wire_text(self, node, what):
        """A text that is sent or received. It must be quoted, so that YAML can neither convert nor trim it."""
        if not isinstance(node, yaml.ScalarNode):
            return self.error(node, "%s must be quoted text" % what)
        if node.style not in ("'", '"'):
            return self.error(node, "wire text of '%s' must be quoted" % what)
        return node.value

    def field_value(self, node, what, special):
        """The value of a message's field: quoted text, a number, true, false, null, or a list or mapping of these.

        special(node) returns what a mapping stands for, or NotImplemented if it stands for itself.
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
        return self.error(node, "text in '%s' must be quoted" % what)

    def texts(self, node, what):
        found = [self.text(item, what) for item in self.items(node, what)]
        return tuple(text for text in found if text is not None)

    def choice(self, node, what, allowed):
        value = self.text(node, what)
        if value is not None and value not in allowed:
            return self.unknown(node, what, value, allowed)
        return value

    def number(self, node, what, integer=False):
        try:
            number = (int if integer else float)(node.value)
        except (TypeError, ValueError):
            number = 0
        if number > 0:
            return number
        return self.error(node, "%s must be a positive %s" % (what, "integer" if integer else "number"))

    def flag(self, node, what):
        if getattr(node, "value", None) == "true":
            return True
        self.error(node, "%s can only be true" % what)
        return False

    def plain(self, node, what):
        """Any JSON value, for what the suite does not interpret, such as a server's configuration."""
        try:
            value = yaml.SafeLoader("").construct_document(node)
            json.dumps(value, allow_nan=False)
        except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # PyYAML raises any of these where a tag does not suit its value, as in `!!bool maybe`.
            return self.error(node, "%s must be text, numbers, true, false, null, lists or mappings" % what)
        return value
