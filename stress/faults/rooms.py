"""Rooms where all happens at once: kicks while people talk, drops while they enter, workers that are killed."""
import contextlib
import os
import signal

from stress.proofs.clients import Client
from stress.proofs.processes import children, descriptors, journal_of, resident, wait_until, worker_of

FREE = {"limits": {"messages_per_second": 0}, "rooms": {"joins_per_second": 0}, "idle_timeout": 0}
ROUNDS = 20
AT_ONCE = 200  # messages, or clients' rooms
CYCLES = 10000
GROWTH = 64 << 10  # bytes in 8000 joins and parts: anything that is kept for each of them is more


def marked(client, *lines):
    """Say lines; all that is heard until they are answered."""
    client.say(*lines)
    return client.heard()


def test_who_is_kicked_while_talking_is_heard_up_to_the_kick_and_not_beyond(start, join):
    server = start(workers=2, config=FREE)
    op, listener = join(server.worker_address(0), "op"), join(server.worker_address(0), "listener")
    talker = join(server.worker_address(1), "talker")
    marked(op, "JOIN #dev")
    marked(listener, "JOIN #dev")
    for number in range(ROUNDS):
        talker.expect("OK", after="JOIN #dev")
        listener.until("#dev INFO talker joined")
        talker.say("#dev MSG %d" % number)
        listener.expect("#dev MSG talker %d" % number)
        kick = "#dev INFO op kicked talker: round %d" % number
        talker.say(*["#dev MSG %d %d" % (number, said) for said in range(AT_ONCE)])
        op.say("#dev KICK talker round %d" % number)
        assert talker.until(kick) == []
        refused = talker.heard()
        assert set(refused) <= {b"ERR not-in-room"}
        said = [b"#dev MSG talker %d %d" % (number, said) for said in range(AT_ONCE - len(refused))]
        assert listener.until(kick) == said  # and none of what was refused
        assert listener.heard() == []


def test_a_room_that_is_dropped_while_others_enter_has_no_half_members(start, join):
    server = start(workers=4, config=FREE)
    owner = join(server.worker_address(0), "owner")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(Client(server.worker_address(slot % 4), "user-%d" % slot)) for slot in range(40)]
        for number in range(ROUNDS):
            assert marked(owner, "JOIN #dev") == [b"OK"]
            for place, client in enumerate(crowd):
                client.say("JOIN #dev")
                if place == len(crowd) // 2:
                    owner.say("#dev DROP")
            owner.heard()
            told = [client.heard() for client in crowd]
            assert all(lines.count(b"OK") == 1 and not any(line.startswith(b"ERR") for line in lines) for lines in told)
            # Who believes to be in is in: everybody hears the same, and the list has the same people.
            inside = [client for client, lines in zip(crowd, told) if _is_in(lines)]
            if inside:
                listed = {line.split(b" ")[2] for line in marked(inside[0], "#dev WHO") if b" USER " in line}
                assert listed == {client.name.encode() for client in inside}
                inside[0].say("#dev MSG round %d" % number)
                inside[0].heard()
                for client in crowd:
                    heard = client.heard().count(b"#dev MSG %b round %d" % (inside[0].name.encode(), number))
                    assert heard == (client in inside[1:])
            for client in inside:
                assert b"OK" in marked(client, "PART #dev")
            for client in crowd + [owner]:
                client.heard()
            assert marked(owner, "ROOMS #*") == [b"END ROOMS"]


def _is_in(lines):
    """Did it enter after the last drop that it heard of?"""
    drops = [place for place, line in enumerate(lines) if b"closed the room" in line or b"dropped" in line]
    return not drops


def test_a_room_that_a_killed_worker_was_making_is_whole_or_not_there(start, join):
    server = start(workers=2, config=FREE, trouble=True)
    observer = join(server.worker_address(0), "observer")
    marked(observer, "JOIN #dev")
    for number in range(ROUNDS // 4):
        maker = Client(server.worker_address(1), "maker-%d" % number)
        maker.say(*["JOIN #made%d-%d" % (number, made) for made in range(20)], "JOIN #dev")
        os.kill(worker_of(server, 1), signal.SIGKILL)
        told = maker.rest()
        assert not any(line.startswith(b"ERR") for line in told)
        maker.close()
        observer.until("INFO maker-%d disconnected" % number)
        # Nobody is left in what it has made, so nothing is left of that.
        left = [line for line in marked(observer, "ROOMS #made*") if line.startswith(b"ROOM ")]
        assert left == []
        assert marked(observer, "#dev WHO") == [b"#dev USER observer", b"#dev END WHO"]
        newcomer = join(server.worker_address(1), "newcomer-%d" % number)
        room = "#made%d-0" % number
        newcomer.expect("OK", after="JOIN " + room)
        assert b"OK" in marked(newcomer, room + " TOPIC it is mine")
        newcomer.close()
        observer.until("INFO newcomer-%d disconnected" % number)


def test_10000_joins_and_parts_leave_nothing(start, join, tmp_path):
    server = start(workers=2, config=FREE, args=("--storage", str(tmp_path / "storage")))
    ann, bob = join(server.worker_address(0), "ann"), join(server.worker_address(1), "bob")
    marked(ann, "JOIN #stays")
    journal = journal_of(server)
    pids = [server.pid] + [pid for pid in children(server.pid) if pid != journal]  # whose cache fills
    base = [descriptors(pid) for pid in pids]
    _come_and_go(ann, bob, 0, CYCLES // 5)
    before = [resident(pid) for pid in pids]
    _come_and_go(ann, bob, CYCLES // 5, CYCLES)
    grown = [resident(pid) - size for pid, size in zip(pids, before)]
    assert max(grown) <= GROWTH, grown
    wait_until(lambda: [descriptors(pid) for pid in pids] == base)
    assert marked(ann, "ROOMS #*") == [b"ROOM #stays 1", b"END ROOMS"]


def _come_and_go(ann, bob, first, last):
    """Bob enters and leaves a room that stays, and rooms that end when he leaves, a hundred at a time."""
    for start in range(first, last, 100):
        for number in range(start, start + 100, 2):
            bob.say("JOIN #stays", "PART #stays", "JOIN #r%d" % number, "PART #r%d" % number)
        assert bob.heard() == [b"OK"] * 200
        assert ann.heard() == [b"#stays INFO bob joined", b"#stays INFO bob left"] * 50
