"""The protocol that CONTRIBUTING.md shows: a worker can serve it as it stands there."""
import importlib.util
import os
import re

import pytest

from parley.server.protocols import PROTOCOLS

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "CONTRIBUTING.md")


@pytest.fixture
def nul(monkeypatch, tmp_path):
    """The module that is written there, as one of the protocols."""
    with open(PAGE, encoding="utf-8") as page:
        source = re.search(r'```python\n("""The `nul` protocol.*?)```', page.read(), re.DOTALL).group(1)
    (tmp_path / "nul.py").write_text(source, encoding="utf-8")
    found = importlib.util.spec_from_file_location("nul", str(tmp_path / "nul.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setitem(PROTOCOLS, module.NAME, module)


def test_the_protocol_that_is_shown_can_be_spoken(nul, open_house):
    house = open_house()
    bob = house.member(b"bob")
    ann = house.connect(protocol="nul")
    for byte in b"ann\0hello, bob\0":
        ann.send(bytes([byte]))
        house.settle()
    assert bob.heard() == b"MSG ann hello, bob\n"
    bob.send(b"MSG hello\nDM ann psst\nMSG bye\n")
    house.settle()
    assert ann.heard() == b"bob: hello\0bob: bye\0"
    late = house.connect(protocol="nul")
    late.send(b"bob\0")
    house.settle()
    assert late.heard() == b"! name-taken\0"
