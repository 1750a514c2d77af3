"""docs/client.md names what `from parley import ...` has, with the fields that it has."""
import os
import re

import parley

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "client.md")
_EVENT = re.compile(r"`([A-Z][A-Za-z]+)\(([^)`]*)\)`")


def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def test_every_public_name_is_explained():
    text = page()
    assert [name for name in parley.__all__ if not re.search(r"`%s\b" % name, text)] == []


def test_the_events_have_the_fields_that_the_documentation_says():
    text = page()
    told = _EVENT.findall(text[text.index("\n## Hearing\n"):text.index("\n## Waiting\n")])
    assert len(told) > 20
    for name, fields in told:
        assert list(getattr(parley, name)._fields) == fields.split(", "), name


def test_the_methods_that_the_documentation_tells_of_are_there():
    text = page()
    told = re.findall(r"`([a-z_]+)\(", text[text.index("\n## Asking\n"):text.index("\n## Hearing\n")])
    assert len(told) > 20
    assert [name for name in told if not hasattr(parley.Chat, name)] == []
