"""Files, of a real server: cut uploads, dead processes, lies about size, type and name, and what others hear."""
import contextlib
import hashlib
import os
import random
import signal
import socket
import time

import pytest

from parley.conformance.targets import IRC, PROTOCOLS, WEB, launch
from stress.files import Sent, ask, path_in
from stress.proofs import voices
from stress.proofs.clients import SECONDS, Client
from stress.proofs.processes import keeper_of, resident, wait_until, worker_of
from stress.web import WebClient

UNLIMITED = {"messages_per_second": 0}
MANY = {"offers_per_minute": 0, "guest_bytes": 1 << 40, "all_bytes": 1 << 40, "disk_reserve_percent": 0}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HOSTILE = "../../..\\x/ev\u202eil\r\nMSG bob |||hi\x00<b>:.html"
ITS_NAME = "evilMSG bob ___hi_b__.html"
BOUND = 64 << 20  # bytes that a worker may grow by while files come


@pytest.fixture
def keep(start, tmp_path):
    """A server that keeps files, with so many workers; files: its settings."""

    def start_one(workers=1, protocols=("line", WEB), trouble=False, config=None, **files):
        config = dict({"storage": {"directory": str(tmp_path / "storage"), "sync": "system"}, "limits": UNLIMITED,
                       "files": dict(MANY, **files)}, **config or {})
        return start(workers, config, protocols=protocols, trouble=trouble)

    return start_one


def test_everybody_hears_of_a_whole_file_in_the_form_of_the_protocol_and_of_no_half_one(keep):
    server = keep(2, (*PROTOCOLS, WEB, IRC), url="https://chat.example.org/x")
    address = server.worker_address(0, WEB)
    with WebClient(address, "ann") as ann, WebClient(server.worker_address(1, WEB), "wolf") as wolf, \
            Client(server.address(), "lina") as lina, contextlib.ExitStack() as stack:
        with voices.Delimited(server.address("delimited"), b"dora") as dora:
            assert dora.create()
        irma = stack.enter_context(socket.create_connection(server.address(IRC), SECONDS))
        irma.sendall(b"NICK irma\r\nUSER i 0 * :i\r\nJOIN #lobby\r\n")
        ann.until(lambda told: told["on"] == "joined" and told["name"] == "irma")
        plan = Sent(ann, PNG, HOSTILE)
        assert plan.put(address, 0, 50)[0] == 202
        assert plan.share()["why"] == "not-whole"
        assert plan.put(address, 50)[0] == 201
        assert plan.share(tag="t")["on"] == plan.share(tag="t")["on"] == "done"
        text = "[file] %s, 108 B: https://chat.example.org/x/files/%s/%s" % (
            ITS_NAME, plan.file, ITS_NAME.replace(" ", "%20"))
        assert wolf.until(lambda told: told["on"] == "said")["text"] == text
        lina.until("MSG ann " + text)
        heard = b""
        while b"[file]" not in heard or not heard.endswith(b"\r\n"):
            heard += irma.recv(4096)
        assert (":" + text).encode() in heard.splitlines()[-1]
        assert plan.share(to="dora")["on"] == "done"
        with voices.Delimited(server.address("delimited"), b"dora") as dora:
            dora.enter()
            assert dora.deliver() == [text.encode()]
        ann.ask("say", text="that was all")
        assert wolf.until(lambda told: told["on"] == "said")["text"] == "that was all"  # and the tag held
        assert plan.share(to="wolf")["on"] == "done"
        assert wolf.until(lambda told: told["on"] == "whispered")["text"] == text
        assert plan.share(to="nobody")["why"] == "nobody"
        assert plan.share(room="#other")["why"] == "not-in-room"
        assert ann.answer("share", file=plan.file, token="0" * 32)["why"] == "not-allowed"
        assert ann.answer("share", file="x" * 32, token="0" * 32)["why"] == "no-such-file"
        for wrong in ({"name": "", "size": 1}, {"name": "a", "size": "1"}, {"name": "a" * 1025, "size": 1}, {"size": 1},
                      {"name": "a", "size": 0}, {"name": "a", "size": 1, "sha256": "../"}, {"name": 5, "size": 1}):
            assert ann.answer("offer", **wrong)["why"] == "bad-form"
        assert ann.answer("offer", name="a", size=1 << 50)["why"] == "file-too-big"


def test_a_file_is_handed_out_as_what_it_is_and_sent_only_as_it_was_offered(keep):
    server = keep(scan="grep -qv VIRUS", file_bytes=1000)
    address, others = server.address(WEB), server.worker_address(0, WEB)
    with WebClient(address, "ann") as ann:
        page = Sent(ann, b"<script>alert(1)</script>", "x.png")
        picture = Sent(ann, PNG, "\u00fc;\"x.html")
        for sent in (page, picture):
            assert sent.put(address)[0] == 201
        status, headers, body = ask(others, "GET", "/files/%s/anything.html" % page.file)
        assert (status, body, headers["content-type"]) == (200, page.data, "application/octet-stream")
        assert headers["content-disposition"].startswith("attachment; ")
        assert headers["content-security-policy"] == "sandbox; default-src 'none'"
        status, headers, body = ask(others, "GET", "/files/%s/x" % picture.file)
        assert (status, body, headers["content-type"]) == (200, PNG, "image/png")
        assert headers["content-disposition"] == "inline; filename=\"_;_x.html\"; filename*=UTF-8''%C3%BC%3B_x.html"
        path, tag = "/files/%s/x" % picture.file, headers["etag"]
        for wanted, told, what in (
                ("bytes=0-0", "bytes 0-0/108", PNG[:1]), ("bytes=100-", "bytes 100-107/108", PNG[100:]),
                ("bytes=-8", "bytes 100-107/108", PNG[100:]), ("bytes=50-999", "bytes 50-107/108", PNG[50:])):
            status, headers, body = ask(address, "GET", path, headers={"Range": wanted, "If-Range": tag})
            assert (status, headers["content-range"], body) == (206, told, what)
        for more, status in (({"Range": "bytes=108-"}, 416), ({"Range": "bytes=0-1,5-6"}, 200),
                             ({"Range": "bytes=0-1", "If-Range": '"x"'}, 200), ({"If-None-Match": tag}, 304)):
            assert ask(address, "GET", path, headers=more)[0] == status
        status, headers, body = ask(address, "HEAD", path)
        assert (status, headers["content-length"], body) == (200, "108", b"")
        for method, path, status in (
                ("GET", "/files/" + picture.file, 405), ("POST", "/files/" + picture.file, 405),
                ("GET", "/files/", 404), ("GET", "/files/../files/index.db", 404), ("GET", "/files/index.db/x", 404),
                ("GET", "/files/%s/x" % ("0" * 32), 404), ("PUT", "/files/" + picture.file, 401), ("PUT", "/", 405)):
            assert ask(address, method, path)[0] == status
        sent = Sent(ann, b"0123456789")
        assert ask(address, "PUT", "/files/" + sent.file, b"x", {"Authorization": "Bearer 00"})[0] == 403
        for header in ("bytes 0-9/11", "bytes 0-8/10", "bytes 1-0/10", "bytes 5-14/10", "bits", "bytes 0-9/99999999"):
            status = sent.ask(address, "PUT", b"0123456789", Content_Range=header)[0]
            assert status == (413 if header[-2:] in ("11", "99") else 400), header
        status, headers, _ = sent.ask(address, "PUT", b"9", Content_Range="bytes 9-9/10")
        assert (status, headers["upload-offset"]) == (409, "0")
        assert sent.at(address) == 0
        assert sent.ask(address, "PUT", b"0123456789", Expect="100-continue")[0] == 201  # and without Content-Range
        assert sent.ask(address, "PUT", b"0123456789")[0] == 200  # once more is no harm
        for data, sha256 in ((b"9876543210", "0" * 64), (b"one VIRUS", None)):
            wrong = Sent(ann, data, sha256=sha256)
            assert wrong.put(address)[0] == 422
            assert wrong.at(address) is None
        assert sent.ask(address, "DELETE")[0] == 200
        assert sent.at(address) is None
        assert ask(address, "GET", "/files/%s/x" % sent.file)[0] == 404
        assert Sent(ann, bytes(1001)).refusal == "file-too-big"


def upload_with_cuts(server, addresses, data, cuts, kill=lambda number: None):
    """Send it with so many cuts, say it, and see that everybody gets it whole, once."""
    chance = random.Random(len(data))
    with WebClient(addresses[-1], "ann") as ann, Client(server.worker_address(len(addresses) - 1), "lina") as lina:
        sent = Sent(ann, data)
        for number in range(cuts):
            address = addresses[number % len(addresses)]
            at = wait_until(lambda: _at(sent, addresses))
            with contextlib.suppress(OSError):
                sent.put_and_cut(address, at[0], chance.randint(0, 2 * (len(data) - at[0]) // (cuts - number + 1)),
                                 number % 2)
            kill(number)
        status, headers, _ = sent.put_whatever_happens(addresses[-1])
        assert (headers["upload-complete"], headers["upload-offset"]) == ("?1", str(len(data)))
        assert sent.share(tag="once")["on"] == "done"
        assert sent.share(tag="once")["on"] == "done"
        ann.ask("say", text="end")
        heard = lina.until("MSG ann end")
        told = [line.decode() for line in heard if b"[file]" in line]
        assert len(told) == 1
        status, headers, body = ask(addresses[-1], "GET", path_in(told[0]))
        assert (status, headers["etag"]) == (200, '"%s"' % hashlib.sha256(data).hexdigest())
        assert body == data
        return sent


def _at(sent, addresses):
    """[how much is there], as soon as somebody tells; a server with a dead process may need a moment."""
    with contextlib.suppress(OSError, Exception):
        at = sent.at(addresses[-1])
        return None if at is None else [at]


def test_an_upload_survives_cuts_and_the_death_of_its_worker_and_of_the_process_that_keeps_files(keep):
    server = keep(2, trouble=True)
    addresses = [server.worker_address(slot, WEB) for slot in range(2)]

    def kill(number):
        if number in (2, 5):
            os.kill(keeper_of(server), signal.SIGKILL)
        elif number == 4:
            os.kill(worker_of(server, 0), signal.SIGKILL)

    upload_with_cuts(server, addresses, os.urandom(2 << 20), 8, kill)


@pytest.mark.long
def test_25_mb_with_50_cuts_arrive_once_and_whole(keep):
    server = keep(2, file_bytes=25 << 20)
    upload_with_cuts(server, [server.worker_address(slot, WEB) for slot in range(2)], os.urandom(25 << 20), 50)


def test_a_file_that_was_said_is_there_after_kill_9_of_all_and_what_was_not_said_goes(tmp_path):
    config = {"storage": {"directory": str(tmp_path / "storage")}, "files": MANY, "limits": UNLIMITED}
    with launch(1, config, protocols=("line", WEB)) as server, WebClient(server.address(WEB), "ann") as ann:
        said, half = Sent(ann, b"said" * 1000), Sent(ann, b"half" * 1000)
        assert said.put(server.address(WEB))[0] == 201
        assert half.put(server.address(WEB), 0, 1000)[0] == 202
        assert said.share()["on"] == "done"
        os.killpg(server.pid, signal.SIGKILL)
        (tmp_path / "storage" / "files" / ("0" * 32)).write_bytes(b"an orphan")
    with launch(1, config, protocols=("line", WEB)) as server, WebClient(server.address(WEB), "ann") as ann:
        text = ann.answer("history")["messages"][-1]["text"]
        assert ask(server.address(WEB), "GET", path_in(text))[2] == said.data
        assert half.at(server.address(WEB)) == 1000
        assert half.put(server.address(WEB), 1000)[0] == 201
        names = {name for name in os.listdir(str(tmp_path / "storage" / "files")) if "index" not in name}
        assert names == {said.file, half.file}


def test_without_storage_or_by_the_settings_there_are_no_files_and_the_rate_and_space_of_each_are_limited(start, keep):
    server = start(1, protocols=("line", WEB))
    with WebClient(server.address(WEB), "ann") as ann:
        assert ann.answer("offer", name="a", size=1)["why"] == "files-off"
        assert ann.answer("share", file="0", token="0")["why"] == "files-off"
        assert ask(server.address(WEB), "GET", "/files/%s/x" % ("0" * 32))[0] == 404
    server = keep(offers_per_minute=10, guest_bytes=100, account_bytes=200)
    with WebClient(server.address(WEB), "bob") as bob, WebClient(server.address(WEB)) as cleo:
        assert Sent(bob, bytes(60)).refusal is None
        assert Sent(bob, bytes(60)).refusal == "quota-full"
        assert cleo.answer("register", name="cleo", password="secret")["on"] == "welcome"
        assert [Sent(cleo, bytes(60)).refusal for _ in range(4)] == [None, None, None, "quota-full"]
        refusals = [bob.answer("offer", name="a", size=1).get("why") for _ in range(1000)]
        assert refusals == [None] * 9 + ["try-again-later"] * 991
        bob.answer("rename", name="bobby")
        assert bob.answer("offer", name="a", size=1)["why"] == "try-again-later"


def test_while_the_process_that_keeps_files_hangs_nothing_is_read_ahead_and_the_others_talk_on(keep):
    server = keep(1, file_bytes=1 << 30)
    address = server.address(WEB)
    with WebClient(address, "ann") as ann, Client(server.address(), "lina") as lina, contextlib.ExitStack() as stack:
        size = 200 << 20
        sent = [Sent(ann, b"", size=size, sha256="") for _ in range(3)]
        assert [one.refusal for one in sent] == [None] * 3
        keeper, worker = keeper_of(server), worker_of(server, 0)
        before = resident(worker)
        socks, block = [], bytes(1 << 20)
        for one in sent:
            sock = stack.enter_context(socket.create_connection(address, SECONDS))
            sock.sendall(b"PUT /files/%b HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %b\r\n"
                         b"Content-Length: %d\r\n\r\n" % (one.file.encode(), one.token.encode(), size) + block)
            socks.append(sock)
        for one in sent:
            wait_until(lambda one=one: one.at(address) >= len(block))
        os.kill(keeper, signal.SIGSTOP)
        try:
            for sock in socks:
                sock.setblocking(False)
            deadline, pushed, quiet = time.monotonic() + SECONDS, 0, 0
            while quiet < 20 and time.monotonic() < deadline:
                quiet += 1
                for sock in socks:
                    with contextlib.suppress(BlockingIOError):
                        pushed += sock.send(block)
                        quiet = 0
                ann.answer("say", text="still here")
                lina.until("MSG ann still here")
            assert pushed < 3 * size, "everything was taken"
            assert resident(worker) - before < BOUND
        finally:
            os.kill(keeper, signal.SIGCONT)
