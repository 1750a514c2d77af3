"""Errors on the suite's command line, and targets that are no servers, are reported in one sentence."""
import os
import re
import socket
import ssl
import subprocess
import sys

import pytest
from grading import WITHOUT_PLUGINS
from one_behaviour import listening
from wrong_framed_server import WrongFramedServer
from wrong_server import WrongServer
from wrong_web_server import WrongWebServer

from parley.conformance import options, preflight
from parley.conformance.fixture import NotUsable
from parley.conformance.requirements import ROOT
from parley.conformance.targets import Foreign

CERTIFICATES = os.path.join(ROOT, "tests", "certificates")

WRONG_TARGETS = [
    ("line=localhost", "HOST:PORT, such as localhost:4000"),
    ("line=", "HOST:PORT"),
    ("line=:4000", "HOST:PORT"),
    ("line=4000", "HOST:PORT"),
    ("line=::1:4000", "[::1]:4000"),
    ("line=tcp://localhost:4000", "HOST:PORT"),
    ("line=localhost:x", "HOST:PORT"),
    ("line=localhost:\u00b2", "HOST:PORT"),
    ("line=localhost:0", "0 is not a port"),
    ("line=localhost:65536", "65536 is not a port"),
    ("localhost:4000", "PROTOCOL=HOST:PORT"),
    ("lines=localhost:4000", "no protocol 'lines'; did you mean 'line'?"),
    ("talk=localhost:4000", "known: binary, delimited, dollar, irc, line, padded, web"),
    ("web=http://localhost:8000/chat", "HOST:PORT, such as localhost:8000 or ws://localhost:8000/chat"),
    ("web=localhost", "ws://localhost:8000/chat"),
    ("web=ws://localhost:8000/a b", "ws://localhost:8000/chat"),
    ("line=localhost:4000/chat", "HOST:PORT, such as localhost:4000"),
]


@pytest.mark.parametrize("text, expected", WRONG_TARGETS)
def test_a_wrong_target_is_an_error_that_gives_the_form(text, expected):
    with pytest.raises(options.UsageError) as caught:
        options.targets([text])
    assert str(caught.value).startswith("--target %s: " % text)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_a_target_has_a_name_or_an_address_of_either_kind():
    assert options.targets(["line=a.example:1", "binary=127.0.0.1:65535", "padded=[::1]:3"]) == {
        "line": ("a.example", 1), "binary": ("127.0.0.1", 65535), "padded": ("::1", 3)}


@pytest.mark.parametrize("text, path", [
    ("localhost:8000", None), ("ws://localhost:8000", None), ("localhost:8000/chat", "/chat"),
    ("ws://localhost:8000/parley/chat?x=1", "/parley/chat?x=1")])
def test_a_target_of_web_may_have_a_path(text, path):
    target = options.targets(["web=" + text])["web"]
    assert (target, target.path) == (("localhost", 8000), path)


def test_a_protocol_has_one_target():
    with pytest.raises(options.UsageError, match="line is given twice"):
        options.targets(["line=a:1", "line=b:1"])


@pytest.mark.parametrize("text, expected", [
    ("line=", "not a positive number of seconds"), ("line=x", "not a positive number of seconds"),
    ("line=0", "not a positive number of seconds"), ("line=nan", "not a positive number of seconds"),
    ("line", "PROTOCOL=SECONDS"), ("binary=5", "needs the option --target binary=HOST:PORT"),
    ("lin=5", "did you mean 'line'?"),
])
def test_a_wrong_idle_limit_is_an_error(text, expected):
    with pytest.raises(options.UsageError, match=re.escape(expected)):
        options.idle_limits([text], {"line": ("localhost", 1)})


@pytest.mark.parametrize("ident, expected", [
    ("LINE-DM-33", "did you mean 'LINE-DM-3'?"), ("line-dm-3", "no such requirement"),
    ("LINE-IDLE-4", "no scenario is evidence for it: takes more than a minute"),
])
def test_a_requirement_without_a_scenario_is_an_error(ident, expected):
    with pytest.raises(options.UsageError, match=re.escape(expected)):
        options.check_requirements(["LINE-DM-3", ident])


@pytest.mark.parametrize("text, expected", [
    ("nowhere-to-be-found --x", "there is no program nowhere-to-be-found"), ("./no/program", "there is no program"),
    ('python "', "no closing quotation"),
])
def test_a_wrong_command_is_an_error(text, expected):
    with pytest.raises(options.UsageError, match=expected):
        options.command(text)


def test_a_command_has_words():
    assert options.command("%s 'a b'" % sys.executable) == [sys.executable, "a b"]
    assert options.command(None) is None


def until_they_leave(sock):
    while sock.recv(65536):
        pass


def answering(data):
    def behave(sock):
        sock.recv(65536)
        sock.sendall(data)
        until_they_leave(sock)
    return behave


def over_tls(sock):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(CERTIFICATES, "first.pem"), os.path.join(CERTIFICATES, "first.key"))
    with context.wrap_socket(sock, server_side=True) as secured:
        until_they_leave(secured)


NO_SERVERS = [
    ("line", lambda sock: None, "closes the connection"),
    ("dollar", lambda sock: None, "closes the connection"),
    ("padded", lambda sock: sock.recv(65536), "closes the connection"),
    ("line", over_tls, "this is a TLS port"),
    ("binary", over_tls, "this is a TLS port"),
    ("dollar", over_tls, "this is a TLS port"),
    ("line", until_they_leave, "does not reply to a login"),
    ("line", answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
     "a web server is there, which replies HTTP/1.1 400 Bad Request"),
    ("web", lambda sock: None, "closes the connection"),
    ("web", answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
     "a web server is there, which replies status=404"),
    ("web", answering(b"ERR unknown-command\n"), "not an answer of HTTP/1.1: ERR unknown-command"),
    ("line", answering(b"ERR \x1b[2J\n"), "it replies ERR \\x1b[2J"),
]


@pytest.mark.parametrize("protocol, behave, expected", NO_SERVERS)
def test_what_is_not_a_server_of_the_protocol_is_an_error(monkeypatch, protocol, behave, expected):
    if behave is until_they_leave:
        monkeypatch.setattr(preflight, "REPLY_SECONDS", 1.0)  # it will not say that it is a TLS port either
    with listening(behave) as address, pytest.raises(NotUsable) as caught:
        preflight.check(Foreign({protocol: address}), 0.1)
    assert str(caught.value).startswith("--target %s=127.0.0.1:%d: " % (protocol, address[1]))
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_a_port_without_a_server_is_an_error():
    with listening(until_they_leave) as address:
        pass
    with pytest.raises(NotUsable, match="nothing listens there"):
        preflight.check(Foreign({"line": address}))


@pytest.mark.parametrize("error, expected", [
    (socket.gaierror(socket.EAI_NONAME, "unknown"), "there is no such host"),
    (UnicodeError("label empty"), "there is no such host"),
    (socket.timeout("timed out"), "the connection timed out"),
    (OSError(101, "Network is unreachable"), "no connection: Network is unreachable"),
])
def test_an_unreachable_host_is_an_error(monkeypatch, error, expected):
    def refuse(*arguments, **options):
        raise error
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(NotUsable, match=expected):
        preflight.check(Foreign({"line": ("a.example", 4000)}))


def test_every_target_is_checked():
    server = WrongServer()
    try:
        with listening(until_they_leave) as address:
            pass
        with pytest.raises(NotUsable, match="--target binary="):
            preflight.check(Foreign({"line": server.address(), "binary": address}))
    finally:
        server.stop()


@pytest.mark.parametrize("protocol", ["binary", "padded", "web"])
def test_a_running_server_passes_the_check(protocol):
    server = WrongWebServer() if protocol == "web" else WrongFramedServer()
    try:
        assert preflight.check(Foreign({"line": server.address(), protocol: server.address(protocol)})) is None
    finally:
        server.stop()


def test_a_server_that_requires_accounts_is_only_probed():
    with listening(until_they_leave) as address:
        assert preflight.check(Foreign({"dollar": address}), 0.1) is None


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=300,
        env=WITHOUT_PLUGINS)
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("arguments, expected", [
    (["--target", "line=localhost"], "ERROR: --target line=localhost: the address of a server is HOST:PORT, such as "
                                     "localhost:4000 or [::1]:4000"),
    (["--target", "line=a..example:4000"], "ERROR: --target line=a..example:4000: there is no such host"),
    (["--target", "line=a..example:4000", "-p", "xdist", "-n", "2"],
     "ERROR: --target line=a..example:4000: there is no such host"),
    (["--req", "LINE-DM-33"], "ERROR: --req LINE-DM-33: there is no such requirement; did you mean 'LINE-DM-3'?"),
    (["--report", os.path.join("nowhere", "x")],
     "ERROR: --report %s: there is no such directory" % os.path.join("nowhere", "x")),
])
def test_a_usage_error_is_one_sentence_and_exit_code_4(arguments, expected):
    assert run("conformance/", *arguments) == (4, expected)


@pytest.mark.parametrize("option", [["--workers", "0"], ["--time-scale", "0"], ["--time-scale", "x"]])
def test_a_wrong_number_is_a_usage_error(option):
    code, output = run("conformance/", *option)
    assert code == 4 and "argument %s: %r is not a" % tuple(option) in output and "Traceback" not in output
