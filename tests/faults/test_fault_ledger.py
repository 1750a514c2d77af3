"""The checker of the proof `durable` finds each kind of violation, and nothing where there is none."""
import pytest

from stress.proofs.ledger import KINDS, Ledger, Stored

A1, A2, B1 = b"ann-1 hi", b"ann-2 there", b"bob-1 psst"
STORED = [Stored(1, b"ann", None, A1), Stored(2, b"bob", b"cid", B1), Stored(4, b"ann", None, A2)]


def _ledger():
    ledger = Ledger(clock=lambda: 0.0)
    ledger.say(b"ann-1", b"ann", None, A1)
    ledger.say(b"bob-1", b"bob", b"cid", B1)
    ledger.say(b"ann-2", b"ann", None, A2)
    ledger.say(b"ann-3", b"ann", None, b"ann-3 never acknowledged, heard and lost")
    for mark in (b"ann-1", b"bob-1", b"ann-2"):
        ledger.acknowledge(mark)
    ledger.kept[b"bob-1"] = b"cid"
    ledger.delivered.add(b"bob-1")
    ledger.accounts[b"cid"] = 0.0
    ledger.heard += [[A1, A2], [b"ann-3 never acknowledged, heard and lost", A2]]
    ledger.show(1, b"ann", A1)
    return ledger


# kind -> what goes wrong: a change of the ledger, or of what is stored or the accounts there.
WRONG = {
    "lost": lambda ledger: (STORED[:2], [b"cid"]),
    "twice": lambda ledger: (STORED + [Stored(5, b"ann", None, A2)], [b"cid"]),
    "altered": lambda ledger: (STORED[:2] + [Stored(4, b"ann", None, A2 + b"!")], [b"cid"]),
    "unsaid": lambda ledger: (STORED + [Stored(5, b"eve", None, b"eve-1 boo")], [b"cid"]),
    "number": lambda ledger: (STORED[:2] + [STORED[2]._replace(number=2)], [b"cid"]),
    "order": lambda ledger: ([STORED[0]._replace(number=4), STORED[1], STORED[2]._replace(number=1)], [b"cid"]),
    "contradicted": lambda ledger: ledger.heard.append([A2, A1]),
    "account": lambda ledger: (STORED, []),
    "undelivered": lambda ledger: ledger.delivered.clear(),
    "served": lambda ledger: ledger.note("served", "something else"),
    "silent": lambda ledger: ledger.note("silent", "nothing"),
}
MORE = [
    ("altered", lambda ledger: (STORED[:2] + [STORED[2]._replace(sender=b"bob")], [b"cid"])),
    ("altered", lambda ledger: ([STORED[0], STORED[1]._replace(to=None), STORED[2]], [b"cid"])),
    ("number", lambda ledger: ledger.show(4, b"bob", b"bob-9 was lost after it was shown")),
    ("number", lambda ledger: ledger.show(3, b"bob", b"bob-9 was lost after it was shown")),
    ("number", lambda ledger: ledger.show(1, b"bob", b"bob-9 was shown as this before")),
    ("contradicted", lambda ledger: ledger.heard.append([A1, A1])),
]


def _found(change):
    ledger = _ledger()
    changed = change(ledger)
    stored, accounts = changed if isinstance(changed, tuple) else (STORED, [b"cid"])
    return [kind for kind, _ in ledger.judge(stored, accounts)]


def test_nothing_is_wrong_where_all_is_kept_whatever_the_order_of_rows():
    assert _found(lambda ledger: None) == []
    assert _found(lambda ledger: (STORED[::-1], [b"cid"])) == []


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_of_violation_is_found(kind):
    assert kind in _found(WRONG[kind])


@pytest.mark.parametrize("kind, change", MORE)
def test_it_is_found_in_whatever_way_it_comes(kind, change):
    assert kind in _found(change)


def test_a_violation_tells_the_moment_and_the_deaths_next_to_it():
    moments = iter([0.0, 1.0, 2.0, 3.0])
    ledger = Ledger(clock=lambda: next(moments))
    ledger.died("journal")
    ledger.say(b"ann-1", b"ann", None, A1)
    ledger.acknowledge(b"ann-1")
    ledger.died("hub")
    (kind, details), = ledger.judge([], [])
    assert kind == "lost"
    assert details == "b'ann-1 hi' to None, acknowledged at 2.000 s (deaths: journal at 1.000 s, hub at 3.000 s)"
