"""Names, as each of the five protocols gives, refuses and frees them."""
import json

import pytest

from stress.framed import FRAMED, HELLO, PROTOCOLS, Client, open_account
from stress.proofs.clients import Client as LineClient

HAND_OVERS = 100

EVERYWHERE = set(PROTOCOLS)
NOWHERE = set()
NOT_IN_BINARY = EVERYWHERE - {"binary"}  # which has ten bytes for a name

# Where each can be a name.
NAMES = {
    "admin": EVERYWHERE,
    "Server": NOWHERE,
    "INFO": NOWHERE,
    "*": EVERYWHERE,
    "#x": NOWHERE,
    "&x": NOWHERE,
    "x#&": EVERYWHERE,
    "../x": EVERYWHERE,
    "/x": NOWHERE,
    "a b": NOWHERE,
    "a:b": EVERYWHERE,
    "a|b": NOWHERE,
    "$": EVERYWHERE,
    "%s": EVERYWHERE,
    "{0}": EVERYWHERE,
    "${jndi:x}": EVERYWHERE,
    "<b>": EVERYWHERE,
    "';drop": EVERYWHERE,
    "'; drop": NOWHERE,
    "a\0b": {"binary"},  # where a name ends at a NUL
    "y": EVERYWHERE,
    "abcdefghij": EVERYWHERE,
    "abcdefghijk": NOT_IN_BINARY,
    10 * "\u00e9": NOT_IN_BINARY,
    32 * "z": NOT_IN_BINARY,
    33 * "z": NOWHERE,
    "\U0001f600": EVERYWHERE,
    "\U0001f469\u200d\U0001f467": NOWHERE,  # joined without a width
    "x\u202ey": NOWHERE,
}

each_framed = pytest.mark.parametrize("protocol", FRAMED)


def test_every_protocol_gives_and_refuses_the_same_names(start, join):
    server = start(workers=2, protocols=PROTOCOLS)
    observer = join(server.worker_address(1), "observer")
    given = {name: {protocol for protocol in PROTOCOLS if is_given(server, protocol, name, observer)} for name in NAMES}
    assert given == NAMES


def is_given(server, protocol, name, observer):
    """Is the name given to a stranger? If so, it is free again afterwards."""
    if protocol == "line":
        with LineClient(server.worker_address(0)) as client:
            client.say("LOGIN " + name)
            given = client.line() == b"OK"
    elif protocol == "delimited":
        given = open_account(server, name)  # which `dollar` then has, too
    else:
        with Client(server.worker_address(0, protocol), protocol) as client:
            given = client.claim(name)
    if given:
        observer.until("INFO %s disconnected" % name.partition("\0")[0])
    return given


@pytest.mark.parametrize("name", ["#old", "&old"])
def test_an_account_that_has_the_name_of_a_room_keeps_it(start, join, tmp_path, name):
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"users": [{"username": name, "password": "pw"}]}))
    server = start(workers=2, config={"accounts": {"users_file": str(path)}})
    observer = join(server.worker_address(1), "observer")
    for other in ("#new", "&new", name.upper()):
        assert not is_given(server, "line", other, observer), other
    with LineClient(server.worker_address(0)) as client:
        client.say("LOGIN %s pw" % name)
        assert client.line() == b"OK"
        client.say("MSG hi")
        assert observer.line() == b"MSG %s hi" % name.encode()


@each_framed
def test_a_name_that_goes_from_hand_to_hand_has_one_holder_at_a_time(start, enter, knock, join, protocol):
    server = start(workers=2, protocols=PROTOCOLS)
    holder = enter(server, protocol, "baton", slot=0)
    observer = join(server.worker_address(0), "observer")
    for number in range(HAND_OVERS):
        successor = knock(server, protocol, slot=(number + 1) % 2)
        assert not successor.claim("baton"), "two have it"
        holder.reset() if number % 3 else holder.close()
        successor.take("baton")
        assert observer.until("INFO baton disconnected") in ([], [b"MSG baton " + HELLO.encode()])
        holder = successor
    holder.close()
    observer.until("INFO baton disconnected")
    observer.say("WHO")
    assert observer.heard() == [b"USER observer"]
