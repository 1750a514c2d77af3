"""What the load test reports: an example of each kind that it has found, few rows, short texts, and mistakes."""
import logging
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from loadtest._connection import ANSWER_TIMEOUT
from loadtest._gathering import DRAIN_TIMEOUT, FINDINGS_SHOWN, LINES_SHOWN, Gathering, Unusable, accounts, parse_host
from loadtest._ledger import LOBBY
from loadtest._wire import Heard

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORDS = "two  words " + "x" * 5000


class Environment:
    """What a gathering sees of Locust, and what it tells it: (protocol, name, error) of each request."""

    host = parsed_options = None

    def __init__(self):
        self.reported = []
        self.events = self.request = self

    def fire(self, request_type, name, exception, **more):
        self.reported.append((request_type, name, str(exception)))


@pytest.fixture
def environment():
    return Environment()


@pytest.fixture
def gathering(environment):
    gathering = Gathering(environment)
    for name in ("ann", "bob", "cat"):
        gathering.ledger.arriving(name)
        gathering.ledger.arrived(name)
    return gathering


def write(gathering, target=LOBBY):
    return gathering.ledger.write("ann", target, WORDS, 0.5)


def hear(gathering, name, *messages):
    for message in messages:
        gathering.ledger.hear(name, "MSG", "ann", message.body)


def go_wrong(gathering, times):
    """Each kind so often: lost by cat, doubled to bob, reordered to bob, altered for bob."""
    for _ in range(times):
        first, second = write(gathering), write(gathering)
        hear(gathering, "bob", second, second, first)
        hear(gathering, "cat", first)
        gathering.ledger.hear("bob", "MSG", "ann", write(gathering).body + "!")
        hear(gathering, "cat", gathering.ledger._messages[-1])


def test_each_kind_has_a_row_with_an_example_and_its_count(gathering, environment):
    go_wrong(gathering, 30)
    gathering._judge()
    rows = Counter(environment.reported)
    assert {(protocol, name) for protocol, name, _ in rows} == {("line", "MSG delivery")}
    counts = {text.partition(",")[0]: count for (_, _, text), count in rows.items()}
    assert counts == {"lost": 30, "doubled": 30, "reordered": 30, "altered": 30}
    for _, _, text in rows:
        assert ", as here: MSG of ann: " in text and len(text) < 400


def test_what_is_said_to_one_alone_has_a_row_of_its_own(gathering, environment):
    write(gathering)
    write(gathering, "bob")
    gathering._judge()
    assert {(name, text.partition(",")[0]) for _, name, text in environment.reported if "lost" in text} == {
        ("MSG delivery", "lost"), ("DM delivery", "lost")}


def test_the_log_has_examples_of_each_kind_however_many_there_are_of_another(gathering, caplog):
    caplog.set_level(logging.ERROR, "loadtest")
    go_wrong(gathering, 30)
    gathering._judge()
    kinds = Counter(record.getMessage().partition(":")[0] for record in caplog.records)
    assert kinds == dict.fromkeys(("lost", "doubled", "reordered", "altered"), FINDINGS_SHOWN + 1)
    assert "lost: %d more" % (30 - FINDINGS_SHOWN) in caplog.messages
    assert max(map(len, caplog.messages)) < 400


def test_an_altered_text_shows_where_it_differs(gathering, environment):
    message = write(gathering)
    gathering.ledger.hear("bob", "MSG", "ann", message.body[:2000] + "y" + message.body[2001:])
    gathering._judge()
    assert environment.reported[0][2].endswith("another text from character 2000 on")


def test_unexpected_lines_of_one_kind_have_few_rows(gathering):
    rows = Counter(gathering.unexpected(Heard("ERR", "", "nothing like %d%s" % (number, "\x1b" * 5000)))
                   for number in range(20))
    assert len(rows) == LINES_SHOWN + 1
    assert rows["ERR and some other text"] == 20 - LINES_SHOWN
    assert all(text.isprintable() and len(text) < 150 for text in rows)
    assert gathering.unexpected(Heard("USER", "", "ann")) == "USER ann"


@pytest.mark.parametrize("host, address", [
    ("tcp://127.0.0.1:4001", ("127.0.0.1", 4001)), ("[::1]:4001", ("::1", 4001)),
    ("chat.example", ("chat.example", 4000)),
])
def test_a_host_is_an_address(host, address):
    assert parse_host(host) == address


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:99999", "tcp://:4000", "host:x", "host:0", "tcp://[::1", ""])
def test_what_is_no_address_is_told(host):
    with pytest.raises(Unusable, match="no address such as tcp://127.0.0.1:4000"):
        parse_host(host)


@pytest.mark.parametrize("content, said", [(None, "No such file"), ("{", "no users file"), ("[]", "no users file"),
                                           ('{"users": [{"username": "ann"}]}', "no users file")])
def test_what_is_no_users_file_is_told(tmp_path, content, said):
    class Options:
        users_file = str(tmp_path / "users.json")
    if content is not None:
        (tmp_path / "users.json").write_text(content)
    with pytest.raises(Unusable, match=said):
        accounts(Options)


def test_a_mistake_ends_locust_with_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "-t", "1s", "--host", "tcp://x:y"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        timeout=120)
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "locust: --host tcp://x:y: this is no address such as tcp://127.0.0.1:4000\n" in done.stdout


def test_the_page_has_the_timeouts_that_are_used():
    with open(os.path.join(ROOT, "docs", "loadtest.md"), encoding="utf-8") as file:
        page = file.read()
    assert re.findall(r"^\| (\w+) .* comes in ([0-9]+) s \|$", page, re.MULTILINE) == [
        (name, str(ANSWER_TIMEOUT)) for name in ("LOGIN", "WHO", "PING")]
    assert "waits at most %d s until" % DRAIN_TIMEOUT in page
