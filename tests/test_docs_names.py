"""What documentation and docstrings name is there: files, folders, links, and members of classes (`Class.member`)."""
import functools
import os
import re

import pytest
from cases import for_each

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("bench", "client", "conformance", "docs", "examples", "findings", "loadtest", "parley", "scenarios",
           "server", "stress", "tests", "tools")
EXAMPLES = {"scenarios/line/x.scenario.yaml"}
EXAMPLES_OF_MEMBERS = {("ToHub", "AskTime"), ("People", "ask_time")}
CODE = ("bench", "client", "conformance", "loadtest", "server", "stress", "tools")

_PATH = re.compile(r"(?<![\w./:-])(?:%s)/[\w./-]*[\w/]" % "|".join(FOLDERS))
_FILE = re.compile(r"`(\w+\.py)`")
_LINK = re.compile(r"\]\(([^()#:]+)(?:#[^()]*)?\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DEFINITION = re.compile(r"^ *(class|def) (\w+)", re.MULTILINE)
_METHOD = re.compile(r"(?<![\w./])([A-Z][a-z]\w*)\.(_?[a-z]\w*)(?![\w.]*/)")
_MEMBER = re.compile(r"`(?:[a-z_][\w.]*\.)?([A-Z][a-z]\w*)\.(\w+)`")


def documents():
    """{path: text} of all documents but the change log, which names what was there."""
    found = {}
    for folder in ("", "docs", "docs/protocols"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith(".md") and name != "CHANGELOG.md":
                with open(os.path.join(ROOT, folder, name), encoding="utf-8") as file:
                    found[os.path.join(folder, name)] = file.read()
    return found


DOCUMENTS = documents()


def modules():
    """The path of each module of ours."""
    for folder in CODE:
        for place, _, names in os.walk(os.path.join(ROOT, folder)):
            yield from (os.path.join(place, name) for name in names if name.endswith(".py"))


@functools.lru_cache(maxsize=None)
def sources():
    """The text of each module of ours."""
    found = []
    for path in modules():
        with open(path, encoding="utf-8") as source:
            found.append(source.read())
    return found


@functools.lru_cache(maxsize=None)
def classes(name):
    """(the classes that it is derived from, its body) of each class of this name."""
    begins = "class " + name
    form = re.compile(r"^( *)%s\b(.*)\n((?:\1 .*\n|\n)*)" % begins, re.MULTILINE)
    return [(re.findall(r"\w+", bases), body)
            for source in sources() if begins in source for _, bases, body in form.findall(source)]


def has(name, member):
    """Has a class of this name, or one that it is derived from, such a member?"""
    sign = re.compile(r"(?:def |class |self\.|^ +|, )%s\b" % member, re.MULTILINE)
    return any(sign.search(body) or any(has(base, member) for base in bases if base != name)
               for bases, body in classes(name))


def is_there(path):
    return os.path.exists(os.path.join(ROOT, path))


@for_each("document", sorted(DOCUMENTS))
def test_the_files_and_folders_that_a_document_names_exist(document):
    assert [path for path in _PATH.findall(DOCUMENTS[document]) if path not in EXAMPLES and not is_there(path)] == []


@for_each("document", sorted(DOCUMENTS))
def test_the_links_of_a_document_lead_somewhere(document):
    links = _LINK.findall(_CODE.sub("", DOCUMENTS[document]))
    assert [link for link in links if not is_there(os.path.join(os.path.dirname(document), link))] == []


def test_the_index_names_every_document():
    named = _LINK.findall(DOCUMENTS["docs/README.md"])
    there = {os.path.basename(path) for path in DOCUMENTS if os.path.dirname(path) == "docs"}
    assert there - {"README.md", *named} == set()


def test_the_modules_that_are_named_without_a_folder_exist():
    known = {os.path.basename(path) for path in modules()}
    for document in ("CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"):
        assert set(_FILE.findall(DOCUMENTS[document])) - known == set(), document


@pytest.mark.slow
def test_the_members_that_are_named_with_their_class_exist():
    named = {one for text in (*sources(), *DOCUMENTS.values()) for one in _MEMBER.findall(text)} - EXAMPLES_OF_MEMBERS
    assert len(named) > 100
    assert [one for one in sorted(named) if not has(*one)] == []


def test_the_methods_that_the_architecture_names_exist():
    defined = {"class": set(), "def": set()}
    for source in sources():
        for word, name in _DEFINITION.findall(source):
            defined[word].add(name)
    named = _METHOD.findall(DOCUMENTS["docs/architecture.md"])
    assert len(named) > 20
    assert [(kind, name) for kind, name in named if kind not in defined["class"] or name not in defined["def"]] == []
