"""`parley cert`: what it makes is trusted by strict programs, under every name that it was made for, and no other."""
import os
import shutil
import socket
import ssl
import stat
import sys

import pytest
from one_behaviour import listening

from parley.client.address import Address
from parley.client.opening import Failed, open_now
from parley.server import certificates, commands
from parley.server.worker.transports import tls

SECONDS = 60
FILES = ["ca.key", "ca.pem", "server.key", "server.pem"]

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="it takes the openssl command")


def cert(capsys, *arguments):
    """(exit code, standard output, standard error)"""
    code = commands.run(["cert", *map(str, arguments)])
    return (code, *capsys.readouterr())


def read(directory):
    return {name: (directory / name).read_bytes() for name in os.listdir(str(directory))}


def visit(directory, host, trust):
    """Connect to a server that has the certificate, as a client that is as strict as can be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(directory / "server.pem"), str(directory / "server.key"))
    strict = ssl.create_default_context(cafile=str(trust))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with listening(lambda sock: context.wrap_socket(sock, server_side=True).close()) as (_, port):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            strict.wrap_socket(plain, server_hostname=host).close()
        if host == "localhost":
            open_now(Address("line", "localhost", port, True), str(trust)).close()


def test_it_is_trusted_by_strict_programs_under_each_of_its_names(tmp_path, capsys):
    code, output, errors = cert(capsys, "localhost", "127.0.0.1", "::1", "b\u00fccher.example",
                                "--directory", tmp_path / "new")
    assert (code, errors) == (0, "")
    directory = tmp_path / "new"
    # Python 3.6 compares such a name as people write it.
    for host in ["localhost", "127.0.0.1"] + ["xn--bcher-kva.example"] * (sys.version_info >= (3, 7)):
        visit(directory, host, directory / "ca.pem")
    with pytest.raises(ssl.CertificateError if hasattr(ssl, "match_hostname") else ssl.SSLError):
        visit(directory, "other.example", directory / "ca.pem")
    assert sorted(os.listdir(str(directory))) == FILES
    assert [stat.S_IMODE(os.stat(str(directory / name)).st_mode) for name in FILES] == [0o600, 0o644, 0o600, 0o644]
    assert str(directory / "ca.pem") in output and "tls: {certificate: " in output


def test_run_again_it_renews_the_servers_and_who_trusts_the_ca_still_does(tmp_path, capsys):
    cert(capsys, "localhost", "--directory", tmp_path)
    before = read(tmp_path)
    code, output, _ = cert(capsys, "127.0.0.1", "--directory", tmp_path)
    after = read(tmp_path)
    assert code == 0 and "for everybody" not in output
    assert [name for name in FILES if before[name] != after[name]] == ["server.key", "server.pem"]
    (tmp_path / "kept.pem").write_bytes(before["ca.pem"])
    visit(tmp_path, "127.0.0.1", tmp_path / "kept.pem")


def test_without_names_it_is_for_this_machine(tmp_path, capsys):
    names = certificates.own_names()
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    code, output, _ = cert(capsys, "--directory", tmp_path)
    assert code == 0 and ", ".join(names) in output
    assert tls.names((tmp_path / "server.pem").read_bytes()) == names
    visit(tmp_path, "localhost", tmp_path / "ca.pem")


@pytest.mark.parametrize("name", ["", "a b", "-a.example", "a,DNS:b", "a\n[ca]", "x" * 64, "1.2.3.4.5:6", "*"])
def test_what_is_no_name_is_an_error_in_one_line(tmp_path, capsys, name):
    code, output, errors = cert(capsys, "--directory", tmp_path, "--", name)
    assert (code, output) == (1, "")
    assert errors == "parley: %r is neither the name of a host nor an address\n" % name
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("there", ["server.pem", "server.key", "ca.pem", "ca.key"])
def test_what_was_made_elsewhere_is_not_replaced(tmp_path, capsys, there):
    (tmp_path / there).write_text("mine")
    code, output, errors = cert(capsys, "localhost", "--directory", tmp_path)
    assert (code, output) == (1, "")
    assert there in errors and "choose another --directory" in errors and errors.count("\n") == 1
    assert read(tmp_path) == {there: b"mine"}


def test_a_directory_that_cannot_be_made_is_an_error_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, output, errors = cert(capsys, "localhost", "--directory", tmp_path / "file" / "x")
    assert (code, output) == (1, "")
    assert errors.startswith("parley: %s" % (tmp_path / "file")) and errors.count("\n") == 1


def test_without_openssl_it_says_how_to_get_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, errors = cert(capsys, "localhost", "--directory", tmp_path)
    assert code == 1 and "apt install openssl" in errors
    assert os.listdir(str(tmp_path)) == []


def test_what_openssl_refuses_is_told_in_its_words(tmp_path, capsys):
    cert(capsys, "localhost", "--directory", tmp_path)
    before = dict(read(tmp_path), **{"ca.key": b"no key"})
    (tmp_path / "ca.key").write_bytes(b"no key")
    code, _, errors = cert(capsys, "localhost", "--directory", tmp_path)
    assert code == 1 and errors.startswith("parley: openssl x509: ") and errors.count("\n") == 1
    assert read(tmp_path) == before


def test_nobody_else_is_believed(tmp_path, capsys):
    for name in ("one", "other"):
        cert(capsys, "localhost", "--directory", tmp_path / name)
    with pytest.raises((ssl.SSLError, Failed)):
        visit(tmp_path / "one", "localhost", tmp_path / "other" / "ca.pem")
